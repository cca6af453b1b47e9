/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memcpy AFU behind an mdev, and its queue in memory that the AFU reaches by
 * IOVA. Once that is open, all that memcpy.h and capi_memcpy.h have for contexts
 * of processes works with @mc, for which addresses are iova().
 *
 * What returns int returns 0 or a negative errno.
 */
#ifndef _VFIO_QUEUE_H
#define _VFIO_QUEUE_H

#include "memcpy.h"
#include "reader.h"
#include "vfio_mdev.h"

#define IOVA		0x123450000000ULL
#define DEPTH		2
#define SLOTS		(DEPTH * CAPI_MEMCPY_DEPTH_UNIT)
/* What the context is started with: the queue is where the memory begins. */
#define WED		(IOVA | DEPTH)

/* What else is where in the memory, each in pages of its own */
#define SIZE		0x100000
#define SRC		0x10000
#define DST		0x40000
/* A DMA mapping of its own, at the end */
#define OTHER		0x80000

#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/**
 * struct vfio_queue - a memcpy AFU behind an mdev, and its queue
 * @mdev: the mdev
 * @mc: the queue, the registers, and as its file an event fd
 * @memory: SIZE bytes, the queue first
 */
struct vfio_queue {
	struct mdev mdev;
	struct capi_memcpy mc;
	unsigned char *memory;
};

/* With a new mdev, which the other removes */
int vfio_queue_open(struct vfio_queue *q);
int vfio_queue_close(struct vfio_queue *q);

/* Opens the mdev, maps memory and registers, and starts the context. */
int vfio_queue_attach(struct vfio_queue *q);
void vfio_queue_detach(struct vfio_queue *q);
/* The registers only, which keep the device open as long as they are mapped */
int vfio_queue_map_registers(struct vfio_queue *q);
void vfio_queue_unmap_registers(struct vfio_queue *q);

/* Maps and unmaps for the AFU, @off a place in the memory. */
int vfio_queue_map(struct vfio_queue *q, unsigned int off, __u64 size,
		   __u32 flags);
/* What stalls of @stall, behind the memory */
int vfio_queue_map_stall(struct vfio_queue *q, struct stall *stall);
int vfio_queue_unmap(struct vfio_queue *q, unsigned int off, __u64 size);

/* Place @off of the memory, as the AFU addresses it and as the CPU does */
void *iova(unsigned int off);
__u64 *at64(struct vfio_queue *q, unsigned int off);

/* It still works: the next element, whatever was before, is done. */
bool vfio_queue_works(struct vfio_queue *q);

#endif /* _VFIO_QUEUE_H */
