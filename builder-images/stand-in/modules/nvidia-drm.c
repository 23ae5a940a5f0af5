// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* Stand-in for nvidia-drm.ko: needs nvidia-modeset. */
#include <linux/init.h>

#include "stand-in.h"

MODULE_DESCRIPTION("overdrive stand-in for the NVIDIA DRM driver");

static int __init nvidia_drm_init(void)
{
	return stand_in_refuses(stand_in_modeset_version());
}

static void __exit nvidia_drm_exit(void)
{
}

module_init(nvidia_drm_init);
module_exit(nvidia_drm_exit);
