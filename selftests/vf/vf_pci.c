// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: is it a sane PCI Express function, as the guest sees it?
 */
#include <errno.h>

#include <kselftest_harness.h>

#include "msix.h"

#define MAX_CAPS	48

FIXTURE(vf_pci) {
	struct vf vf;
};

FIXTURE_SETUP(vf_pci)
{
	ASSERT_EQ(0, vf_open(&self->vf));
	ASSERT_EQ(0, vf_command(&self->vf, CAPI_MDEV_COMMAND_RESET));
}

FIXTURE_TEARDOWN(vf_pci)
{
	vf_close(&self->vf);
}

TEST_F(vf_pci, identity)
{
	struct vf *vf = &self->vf;

	EXPECT_EQ(CAPI_ECHO_VENDOR, vf_config_get(vf, PCI_VENDOR_ID, 2));
	EXPECT_EQ(CAPI_ECHO_DEVICE, vf_config_get(vf, PCI_DEVICE_ID, 2));
	EXPECT_EQ(CAPI_ECHO_VENDOR,
		  vf_config_get(vf, PCI_SUBSYSTEM_VENDOR_ID, 2));
	EXPECT_EQ(CAPI_MDEV_SUBSYSTEM,
		  vf_config_get(vf, PCI_SUBSYSTEM_ID, 2));
	EXPECT_EQ(0x1200, vf_config_get(vf, PCI_CLASS_DEVICE, 2));
	EXPECT_EQ(PCI_HEADER_TYPE_NORMAL,
		  vf_config_get(vf, PCI_HEADER_TYPE, 1) & 0x7f);
	EXPECT_EQ(CAPI_ECHO_DEVICE << 16 | CAPI_ECHO_VENDOR,
		  vf_get(vf, CAPI_MDEV_REG_AFU_ID));
	EXPECT_EQ(CAPI_MDEV_VERSION >> 16,
		  vf_get(vf, CAPI_MDEV_REG_VERSION) >> 16);
}

TEST_F(vf_pci, capability_list)
{
	unsigned int off = vf_config_get(&self->vf, PCI_CAPABILITY_LIST, 1);
	unsigned int express = 0, msix = 0, i;

	EXPECT_TRUE(vf_config_get(&self->vf, PCI_STATUS, 2) &
		    PCI_STATUS_CAP_LIST);
	for (i = 0; off; i++) {
		__u8 id = vf_config_get(&self->vf, off, 1);

		ASSERT_LT(i, MAX_CAPS);
		ASSERT_GE(off, PCI_STD_HEADER_SIZEOF);
		ASSERT_EQ(0, off % 4);
		express += id == PCI_CAP_ID_EXP;
		msix += id == PCI_CAP_ID_MSIX;
		off = vf_config_get(&self->vf, off + 1, 1);
	}
	EXPECT_EQ(1, express);
	EXPECT_EQ(1, msix);
	EXPECT_EQ(0, vf_find_cap(&self->vf, PCI_CAP_ID_MSI));
}

TEST_F(vf_pci, express_endpoint)
{
	unsigned int cap = vf_find_cap(&self->vf, PCI_CAP_ID_EXP);
	unsigned int type;

	ASSERT_NE(0, cap);
	type = (vf_config_get(&self->vf, cap + PCI_EXP_FLAGS, 2) &
		PCI_EXP_FLAGS_TYPE) >> 4;
	/* QEMU makes it the latter when it is not behind a port. */
	EXPECT_TRUE(type == PCI_EXP_TYPE_ENDPOINT ||
		    type == PCI_EXP_TYPE_RC_END);
	EXPECT_TRUE(vf_config_get(&self->vf, cap + PCI_EXP_DEVCAP, 4) &
		    PCI_EXP_DEVCAP_FLR);
}

TEST_F(vf_pci, no_intx)
{
	EXPECT_EQ(0, vf_config_get(&self->vf, PCI_INTERRUPT_PIN, 1));
	EXPECT_FALSE(vf_config_get(&self->vf, PCI_STATUS, 2) &
		     PCI_STATUS_INTERRUPT);
}

/* BARs */

static unsigned int bar_register(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

static __u64 bar_address(struct vf *vf, unsigned int bar)
{
	__u64 high = vf_config_get(vf, bar_register(bar + 1), 4);

	return high << 32 | (vf_config_get(vf, bar_register(bar), 4) &
			     (__u32)PCI_BASE_ADDRESS_MEM_MASK);
}

static void move_bar(struct vf *vf, unsigned int bar, __u64 address)
{
	vf_config_put(vf, bar_register(bar), 4, address);
	vf_config_put(vf, bar_register(bar + 1), 4, address >> 32);
}

static void decode(struct vf *vf, bool on)
{
	vf_config_put(vf, PCI_COMMAND, 2, PCI_COMMAND_MASTER |
		      (on ? PCI_COMMAND_MEMORY : 0));
}

/* The size that a BAR says it has, the way an operating system asks */
static __u64 bar_size(struct vf *vf, unsigned int bar)
{
	__u64 address = bar_address(vf, bar), mask;

	decode(vf, false);
	move_bar(vf, bar, ~0ULL);
	mask = bar_address(vf, bar);
	move_bar(vf, bar, address);
	decode(vf, true);
	return ~mask + 1;
}

TEST_F(vf_pci, bar_sizes)
{
	struct vf *vf = &self->vf;
	unsigned int bar;

	for (bar = 0; bar < VF_NUM_BARS; bar += 2) {
		__u32 flags = vf_config_get(vf, bar_register(bar), 4) &
			      ~(__u32)PCI_BASE_ADDRESS_MEM_MASK;
		__u64 address = bar_address(vf, bar);
		__u64 size = bar_size(vf, bar);

		EXPECT_EQ(PCI_BASE_ADDRESS_MEM_TYPE_64,
			  flags & (PCI_BASE_ADDRESS_MEM_TYPE_MASK |
				   PCI_BASE_ADDRESS_SPACE));
		EXPECT_EQ(vf->bars[bar].size, size) {
			TH_LOG("BAR %u", bar);
		}
		EXPECT_EQ(address, bar_address(vf, bar));
		EXPECT_EQ(0, address % size);
	}
	EXPECT_EQ(CAPI_MDEV_BAR0_SIZE, vf->bars[VF_REGISTERS].size);
	EXPECT_EQ(vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_PSA_SIZE, 8),
		  vf->bars[VF_PSA].size);
	EXPECT_EQ(CAPI_MDEV_ID, vf_get(vf, CAPI_MDEV_REG_ID));
}

TEST_F(vf_pci, bars_do_not_overlap)
{
	struct vf *vf = &self->vf;
	unsigned int a, b;

	for (a = 0; a < VF_NUM_BARS; a += 2) {
		for (b = 0; b < a; b += 2) {
			__u64 low = bar_address(vf, b);
			__u64 high = bar_address(vf, a);

			EXPECT_TRUE(low + vf->bars[b].size <= high ||
				    high + vf->bars[a].size <= low);
		}
	}
}

TEST_F(vf_pci, msix_structures)
{
	unsigned int cap = vf_find_cap(&self->vf, PCI_CAP_ID_MSIX);
	__u32 table, pba, vectors;

	ASSERT_NE(0, cap);
	vectors = (vf_config_get(&self->vf, cap + PCI_MSIX_FLAGS, 2) &
		   PCI_MSIX_FLAGS_QSIZE) + 1;
	EXPECT_EQ(1 + vf_get(&self->vf, CAPI_MDEV_REG_IRQS), vectors);

	table = vf_config_get(&self->vf, cap + PCI_MSIX_TABLE, 4);
	pba = vf_config_get(&self->vf, cap + PCI_MSIX_PBA, 4);
	EXPECT_EQ(VF_MSIX, table & PCI_MSIX_TABLE_BIR);
	EXPECT_EQ(VF_MSIX, pba & PCI_MSIX_PBA_BIR);
	table &= PCI_MSIX_TABLE_OFFSET;
	pba &= PCI_MSIX_PBA_OFFSET;
	EXPECT_LE(table + vectors * PCI_MSIX_ENTRY_SIZE,
		  self->vf.bars[VF_MSIX].size);
	EXPECT_LE(pba + (vectors + 63) / 64 * 8, self->vf.bars[VF_MSIX].size);
}

/* Bits that only the device sets, whoever writes what */
TEST_F(vf_pci, read_only)
{
	static const struct {
		unsigned int off;
		unsigned int width;
	} fields[] = {
		{ PCI_VENDOR_ID, 4 }, { PCI_STATUS, 2 }, { PCI_REVISION_ID, 4 },
		{ PCI_HEADER_TYPE, 1 }, { PCI_BIST, 1 }, { PCI_CARDBUS_CIS, 4 },
		{ PCI_SUBSYSTEM_VENDOR_ID, 4 }, { PCI_ROM_ADDRESS, 4 },
		{ PCI_CAPABILITY_LIST, 4 }, { 0x38, 4 },
		{ PCI_INTERRUPT_PIN, 1 }, { PCI_MIN_GNT, 2 },
	};
	struct vf *vf = &self->vf;
	unsigned int i;
	__u32 before;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		before = vf_config_get(vf, fields[i].off, fields[i].width);
		ASSERT_EQ(0, vf_config_put(vf, fields[i].off, fields[i].width,
					   ~0));
		EXPECT_EQ(before, vf_config_get(vf, fields[i].off,
						fields[i].width)) {
			TH_LOG("offset 0x%x", fields[i].off);
		}
		ASSERT_EQ(0, vf_config_put(vf, fields[i].off, fields[i].width,
					   0));
		EXPECT_EQ(before, vf_config_get(vf, fields[i].off,
						fields[i].width));
	}
}

/* Where no BAR answers, it depends on the machine what a load gives. */
TEST_F(vf_pci, memory_space)
{
	struct vf *vf = &self->vf;

	vf_store(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8, 0x1122334455667788);
	decode(vf, false);
	EXPECT_FALSE(vf_config_get(vf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
	EXPECT_NE(CAPI_MDEV_ID, vf_get(vf, CAPI_MDEV_REG_ID));
	vf_store(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8, 0);
	vf_put(vf, CAPI_MDEV_REG_COMMAND, CAPI_MDEV_COMMAND_START);

	decode(vf, true);
	EXPECT_EQ(CAPI_MDEV_ID, vf_get(vf, CAPI_MDEV_REG_ID));
	EXPECT_EQ(0x1122334455667788,
		  vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED, vf_get(vf, CAPI_MDEV_REG_STATE));
}

/* Something of everything that a reset has to clear */
static bool make_busy(struct vf *vf)
{
	union vf_event event;

	if (vf_start(vf, 0x1234))
		return false;
	vf_window(vf, true);
	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 2);
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 1);
	vf_acknowledge(vf, 0);
	return vf_look(vf, &event);
}

static bool is_reset(struct vf *vf)
{
	return vf_get(vf, CAPI_MDEV_REG_ID) == CAPI_MDEV_ID &&
	       vf_get(vf, CAPI_MDEV_REG_STATE) == CAPI_MDEV_STATE_OPENED &&
	       !vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8) &&
	       !vf_get(vf, CAPI_MDEV_REG_EVENT_CONTROL) &&
	       !vf_get(vf, CAPI_MDEV_REG_EVENT_STATUS) &&
	       !vf_get(vf, CAPI_MDEV_REG_EVENT_TOKEN) &&
	       !vf_get(vf, CAPI_MDEV_REG_EVENT_STALE) &&
	       !vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_EVENT_DATA, 8) &&
	       vf_echo_get(vf, CAPI_ECHO_REG_ID) == ~0ULL &&
	       vf_load(vf, VF_PSA, VF_MEMORY, 8) == ~0ULL;
}

TEST_F(vf_pci, reset_by_kernel)
{
	ASSERT_TRUE(make_busy(&self->vf));
	ASSERT_FALSE(is_reset(&self->vf));
	ASSERT_EQ(0, vf_write(&self->vf, "reset", "1"));
	EXPECT_TRUE(is_reset(&self->vf));
	EXPECT_TRUE(make_busy(&self->vf));
}

TEST_F(vf_pci, reset_by_device_control)
{
	unsigned int control = vf_find_cap(&self->vf, PCI_CAP_ID_EXP) +
			       PCI_EXP_DEVCTL;
	__u32 value = vf_config_get(&self->vf, control, 2);
	struct vf *vf = &self->vf;
	__u64 addresses[VF_NUM_BARS];
	unsigned int bar;

	for (bar = 0; bar < VF_NUM_BARS; bar += 2)
		addresses[bar] = bar_address(vf, bar);
	ASSERT_TRUE(make_busy(vf));
	ASSERT_EQ(0, vf_config_put(vf, control, 2,
				   value | PCI_EXP_DEVCTL_BCR_FLR));
	EXPECT_EQ(0, vf_config_get(vf, PCI_COMMAND, 2));
	EXPECT_EQ(0, vf_config_get(vf, control, 2) & PCI_EXP_DEVCTL_BCR_FLR);
	/* The BARs are where they were, but the function does not answer. */
	EXPECT_EQ(~0U, vf_get(vf, CAPI_MDEV_REG_ID));
	EXPECT_EQ(~0ULL, vf_load(vf, VF_PSA, VF_MEMORY, 8));

	for (bar = 0; bar < VF_NUM_BARS; bar += 2)
		move_bar(vf, bar, addresses[bar]);
	ASSERT_EQ(0, vf_enable(vf));
	EXPECT_TRUE(is_reset(vf));
	EXPECT_TRUE(make_busy(vf));
}

/*
 * Messages. One that is held back has its pending bit set: that is how a test
 * knows that it does not just come late.
 */

FIXTURE(vf_msix) {
	struct vf vf;
	struct msix msix;
	unsigned int flags;
};

FIXTURE_SETUP(vf_msix)
{
	ASSERT_EQ(0, vf_open(&self->vf));
	ASSERT_EQ(0, msix_open(&self->msix, &self->vf));
	self->flags = vf_find_cap(&self->vf, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;
	ASSERT_EQ(0, vf_start(&self->vf, 0));
}

FIXTURE_TEARDOWN(vf_msix)
{
	msix_close(&self->msix);
	vf_close(&self->vf);
}

static void raise_irq(struct vf *vf, unsigned int irq)
{
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, irq);
}

/* Waits for the pending bit. */
static bool held_back(struct vf *vf, unsigned int vector)
{
	long long end = vf_now() + MSIX_PATIENCE * 1000LL;

	while (!msix_pending(vf, vector))
		if (vf_now() > end)
			return false;
	return true;
}

static void set_flags(FIXTURE_DATA(vf_msix) * self, __u16 flags)
{
	vf_config_put(&self->vf, self->flags, 2, flags);
}

TEST_F(vf_msix, bus_master)
{
	vf_config_put(&self->vf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	raise_irq(&self->vf, 1);
	EXPECT_TRUE(held_back(&self->vf, 1));
	EXPECT_EQ(0, msix_count(&self->msix, 1));
	EXPECT_EQ(0, msix_count(&self->msix, 0));

	ASSERT_EQ(0, vf_enable(&self->vf));
	EXPECT_EQ(1, msix_wait(&self->msix, 1, MSIX_PATIENCE));
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	EXPECT_FALSE(msix_pending(&self->vf, 1));
}

TEST_F(vf_msix, function_mask)
{
	set_flags(self, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	EXPECT_TRUE(vf_config_get(&self->vf, self->flags, 2) &
		    PCI_MSIX_FLAGS_MASKALL);
	raise_irq(&self->vf, 2);
	EXPECT_TRUE(held_back(&self->vf, 2));
	EXPECT_EQ(0, msix_count(&self->msix, 2));
	EXPECT_EQ(0, msix_count(&self->msix, 0));

	set_flags(self, PCI_MSIX_FLAGS_ENABLE);
	EXPECT_EQ(1, msix_wait(&self->msix, 2, MSIX_PATIENCE));
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	EXPECT_FALSE(msix_pending(&self->vf, 2));
}

TEST_F(vf_msix, vector_mask)
{
	msix_mask(&self->vf, 3, true);
	raise_irq(&self->vf, 3);
	EXPECT_TRUE(held_back(&self->vf, 3));
	EXPECT_EQ(0, msix_count(&self->msix, 3));
	/* The others are not masked. */
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	raise_irq(&self->vf, 4);
	EXPECT_EQ(1, msix_wait(&self->msix, 4, MSIX_PATIENCE));

	msix_mask(&self->vf, 3, false);
	EXPECT_EQ(1, msix_wait(&self->msix, 3, MSIX_PATIENCE));
	EXPECT_FALSE(msix_pending(&self->vf, 3));
	raise_irq(&self->vf, 3);
	EXPECT_EQ(1, msix_wait(&self->msix, 3, MSIX_PATIENCE));
}

TEST_F(vf_msix, enable)
{
	EXPECT_TRUE(vf_config_get(&self->vf, self->flags, 2) &
		    PCI_MSIX_FLAGS_ENABLE);
	set_flags(self, 0);
	EXPECT_FALSE(vf_config_get(&self->vf, self->flags, 2) &
		     PCI_MSIX_FLAGS_ENABLE);
	raise_irq(&self->vf, 1);
	EXPECT_TRUE(held_back(&self->vf, 1));
	EXPECT_EQ(0, msix_count(&self->msix, 1));
	EXPECT_EQ(0, msix_count(&self->msix, 0));

	set_flags(self, PCI_MSIX_FLAGS_ENABLE);
	EXPECT_EQ(1, msix_wait(&self->msix, 1, MSIX_PATIENCE));
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
}

TEST_HARNESS_MAIN
