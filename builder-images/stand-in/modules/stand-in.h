/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Stand-in for NVIDIA's kernel modules: same names, dependencies and visible traces, no hardware access.
 * What the four modules share.
 */
#pragma once

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>

#define STAND_IN_MAJOR 195
#define STAND_IN_MODESET_MINOR 254
#define STAND_IN_CONTROL_MINOR 255

/* Exported by nvidia and by nvidia-modeset: the version that the module was built as. */
const char *stand_in_nvidia_version(void);
const char *stand_in_modeset_version(void);

static int fail;
module_param(fail, int, 0444);
MODULE_PARM_DESC(fail, "make loading fail with this errno");

/* A module refuses to work with one of another version, as the real ones do. */
static inline int stand_in_refuses(const char *version)
{
	if (fail)
		return -fail;
	if (version && strcmp(version, STAND_IN_VERSION)) {
		pr_err("NVRM: API mismatch: nvidia has the version %s, this module %s (stand-in)\n", version,
		       STAND_IN_VERSION);
		return -EINVAL;
	}
	return 0;
}

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(STAND_IN_VERSION);
MODULE_AUTHOR("overdrive");
