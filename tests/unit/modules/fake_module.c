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

/* What the module was built against. @see struct modversion_info, include/linux/module.h */
static const struct {
    unsigned long crc;
    char name[64 - sizeof(unsigned long)];
} versions[] __attribute__((section("__versions"), used)) = {{0x12345678, "module_layout"}, {0xdeadbeef, "printk"}};
