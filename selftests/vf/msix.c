// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "../text_file.h"
#include "msix.h"

#define DRIVER		"/sys/bus/pci/drivers/vfio-pci"
#define TYPE1		"/sys/module/vfio_iommu_type1/parameters"

static int fail(const char *what, int ret)
{
	fprintf(stderr, "MSI-X: %s: %s\n", what, strerror(-ret));
	return ret;
}

/* Setting up */

static int bind_driver(struct vf *vf)
{
	char path[PATH_MAX];
	int ret;

	if (system("modprobe vfio-pci") || system("modprobe vfio_iommu_type1"))
		return fail("modprobe", -ENOENT);
	/* The guest's IOMMU need not remap interrupts. */
	ret = write_file(TYPE1 "/allow_unsafe_interrupts", "1");
	if (ret)
		return fail(TYPE1, ret);

	snprintf(path, sizeof(path), DRIVER "/%s", vf->bdf);
	if (!access(path, F_OK))
		return 0;
	vf_write(vf, "driver/unbind", vf->bdf);
	ret = vf_write(vf, "driver_override", "vfio-pci");
	if (!ret)
		ret = write_file("/sys/bus/pci/drivers_probe", vf->bdf);
	return ret || access(path, F_OK) ? fail("bind", ret ?: -ENODEV) : 0;
}

static int open_group(struct vf *vf)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), VF_DEVICES "/%s/iommu_group", vf->bdf);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return fail("the guest has no IOMMU", -errno);
	target[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? fail(path, -errno) : fd;
}

static int open_device(struct msix *msix, struct vf *vf)
{
	msix->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (msix->container < 0)
		return fail("/dev/vfio/vfio", -errno);
	msix->group = open_group(vf);
	if (msix->group < 0)
		return msix->group;
	if (ioctl(msix->group, VFIO_GROUP_SET_CONTAINER, &msix->container))
		return fail("VFIO_GROUP_SET_CONTAINER", -errno);
	if (ioctl(msix->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return fail("VFIO_SET_IOMMU", -errno);
	msix->device = ioctl(msix->group, VFIO_GROUP_GET_DEVICE_FD, vf->bdf);
	if (msix->device < 0)
		return fail("VFIO_GROUP_GET_DEVICE_FD", -errno);
	return 0;
}

static int count_vectors(struct msix *msix)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	if (ioctl(msix->device, VFIO_DEVICE_GET_IRQ_INFO, &info))
		return fail("VFIO_DEVICE_GET_IRQ_INFO", -errno);
	if (!info.count || info.count > MSIX_MAX_VECTORS)
		return fail("vectors", -E2BIG);
	msix->vectors = info.count;
	return 0;
}

static int enable_vectors(struct msix *msix)
{
	union {
		struct vfio_irq_set set;
		char space[sizeof(struct vfio_irq_set) + sizeof(msix->fds)];
	} u;
	unsigned int i;

	for (i = 0; i < msix->vectors; i++) {
		msix->fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (msix->fds[i] < 0)
			return fail("eventfd", -errno);
	}
	u.set.argsz = sizeof(u.set) + msix->vectors * sizeof(msix->fds[0]);
	u.set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	u.set.index = VFIO_PCI_MSIX_IRQ_INDEX;
	u.set.start = 0;
	u.set.count = msix->vectors;
	memcpy(u.set.data, msix->fds, msix->vectors * sizeof(msix->fds[0]));
	if (ioctl(msix->device, VFIO_DEVICE_SET_IRQS, &u.set))
		return fail("VFIO_DEVICE_SET_IRQS", -errno);
	return 0;
}

int msix_open(struct msix *msix, struct vf *vf)
{
	int ret;

	memset(msix, 0xff, sizeof(*msix));
	msix->vectors = 0;
	ret = bind_driver(vf);
	if (!ret)
		ret = open_device(msix, vf);
	if (!ret)
		ret = count_vectors(msix);
	if (!ret)
		ret = enable_vectors(msix);
	if (!ret)
		ret = vf_enable(vf);
	if (ret)
		msix_close(msix);
	return ret;
}

void msix_close(struct msix *msix)
{
	unsigned int i;

	for (i = 0; i < msix->vectors; i++)
		if (msix->fds[i] >= 0)
			close(msix->fds[i]);
	msix->vectors = 0;
	if (msix->device >= 0)
		close(msix->device);
	if (msix->group >= 0)
		close(msix->group);
	if (msix->container >= 0)
		close(msix->container);
}

/* Messages */

unsigned long long msix_count(struct msix *msix, unsigned int vector)
{
	eventfd_t count;

	return eventfd_read(msix->fds[vector], &count) ? 0 : count;
}

unsigned long long msix_wait(struct msix *msix, unsigned int vector,
			     int timeout)
{
	struct pollfd pollfd = { .fd = msix->fds[vector], .events = POLLIN };

	poll(&pollfd, 1, timeout);
	return msix_count(msix, vector);
}

/* The table and the pending bits */

static unsigned int structure(const struct vf *vf, unsigned int reg)
{
	unsigned int cap = vf_find_cap(vf, PCI_CAP_ID_MSIX);

	return vf_config_get(vf, cap + reg, 4) & ~PCI_MSIX_TABLE_BIR;
}

bool msix_pending(const struct vf *vf, unsigned int vector)
{
	unsigned int pba = structure(vf, PCI_MSIX_PBA);

	return vf_load(vf, VF_MSIX, pba, 8) >> vector & 1;
}

void msix_mask(struct vf *vf, unsigned int vector, bool mask)
{
	unsigned int entry = structure(vf, PCI_MSIX_TABLE) +
			     vector * PCI_MSIX_ENTRY_SIZE;

	vf_store(vf, VF_MSIX, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		 mask ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}
