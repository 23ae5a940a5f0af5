// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* Stand-in for nvidia-modeset.ko: needs nvidia, is needed by nvidia-drm. */
#include <linux/fs.h>
#include <linux/init.h>

#include "stand-in.h"

MODULE_DESCRIPTION("overdrive stand-in for NVIDIA mode setting");

const char *stand_in_modeset_version(void)
{
	return STAND_IN_VERSION;
}
EXPORT_SYMBOL(stand_in_modeset_version);

static const struct file_operations modeset_operations = { .owner = THIS_MODULE };

static int __init nvidia_modeset_init(void)
{
	const int result = stand_in_refuses(stand_in_nvidia_version());

	if (result)
		return result;
	return __register_chrdev(STAND_IN_MAJOR, STAND_IN_MODESET_MINOR, 1, "nvidia-modeset", &modeset_operations);
}

static void __exit nvidia_modeset_exit(void)
{
	__unregister_chrdev(STAND_IN_MAJOR, STAND_IN_MODESET_MINOR, 1, "nvidia-modeset");
}

module_init(nvidia_modeset_init);
module_exit(nvidia_modeset_exit);
