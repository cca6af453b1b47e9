// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: every byte behaves as a device's would.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define CONFIG_SIZE	4096
#define MAX_CAPS	48

FIXTURE(vfio_config) {
	struct mdev mdev;
	struct capi_vfio *vfio;
};

FIXTURE_SETUP(vfio_config)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	self->vfio = &self->mdev.vfio;
}

FIXTURE_TEARDOWN(vfio_config)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

static __u32 get(struct capi_vfio *vfio, unsigned int off, unsigned int width)
{
	return capi_vfio_get(vfio, VFIO_PCI_CONFIG_REGION_INDEX, off, width);
}

static int put(struct capi_vfio *vfio, unsigned int off, unsigned int width,
	       __u32 value)
{
	return capi_vfio_put(vfio, VFIO_PCI_CONFIG_REGION_INDEX, off, width,
			     value);
}

/* Where the capability is, 0 if there is none, or -1 if the chain is broken */
static int find_cap(struct capi_vfio *vfio, unsigned int id)
{
	unsigned int off = get(vfio, PCI_CAPABILITY_LIST, 1);
	int i;

	for (i = 0; i < MAX_CAPS && off; i++) {
		if (off < PCI_STD_HEADER_SIZEOF || off % 4)
			return -1;
		if (get(vfio, off, 1) == id)
			return off;
		off = get(vfio, off + 1, 1);
	}
	return off ? -1 : 0;
}

TEST_F(vfio_config, identity)
{
	__u32 afu = bar0_get(&self->mdev, CAPI_MDEV_REG_AFU_ID, 4);

	EXPECT_EQ(CAPI_ECHO_VENDOR, get(self->vfio, PCI_VENDOR_ID, 2));
	EXPECT_EQ(CAPI_ECHO_DEVICE, get(self->vfio, PCI_DEVICE_ID, 2));
	EXPECT_EQ(CAPI_ECHO_DEVICE << 16 | CAPI_ECHO_VENDOR, afu);
	/* Drivers tell the VF from the AFU's own function by this. */
	EXPECT_EQ(CAPI_ECHO_VENDOR,
		  get(self->vfio, PCI_SUBSYSTEM_VENDOR_ID, 2));
	EXPECT_EQ(CAPI_MDEV_SUBSYSTEM, get(self->vfio, PCI_SUBSYSTEM_ID, 2));
	EXPECT_EQ(0x1200, get(self->vfio, PCI_CLASS_DEVICE, 2));
	EXPECT_EQ(PCI_HEADER_TYPE_NORMAL, get(self->vfio, PCI_HEADER_TYPE, 1));
	EXPECT_TRUE(get(self->vfio, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	EXPECT_EQ(0, get(self->vfio, PCI_INTERRUPT_PIN, 1));
}

/* Bits that only the device sets, whoever writes what */
TEST_F(vfio_config, read_only)
{
	static const struct {
		unsigned int off;
		unsigned int width;
	} fields[] = {
		{ PCI_VENDOR_ID, 4 }, { PCI_STATUS, 2 }, { PCI_REVISION_ID, 4 },
		{ PCI_HEADER_TYPE, 1 }, { PCI_BIST, 1 },
		{ PCI_BASE_ADDRESS_1, 4 }, { PCI_BASE_ADDRESS_3, 4 },
		{ PCI_BASE_ADDRESS_5, 4 }, { PCI_CARDBUS_CIS, 4 },
		{ PCI_SUBSYSTEM_VENDOR_ID, 4 }, { PCI_ROM_ADDRESS, 4 },
		{ PCI_CAPABILITY_LIST, 4 }, { 0x38, 4 },
		{ PCI_INTERRUPT_PIN, 1 }, { PCI_MIN_GNT, 2 }, { 0x100, 4 },
		{ 0xffc, 4 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		__u32 before = get(self->vfio, fields[i].off, fields[i].width);
		bool high = fields[i].off >= PCI_BASE_ADDRESS_1 &&
			    fields[i].off <= PCI_BASE_ADDRESS_5 &&
			    get(self->vfio, fields[i].off - 4, 4) &
			    PCI_BASE_ADDRESS_MEM_TYPE_64;

		if (high)
			continue;
		ASSERT_EQ(0, put(self->vfio, fields[i].off, fields[i].width, ~0));
		EXPECT_EQ(before, get(self->vfio, fields[i].off,
				      fields[i].width)) {
			TH_LOG("offset 0x%x", fields[i].off);
		}
		ASSERT_EQ(0, put(self->vfio, fields[i].off, fields[i].width, 0));
		EXPECT_EQ(before, get(self->vfio, fields[i].off,
				      fields[i].width));
	}
}

TEST_F(vfio_config, command)
{
	__u32 command;

	ASSERT_EQ(0, put(self->vfio, PCI_COMMAND, 2, 0xffff));
	command = get(self->vfio, PCI_COMMAND, 2);
	EXPECT_TRUE(command & PCI_COMMAND_MEMORY);
	EXPECT_TRUE(command & PCI_COMMAND_MASTER);
	/* There are neither I/O BARs nor reserved bits. */
	EXPECT_FALSE(command & PCI_COMMAND_IO);
	EXPECT_FALSE(command & 0xf800);

	/* By the byte as well */
	ASSERT_EQ(0, put(self->vfio, PCI_COMMAND, 1, PCI_COMMAND_MASTER));
	EXPECT_EQ(PCI_COMMAND_MASTER, get(self->vfio, PCI_COMMAND, 1));
	ASSERT_EQ(0, put(self->vfio, PCI_COMMAND, 2, 0));
	EXPECT_EQ(0, get(self->vfio, PCI_COMMAND, 2));
}

/* The size that a BAR says it has, the way an operating system asks */
static __u64 bar_size(struct capi_vfio *vfio, unsigned int off)
{
	__u32 old = get(vfio, off, 4);
	bool wide = old & PCI_BASE_ADDRESS_MEM_TYPE_64;
	__u32 old_high = wide ? get(vfio, off + 4, 4) : 0;
	__u64 mask;

	put(vfio, off, 4, ~0);
	mask = get(vfio, off, 4) & PCI_BASE_ADDRESS_MEM_MASK;
	if (wide) {
		put(vfio, off + 4, 4, ~0);
		mask |= (__u64)get(vfio, off + 4, 4) << 32;
		put(vfio, off + 4, 4, old_high);
	} else {
		mask |= 0xffffffffULL << 32;
	}
	put(vfio, off, 4, old);
	return ~mask + 1;
}

TEST_F(vfio_config, bars)
{
	unsigned int i;

	for (i = VFIO_PCI_BAR0_REGION_INDEX; i <= VFIO_PCI_BAR4_REGION_INDEX;
	     i += 2) {
		unsigned int off = PCI_BASE_ADDRESS_0 + 4 * i;
		__u32 flags = get(self->vfio, off, 4) & ~PCI_BASE_ADDRESS_MEM_MASK;

		EXPECT_EQ(0, flags & PCI_BASE_ADDRESS_SPACE_IO);
		EXPECT_EQ(self->vfio->regions[i].size,
			  bar_size(self->vfio, off)) {
			TH_LOG("BAR %u", i);
		}

		/* An address written stays, the flags with it. */
		ASSERT_EQ(0, put(self->vfio, off, 4, 0xe0000000 | ~flags % 16));
		EXPECT_EQ(0xe0000000 | flags, get(self->vfio, off, 4));
		ASSERT_EQ(0, put(self->vfio, off + 2, 1, 0x10));
		EXPECT_EQ(0xe0100000 | flags, get(self->vfio, off, 4));
	}
}

TEST_F(vfio_config, reads_of_any_size)
{
	unsigned char whole[CONFIG_SIZE];
	unsigned int i;

	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				    whole, sizeof(whole)));
	for (i = 0; i < CONFIG_SIZE; i++)
		ASSERT_EQ(whole[i], get(self->vfio, i, 1));
	for (i = 0; i < CONFIG_SIZE - 4; i += 3)
		ASSERT_EQ(whole[i] | whole[i + 1] << 8 | whole[i + 2] << 16 |
			  (__u32)whole[i + 3] << 24, get(self->vfio, i, 4));
}

/* Writing anything anywhere breaks neither the identity nor the chain. */
TEST_F(vfio_config, writes_everywhere)
{
	unsigned int i;

	for (i = 0; i < CONFIG_SIZE; i++) {
		ASSERT_EQ(0, put(self->vfio, i, 1, 0xff));
		ASSERT_EQ(0, put(self->vfio, i, 1, 0x00));
	}
	EXPECT_EQ(CAPI_ECHO_VENDOR, get(self->vfio, PCI_VENDOR_ID, 2));
	EXPECT_EQ(CAPI_ECHO_DEVICE, get(self->vfio, PCI_DEVICE_ID, 2));
	EXPECT_GT(find_cap(self->vfio, PCI_CAP_ID_EXP), 0);
	EXPECT_GT(find_cap(self->vfio, PCI_CAP_ID_MSIX), 0);
	EXPECT_EQ(0, find_cap(self->vfio, 0xfe));
	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	EXPECT_EQ(0, capi_vfio_start(self->vfio, 0));
}

TEST_F(vfio_config, pci_express)
{
	int cap = find_cap(self->vfio, PCI_CAP_ID_EXP);
	__u32 flags;

	ASSERT_GT(cap, 0);
	flags = get(self->vfio, cap + PCI_EXP_FLAGS, 2);
	EXPECT_EQ(2, flags & PCI_EXP_FLAGS_VERS);
	EXPECT_EQ(PCI_EXP_TYPE_ENDPOINT, (flags & PCI_EXP_FLAGS_TYPE) >> 4);
	EXPECT_TRUE(get(self->vfio, cap + PCI_EXP_DEVCAP, 4) &
		    PCI_EXP_DEVCAP_FLR);
}

TEST_F(vfio_config, msix)
{
	__u64 size = self->vfio->regions[VFIO_PCI_BAR4_REGION_INDEX].size;
	int cap = find_cap(self->vfio, PCI_CAP_ID_MSIX);
	__u32 control, table, pba, vectors;

	ASSERT_GT(cap, 0);
	control = get(self->vfio, cap + PCI_MSIX_FLAGS, 2);
	table = get(self->vfio, cap + PCI_MSIX_TABLE, 4);
	pba = get(self->vfio, cap + PCI_MSIX_PBA, 4);

	EXPECT_EQ(0, control & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
	vectors = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
	EXPECT_EQ(1 + bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4), vectors);

	EXPECT_EQ(4, table & PCI_MSIX_TABLE_BIR);
	EXPECT_EQ(4, pba & PCI_MSIX_PBA_BIR);
	table &= PCI_MSIX_TABLE_OFFSET;
	pba &= PCI_MSIX_PBA_OFFSET;
	EXPECT_LE(table + vectors * PCI_MSIX_ENTRY_SIZE, size);
	EXPECT_LE(pba + (vectors + 63) / 64 * 8, size);
	EXPECT_TRUE(table >= pba + (vectors + 63) / 64 * 8 ||
		    pba >= table + vectors * PCI_MSIX_ENTRY_SIZE);

	ASSERT_EQ(0, put(self->vfio, cap + PCI_MSIX_FLAGS, 2,
			 PCI_MSIX_FLAGS_MASKALL | PCI_MSIX_FLAGS_QSIZE));
	EXPECT_EQ(control | PCI_MSIX_FLAGS_MASKALL,
		  get(self->vfio, cap + PCI_MSIX_FLAGS, 2));
}

/* Function level reset, as an operating system does it */
TEST_F(vfio_config, function_level_reset)
{
	int exp = find_cap(self->vfio, PCI_CAP_ID_EXP);
	int msix = find_cap(self->vfio, PCI_CAP_ID_MSIX);
	__u32 control;

	ASSERT_GT(exp, 0);
	ASSERT_GT(msix, 0);
	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0x1234));
	ASSERT_EQ(0, echo_emit(&self->mdev, 2));
	ASSERT_EQ(0, put(self->vfio, msix + PCI_MSIX_FLAGS, 2,
			 PCI_MSIX_FLAGS_MASKALL));
	ASSERT_EQ(0, put(self->vfio, PCI_BASE_ADDRESS_0, 4, 0xe0000000));

	control = get(self->vfio, exp + PCI_EXP_DEVCTL, 2);
	ASSERT_EQ(0, put(self->vfio, exp + PCI_EXP_DEVCTL, 2,
			 control | PCI_EXP_DEVCTL_BCR_FLR));
	EXPECT_EQ(0, get(self->vfio, PCI_COMMAND, 2));
	EXPECT_EQ(0, get(self->vfio, PCI_BASE_ADDRESS_0, 4) &
		     PCI_BASE_ADDRESS_MEM_MASK);
	EXPECT_EQ(0, get(self->vfio, exp + PCI_EXP_DEVCTL, 2) &
		     PCI_EXP_DEVCTL_BCR_FLR);
	EXPECT_EQ(0, get(self->vfio, msix + PCI_MSIX_FLAGS, 2) &
		     PCI_MSIX_FLAGS_MASKALL);
	EXPECT_EQ(2, mdev_attr(&self->mdev, "events_cancelled"));

	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0, bar0_get(&self->mdev, CAPI_MDEV_REG_WED, 8));
}

/* Nothing of one opener's configuration is left for the next. */
TEST_F(vfio_config, reopened)
{
	unsigned char first[CONFIG_SIZE], second[CONFIG_SIZE];
	unsigned int i;

	mdev_close(&self->mdev);
	ASSERT_EQ(0, vfio_open(self->vfio, self->mdev.uuid));
	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				    first, sizeof(first)));
	EXPECT_EQ(0, get(self->vfio, PCI_COMMAND, 2));
	for (i = PCI_COMMAND; i < 256; i++)
		put(self->vfio, i, 1, 0x5f);

	mdev_close(&self->mdev);
	ASSERT_EQ(0, vfio_open(self->vfio, self->mdev.uuid));
	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				    second, sizeof(second)));
	EXPECT_EQ(0, memcmp(first, second, sizeof(first)));
}

TEST_F(vfio_config, memory_disabled)
{
	const unsigned int bars[] = {
		VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR2_REGION_INDEX,
		VFIO_PCI_BAR4_REGION_INDEX
	};
	unsigned int i;

	ASSERT_EQ(0, capi_vfio_start(self->vfio, 1));
	ASSERT_EQ(0, put(self->vfio, PCI_COMMAND, 2, PCI_COMMAND_MASTER));
	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		EXPECT_EQ(~0ULL, capi_vfio_get(self->vfio, bars[i], 0, 8));
		EXPECT_EQ(0xffff, capi_vfio_get(self->vfio, bars[i], 2, 2));
	}

	/* Stores go nowhere. */
	EXPECT_EQ(0, capi_vfio_put(self->vfio, VFIO_PCI_BAR0_REGION_INDEX,
				   CAPI_MDEV_REG_COMMAND, 4,
				   CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	EXPECT_EQ(CAPI_MDEV_STATE_STARTED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_raised"));
}

TEST_HARNESS_MAIN
