// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mdevs, opened through group and container or through iommufd.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "iommufd.h"
#include "state.h"

#define MDEVS		"/sys/bus/mdev/devices"

static int device_create(struct device *device, unsigned int number)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path),
		 "/sys/class/mdev_bus/%s/mdev_supported_types/capi_mdev-%s/create",
		 card_name(number / 2), is_memcpy(number) ? "memcpy" : "echo");
	ret = write_file(path, device->uuid);
	if (!ret || ret == -EEXIST)
		device->made = true;
	return ret;
}

/* The character device that the mdev has, where the kernel knows of those */
static int open_node(struct device *device)
{
	char pattern[PATH_MAX], node[64];
	unsigned int i;

	for (i = 0; i < 64; i++) {
		snprintf(pattern, sizeof(pattern), MDEVS "/%s/vfio-dev/vfio%u",
			 device->uuid, i);
		if (access(pattern, F_OK))
			continue;
		snprintf(node, sizeof(node), "/dev/vfio/devices/vfio%u", i);
		device->vfio.device = open(node, O_RDWR | O_CLOEXEC);
		return device->vfio.device < 0 ? -errno : 0;
	}
	return -ENOENT;
}

static int open_iommufd(struct device *device)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret = open_node(device);

	if (ret)
		return ret;
	device->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (device->iommufd < 0)
		return -errno;
	bind.iommufd = device->iommufd;
	if (ioctl(device->vfio.device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(device->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	device->ioas = alloc.out_ioas_id;
	attach.pt_id = alloc.out_ioas_id;
	return ioctl(device->vfio.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     &attach) ? -errno : 0;
}

/* The offsets of regions as they are known to be */
static void fill_regions(struct device *device)
{
	unsigned int i;

	device->vfio.num_regions = VFIO_PCI_NUM_REGIONS + 1;
	for (i = 0; i < device->vfio.num_regions; i++)
		device->vfio.regions[i].offset = (__u64)i << 40;
}

static void close_all(struct device *device)
{
	close_fd(&device->vfio.device);
	close_fd(&device->vfio.group);
	close_fd(&device->vfio.container);
	close_fd(&device->iommufd);
}

static int open_closed(struct state *state, struct device *device)
{
	unsigned int number = device - state->devices;
	int ret = 0;

	if (!device->made)
		ret = device_create(device, number);
	if (ret && ret != -EEXIST)
		return ret;
	device->shut = false;
	if (number >= 2)
		ret = open_iommufd(device);
	if (number < 2 || device->vfio.device == -1)
		ret = capi_vfio_open(&device->vfio, device->uuid);
	else
		fill_regions(device);
	if (!ret)
		ret = capi_vfio_enable(&device->vfio);
	if (ret)
		close_all(device);
	return ret;
}

/* Of two threads one opens it. */
int device_open(struct state *state, struct device *device)
{
	int ret = 0;

	pthread_mutex_lock(&state->opening);
	if (device->vfio.device < 0)
		ret = open_closed(state, device);
	pthread_mutex_unlock(&state->opening);
	return ret;
}

void device_close(struct state *state, struct device *device)
{
	pthread_mutex_lock(&state->opening);
	close_all(device);
	pthread_mutex_unlock(&state->opening);
}

struct device *device(struct state *state, unsigned int number)
{
	struct device *device = &state->devices[number % DEVICES];

	if (device->vfio.device < 0) {
		if (!device->shut)
			device_open(state, device);
	} else if (!device->used) {
		capi_vfio_put(&device->vfio, VFIO_PCI_CONFIG_REGION_INDEX,
			      PCI_COMMAND, 2,
			      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	}
	device->used = true;
	return device->vfio.device < 0 ? NULL : device;
}

/* What open() and close() would do, in less time */
void device_reset(struct device *device)
{
	struct vfio_irq_set irqs = {
		.argsz = sizeof(irqs),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas),
		.ioas_id = device->ioas,
		.length = -1ULL,
	};

	device->shut = false;
	device->next = 0;
	if (!device->used || device->vfio.device < 0)
		return;
	device->used = false;
	for (irqs.index = VFIO_PCI_MSIX_IRQ_INDEX;
	     device->irqs_used && irqs.index <= VFIO_PCI_REQ_IRQ_INDEX; irqs.index++)
		ioctl(device->vfio.device, VFIO_DEVICE_SET_IRQS, &irqs);
	ioctl(device->vfio.device, VFIO_DEVICE_RESET);
	if (device->dma_used && device->iommufd >= 0)
		ioctl(device->iommufd, IOMMU_IOAS_UNMAP, &ioas);
	else if (device->dma_used)
		ioctl(device->vfio.container, VFIO_IOMMU_UNMAP_DMA, &dma);
	device->irqs_used = false;
	device->dma_used = false;
}

void device_remove(struct device *device)
{
	char path[PATH_MAX];

	if (!device->made)
		return;
	snprintf(path, sizeof(path), MDEVS "/%s/remove", device->uuid);
	write_file(path, "1");
	device->made = false;
}
