// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three ways to read events of an mdev.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capi-events.h"

/* The event fd */

static int fd_open(struct capi_vfio *dev)
{
	return capi_vfio_event_fd(dev, CAPI_MDEV_EVENT_FD_NONBLOCK);
}

static int fd_read(struct capi_vfio *dev, int fd, void *buf)
{
	ssize_t len = read(fd, buf, CXL_READ_MIN_SIZE);

	(void)dev;
	return len < 0 ? -errno : len;
}

static void fd_close(struct capi_vfio *dev, int fd)
{
	(void)dev;
	close(fd);
}

/* MSI-X vector 0, for the two that follow */

static int vector_open(struct capi_vfio *dev)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret;

	if (fd < 0)
		return -errno;
	ret = capi_vfio_set_irq(dev, VFIO_PCI_MSIX_IRQ_INDEX,
				CAPI_MDEV_VECTOR_EVENT, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static void vector_close(struct capi_vfio *dev, int fd)
{
	capi_vfio_set_irq(dev, VFIO_PCI_MSIX_IRQ_INDEX, CAPI_MDEV_VECTOR_EVENT,
			  -1);
	close(fd);
}

/* Before looking for events, so that none that comes meanwhile is missed. */
static void vector_clear(int fd)
{
	eventfd_t signals;

	eventfd_read(fd, &signals);
}

/* The events region */

static int region_read(struct capi_vfio *dev, int fd, void *buf)
{
	int region = capi_vfio_find_region(dev, CAPI_MDEV_REGION_TYPE,
					   CAPI_MDEV_REGION_SUBTYPE_EVENTS);
	ssize_t len;

	if (region < 0)
		return region;
	vector_clear(fd);
	len = pread(dev->device, buf, CXL_READ_MIN_SIZE,
		    dev->regions[region].offset);
	return len < 0 ? -errno : len;
}

/* The event window */

static int window_open(struct capi_vfio *dev)
{
	int fd = vector_open(dev);
	int ret;

	if (fd < 0)
		return fd;
	ret = capi_vfio_put(dev, VFIO_PCI_BAR0_REGION_INDEX,
			    CAPI_MDEV_REG_EVENT_CONTROL, 4,
			    CAPI_MDEV_EVENT_ENABLE);
	if (ret) {
		vector_close(dev, fd);
		return ret;
	}
	return fd;
}

static int window_read(struct capi_vfio *dev, int fd, void *buf)
{
	vector_clear(fd);
	return capi_vfio_window_read(dev, buf);
}

static void window_close(struct capi_vfio *dev, int fd)
{
	capi_vfio_put(dev, VFIO_PCI_BAR0_REGION_INDEX,
		      CAPI_MDEV_REG_EVENT_CONTROL, 4, 0);
	vector_close(dev, fd);
}

static const struct source sources[] = {
	{ "fd", fd_open, fd_read, fd_close },
	{ "region", vector_open, region_read, vector_close },
	{ "irq", window_open, window_read, window_close },
};

const struct source *find_source(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(sources[i].name, name))
			return &sources[i];
	return NULL;
}
