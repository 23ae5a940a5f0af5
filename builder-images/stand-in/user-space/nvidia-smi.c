// Stand-in for nvidia-smi: the messages and exit statuses of the real one on a node without a usable GPU.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NO_DEVICES = 6, DRIVER_NOT_LOADED = 9, VERSION_MISMATCH = 18 };

static int loaded_version_is_ours(void) {
    char line[256] = "";
    FILE* file = fopen("/proc/driver/nvidia/version", "re");
    if (file == NULL) return 0;
    const int read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return read && strstr(line, "  " STAND_IN_VERSION "  ") != NULL;
}

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("NVIDIA-SMI version  : " STAND_IN_VERSION " (overdrive stand-in)");
        return 0;
    }
    const int control = open("/dev/nvidiactl", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        puts("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
             "Make sure that the latest NVIDIA driver is installed and running.\n");
        return DRIVER_NOT_LOADED;
    }
    if (!loaded_version_is_ours()) {
        puts("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: " STAND_IN_VERSION);
        return VERSION_MISMATCH;
    }
    const int gpu = open("/dev/nvidia0", O_RDWR | O_CLOEXEC);  // makes the module ask for its firmware
    if (gpu >= 0) close(gpu);
    puts("No devices were found");
    return NO_DEVICES;
}
