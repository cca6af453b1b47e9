// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of the device: what a guest, and who has the guest, may store to them.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <misc/capi_echo.h>

#include "state.h"

#define REGIONS	12

/* A region's offsets that mean something, then any */
static const __u16 offsets[] = {
	CAPI_MDEV_REG_COMMAND, CAPI_MDEV_REG_WED, CAPI_MDEV_REG_EVENT_CONTROL,
	CAPI_MDEV_REG_EVENT_LOOK, CAPI_MDEV_REG_EVENT_TOKEN,
	CAPI_MDEV_REG_EVENT_ACK, CAPI_MDEV_REG_EVENT_DATA,
	CAPI_MDEV_REG_TRANSLATION, CAPI_MDEV_REG_TRANSLATION_ANSWER,
	CAPI_MDEV_REG_INVALIDATE, CAPI_MDEV_REG_STATE, CAPI_MDEV_REG_ID,
	CAPI_MDEV_REG_RESULT, CAPI_MDEV_REG_WED + 4,
	CAPI_MDEV_REG_TRANSLATION + 4, CAPI_MDEV_REG_INVALIDATE + 4,
	CAPI_MDEV_REG_PE, CAPI_MDEV_REG_ABI, CAPI_MDEV_REG_EVENT_STATUS,
	CAPI_MDEV_REG_EVENT_STALE, CAPI_MDEV_BAR0_SIZE - 8,
	CAPI_MDEV_BAR0_SIZE - 4, CAPI_MDEV_BAR0_SIZE - 1,
	CAPI_MDEV_BAR0_SIZE, 0xff8, 0xfff, 0x1001, 0x1ffc, 0x800,
};

static __u64 offset(__u8 code)
{
	if (code < ARRAY_SIZE(offsets))
		return offsets[code];
	if (code >= 240)
		return value(code - 200);
	return (code - ARRAY_SIZE(offsets)) * 4 + (code >= 200 ? code % 4 : 0);
}

static off_t position(__u8 region, __u64 off)
{
	return ((__u64)region << 40) + off;
}

/* Reads of any size, to anywhere */
static bool load(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	size_t size = arg[3] < 24 ? width(arg[3]) : length(arg[3] - 12);

	if (!d)
		return false;
	/* What is longer than a region is cut off, in the end. */
	if (size > SIZE / 2)
		size = SIZE / 2;
	pread(d->vfio.device, user_address(state, arg[4]), size,
	      position(arg[1], offset(arg[2])));
	return true;
}

static bool store(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	__u64 data[2] = { value(arg[4]), value(arg[4]) };

	if (!d)
		return false;
	pwrite(d->vfio.device, data, width(arg[3]),
	       position(arg[1], offset(arg[2])));
	return true;
}

/* From anywhere, in large pieces */
static bool store_many(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	size_t size = length(arg[3]);

	if (!d)
		return false;
	pwrite(d->vfio.device, user_address(state, arg[4]),
	       size > 256 ? 256 : size, position(arg[1], offset(arg[2])));
	return true;
}

/* What is stored to the registers usually */

static void bar0_put(struct device *d, unsigned int reg, unsigned int size,
		     __u64 data)
{
	capi_vfio_put(&d->vfio, VFIO_PCI_BAR0_REGION_INDEX, reg, size, data);
}

static bool command(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (d)
		bar0_put(d, CAPI_MDEV_REG_COMMAND, 4, value(arg[1]));
	return d;
}

static const __u64 weds[] = {
	IOVA | 2, EA | 2, 0, IOVA | 1, IOVA | 3, (IOVA + PAGE) | 2, EA | 0xfff,
	IOVA + 0xfff, (IOVA + SIZE) | 2, ~0ULL, 2, (IOVA + SIZE - PAGE) | 100,
};

/* With memory, unless what is mapped was chosen, and with translation or not */
static bool start(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	if (arg[2])
		bar0_put(d, CAPI_MDEV_REG_TRANSLATION, 8,
			 arg[2] == 1 ? IOVA + BLOCK : value(arg[2]));
	if (!d->dma_used && arg[1] % 4 < 3)
		map_all(state, d);
	memset(state->memory, 0, PAGE);
	d->next = 0;
	bar0_put(d, CAPI_MDEV_REG_WED, 8, weds[arg[1] % ARRAY_SIZE(weds)]);
	bar0_put(d, CAPI_MDEV_REG_COMMAND, 4, CAPI_MDEV_COMMAND_START);
	return true;
}

static bool window(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (d)
		bar0_put(d, CAPI_MDEV_REG_EVENT_CONTROL, 4, arg[1] ^ 1);
	return d;
}

/* Looks, and acknowledges what it sees, or something else. */
static bool look(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	__u32 token;

	if (!d)
		return false;
	bar0_put(d, CAPI_MDEV_REG_EVENT_LOOK, 4, 1);
	token = capi_vfio_get(&d->vfio, VFIO_PCI_BAR0_REGION_INDEX,
			      CAPI_MDEV_REG_EVENT_TOKEN, 4);
	if (arg[1] < 2)
		bar0_put(d, CAPI_MDEV_REG_EVENT_ACK, 4, token + arg[1]);
	return true;
}

static bool invalidate(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (d)
		bar0_put(d, CAPI_MDEV_REG_INVALIDATE, 8,
			 arg[1] ? EA + arg[1] / 4 * PAGE + arg[2] : arg[2]);
	return d;
}

/* The driver's answer to a request: a good one, or bad in one way */
static bool answer(struct state *state, const __u8 *arg)
{
	struct capi_mdev_translation *block = (void *)(state->memory + BLOCK);
	struct device *d = device(state, arg[0]);
	unsigned int i, pages = 1 + arg[2];

	if (!d)
		return false;
	block->answer_pe = block->pe;
	block->answer_flags = arg[1] == 1;
	block->answer_address = block->address & -PAGE;
	block->answer_pages = pages;
	for (i = 0; i < pages; i++)
		block->entry[i] = (IOVA + ((block->address - EA) & (SIZE - 1) &
					   -PAGE) + i * PAGE) |
				  (arg[3] % 4 ^ 3);
	if (arg[1] >= 2)
		((__u64 *)block)[4 + arg[1]] = value(arg[3]);
	bar0_put(d, CAPI_MDEV_REG_TRANSLATION_ANSWER, 4,
		 block->token + (arg[1] == 15));
	return true;
}

/* Registers of the echo AFU, or whatever is there in the memcpy AFU */
static bool psa(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (d)
		capi_vfio_put(&d->vfio, VFIO_PCI_BAR2_REGION_INDEX,
			      arg[1] * 8, arg[2] ? 4 : 8, value(arg[3]));
	return d;
}

static bool config(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	__u64 data = value(arg[3]);

	if (d)
		pwrite(d->vfio.device, &data, width(arg[2]),
		       position(VFIO_PCI_CONFIG_REGION_INDEX, arg[1]));
	return d;
}

static bool enable(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (d)
		capi_vfio_put(&d->vfio, VFIO_PCI_CONFIG_REGION_INDEX, 4, 2,
			      arg[1] ^ 6);
	return d;
}

/* Mappings */

static bool mmap_op(struct state *state, const __u8 *arg)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	struct device *d = device(state, arg[0]);
	size_t size = PAGE << arg[3];

	if (!d)
		return false;
	keep_mapping(state, arg[1],
		     mmap(NULL, size, prots[arg[4] % ARRAY_SIZE(prots)],
			  arg[4] & 4 ? MAP_PRIVATE : MAP_SHARED, d->vfio.device,
			  position(arg[2] < 8 ? VFIO_PCI_BAR2_REGION_INDEX :
				   arg[2] - 8, arg[2] % 4 * PAGE)), size);
	return true;
}

const struct op_kind bars_ops[] = {
	{ "load", 480, { DEVICES, REGIONS, ALL, 32, 16 }, load },
	{ "store", 600, { DEVICES, REGIONS, ALL, 8, ALL }, store },
	{ "store_many", 120, { DEVICES, REGIONS, ALL, 32, 16 }, store_many },
	{ "command", 200, { DEVICES, ALL }, command },
	{ "start", 480, { DEVICES, 12, 16 }, start },
	{ "window", 200, { DEVICES, 8 }, window },
	{ "look", 400, { DEVICES, 3 }, look },
	{ "invalidate", 160, { DEVICES, ALL, 64 }, invalidate },
	{ "answer", 400, { DEVICES, 16, 32, ALL }, answer },
	{ "psa", 800, { DEVICES, 10, 2, ALL }, psa },
	{ "config", 280, { DEVICES, ALL, 8, ALL }, config },
	{ "enable", 80, { DEVICES, 8 }, enable },
	{ "mmap", 160, { DEVICES, MAPPINGS, 20, 4, 8 }, mmap_op },
	{ }
};
