// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* Stand-in for nvidia.ko: character devices, /proc/driver/nvidia, and the firmware request on opening a GPU. */
#include <linux/compiler.h>
#include <linux/firmware.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "stand-in.h"

#define GSP_FIRMWARE "nvidia/" STAND_IN_VERSION "/gsp_tu10x.bin"

MODULE_DESCRIPTION("overdrive stand-in for the NVIDIA driver");
MODULE_FIRMWARE(GSP_FIRMWARE);

const char *stand_in_nvidia_version(void)
{
	return STAND_IN_VERSION;
}
EXPORT_SYMBOL(stand_in_nvidia_version);

static bool is_gpu(const struct pci_dev *device)
{
	const unsigned int class = device->class >> 8;

	return device->vendor == PCI_VENDOR_ID_NVIDIA &&
	       (class == PCI_CLASS_DISPLAY_VGA || class == PCI_CLASS_DISPLAY_3D);
}

static struct pci_dev *next_gpu(struct pci_dev *previous)
{
	struct pci_dev *device = previous;

	do {
		device = pci_get_device(PCI_VENDOR_ID_NVIDIA, PCI_ANY_ID, device);
	} while (device && !is_gpu(device));
	return device;
}

/* Opening a GPU asks for its firmware and then fails, like the real driver on a GPU it cannot initialise. */
static int open_gpu(struct inode *inode, struct file *file)
{
	const struct firmware *gsp;
	struct pci_dev *gpu = next_gpu(NULL);
	int result;

	if (!gpu)
		return -ENODEV;
	result = request_firmware(&gsp, GSP_FIRMWARE, &gpu->dev);
	if (result == 0) {
		pr_info("NVRM: stand-in: firmware %s has %zu bytes; there is no GPU to run it\n", GSP_FIRMWARE,
			gsp->size);
		release_firmware(gsp);
	}
	pci_dev_put(gpu);
	return -EIO;
}

static const struct file_operations gpu_operations = { .owner = THIS_MODULE, .open = open_gpu };
static const struct file_operations control_operations = { .owner = THIS_MODULE };

static int show_version(struct seq_file *out, void *unused)
{
	seq_puts(out, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " STAND_IN_VERSION
		      "  overdrive stand-in\n");
	seq_puts(out, "GCC version:  " CONFIG_CC_VERSION_TEXT "\n");
	return 0;
}

static int show_gpu(struct seq_file *out, void *unused)
{
	seq_printf(out, "Model: \t\t Unknown (stand-in)\nBus Location: \t %s\nDevice Minor: \t 0\n",
		   (const char *)pde_data(file_inode(out->file)));
	return 0;
}

static void make_proc_entries(const struct pci_dev *gpu)
{
	struct proc_dir_entry *gpus, *directory;
	struct proc_dir_entry *top = proc_mkdir("driver/nvidia", NULL);

	proc_create_single("version", 0444, top, show_version);
	gpus = proc_mkdir("gpus", top);
	directory = proc_mkdir(pci_name(gpu), gpus);
	proc_create_single_data("information", 0444, directory, show_gpu, (void *)pci_name(gpu));
}

static int __init nvidia_init(void)
{
	struct pci_dev *gpu;
	int result = stand_in_refuses(NULL);

	if (result)
		return result;
	gpu = next_gpu(NULL);
	if (!gpu) {
		pr_warn("NVRM: No NVIDIA GPU found.\n");
		return -ENODEV;
	}
	result = __register_chrdev(STAND_IN_MAJOR, 0, STAND_IN_MODESET_MINOR, "nvidia", &gpu_operations);
	if (result)
		goto put_gpu;
	result = __register_chrdev(STAND_IN_MAJOR, STAND_IN_CONTROL_MINOR, 1, "nvidiactl", &control_operations);
	if (result) {
		__unregister_chrdev(STAND_IN_MAJOR, 0, STAND_IN_MODESET_MINOR, "nvidia");
		goto put_gpu;
	}
	make_proc_entries(gpu);
	pr_info("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  " STAND_IN_VERSION "  overdrive stand-in\n");
put_gpu:
	pci_dev_put(gpu);
	return result;
}

static void __exit nvidia_exit(void)
{
	remove_proc_subtree("driver/nvidia", NULL);
	__unregister_chrdev(STAND_IN_MAJOR, STAND_IN_CONTROL_MINOR, 1, "nvidiactl");
	__unregister_chrdev(STAND_IN_MAJOR, 0, STAND_IN_MODESET_MINOR, "nvidia");
}

module_init(nvidia_init);
module_exit(nvidia_exit);
