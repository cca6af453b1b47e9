// SPDX-License-Identifier: GPL-2.0-only
/*
 * What numbers in programs stand for: what is usual first, then what is at the
 * edge of something.
 */
#include <string.h>

#include "state.h"

/* Addresses begin at one of these ... */
enum base {
	BASE_MEMORY,
	BASE_QUEUE,
	BASE_BLOCK,
	BASE_READ_ONLY,
	BASE_END,
	BASE_EA,
	BASE_FAR,
	BASE_KERNEL,
	BASE_ZERO,
	BASE_LAST,
	BASES,
};

/* ... and this far from it. */
static const long long distances[] = {
	0, 8, PAGE, 4, 1, -1, -8, PAGE - 4, PAGE - 1, 2 * PAGE, 3 * PAGE + 2,
	-PAGE, 16 * PAGE, 40, 0x3ff8, 64 * PAGE,
};

static __u64 distance(__u8 code)
{
	return distances[code / 16 % ARRAY_SIZE(distances)];
}

static const __u64 values[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 0xff, 0x100, PAGE - 1, PAGE, PAGE + 1,
	~0ULL, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	0x7fffffffffffffff, 0x8000000000000000, 0xffff, 0x10000, -2ULL,
	IOVA, IOVA + BLOCK, IOVA | 2, EA, EA | 12, EA | 2, (EA + BLOCK) | 1,
	IOVA + SIZE, IOVA + SIZE - PAGE, IOVA | 3, MEMORY, MEMORY | 2,
	MEMORY + PAGE, MEMORY + SCRATCH, MEMORY + SIZE, MEMORY - 8,
	0xffff888000000000, -(__u64)PAGE, 9, 10, 12, 15, 17, 31, 33, 63, 64,
	65, 100, 511, 512, 1000, 1024, 2047, 2048, 10000, 1000000,
};

__u64 value(__u8 code)
{
	if (code < ARRAY_SIZE(values))
		return values[code];
	if (code < 128)
		return (code - ARRAY_SIZE(values)) * 0x0101010101010101ULL;
	if (code < 192)
		return 1ULL << (code - 128);
	return (1ULL << (code - 192)) - 1;
}

static const unsigned long lengths[] = {
	PAGE, 8, 4, 16, 1, 2, 0, 40, PAGE - 1, PAGE + 1, 3, 24, 2 * PAGE,
	16 * PAGE, SIZE, SIZE + PAGE, 1UL << 30, 1UL << 40, -1UL, 7, 9, 255,
	256, 257, 511, 64 * PAGE, -4096UL, 0xffff, 12, 20, 32, 100,
};

__u64 length(__u8 code)
{
	return lengths[code % ARRAY_SIZE(lengths)];
}

unsigned int width(__u8 code)
{
	static const unsigned char widths[] = { 4, 8, 2, 1, 3, 5, 16, 12 };

	return widths[code % ARRAY_SIZE(widths)];
}

static const __u64 bases[BASES] = {
	[BASE_MEMORY] = SCRATCH,
	[BASE_QUEUE] = 0,
	[BASE_BLOCK] = BLOCK,
	[BASE_END] = SIZE,
};

/*
 * Through a device the first are IOVAs, or what IOVAs are translated from; in a
 * process they are the memory's. Either way all are tried.
 */
__u64 afu_address(struct state *state, __u8 code)
{
	enum base base = code % 16;
	__u64 where = distance(code);

	switch (base) {
	case BASE_MEMORY:
	case BASE_QUEUE:
	case BASE_BLOCK:
	case BASE_END:
		return (uintptr_t)state->memory + bases[base] + where;
	case BASE_READ_ONLY:
		return (uintptr_t)state->read_only + where;
	case BASE_EA:
		return EA + where;
	case BASE_FAR:
		return EA + (1ULL << 40) + where;
	case BASE_KERNEL:
		return 0xffff888000000000 + where;
	case BASE_ZERO:
		return where;
	case BASE_LAST:
		return -(__u64)PAGE + where;
	default:
		return IOVA + (base - BASES) % 4 * SCRATCH + where;
	}
}

/* System calls store there: only where nothing of the fuzzer's own is. */
void *user_address(struct state *state, __u8 code)
{
	__u64 where = distance(code);

	switch (code % 16) {
	case 11:
		return state->read_only + where % PAGE;
	case 12:
		return NULL;
	case 13:
		return (void *)(0xffff888000000000 + where);
	case 14:
		return state->memory + SIZE - 8;
	case 15:
		return state->memory + SIZE + PAGE;
	default:
		return state->memory + SCRATCH + PAGE + where;
	}
}

void *place(struct state *state, __u8 code, const void *data, size_t size)
{
	unsigned char *there = user_address(state, code);

	if (there >= state->memory && there <= state->memory + SIZE - size)
		memcpy(there, data, size);
	return there;
}
