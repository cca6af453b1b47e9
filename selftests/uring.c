// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"
#include "vfio_mdev.h"

#define ENTRIES	8
#define RING_SIZE	4096

static unsigned int *at(struct uring *ring, __u32 offset)
{
	return (unsigned int *)(ring->sq + offset);
}

int uring_init(struct uring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, ENTRIES, &ring->params);
	if (ring->fd < 0)
		return -EOPNOTSUPP;
	ring->sq = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ENTRIES * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			  IORING_OFF_SQES);
	if (ring->sq == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -errno;
	/* One mapping has both queues since Linux 5.4. */
	if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	return 0;
}

void uring_destroy(struct uring *ring)
{
	munmap(ring->sqes, ENTRIES * sizeof(*ring->sqes));
	munmap(ring->sq, RING_SIZE);
	close(ring->fd);
}

static int submit(struct uring *ring, const struct io_uring_sqe *sqe)
{
	const struct io_sqring_offsets *off = &ring->params.sq_off;
	unsigned int *tail = at(ring, off->tail);
	unsigned int index = *tail & *at(ring, off->ring_mask);
	int ret;

	ring->sqes[index] = *sqe;
	at(ring, off->array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
	return ret < 0 ? -errno : ret == 1 ? 0 : -EIO;
}

int uring_read(struct uring *ring, int fd, void *buf, unsigned int len,
	       int flags)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ,
		.fd = fd,
		.addr = (unsigned long)buf,
		.len = len,
		.off = -1,
		.rw_flags = flags,
	};

	return submit(ring, &sqe);
}

int uring_poll(struct uring *ring, int fd, unsigned int events)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll32_events = events,
	};

	return submit(ring, &sqe);
}

bool uring_done(struct uring *ring)
{
	const struct io_cqring_offsets *off = &ring->params.cq_off;

	return *at(ring, off->head) !=
	       __atomic_load_n(at(ring, off->tail), __ATOMIC_ACQUIRE);
}

int uring_result(struct uring *ring)
{
	const struct io_cqring_offsets *off = &ring->params.cq_off;
	unsigned int *head = at(ring, off->head);
	struct io_uring_cqe *cqes = (void *)(ring->sq + off->cqes);
	int ret;

	/* Entering lets the kernel finish what it left for this thread. */
	if (!WAIT_UNTIL(uring_done(ring) ||
			(syscall(SYS_io_uring_enter, ring->fd, 0, 0,
				 IORING_ENTER_GETEVENTS, NULL, 0) < 0)))
		return -ETIMEDOUT;
	if (!uring_done(ring))
		return -errno;
	ret = cqes[*head & *at(ring, off->ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}
