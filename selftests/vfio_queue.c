// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_queue.h"

static int map(struct vfio_queue *q, void *memory, unsigned int off, __u64 size,
	       __u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)memory,
		.iova = IOVA + off,
		.size = size,
	};

	return ioctl(q->mdev.vfio.container, VFIO_IOMMU_MAP_DMA, &map) ?
	       -errno : 0;
}

int vfio_queue_map(struct vfio_queue *q, unsigned int off, __u64 size,
		   __u32 flags)
{
	return map(q, q->memory + off, off, size, flags);
}

int vfio_queue_map_stall(struct vfio_queue *q, struct stall *stall)
{
	return map(q, stall->memory + stall->page, SIZE, stall->page, READ_WRITE);
}

int vfio_queue_unmap(struct vfio_queue *q, unsigned int off, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA + off,
		.size = size,
	};

	if (ioctl(q->mdev.vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == size ? 0 : -ENOENT;
}

int vfio_queue_map_registers(struct vfio_queue *q)
{
	struct capi_vfio *vfio = &q->mdev.vfio;
	void *registers;

	registers = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 vfio->device,
			 vfio->regions[VFIO_PCI_BAR2_REGION_INDEX].offset);
	if (registers == MAP_FAILED)
		return -errno;
	q->mc.cxl.psa = registers;
	q->mc.cxl.size = page_size();
	return 0;
}

void vfio_queue_unmap_registers(struct vfio_queue *q)
{
	if (q->mc.cxl.psa)
		munmap(q->mc.cxl.psa, q->mc.cxl.size);
	q->mc.cxl.psa = NULL;
}

static int begin(struct vfio_queue *q)
{
	int ret = capi_vfio_event_fd(&q->mdev.vfio, 0);

	if (ret < 0)
		return ret;
	q->mc.cxl.fd = ret;
	ret = vfio_queue_map(q, 0, OTHER, READ_WRITE);
	if (!ret)
		ret = vfio_queue_map(q, OTHER, SIZE - OTHER, READ_WRITE);
	if (!ret)
		ret = vfio_queue_map_registers(q);
	return ret ? ret : capi_vfio_start(&q->mdev.vfio, WED);
}

int vfio_queue_attach(struct vfio_queue *q)
{
	int ret = mdev_open(&q->mdev);

	if (ret)
		return ret;
	ret = begin(q);
	if (ret)
		vfio_queue_detach(q);
	return ret;
}

void vfio_queue_detach(struct vfio_queue *q)
{
	if (q->mc.cxl.fd >= 0)
		close(q->mc.cxl.fd);
	q->mc.cxl.fd = -1;
	vfio_queue_unmap_registers(q);
	mdev_close(&q->mdev);
}

int vfio_queue_open(struct vfio_queue *q)
{
	int ret;

	memset(q, 0, sizeof(*q));
	q->mc.cxl.fd = -1;
	q->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (q->memory == MAP_FAILED)
		return -errno;
	q->mc.queue = (struct capi_memcpy_element *)q->memory;
	q->mc.depth = SLOTS;

	ret = mdev_create_kind(&q->mdev, "memcpy");
	if (ret) {
		munmap(q->memory, SIZE);
		return ret;
	}
	ret = vfio_queue_attach(q);
	if (ret)
		vfio_queue_close(q);
	return ret;
}

int vfio_queue_close(struct vfio_queue *q)
{
	vfio_queue_detach(q);
	munmap(q->memory, SIZE);
	return mdev_remove(&q->mdev);
}

void *iova(unsigned int off)
{
	return (void *)(uintptr_t)(IOVA + off);
}

__u64 *at64(struct vfio_queue *q, unsigned int off)
{
	return (__u64 *)(q->memory + off);
}

bool vfio_queue_works(struct vfio_queue *q)
{
	*at64(q, SRC) = ~*at64(q, DST);
	return memcpy_status(capi_memcpy_copy(&q->mc, iova(DST), iova(SRC), 8)) ==
	       CAPI_MEMCPY_STATUS_COMPLETE &&
	       *at64(q, SRC) == *at64(q, DST);
}
