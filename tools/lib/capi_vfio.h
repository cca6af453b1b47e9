/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CAPI mediated device, used from a program through VFIO.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _CAPI_VFIO_H
#define _CAPI_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/vfio.h>
#include <misc/cxl.h>
#include <misc/capi_mdev.h>

/* PCI numbers regions up to VFIO_PCI_NUM_REGIONS, ours follow: enough for both */
#define CAPI_VFIO_MAX_REGIONS	32

struct capi_vfio_region {
	__u64 offset;
	__u64 size;
	__u32 flags;
};

/**
 * struct capi_vfio - an open device
 * @container: IOMMU domain
 * @group: the device's group
 * @device: the device, what VFIO_DEVICE_* ioctls are for
 * @num_regions: how many regions it has
 * @regions: where they are
 * @error: why opening failed: one sentence, with what to do about it
 */
struct capi_vfio {
	int container;
	int group;
	int device;
	unsigned int num_regions;
	struct capi_vfio_region regions[CAPI_VFIO_MAX_REGIONS];
	char error[512];
};

/* Opens the device called @uuid; on failure @dev->error says what to do. */
int capi_vfio_open(struct capi_vfio *dev, const char *uuid);
void capi_vfio_close(struct capi_vfio *dev);

/* Fills in the regions: a part of opening, for who opens @device another way. */
int capi_vfio_find_regions(struct capi_vfio *dev);

/* Lets BARs answer and MSI-X messages leave; fails if it is no CAPI device. */
int capi_vfio_enable(struct capi_vfio *dev);

/* Whole accesses only: a short one is -EIO. */
int capi_vfio_read(struct capi_vfio *dev, unsigned int region, __u64 off,
		   void *buf, size_t len);
int capi_vfio_write(struct capi_vfio *dev, unsigned int region, __u64 off,
		    const void *buf, size_t len);

/*
 * Little-endian registers of @width bytes. A read that fails gives all ones,
 * as on a PCI bus.
 */
__u64 capi_vfio_get(struct capi_vfio *dev, unsigned int region,
		    __u64 off, unsigned int width);
int capi_vfio_put(struct capi_vfio *dev, unsigned int region, __u64 off,
		  unsigned int width, __u64 value);

/* The region of that type, or -ENOENT. */
int capi_vfio_find_region(struct capi_vfio *dev, __u32 type,
			  __u32 subtype);

/* Runs a CAPI_MDEV_COMMAND_*. -ENODEV if nothing answers any more. */
int capi_vfio_command(struct capi_vfio *dev, __u32 command);
int capi_vfio_start(struct capi_vfio *dev, __u64 wed);

/* Signals eventfd @fd on interrupt @start of @index; @fd -1: nothing. */
int capi_vfio_set_irq(struct capi_vfio *dev, __u32 index, __u32 start,
		      int fd);

/* A new event fd, @flags as in struct capi_mdev_event_fd. */
int capi_vfio_event_fd(struct capi_vfio *dev, __u32 flags);

/*
 * The event window: looks at the next event, copies it to @buf of
 * CXL_READ_MIN_SIZE bytes and acknowledges it. Returns its size, -EAGAIN when
 * there is none, -EFAULT when the AFU driver's event was bad.
 */
int capi_vfio_window_read(struct capi_vfio *dev, void *buf);

#endif /* _CAPI_VFIO_H */
