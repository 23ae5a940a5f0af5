// Stand-in for libnvidia-ml: knows its version and no device.
enum { NVML_SUCCESS = 0, NVML_ERROR_INSUFFICIENT_SIZE = 7 };

int nvmlInit_v2(void) { return NVML_SUCCESS; }
int nvmlShutdown(void) { return NVML_SUCCESS; }

int nvmlSystemGetDriverVersion(char* version, unsigned int length) {
    static const char text[] = STAND_IN_VERSION;
    if (length < sizeof text) return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned int i = 0; i < sizeof text; ++i) version[i] = text[i];
    return NVML_SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int* count) {
    *count = 0;
    return NVML_SUCCESS;
}
