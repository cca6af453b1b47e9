/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other way to a VFIO device: its own node, and memory by iommufd, in place of
 * group and container.
 */
#ifndef _VFIO_CDEV_H
#define _VFIO_CDEV_H

#include "capi_vfio.h"

/*
 * As capi_vfio_open() does. The file of iommufd takes the container's place: it
 * knows that one's ioctls, and means by them what it has attached the device to.
 */
int vfio_cdev_open(struct capi_vfio *dev, const char *uuid);
/* With the memory of another that is open so */
int vfio_cdev_open_beside(struct capi_vfio *dev, const char *uuid,
			  const struct capi_vfio *other);
/* From the space which the container's ioctls are for, and to it again */
int vfio_cdev_detach(const struct capi_vfio *dev);
int vfio_cdev_attach(const struct capi_vfio *dev);

#endif /* _VFIO_CDEV_H */
