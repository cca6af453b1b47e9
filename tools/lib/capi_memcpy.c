// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU, used from a program through /dev/cxl.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "capi_memcpy.h"

int capi_memcpy_open(struct capi_memcpy *mc, const char *node)
{
	char found[64];
	int ret;

	memset(mc, 0, sizeof(*mc));
	mc->cxl.fd = -1;
	if (!node) {
		ret = capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE,
				    found, sizeof(found));
		if (ret) {
			snprintf(mc->cxl.error, sizeof(mc->cxl.error),
				 "there is no memcpy AFU here: bring a software one with 'modprobe capi_sim'");
			return ret;
		}
		node = found;
	}

	ret = capi_cxl_open(&mc->cxl, node);
	if (ret)
		return ret;
	if (!capi_cxl_is(&mc->cxl, CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE)) {
		ret = capi_cxl_check(&mc->cxl);
		capi_cxl_close(&mc->cxl);
		if (ret)
			return ret;
		snprintf(mc->cxl.error, sizeof(mc->cxl.error),
			 "%s is no memcpy AFU", node);
		return -ENODEV;
	}
	return 0;
}

static size_t queue_size(struct capi_memcpy *mc)
{
	return mc->depth * sizeof(*mc->queue);
}

int capi_memcpy_start(struct capi_memcpy *mc, unsigned int units, int irqs)
{
	void *queue;
	int ret;

	mc->depth = units * CAPI_MEMCPY_DEPTH_UNIT;
	queue = mmap(NULL, queue_size(mc), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (queue == MAP_FAILED) {
		snprintf(mc->cxl.error, sizeof(mc->cxl.error),
			 "no memory for a queue of %u elements", mc->depth);
		return -errno;
	}
	mc->queue = queue;

	ret = capi_cxl_start(&mc->cxl, (uintptr_t)queue | units, irqs);
	return ret ? ret : capi_cxl_map(&mc->cxl);
}

void capi_memcpy_close(struct capi_memcpy *mc)
{
	capi_cxl_close(&mc->cxl);
	if (mc->queue)
		munmap(mc->queue, queue_size(mc));
	mc->queue = NULL;
}

static int status_of(const struct capi_memcpy_element *element)
{
	return __atomic_load_n(&element->status, __ATOMIC_ACQUIRE);
}

struct capi_memcpy_element *
capi_memcpy_add(struct capi_memcpy *mc,
		const struct capi_memcpy_element *element)
{
	struct capi_memcpy_element *slot = &mc->queue[mc->next];
	__u8 cmd = element->cmd & ~CAPI_MEMCPY_WRAP;

	if ((slot->cmd & CAPI_MEMCPY_VALID) && !status_of(slot))
		return NULL;

	slot->status = 0;
	slot->length = element->length;
	slot->extra = element->extra;
	slot->op1 = element->op1;
	slot->src = element->src;
	slot->dst = element->dst;
	/* The AFU takes it as soon as it sees this byte. */
	__atomic_store_n(&slot->cmd, cmd | CAPI_MEMCPY_VALID | mc->wrap,
			 __ATOMIC_RELEASE);

	if (++mc->next == mc->depth) {
		mc->next = 0;
		mc->wrap ^= CAPI_MEMCPY_WRAP;
	}
	return slot;
}

struct capi_memcpy_element *
capi_memcpy_copy(struct capi_memcpy *mc, const void *dst, const void *src,
		 __u16 length)
{
	struct capi_memcpy_element element = {
		.cmd = CAPI_MEMCPY_COPY,
		.length = htobe16(length),
		.src = htobe64((uintptr_t)src),
		.dst = htobe64((uintptr_t)dst),
	};

	return capi_memcpy_add(mc, &element);
}

struct capi_memcpy_element *
capi_memcpy_interrupt(struct capi_memcpy *mc, __u16 source)
{
	struct capi_memcpy_element element = {
		.cmd = CAPI_MEMCPY_IRQ,
		.length = htobe16(source),
	};

	return capi_memcpy_add(mc, &element);
}

struct capi_memcpy_element *
capi_memcpy_increment(struct capi_memcpy *mc, const void *dst, const void *src)
{
	struct capi_memcpy_element element = {
		.cmd = CAPI_MEMCPY_INCREMENT,
		.src = htobe64((uintptr_t)src),
		.dst = htobe64((uintptr_t)dst),
	};

	return capi_memcpy_add(mc, &element);
}

struct capi_memcpy_element *
capi_memcpy_swap(struct capi_memcpy *mc, const void *dst, __u8 how, __u64 op1,
		 __u64 op2)
{
	struct capi_memcpy_element element = {
		.cmd = CAPI_MEMCPY_SWAP,
		.extra = how,
		.op1 = htobe64(op1),
		.src = htobe64(op2),
		.dst = htobe64((uintptr_t)dst),
	};

	return capi_memcpy_add(mc, &element);
}

/* Waiting */

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Sleeps for longer each time, up to a millisecond; false at the deadline. */
static bool pause_until(long long deadline, long *nap)
{
	struct timespec time = { .tv_nsec = *nap * 1000 };

	if (now_us() >= deadline)
		return false;
	nanosleep(&time, NULL);
	*nap = *nap < 500 ? *nap * 2 : 1000;
	return true;
}

int capi_memcpy_wait(const struct capi_memcpy_element *element, int timeout)
{
	long long deadline = now_us() + timeout * 1000LL;
	long nap = 10;
	int status;

	do {
		status = status_of(element);
	} while (!status && pause_until(deadline, &nap));
	return status ? status : -ETIMEDOUT;
}

bool capi_memcpy_stopped(struct capi_memcpy *mc)
{
	return capi_cxl_get(&mc->cxl, CAPI_MEMCPY_REG_STATUS) &
	       CAPI_MEMCPY_STOPPED;
}

int capi_memcpy_wait_stopped(struct capi_memcpy *mc, int timeout)
{
	long long deadline = now_us() + timeout * 1000LL;
	long nap = 10;
	bool stopped;

	do {
		stopped = capi_memcpy_stopped(mc);
	} while (!stopped && pause_until(deadline, &nap));
	return stopped ? 0 : -ETIMEDOUT;
}

void capi_memcpy_restart(struct capi_memcpy *mc)
{
	capi_cxl_put(&mc->cxl, CAPI_MEMCPY_REG_PCTRL, CAPI_MEMCPY_RESTART);
}
