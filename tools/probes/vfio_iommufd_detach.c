// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio.h>

extern const struct vfio_device_ops probe;
const struct vfio_device_ops probe = {
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};
