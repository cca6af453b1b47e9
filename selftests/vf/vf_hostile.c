// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: vf_hostile [SEED] [ROUNDS] does everything to the function that
 * a driver would not. It passes when guest and host survive, and the function
 * works once it is reset.
 *
 * What would be the end of the guest itself, and no news, is left out: messages
 * to its own CPUs, and BARs where QEMU cannot have them.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include <kselftest.h>

#include "vf.h"

#define HEADER_SIZE	64

/* A message to a CPU that there is not, as the table has it */
#define NOWHERE		0xfeefe000

/**
 * struct hostile - the state of it
 * @vf: the function
 * @header: of its configuration space, as it is to be
 * @config_size: how much of it there is
 * @express: where the PCI Express capability is
 * @msix: where the MSI-X capability is
 * @pe: the process element
 * @random: the generator's state
 * @accesses: how many were made that trap
 */
struct hostile {
	struct vf vf;
	__u32 header[HEADER_SIZE / 4];
	unsigned int config_size;
	unsigned int express;
	unsigned int msix;
	__u32 pe;
	__u64 random;
	unsigned long accesses;
};

/* xorshift */
static __u64 random64(struct hostile *h)
{
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return h->random;
}

static unsigned int below(struct hostile *h, unsigned int limit)
{
	return (random64(h) >> 16) % limit;
}

static __u64 pattern(struct hostile *h)
{
	switch (below(h, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << below(h, 64);
	case 3:
		return below(h, 8);
	case 4:
		return random64(h) % 0xffffffff;
	default:
		return random64(h);
	}
}

/* Accesses, counted */

static __u64 load(struct hostile *h, unsigned int bar, __u64 off,
		  unsigned int width)
{
	h->accesses++;
	return vf_load(&h->vf, bar, off, width);
}

static void store(struct hostile *h, unsigned int bar, __u64 off,
		  unsigned int width, __u64 value)
{
	h->accesses++;
	vf_store(&h->vf, bar, off, width, value);
}

static __u32 config_get(struct hostile *h, unsigned int off, unsigned int width)
{
	h->accesses++;
	return vf_config_get(&h->vf, off, width);
}

static void config_put(struct hostile *h, unsigned int off, unsigned int width,
		       __u32 value)
{
	h->accesses++;
	vf_config_put(&h->vf, off, width, value);
}

static void reg(struct hostile *h, unsigned int off, __u32 value)
{
	store(h, VF_REGISTERS, off, 4, value);
}

static void echo(struct hostile *h, unsigned int off, __u64 value)
{
	store(h, VF_PSA, off, 8, value);
}

/* A load and a store; where QEMU maps it, neither traps. */
static void poke_memory(struct hostile *h, __u64 off, unsigned int width)
{
	vf_load(&h->vf, VF_PSA, off, width);
	vf_store(&h->vf, VF_PSA, off, width, random64(h));
}

static void start(struct hostile *h)
{
	reg(h, CAPI_MDEV_REG_COMMAND, CAPI_MDEV_COMMAND_START);
}

/* The configuration as it was, MSI-X off, and the context reset */
static void restore(struct hostile *h)
{
	unsigned int i;

	config_put(h, PCI_COMMAND, 2, 0);
	for (i = PCI_BASE_ADDRESS_0 / 4; i <= PCI_BASE_ADDRESS_5 / 4; i++)
		config_put(h, 4 * i, 4, h->header[i]);
	config_put(h, h->msix + PCI_MSIX_FLAGS, 2, 0);
	config_put(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	reg(h, CAPI_MDEV_REG_COMMAND, CAPI_MDEV_COMMAND_RESET);
}

static void function_level_reset(struct hostile *h)
{
	config_put(h, h->express + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	poke_memory(h, VF_MEMORY, 8);
	config_put(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void mask_table(struct hostile *h)
{
	unsigned int irqs = vf_get(&h->vf, CAPI_MDEV_REG_IRQS);
	unsigned int i;

	for (i = 0; i <= irqs; i++)
		store(h, VF_MSIX, i * PCI_MSIX_ENTRY_SIZE +
		      PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		      PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* The parts */

/* Every offset, with every width */
static void sweep_bar(struct hostile *h, unsigned int bar, __u64 size)
{
	unsigned int width;
	__u64 off;

	for (off = 0; off < size; off++) {
		for (width = 1; width <= 8 && width <= size - off; width *= 2) {
			load(h, bar, off, width);
			store(h, bar, off, width, pattern(h));
		}
	}
}

static void sweep_registers(struct hostile *h)
{
	sweep_bar(h, VF_REGISTERS, h->vf.bars[VF_REGISTERS].size);
}

static void sweep_psa(struct hostile *h)
{
	start(h);
	sweep_bar(h, VF_PSA, VF_MEMORY);
}

static void sweep_table(struct hostile *h)
{
	sweep_bar(h, VF_MSIX, h->vf.bars[VF_MSIX].size);
	mask_table(h);
}

/* While it answers, and while it does not */
static void sweep_memory(struct hostile *h)
{
	unsigned int command, width;
	__u64 off;

	for (command = CAPI_MDEV_COMMAND_START;
	     command <= CAPI_MDEV_COMMAND_RESET; command++) {
		reg(h, CAPI_MDEV_REG_COMMAND, command);
		for (width = 1; width <= 8; width *= 2)
			for (off = VF_MEMORY;
			     off <= h->vf.bars[VF_PSA].size - 8; off++)
				poke_memory(h, off, width);
	}
}

static void poke_config(struct hostile *h, unsigned int off,
			unsigned int width, __u32 value)
{
	bool bar = off + width > PCI_BASE_ADDRESS_0 &&
		   off < PCI_BASE_ADDRESS_5 + 4;

	if (bar)
		config_put(h, PCI_COMMAND, 2, 0);
	config_put(h, off, width, value);
	config_get(h, off, width);
	if (bar)
		restore(h);
}

static void sweep_config(struct hostile *h)
{
	const __u32 values[] = { 0, ~0U, random64(h) };
	unsigned int off, i;

	for (off = 0; off < h->config_size; off++) {
		for (i = 0; i < 9; i++) {
			if (off + (1 << i / 3) <= h->config_size)
				poke_config(h, off, 1 << i / 3, values[i % 3]);
		}
	}
}

static void toggle_command(struct hostile *h)
{
	unsigned int i;

	for (i = 0; i < 500; i++) {
		config_put(h, PCI_COMMAND, 1 + below(h, 2), random64(h));
		load(h, 2 * below(h, 3), 4 * below(h, 16), 4);
		reg(h, 4 * below(h, 32), pattern(h));
		echo(h, 8 * below(h, 10), pattern(h));
		poke_memory(h, VF_MEMORY + 8 * below(h, 512), 8);
	}
}

static void flood(struct hostile *h)
{
	unsigned int i;

	start(h);
	echo(h, CAPI_ECHO_REG_PERIOD, 0);
	for (i = 0; i < 1000; i++) {
		echo(h, CAPI_ECHO_REG_SIZE, below(h, 40));
		echo(h, CAPI_ECHO_REG_EMIT, i % 2 ? ~0ULL : 1ULL << 32);
		echo(h, CAPI_ECHO_REG_IRQ, i % 8);
		echo(h, CAPI_ECHO_REG_FAULT, pattern(h));
		echo(h, CAPI_ECHO_REG_ERROR, pattern(h));
		if (i % 100 == 99)
			echo(h, CAPI_ECHO_REG_PERIOD, below(h, 3));
	}
}

/* One thing a driver does, at a time when none would */
static void step(struct hostile *h)
{
	__u32 token;

	switch (below(h, 13)) {
	case 0:
		reg(h, CAPI_MDEV_REG_EVENT_CONTROL, random64(h));
		break;
	case 1:
	case 2:
		reg(h, CAPI_MDEV_REG_EVENT_LOOK, random64(h));
		break;
	case 3:
		token = load(h, VF_REGISTERS, CAPI_MDEV_REG_EVENT_TOKEN, 4);
		reg(h, CAPI_MDEV_REG_EVENT_ACK, token);
		break;
	case 4:
		reg(h, CAPI_MDEV_REG_EVENT_ACK, pattern(h));
		break;
	case 5:
		reg(h, CAPI_MDEV_REG_COMMAND, below(h, 5));
		break;
	case 6:
		start(h);
		break;
	case 7:
		store(h, VF_REGISTERS, CAPI_MDEV_REG_WED, 8, pattern(h));
		break;
	case 8:
	case 9:
		echo(h, CAPI_ECHO_REG_PERIOD + 8 * below(h, 7), pattern(h));
		break;
	case 10:
		load(h, VF_REGISTERS, CAPI_MDEV_REG_EVENT_DATA + 8 * below(h, 512),
		     8);
		break;
	case 11:
		poke_memory(h, VF_MEMORY + 8 * below(h, 512), 8);
		break;
	default:
		if (!below(h, 8))
			function_level_reset(h);
	}
}

static void interleave(struct hostile *h)
{
	unsigned int i;

	for (i = 0; i < 8000; i++)
		step(h);
}

/* Garbage in the table, and messages that go nowhere */
static void garble_table(struct hostile *h)
{
	unsigned int i, entry;

	start(h);
	for (i = 0; i < 300; i++) {
		entry = below(h, 5) * PCI_MSIX_ENTRY_SIZE;
		store(h, VF_MSIX, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		      PCI_MSIX_ENTRY_CTRL_MASKBIT);
		store(h, VF_MSIX, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, NOWHERE);
		store(h, VF_MSIX, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
		store(h, VF_MSIX, entry + PCI_MSIX_ENTRY_DATA, 4,
		      0x20 + below(h, 0xd0));
		config_put(h, h->msix + PCI_MSIX_FLAGS, 2, random64(h));
		store(h, VF_MSIX, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		      random64(h));
		echo(h, CAPI_ECHO_REG_IRQ, below(h, 6));
		echo(h, CAPI_ECHO_REG_EMIT, 1);
		load(h, VF_MSIX, 8 * below(h, h->vf.bars[VF_MSIX].size / 8), 8);
	}
	mask_table(h);
}

/* Over RAM, over the machine's own registers, over one another, to nowhere */
static void move_bars(struct hostile *h)
{
	const __u64 places[] = {
		0, 0x1000, 0xa0000, 0xfec00000, 0xfed00000, 0xfee00000,
		0xffffe000, 0x100000000,
		h->header[PCI_BASE_ADDRESS_0 / 4] & ~0xfU,
		h->header[PCI_BASE_ADDRESS_2 / 4] & ~0xfU,
		h->header[PCI_BASE_ADDRESS_4 / 4] & ~0xfU,
	};
	unsigned int i, bar, off;

	start(h);
	for (i = 0; i < 3 * ARRAY_SIZE(places); i++) {
		bar = 2 * (i % 3);
		off = PCI_BASE_ADDRESS_0 + 4 * bar;
		config_put(h, off, 4, places[i / 3]);
		config_put(h, off + 4, 4, places[i / 3] >> 32);
		load(h, bar, 0, 4);
		store(h, bar, 0x18, 4, pattern(h));
		poke_memory(h, VF_MEMORY, 4);
		load(h, (bar + 2) % 6, 0, 8);
		if (i % 2)
			restore(h);
	}
}

/* The end */

static bool take(struct vf *vf, unsigned int type)
{
	union vf_event event;
	__u32 token = vf_look(vf, &event);

	vf_acknowledge(vf, token);
	return token && event.header.type == type;
}

/* What any driver may expect after a reset */
static bool works(struct hostile *h)
{
	struct vf *vf = &h->vf;

	if (vf_get(vf, CAPI_MDEV_REG_ID) != CAPI_MDEV_ID ||
	    vf_get(vf, CAPI_MDEV_REG_STATE) != CAPI_MDEV_STATE_OPENED ||
	    vf_get(vf, CAPI_MDEV_REG_PE) != h->pe ||
	    vf_config_get(vf, PCI_VENDOR_ID, 2) != CAPI_ECHO_VENDOR)
		return false;
	vf_window(vf, true);
	if (vf_start(vf, h->random) ||
	    vf_echo_get(vf, CAPI_ECHO_REG_WED) != h->random ||
	    vf_echo_get(vf, CAPI_ECHO_REG_DUE))
		return false;
	vf_echo_put(vf, CAPI_ECHO_REG_ERROR, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_FAULT, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 1);
	return take(vf, CXL_EVENT_AFU_DRIVER) &&
	       take(vf, CXL_EVENT_AFU_INTERRUPT) &&
	       take(vf, CXL_EVENT_DATA_STORAGE) &&
	       take(vf, CXL_EVENT_AFU_ERROR) &&
	       !vf_get(vf, CAPI_MDEV_REG_EVENT_STATUS) &&
	       !vf_command(vf, CAPI_MDEV_COMMAND_RESET);
}

static const struct {
	const char *name;
	void (*run)(struct hostile *h);
} parts[] = {
	{ "registers", sweep_registers },
	{ "problem state area", sweep_psa },
	{ "its memory", sweep_memory },
	{ "MSI-X table", sweep_table },
	{ "configuration space", sweep_config },
	{ "command register", toggle_command },
	{ "floods", flood },
	{ "commands in any order", interleave },
	{ "messages", garble_table },
	{ "BARs moved", move_bars },
};

static void init(struct hostile *h, __u64 seed)
{
	unsigned int i;

	if (vf_open(&h->vf))
		exit(1);
	/* The generator stays at 0. */
	h->random = seed ?: 1;
	for (i = 0; i < HEADER_SIZE / 4; i++)
		h->header[i] = vf_config_get(&h->vf, 4 * i, 4);
	h->config_size = vf_config_get(&h->vf, PCI_CFG_SPACE_SIZE, 4) == ~0U ?
			 PCI_CFG_SPACE_SIZE : PCI_CFG_SPACE_EXP_SIZE;
	h->express = vf_find_cap(&h->vf, PCI_CAP_ID_EXP);
	h->msix = vf_find_cap(&h->vf, PCI_CAP_ID_MSIX);
	h->pe = vf_get(&h->vf, CAPI_MDEV_REG_PE);
	if (!h->express || !h->msix)
		errx(1, "capabilities are missing");
	restore(h);
	mask_table(h);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? atoi(argv[2]) : 1;
	__u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	static struct hostile h;
	unsigned int i;

	ksft_print_header();
	init(&h, seed);
	ksft_print_msg("seed %llu\n", seed);
	ksft_set_plan(rounds * ARRAY_SIZE(parts) + 1);
	while (rounds--) {
		for (i = 0; i < ARRAY_SIZE(parts); i++) {
			parts[i].run(&h);
			restore(&h);
			ksft_test_result(works(&h), "%s\n", parts[i].name);
		}
	}
	ksft_print_msg("%lu accesses that trap\n", h.accesses);
	ksft_test_result(!vf_write(&h.vf, "reset", "1") && works(&h),
			 "function level reset\n");
	ksft_finished();
}
