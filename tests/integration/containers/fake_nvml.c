/* A stand-in for NVIDIA's management library: two GPUs, the second one in MIG mode with two instances, of which one can
 * draw. With FAKE_NVML_NOT_LOADED it answers as the real one does where the driver is not loaded. */
#include <stdio.h>
#include <string.h>

enum { kDone = 0, kBadArgument = 2, kNotSupported = 3, kNotFound = 6, kNotLoaded = 9 };

struct thing {
    const char *uuid, *name, *bus;
    unsigned minor, gi, ci;
};

static struct thing gpus[] = {
    {"GPU-11111111-0000-0000-0000-000000000001", "NVIDIA H200", "00000000:07:00.0", 0, 0, 0},
    {"GPU-22222222-0000-0000-0000-000000000002", "NVIDIA H200", "00000000:0A:00.0", 1, 0, 0},
};
/* In an order of its own: not that of the instances' numbers. */
static struct thing instances[] = {
    {"MIG-aaaaaaaa-0000-0000-0000-00000000000a", "NVIDIA H200 MIG 1g.18gb", "", 1, 9, 0},
    {"MIG-bbbbbbbb-0000-0000-0000-00000000000b", "NVIDIA H200 MIG 1g.18gb+gfx", "", 1, 7, 0},
};

static int put(char *text, unsigned length, const char *value) {
    if (strlen(value) >= length) return kBadArgument;
    strcpy(text, value);
    return kDone;
}

int nvmlInit_v2(void) {
#ifdef FAKE_NVML_NOT_LOADED
    return kNotLoaded;
#else
    return kDone;
#endif
}
int nvmlShutdown(void) { return kDone; }
const char *nvmlErrorString(int status) { return status == kNotLoaded ? "Driver Not Loaded" : "some error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { return put(text, length, FAKE_NVML_VERSION); }
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 2;
    return kDone;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index >= 2) return kBadArgument;
    *device = &gpus[index];
    return kDone;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
    return put(text, length, ((struct thing *)device)->uuid);
}
int nvmlDeviceGetName(void *device, char *text, unsigned length) {
    return put(text, length, ((struct thing *)device)->name);
}
int nvmlDeviceGetMinorNumber(void *device, unsigned *minor) {
    *minor = ((struct thing *)device)->minor;
    return kDone;
}
struct pci_info {
    char legacy[16];
    unsigned numbers[5];
    char bus[32];
};
int nvmlDeviceGetPciInfo_v3(void *device, struct pci_info *info) {
    memset(info, 0, sizeof *info);
    return put(info->bus, sizeof info->bus, ((struct thing *)device)->bus);
}
int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *pending) {
    if (device == &gpus[0]) return kNotSupported;
    *now = *pending = 1;
    return kDone;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
    *count = device == &gpus[0] ? 0 : 7;
    return kDone;
}
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **instance) {
    /* Index 1 is free. */
    if (device != &gpus[1] || (index != 0 && index != 2)) return kNotFound;
    *instance = &instances[index / 2];
    return kDone;
}
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *id) {
    *id = ((struct thing *)device)->gi;
    return kDone;
}
int nvmlDeviceGetComputeInstanceId(void *device, unsigned *id) {
    *id = ((struct thing *)device)->ci;
    return kDone;
}
