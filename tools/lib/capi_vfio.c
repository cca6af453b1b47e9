// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CAPI mediated device, used from a program through VFIO.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "capi_vfio.h"

#define MDEVS		"/sys/bus/mdev/devices"
#define TYPES		"/sys/class/mdev_bus/*/mdev_supported_types"
#define IBM		0x1014

/* Keeps the sentence; the value is the error. */
#define fail(dev, errnum, ...)						\
({									\
	int __error = (errnum);						\
									\
	snprintf((dev)->error, sizeof((dev)->error), __VA_ARGS__);	\
	__error;							\
})

static bool is_uuid(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !strchr("0123456789abcdefABCDEF", s[i]))
			return false;
	}
	return i == 36;
}

static int no_such_mdev(struct capi_vfio *dev, const char *uuid)
{
	glob_t types;
	int ret;

	if (access(MDEVS, F_OK))
		return fail(dev, -ENOENT,
			    "there are no mediated devices here: load the driver with 'modprobe capi_mdev'");

	if (glob(TYPES "/*-echo/create", 0, NULL, &types) &&
	    glob(TYPES "/*/create", 0, NULL, &types))
		return fail(dev, -ENOENT,
			    "there is no mdev %s, and no adapter to create it on: load one with 'modprobe capi_sim', and the driver with 'modprobe capi_mdev'",
			    uuid);
	ret = fail(dev, -ENOENT,
		   "there is no mdev %s: create it with 'echo %s > %s'",
		   uuid, uuid, types.gl_pathv[0]);
	globfree(&types);
	return ret;
}

/* Finds the name of the group's node, below /dev/vfio. */
static int find_group(struct capi_vfio *dev, const char *uuid,
		      char *node, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	if (!is_uuid(uuid))
		return fail(dev, -EINVAL, "'%s' is not a UUID", uuid);

	snprintf(path, sizeof(path), MDEVS "/%s", uuid);
	if (access(path, F_OK))
		return no_such_mdev(dev, uuid);

	snprintf(path, sizeof(path), MDEVS "/%s/iommu_group", uuid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return fail(dev, -ENODEV,
			    "mdev %s is not bound to its VFIO driver: remove it with 'echo 1 > /sys/bus/mdev/devices/%s/remove' and create it again",
			    uuid, uuid);
	target[len] = '\0';
	snprintf(node, size, "/dev/vfio/%d", atoi(basename(target)));
	return 0;
}

static int open_container(struct capi_vfio *dev)
{
	dev->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (dev->container < 0 && errno == EACCES)
		return fail(dev, -errno,
			    "no permission to open /dev/vfio/vfio: run as root, or 'chmod 0666 /dev/vfio/vfio'");
	if (dev->container < 0)
		return fail(dev, -errno,
			    "cannot open /dev/vfio/vfio (%s): load VFIO with 'modprobe vfio'",
			    strerror(errno));

	if (ioctl(dev->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    !ioctl(dev->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU))
		return fail(dev, -ENODEV,
			    "VFIO lacks its type1 IOMMU driver: load it with 'modprobe vfio_iommu_type1'");
	return 0;
}

static int open_group(struct capi_vfio *dev, const char *uuid, const char *node)
{
	dev->group = open(node, O_RDWR | O_CLOEXEC);
	if (dev->group >= 0)
		return 0;

	switch (errno) {
	case EACCES:
	case EPERM:
		return fail(dev, -errno,
			    "no permission to open %s: run as root, or have it given to you with 'chown USER %s'",
			    node, node);
	case EBUSY:
		return fail(dev, -errno,
			    "mdev %s is in use by another program: find it with 'fuser %s' and end it first",
			    uuid, node);
	default:
		return fail(dev, -errno,
			    "cannot open %s (%s): is mdev %s being removed, or /dev not kept up to date?",
			    node, strerror(errno), uuid);
	}
}

static int open_device(struct capi_vfio *dev, const char *uuid)
{
	if (ioctl(dev->group, VFIO_GROUP_SET_CONTAINER, &dev->container))
		return fail(dev, -errno,
			    "cannot attach the group of mdev %s to a container: %s",
			    uuid, strerror(errno));
	if (ioctl(dev->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return fail(dev, -errno, "cannot set up type1 DMA for mdev %s: %s",
			    uuid, strerror(errno));

	dev->device = ioctl(dev->group, VFIO_GROUP_GET_DEVICE_FD, uuid);
	if (dev->device >= 0)
		return 0;
	if (errno == EBUSY)
		return fail(dev, -errno,
			    "mdev %s is in use by another program: end that first",
			    uuid);
	if (errno == ENODEV)
		return fail(dev, -errno,
			    "the adapter of mdev %s is being removed: create the mdev again when it is back",
			    uuid);
	return fail(dev, -errno, "cannot open mdev %s: %s", uuid, strerror(errno));
}

int capi_vfio_find_regions(struct capi_vfio *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	unsigned int i;

	if (ioctl(dev->device, VFIO_DEVICE_GET_INFO, &info))
		return fail(dev, -errno, "VFIO does not describe the device: %s",
			    strerror(errno));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return fail(dev, -ENODEV, "it is no PCI device, so no CAPI one");

	dev->num_regions = info.num_regions;
	if (dev->num_regions > CAPI_VFIO_MAX_REGIONS)
		dev->num_regions = CAPI_VFIO_MAX_REGIONS;

	for (i = 0; i < dev->num_regions; i++) {
		struct vfio_region_info region = {
			.argsz = sizeof(region),
			.index = i,
		};

		/* vfio-pci has no VGA region where the device is no VGA */
		if (ioctl(dev->device, VFIO_DEVICE_GET_REGION_INFO, &region))
			continue;
		dev->regions[i].offset = region.offset;
		dev->regions[i].size = region.size;
		dev->regions[i].flags = region.flags;
	}
	return 0;
}

int capi_vfio_open(struct capi_vfio *dev, const char *uuid)
{
	char node[32];
	int ret;

	memset(dev, 0, sizeof(*dev));
	dev->container = -1;
	dev->group = -1;
	dev->device = -1;

	ret = find_group(dev, uuid, node, sizeof(node));
	if (!ret)
		ret = open_container(dev);
	if (!ret)
		ret = open_group(dev, uuid, node);
	if (!ret)
		ret = open_device(dev, uuid);
	if (!ret)
		ret = capi_vfio_find_regions(dev);
	if (ret)
		capi_vfio_close(dev);
	return ret;
}

void capi_vfio_close(struct capi_vfio *dev)
{
	if (dev->device >= 0)
		close(dev->device);
	if (dev->group >= 0)
		close(dev->group);
	if (dev->container >= 0)
		close(dev->container);
	dev->device = -1;
	dev->group = -1;
	dev->container = -1;
}

int capi_vfio_enable(struct capi_vfio *dev)
{
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;
	__u16 command;
	int ret = 0;

	if (capi_vfio_get(dev, config, PCI_VENDOR_ID, 2) == IBM) {
		command = capi_vfio_get(dev, config, PCI_COMMAND, 2);
		command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
		ret = capi_vfio_put(dev, config, PCI_COMMAND, 2, command);
	}
	if (ret)
		return fail(dev, ret, "cannot enable the device: %s",
			    strerror(-ret));
	if (capi_vfio_get(dev, VFIO_PCI_BAR0_REGION_INDEX,
			  CAPI_MDEV_REG_ID, 4) != CAPI_MDEV_ID)
		return fail(dev, -ENODEV,
			    "it is no CAPI device: its registers do not say so");
	return 0;
}

/* Where an access begins on the device fd, or a negative errno. */
static off_t position(struct capi_vfio *dev, unsigned int region, __u64 off)
{
	if (region >= dev->num_regions)
		return -EINVAL;
	return dev->regions[region].offset + off;
}

int capi_vfio_read(struct capi_vfio *dev, unsigned int region, __u64 off,
		   void *buf, size_t len)
{
	off_t pos = position(dev, region, off);
	ssize_t done;

	if (pos < 0)
		return pos;
	done = pread(dev->device, buf, len, pos);
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

int capi_vfio_write(struct capi_vfio *dev, unsigned int region, __u64 off,
		    const void *buf, size_t len)
{
	off_t pos = position(dev, region, off);
	ssize_t done;

	if (pos < 0)
		return pos;
	done = pwrite(dev->device, buf, len, pos);
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

__u64 capi_vfio_get(struct capi_vfio *dev, unsigned int region,
		    __u64 off, unsigned int width)
{
	__u64 value = 0;

	if (capi_vfio_read(dev, region, off, &value, width))
		return ~0ULL >> (64 - 8 * width);
	return le64toh(value);
}

int capi_vfio_put(struct capi_vfio *dev, unsigned int region, __u64 off,
		  unsigned int width, __u64 value)
{
	value = htole64(value);
	return capi_vfio_write(dev, region, off, &value, width);
}

/* The type capability of a region's description, or NULL. */
static const struct vfio_region_info_cap_type *
type_capability(const struct vfio_region_info *info)
{
	__u32 off = info->flags & VFIO_REGION_INFO_FLAG_CAPS ?
		       info->cap_offset : 0;

	while (off && off + sizeof(struct vfio_region_info_cap_type) <= info->argsz) {
		const struct vfio_info_cap_header *header =
			(const void *)((const char *)info + off);

		if (header->id == VFIO_REGION_INFO_CAP_TYPE)
			return (const void *)header;
		off = header->next;
	}
	return NULL;
}

int capi_vfio_find_region(struct capi_vfio *dev, __u32 type,
			  __u32 subtype)
{
	const struct vfio_region_info_cap_type *cap;
	union {
		struct vfio_region_info info;
		char space[1024];
	} u;
	unsigned int i;

	for (i = VFIO_PCI_NUM_REGIONS; i < dev->num_regions; i++) {
		memset(&u, 0, sizeof(u));
		u.info.argsz = sizeof(u);
		u.info.index = i;
		if (ioctl(dev->device, VFIO_DEVICE_GET_REGION_INFO, &u.info))
			continue;
		cap = type_capability(&u.info);
		if (cap && cap->type == type && cap->subtype == subtype)
			return i;
	}
	return -ENOENT;
}

int capi_vfio_command(struct capi_vfio *dev, __u32 command)
{
	__u32 result;
	int ret;

	ret = capi_vfio_put(dev, VFIO_PCI_BAR0_REGION_INDEX,
			    CAPI_MDEV_REG_COMMAND, 4, command);
	if (ret)
		return ret;
	result = capi_vfio_get(dev, VFIO_PCI_BAR0_REGION_INDEX,
			       CAPI_MDEV_REG_RESULT, 4);
	return result == UINT_MAX ? -ENODEV : -(int)result;
}

int capi_vfio_start(struct capi_vfio *dev, __u64 wed)
{
	int ret;

	ret = capi_vfio_put(dev, VFIO_PCI_BAR0_REGION_INDEX,
			    CAPI_MDEV_REG_WED, 8, wed);
	if (ret)
		return ret;
	return capi_vfio_command(dev, CAPI_MDEV_COMMAND_START);
}

int capi_vfio_set_irq(struct capi_vfio *dev, __u32 index, __u32 start,
		      int fd)
{
	union {
		struct vfio_irq_set set;
		char space[sizeof(struct vfio_irq_set) + sizeof(__s32)];
	} u;
	__s32 data = fd;

	u.set.argsz = sizeof(u.space);
	u.set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	u.set.index = index;
	u.set.start = start;
	u.set.count = 1;
	memcpy(u.set.data, &data, sizeof(data));
	return ioctl(dev->device, VFIO_DEVICE_SET_IRQS, &u.set) ? -errno : 0;
}

int capi_vfio_event_fd(struct capi_vfio *dev, __u32 flags)
{
	struct capi_mdev_event_fd arg = {
		.argsz = sizeof(arg),
		.flags = flags,
	};
	int fd = ioctl(dev->device, CAPI_MDEV_GET_EVENT_FD, &arg);

	return fd < 0 ? -errno : fd;
}

int capi_vfio_window_read(struct capi_vfio *dev, void *buf)
{
	const unsigned int bar = VFIO_PCI_BAR0_REGION_INDEX;
	struct cxl_event *event = buf;
	__u32 token, status;
	int ret;

	ret = capi_vfio_put(dev, bar, CAPI_MDEV_REG_EVENT_LOOK, 4, 1);
	if (ret)
		return ret;
	token = capi_vfio_get(dev, bar, CAPI_MDEV_REG_EVENT_TOKEN, 4);
	if (!token) {
		status = capi_vfio_get(dev, bar, CAPI_MDEV_REG_EVENT_STATUS, 4);
		return status & CAPI_MDEV_EVENT_STATUS_FAILED ? -EFAULT : -EAGAIN;
	}

	ret = capi_vfio_read(dev, bar, CAPI_MDEV_REG_EVENT_DATA, event,
			     sizeof(*event));
	if (!ret && event->header.size > sizeof(*event))
		ret = capi_vfio_read(dev, bar, CAPI_MDEV_REG_EVENT_DATA, event,
				     event->header.size);
	if (!ret)
		ret = capi_vfio_put(dev, bar, CAPI_MDEV_REG_EVENT_ACK, 4, token);
	return ret ? ret : event->header.size;
}
