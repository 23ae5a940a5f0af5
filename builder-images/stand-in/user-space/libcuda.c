// Stand-in for libcuda: answers as the real one does where no GPU can be used.
enum { CUDA_ERROR_NO_DEVICE = 100 };

int cuInit(unsigned int flags) {
    (void)flags;
    return CUDA_ERROR_NO_DEVICE;
}

int cuDriverGetVersion(int* version) {
    *version = 12040;
    return 0;
}
