// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* Stand-in for nvidia-uvm.ko: a character device with a dynamic major, like the real one. */
#include <linux/fs.h>
#include <linux/init.h>

#include "stand-in.h"

MODULE_DESCRIPTION("overdrive stand-in for NVIDIA unified memory");

static const struct file_operations uvm_operations = { .owner = THIS_MODULE };
static int uvm_major;

static int __init nvidia_uvm_init(void)
{
	int result = stand_in_refuses(stand_in_nvidia_version());

	if (result)
		return result;
	result = __register_chrdev(0, 0, 2, "nvidia-uvm", &uvm_operations);
	if (result < 0)
		return result;
	uvm_major = result;
	pr_info("nvidia-uvm: Loaded the UVM driver, major device number %d (stand-in).\n", uvm_major);
	return 0;
}

static void __exit nvidia_uvm_exit(void)
{
	__unregister_chrdev(uvm_major, 0, 2, "nvidia-uvm");
}

module_init(nvidia_uvm_init);
module_exit(nvidia_uvm_exit);
