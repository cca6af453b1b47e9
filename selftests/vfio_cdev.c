// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio_cdev.h"

/* The headers of Debian 12 are from before there was this. */
#define BIND_IOMMUFD		_IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH_IOMMUFD_PT	_IO(VFIO_TYPE, VFIO_BASE + 19)
#define DETACH_IOMMUFD_PT	_IO(VFIO_TYPE, VFIO_BASE + 20)
#define IOAS_ALLOC		_IO(VFIO_TYPE, 0x81)
#define VFIO_IOAS		_IO(VFIO_TYPE, 0x88)
#define VFIO_IOAS_GET		0
#define VFIO_IOAS_SET		1

struct bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};

struct attach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
};

struct detach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
};

struct ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

struct vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 reserved;
};

static int open_node(const char *uuid)
{
	char pattern[PATH_MAX], node[PATH_MAX];
	glob_t found;
	int fd;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/mdev/devices/%s/vfio-dev/vfio*", uuid);
	if (glob(pattern, 0, NULL, &found))
		return -ENODEV;
	snprintf(node, sizeof(node), "/dev/vfio/devices/%s",
		 basename(found.gl_pathv[0]));
	globfree(&found);
	fd = open(node, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A new space of addresses, which the container's ioctls are for */
static int new_space(int iommufd)
{
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_ioas set = { .size = sizeof(set), .op = VFIO_IOAS_SET };

	if (ioctl(iommufd, IOAS_ALLOC, &alloc))
		return -errno;
	set.ioas_id = alloc.out_ioas_id;
	return ioctl(iommufd, VFIO_IOAS, &set) ? -errno : 0;
}

int vfio_cdev_attach(const struct capi_vfio *dev)
{
	struct vfio_ioas get = { .size = sizeof(get), .op = VFIO_IOAS_GET };
	struct attach_iommufd_pt pt = { .argsz = sizeof(pt) };

	if (ioctl(dev->container, VFIO_IOAS, &get))
		return -errno;
	pt.pt_id = get.ioas_id;
	return ioctl(dev->device, ATTACH_IOMMUFD_PT, &pt) ? -errno : 0;
}

int vfio_cdev_detach(const struct capi_vfio *dev)
{
	struct detach_iommufd_pt pt = { .argsz = sizeof(pt) };

	return ioctl(dev->device, DETACH_IOMMUFD_PT, &pt) ? -errno : 0;
}

static int bind(const struct capi_vfio *dev)
{
	struct bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = dev->container,
	};

	return ioctl(dev->device, BIND_IOMMUFD, &bind) ? -errno : 0;
}

/* With what is the container already, which is closed with the device. */
static int open_device(struct capi_vfio *dev, const char *uuid)
{
	int ret = open_node(uuid);

	if (ret >= 0) {
		dev->device = ret;
		ret = bind(dev);
	}
	if (!ret)
		ret = vfio_cdev_attach(dev);
	if (!ret)
		ret = capi_vfio_find_regions(dev);
	if (ret)
		capi_vfio_close(dev);
	return ret;
}

int vfio_cdev_open(struct capi_vfio *dev, const char *uuid)
{
	int ret;

	memset(dev, 0, sizeof(*dev));
	dev->group = -1;
	dev->device = -1;
	dev->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (dev->container < 0)
		return -errno;
	ret = new_space(dev->container);
	if (!ret)
		return open_device(dev, uuid);
	capi_vfio_close(dev);
	return ret;
}

int vfio_cdev_open_beside(struct capi_vfio *dev, const char *uuid,
			  const struct capi_vfio *other)
{
	memset(dev, 0, sizeof(*dev));
	dev->group = -1;
	dev->device = -1;
	dev->container = dup(other->container);
	return dev->container < 0 ? -errno : open_device(dev, uuid);
}
