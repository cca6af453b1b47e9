// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: what is there, which bits can be written, and what
 * follows from them.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include "mdev.h"

/**
 * struct config_test - a device, and what it made of its registers
 * @m: the device
 * @desc: of its AFU
 * @memory: memory space is enabled
 * @interrupts: messages may leave
 * @dma: the AFU may use memory
 * @resets: how often the function was reset
 */
struct config_test {
	struct capi_mdev m;
	struct capi_afu_desc desc;
	bool memory;
	bool interrupts;
	bool dma;
	unsigned int resets;
};

static struct config_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static void test_psa_allow(struct cxl_context *ctx, bool allow)
{
	this_test()->memory = allow;
}

static void test_irqs_allow(struct capi_mdev *m, bool may_send)
{
	this_test()->interrupts = may_send;
}

static void test_dma_allow(struct capi_mdev *m, bool allow)
{
	this_test()->dma = allow;
}

static int test_reset(struct capi_mdev *m)
{
	this_test()->resets++;
	return 0;
}

#define capi_psa_allow test_psa_allow
#define capi_mdev_irqs_allow test_irqs_allow
#define capi_mdev_dma_allow test_dma_allow
#define capi_mdev_reset test_reset
#include "config.c"

#define IRQS		4
#define PSA_SIZE	SZ_64K

static int config_init(struct kunit *test)
{
	struct config_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->desc.device = 0x4350;
	t->desc.psa_size = PSA_SIZE;
	t->m.desc = &t->desc;
	t->m.irqs.nr_msix = 1 + IRQS;
	t->m.irqs.max_msix = 1 + IRQS;
	test->priv = t;
	capi_mdev_config_reset(&t->m);
	return 0;
}

static u32 load(struct config_test *t, unsigned int off, unsigned int width)
{
	u32 value = 0;

	config_read(&t->m, off, (u8 *)&value, width);
	return value;
}

static void store(struct config_test *t, unsigned int off, unsigned int width,
		  u32 value)
{
	config_write(&t->m, off, (u8 *)&value, width);
}

static void power_on(struct kunit *test)
{
	struct config_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, load(t, PCI_VENDOR_ID, 2), 0x1014);
	KUNIT_EXPECT_EQ(test, load(t, PCI_DEVICE_ID, 2), 0x4350);
	KUNIT_EXPECT_EQ(test, load(t, PCI_COMMAND, 2), 0);
	KUNIT_EXPECT_EQ(test, load(t, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	KUNIT_EXPECT_EQ(test, load(t, PCI_CLASS_REVISION, 4), 0x12000001);
	KUNIT_EXPECT_EQ(test, load(t, PCI_HEADER_TYPE, 1), 0);
	KUNIT_EXPECT_EQ(test, load(t, PCI_SUBSYSTEM_VENDOR_ID, 4),
			CAPI_MDEV_SUBSYSTEM << 16 | 0x1014);
	KUNIT_EXPECT_EQ(test, load(t, PCI_ROM_ADDRESS, 4), 0);
	KUNIT_EXPECT_EQ(test, load(t, PCI_INTERRUPT_PIN, 1), 0);
	KUNIT_EXPECT_FALSE(test, t->memory);
	KUNIT_EXPECT_FALSE(test, t->interrupts);
	KUNIT_EXPECT_FALSE(test, t->dma);
}

static void capabilities(struct kunit *test)
{
	struct config_test *t = test->priv;
	unsigned int cap = load(t, PCI_CAPABILITY_LIST, 1), table;

	KUNIT_ASSERT_EQ(test, load(t, cap, 1), PCI_CAP_ID_EXP);
	KUNIT_EXPECT_EQ(test, load(t, cap + PCI_EXP_DEVCAP, 4) &
			PCI_EXP_DEVCAP_FLR, PCI_EXP_DEVCAP_FLR);
	cap = load(t, cap + 1, 1);
	KUNIT_ASSERT_EQ(test, load(t, cap, 1), PCI_CAP_ID_MSIX);
	KUNIT_EXPECT_EQ(test, load(t, cap + PCI_MSIX_FLAGS, 2), IRQS);
	table = load(t, cap + PCI_MSIX_TABLE, 4);
	KUNIT_EXPECT_EQ(test, table, 4);
	KUNIT_EXPECT_EQ(test, load(t, cap + PCI_MSIX_PBA, 4),
			SZ_4K | VFIO_PCI_BAR4_REGION_INDEX);
	KUNIT_EXPECT_EQ(test, load(t, cap + 1, 1), 0);
}

/* The bits of the byte at @off that software can change; see the PCI spec. */
static u8 writable(unsigned int off)
{
	static const struct {
		u16 off;
		u8 mask;
	} bits[] = {
		/* memory, bus master, parity; SERR, INTx disable */
		{ 0x04, 0x46 }, { 0x05, 0x05 },
		{ 0x0c, 0xff }, { 0x3c, 0xff },
		/* BAR0: 8 KiB */
		{ 0x11, 0xe0 }, { 0x12, 0xff }, { 0x13, 0xff },
		{ 0x14, 0xff }, { 0x15, 0xff }, { 0x16, 0xff }, { 0x17, 0xff },
		/* BAR2: 64 KiB */
		{ 0x1a, 0xff }, { 0x1b, 0xff },
		{ 0x1c, 0xff }, { 0x1d, 0xff }, { 0x1e, 0xff }, { 0x1f, 0xff },
		/* BAR4: 8 KiB */
		{ 0x21, 0xe0 }, { 0x22, 0xff }, { 0x23, 0xff },
		{ 0x24, 0xff }, { 0x25, 0xff }, { 0x26, 0xff }, { 0x27, 0xff },
		/* device control, but for payload size, tags, phantom, reset */
		{ 0x48, 0x1f }, { 0x49, 0x78 },
		/* the function mask */
		{ 0x83, 0x40 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].off == off)
			return bits[i].mask;
	return 0;
}

/* Ones, then zeroes, then back, to each byte there is */
static void read_only_bits(struct kunit *test)
{
	struct config_test *t = test->priv;
	unsigned int off;
	u8 before, mask;

	for (off = 0; off < CAPI_MDEV_CONFIG_SIZE; off++) {
		before = load(t, off, 1);
		mask = writable(off);
		store(t, off, 1, 0xff);
		KUNIT_EXPECT_EQ_MSG(test, load(t, off, 1), before | mask,
				    "ones at 0x%x", off);
		store(t, off, 1, 0);
		KUNIT_EXPECT_EQ_MSG(test, load(t, off, 1), before & ~mask,
				    "zeroes at 0x%x", off);
		store(t, off, 1, before);
		KUNIT_EXPECT_EQ_MSG(test, load(t, off, 1), before,
				    "what was at 0x%x", off);
	}
	KUNIT_EXPECT_EQ(test, t->resets, 1);
}

static void bar_sizes(struct kunit *test)
{
	static const u64 sizes[] = { SZ_8K, PSA_SIZE, SZ_8K };
	struct config_test *t = test->priv;
	unsigned int i, off;
	u64 bar;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		off = PCI_BASE_ADDRESS_0 + 8 * i;
		store(t, off, 4, ~0U);
		store(t, off + 4, 4, ~0U);
		bar = load(t, off, 4) | (u64)load(t, off + 4, 4) << 32;
		KUNIT_EXPECT_EQ(test, bar & 0xf, PCI_BASE_ADDRESS_MEM_TYPE_64);
		KUNIT_EXPECT_EQ(test, ~(bar & PCI_BASE_ADDRESS_MEM_MASK) + 1,
				sizes[i]);
	}

	/* One that does not fit into 32 bits */
	t->desc.psa_size = 1ULL << 34;
	capi_mdev_config_reset(&t->m);
	store(t, PCI_BASE_ADDRESS_2, 4, ~0U);
	store(t, PCI_BASE_ADDRESS_3, 4, ~0U);
	KUNIT_EXPECT_EQ(test, load(t, PCI_BASE_ADDRESS_3, 4), 0xfffffffc);
}

/* More vectors need a larger table, and BAR4 with it. */
static void msix_sizes(struct kunit *test)
{
	struct config_test *t = test->priv;
	static const struct {
		unsigned int vectors;
		u32 pba;
		u32 bar;
	} sizes[] = {
		{ 1, SZ_4K, SZ_8K },
		{ 256, SZ_4K, SZ_8K },
		{ 257, SZ_8K, SZ_16K },
		{ 2038, SZ_32K, SZ_64K },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		t->m.irqs.nr_msix = sizes[i].vectors;
		capi_mdev_config_reset(&t->m);
		KUNIT_EXPECT_EQ(test, load(t, MSIX_CAP + PCI_MSIX_FLAGS, 2),
				sizes[i].vectors - 1);
		KUNIT_EXPECT_EQ(test, load(t, MSIX_CAP + PCI_MSIX_PBA, 4),
				sizes[i].pba | VFIO_PCI_BAR4_REGION_INDEX);
		store(t, PCI_BASE_ADDRESS_4, 4, ~0U);
		KUNIT_EXPECT_EQ(test, -(load(t, PCI_BASE_ADDRESS_4, 4) & ~0xf),
				sizes[i].bar);
	}
}

static void what_follows(struct kunit *test)
{
	struct config_test *t = test->priv;

	store(t, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	KUNIT_EXPECT_TRUE(test, capi_mdev_memory_enabled(&t->m));
	KUNIT_EXPECT_TRUE(test, t->memory);
	KUNIT_EXPECT_FALSE(test, t->interrupts);
	KUNIT_EXPECT_FALSE(test, t->dma);

	store(t, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_FALSE(test, capi_mdev_memory_enabled(&t->m));
	KUNIT_EXPECT_FALSE(test, t->memory);
	KUNIT_EXPECT_TRUE(test, t->interrupts);
	KUNIT_EXPECT_TRUE(test, t->dma);

	store(t, MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_MASKALL);
	KUNIT_EXPECT_FALSE(test, t->interrupts);
	KUNIT_EXPECT_TRUE(test, t->dma);
	store(t, MSIX_CAP + PCI_MSIX_FLAGS, 2, 0);
	KUNIT_EXPECT_TRUE(test, t->interrupts);
	KUNIT_EXPECT_EQ(test, t->resets, 0);
}

/* Enabling MSI-X is VFIO's: a store does not, and a reset does not undo it. */
static void msix_enable(struct kunit *test)
{
	struct config_test *t = test->priv;
	const unsigned int flags = MSIX_CAP + PCI_MSIX_FLAGS;

	store(t, flags, 2, PCI_MSIX_FLAGS_ENABLE);
	KUNIT_EXPECT_EQ(test, load(t, flags, 2), IRQS);
	capi_mdev_config_set_msix(&t->m, true);
	KUNIT_EXPECT_EQ(test, load(t, flags, 2), IRQS | PCI_MSIX_FLAGS_ENABLE);
	store(t, flags, 2, PCI_MSIX_FLAGS_MASKALL);
	capi_mdev_config_reset(&t->m);
	KUNIT_EXPECT_EQ(test, load(t, flags, 2), IRQS | PCI_MSIX_FLAGS_ENABLE);
	capi_mdev_config_set_msix(&t->m, false);
	KUNIT_EXPECT_EQ(test, load(t, flags, 2), IRQS);
}

/* The bit that asks for a reset, in whatever access it comes; none beside it */
static void function_reset(struct kunit *test)
{
	struct config_test *t = test->priv;
	const unsigned int control = PCIE_CAP + PCI_EXP_DEVCTL;
	static const u8 whole[8] = { [5] = 0x80 };

	store(t, control, 2, PCI_EXP_DEVCTL_BCR_FLR);
	KUNIT_EXPECT_EQ(test, t->resets, 1);
	store(t, control + 1, 1, 0x80);
	KUNIT_EXPECT_EQ(test, t->resets, 2);
	store(t, control, 4, PCI_EXP_DEVCTL_BCR_FLR);
	KUNIT_EXPECT_EQ(test, t->resets, 3);
	config_write(&t->m, control - 4, whole, sizeof(whole));
	KUNIT_EXPECT_EQ(test, t->resets, 4);

	store(t, control, 2, (u16)~PCI_EXP_DEVCTL_BCR_FLR);
	KUNIT_EXPECT_EQ(test, load(t, control, 2), DEVCTL_WRITABLE);
	store(t, control, 1, 0x80);
	store(t, control + 2, 2, 0x8080);
	store(t, control - 4, 4, 0x80808080);
	KUNIT_EXPECT_EQ(test, t->resets, 4);
}

static struct kunit_case config_cases[] = {
	KUNIT_CASE(power_on),
	KUNIT_CASE(capabilities),
	KUNIT_CASE(read_only_bits),
	KUNIT_CASE(bar_sizes),
	KUNIT_CASE(msix_sizes),
	KUNIT_CASE(what_follows),
	KUNIT_CASE(msix_enable),
	KUNIT_CASE(function_reset),
	{}
};

static struct kunit_suite config_suite = {
	.name = "mdev_config",
	.init = config_init,
	.test_cases = config_cases,
};

kunit_test_suite(config_suite);
