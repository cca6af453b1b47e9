/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring, one request after another.
 */
#ifndef _URING_H
#define _URING_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/io_uring.h>

/**
 * struct uring - a ring of its own
 * @fd: readable when a request is done
 * @sq: the submission queue, and the completion queue behind it
 * @sqes: requests
 * @params: where in them is what
 */
struct uring {
	int fd;
	char *sq;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

/* 0 or a negative errno; -EOPNOTSUPP where the kernel has none, or forbids it */
int uring_init(struct uring *ring);
void uring_destroy(struct uring *ring);

/* Read @len bytes at the file's own position, with RWF_* @flags */
int uring_read(struct uring *ring, int fd, void *buf, unsigned int len,
	       int flags);
int uring_poll(struct uring *ring, int fd, unsigned int events);
/* What came of the oldest request; -ETIMEDOUT if nothing does. */
int uring_result(struct uring *ring);
/* Whether one is done by now */
bool uring_done(struct uring *ring);

#endif /* _URING_H */
