/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_SIM_MEMCPY_H
#define _CAPI_SIM_MEMCPY_H

#include <uapi/misc/capi_memcpy.h>

#include "sim.h"

#define MEMCPY_IRQS	4
/* What the length of an element can say */
#define MEMCPY_MAX	U16_MAX

/**
 * struct memcpy_afu - the AFU's state for all contexts
 * @afu: the AFU
 * @lock: covers @error
 * @error: what failed last
 */
struct memcpy_afu {
	struct sim_afu *afu;
	spinlock_t lock; /* error */
	struct capi_memcpy_error error;
};

/**
 * struct memcpy - the AFU's state for one context
 * @worker: has the context
 * @afu: for all contexts
 * @registers: the page that may be mapped, which belongs to the AFU. What is
 *	in it is the user's: the AFU works by the fields below.
 * @buffer: MEMCPY_MAX bytes, while it is started; the worker's, as the rest
 * @queue: address of the first element
 * @slots: how many elements the queue has
 * @next: the one that comes next
 * @phase: elements to be taken have CAPI_MEMCPY_WRAP
 * @stopped: waits for a restart
 */
struct memcpy {
	struct sim_worker worker;
	struct memcpy_afu *afu;
	void *registers;
	void *buffer;
	u64 queue;
	u32 slots;
	u32 next;
	bool phase;
	bool stopped;
};

/**
 * struct memcpy_fault - which address could not be reached
 * @address: the address
 * @store: it was to be written
 */
struct memcpy_fault {
	u64 address;
	bool store;
};

/* memcpy_element.c */
u8 memcpy_execute(struct memcpy *mc, const struct capi_memcpy_element *element,
		  struct memcpy_fault *fault);

#endif /* _CAPI_SIM_MEMCPY_H */
