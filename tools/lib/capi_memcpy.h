/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memcpy AFU, used from a program through /dev/cxl: a context, and a queue of
 * work elements that the AFU takes from memory in turn.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _CAPI_MEMCPY_LIB_H
#define _CAPI_MEMCPY_LIB_H

#include <misc/capi_memcpy.h>

#include "capi_cxl.h"

/* The largest copy of one element */
#define CAPI_MEMCPY_MAX_LENGTH	0xffff

/**
 * struct capi_memcpy - a context of a memcpy AFU
 * @cxl: the context; its error says why opening or starting failed
 * @queue: its elements
 * @depth: how many
 * @next: which of them is filled next
 * @wrap: the wrap bit of that
 */
struct capi_memcpy {
	struct capi_cxl cxl;
	struct capi_memcpy_element *queue;
	unsigned int depth;
	unsigned int next;
	__u8 wrap;
};

/* Opens @node, or that of the first memcpy AFU if it is NULL. */
int capi_memcpy_open(struct capi_memcpy *mc, const char *node);
/* Starts it with an empty queue of @units, and maps its registers. */
int capi_memcpy_start(struct capi_memcpy *mc, unsigned int units, int irqs);
void capi_memcpy_close(struct capi_memcpy *mc);

/*
 * Each of these gives the AFU an element and returns it, or NULL if all in the
 * queue are still waiting for the AFU. An element is free again once it has a
 * status. The first takes all but status, valid and wrap bit from @element.
 */
struct capi_memcpy_element *
capi_memcpy_add(struct capi_memcpy *mc,
		const struct capi_memcpy_element *element);
struct capi_memcpy_element *
capi_memcpy_copy(struct capi_memcpy *mc, const void *dst, const void *src,
		 __u16 length);
struct capi_memcpy_element *
capi_memcpy_interrupt(struct capi_memcpy *mc, __u16 source);
struct capi_memcpy_element *
capi_memcpy_increment(struct capi_memcpy *mc, const void *dst, const void *src);
/* @how is CAPI_MEMCPY_SWAP_EQUAL or _NOT_EQUAL; operands as the CPU has them. */
struct capi_memcpy_element *
capi_memcpy_swap(struct capi_memcpy *mc, const void *dst, __u8 how, __u64 op1,
		 __u64 op2);

/* An element's status, for which it waits @timeout ms, or -ETIMEDOUT. */
int capi_memcpy_wait(const struct capi_memcpy_element *element, int timeout);

/* Is the AFU waiting for a restart? The second waits until it is. */
bool capi_memcpy_stopped(struct capi_memcpy *mc);
int capi_memcpy_wait_stopped(struct capi_memcpy *mc, int timeout);
/* Lets it go on, which it does in its own time. */
void capi_memcpy_restart(struct capi_memcpy *mc);

#endif /* _CAPI_MEMCPY_LIB_H */
