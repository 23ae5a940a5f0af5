// SPDX-License-Identifier: GPL-2.0
/*
 * A fake: makes the kernel see the display adapter of QEMU (-device VGA,vgamem_mb=16) as an NVIDIA T4, so that
 * NVIDIA's real kernel modules find a device and stay loaded in a virtual machine. Nothing can be computed on it.
 *
 * Only the kernel's struct pci_dev changes (sysfs and the driver read that); the configuration space still says
 * 1234:1111. The two boot registers say TU104, without which the driver calls the device unsupported.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>

#define QEMU_VGA_VENDOR 0x1234
#define QEMU_VGA_DEVICE 0x1111
#define REGISTERS_SIZE 0x1000000 /* BAR0, which is 16 MiB of plain memory */
#define PMC_BOOT_0 0x0
#define PMC_BOOT_42 0xa00

static int __init fake_one(struct pci_dev *gpu)
{
	void __iomem *registers;

	if (pci_resource_len(gpu, 0) < REGISTERS_SIZE) {
		pr_err("fake_gpu: BAR0 is smaller than 16 MiB; start QEMU with -device VGA,vgamem_mb=16\n");
		return -EINVAL;
	}
	registers = ioremap(pci_resource_start(gpu, 0), REGISTERS_SIZE);
	if (!registers)
		return -ENOMEM;
	writel(0x164000a1, registers + PMC_BOOT_0);
	writel(0x164a1000, registers + PMC_BOOT_42);
	iounmap(registers);

	gpu->vendor = 0x10de;
	gpu->device = 0x1eb8;
	gpu->subsystem_vendor = 0x10de;
	gpu->subsystem_device = 0x12a2;
	gpu->class = 0x030200;
	gpu->irq = 11;
	pci_info(gpu, "fake_gpu: now looks like an NVIDIA T4\n");
	return 0;
}

static int __init fake_gpu_init(void)
{
	struct pci_dev *gpu = NULL;
	int result = -ENODEV;

	while ((gpu = pci_get_device(QEMU_VGA_VENDOR, QEMU_VGA_DEVICE, gpu))) {
		result = fake_one(gpu);
		if (result) {
			pci_dev_put(gpu);
			break;
		}
	}
	return result;
}

static void __exit fake_gpu_exit(void)
{
}

module_init(fake_gpu_init);
module_exit(fake_gpu_exit);
MODULE_DESCRIPTION("Fake NVIDIA GPU over QEMU's VGA adapter, for tests");
MODULE_LICENSE("GPL");
