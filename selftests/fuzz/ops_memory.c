// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that AFUs work in: the memcpy AFU's queue, mappings of registers, and
 * what a process may do to its memory meanwhile.
 */
#include <endian.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <misc/capi_memcpy.h>

#include "state.h"

/* Depth 2, as all queues but the strange ones are */
#define SLOTS		(2 * CAPI_MEMCPY_DEPTH_UNIT)

/* An element for device or file @arg[0]: the next one, valid for it */
static bool element(struct state *state, const __u8 *arg)
{
	static const struct {
		__u8 cmd;
		__u8 extra;
	} commands[] = {
		{ CAPI_MEMCPY_COPY, 0 }, { CAPI_MEMCPY_IRQ, 0 },
		{ CAPI_MEMCPY_INCREMENT, 0 },
		{ CAPI_MEMCPY_SWAP, CAPI_MEMCPY_SWAP_EQUAL },
		{ CAPI_MEMCPY_SWAP, CAPI_MEMCPY_SWAP_NOT_EQUAL },
		{ CAPI_MEMCPY_SWAP, 0xff }, { 2, 0 }, { 0x3f, 0 },
	};
	struct capi_memcpy_element e = { 0 }, *to;
	unsigned int *next = arg[0] < DEVICES ?
			     &state->devices[arg[0]].next :
			     &state->files[arg[0] - DEVICES].next;
	__u8 cmd = commands[arg[1] % ARRAY_SIZE(commands)].cmd;

	e.extra = commands[arg[1] % ARRAY_SIZE(commands)].extra;
	e.length = htobe16(cmd == CAPI_MEMCPY_IRQ ? arg[2] : length(arg[2]));
	e.op1 = htobe64(value(arg[2]));
	e.src = htobe64(afu_address(state, arg[3]));
	e.dst = htobe64(afu_address(state, arg[4]));
	cmd |= CAPI_MEMCPY_VALID;
	if (*next / SLOTS % 2)
		cmd |= CAPI_MEMCPY_WRAP;
	to = (struct capi_memcpy_element *)state->memory + *next % SLOTS;
	(*next)++;
	*to = e;
	__atomic_store_n(&to->cmd, cmd, __ATOMIC_RELEASE);
	return true;
}

/* Anywhere in the first pages: queue, block, and what is copied */
static bool poke(struct state *state, const __u8 *arg)
{
	__u64 data = arg[3] ? htobe64(afu_address(state, arg[2])) :
		     value(arg[2]);

	memcpy(state->memory + arg[0] % 16 * PAGE + arg[1] * 8, &data,
	       sizeof(data));
	return true;
}

/* What becomes of memory while AFUs use it */
static bool memory(struct state *state, const __u8 *arg)
{
	unsigned char *start = state->memory + arg[1] * PAGE;
	size_t size = PAGE << arg[2];

	if (arg[1] * PAGE + size > SIZE)
		return false;
	atomic_store(&state->memory_changed, true);
	switch (arg[0]) {
	case 0:
		madvise(start, size, MADV_REMOVE);
		break;
	case 1:
		madvise(start, size, MADV_DONTNEED);
		break;
	case 2:
		mprotect(start, size, PROT_READ);
		break;
	case 3:
		mprotect(start, size, PROT_NONE);
		break;
	case 4:
		mprotect(start, size, PROT_READ | PROT_WRITE);
		break;
	case 5:
		munmap(start, size);
		break;
	default:
		mmap(start, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return true;
}

/* Access to what mmap() brought; if that fails it is the end of the operation. */
static bool touch(struct state *state, const __u8 *arg)
{
	struct mapping *mapping = &state->mappings[arg[0]];
	unsigned char *at = mapping->start;
	__u64 off = arg[1] < 128 ? arg[1] * 8 : value(arg[1]);
	__u64 data = arg[3] & 1 ? htobe64(value(arg[4])) : value(arg[4]);

	if (!at || off >= mapping->size)
		return false;
	at += off;
	switch (arg[2] + 8 * (arg[3] / 2)) {
	case 0:
		__atomic_store_n((__u64 *)at, data, __ATOMIC_RELAXED);
		break;
	case 1:
		__atomic_store_n((__u32 *)at, data, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((__u16 *)at, data, __ATOMIC_RELAXED);
		break;
	case 3:
		__atomic_store_n(at, data, __ATOMIC_RELAXED);
		break;
	case 8:
		__atomic_load_n((__u64 *)at, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_load_n((__u32 *)at, __ATOMIC_RELAXED);
	}
	return true;
}

static bool munmap_op(struct state *state, const __u8 *arg)
{
	struct mapping *mapping = &state->mappings[arg[0]];

	if (!mapping->start)
		return false;
	drop_mapping(mapping);
	return true;
}

/* An AFU's thread, and what else waits, gets the processor. */
static bool wait_op(struct state *state, const __u8 *arg)
{
	static const int ms[] = { 0, 1, 2, 5, 30 };

	(void)state;
	if (arg[0])
		poll(NULL, 0, ms[arg[0]]);
	else
		sched_yield();
	return true;
}

const struct op_kind memory_ops[] = {
	{ "element", 1000, { DEVICES + CONTEXTS, 8, ALL, ALL, ALL }, element },
	{ "poke", 400, { 16, ALL, ALL, 2 }, poke },
	{ "memory", 120, { 7, 64, 5 }, memory },
	{ "touch", 400, { MAPPINGS, ALL, 4, 4, ALL }, touch },
	{ "munmap", 80, { MAPPINGS }, munmap_op },
	{ "wait", 200, { 5 }, wait_op },
	{ }
};
