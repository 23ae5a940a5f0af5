/* Stands for libcuda: tells which driver it came with. */
int driver_version(void);
int driver_version(void) { return DRIVER_VERSION; }
