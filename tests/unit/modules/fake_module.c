/* Fake: no code, only what modinfo shows. */
#define MODINFO(number, text) \
    static const char info##number[] __attribute__((section(".modinfo"), used, aligned(1))) = text

MODINFO(1, "name=nvidia");
MODINFO(2, "vermagic=6.1.0-50-cloud-amd64 SMP preempt mod_unload modversions ");
MODINFO(3, "version=900.1.0");
MODINFO(4, "parm=NVreg_EnableGpuFirmware:int");
MODINFO(5, "parmtype=NVreg_EnableGpuFirmware:int");
MODINFO(6, "parmtype=NVreg_RegistryDwords:charp");
MODINFO(7, "firmware=nvidia/900.1.0/gsp_ga10x.bin");
MODINFO(8, "firmware=nvidia/900.1.0/gsp_tu10x.bin");
