// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio.h>

void probe(struct vfio_device *vdev);
void probe(struct vfio_device *vdev)
{
	vfio_free_device(vdev);
}
