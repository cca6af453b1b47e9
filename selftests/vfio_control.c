// SPDX-License-Identifier: GPL-2.0-only
/*
 * What version 1.1 added for a driver inside a virtual machine: registers about
 * the AFU, and what EVENT_CONTROL changes about interrupts and the link.
 */
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX
#define CONTROL	CAPI_MDEV_REG_EVENT_CONTROL
#define ENABLE	CAPI_MDEV_EVENT_ENABLE
#define NO_IRQS	CAPI_MDEV_EVENT_NO_IRQS
#define AWARE	CAPI_MDEV_EVENT_LINK_AWARE

FIXTURE(vfio_control) {
	struct mdev mdev;
	int fds[3];
};

FIXTURE_SETUP(vfio_control)
{
	unsigned int i;

	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	for (i = 0; i < ARRAY_SIZE(self->fds); i++) {
		self->fds[i] = irq_eventfd(&self->mdev, MSIX, i);
		ASSERT_GE(self->fds[i], 0);
	}
}

FIXTURE_TEARDOWN(vfio_control)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

static void get_abi(struct mdev *mdev, char *abi)
{
	unsigned int i;

	for (i = 0; i < CAPI_MDEV_ABI_SIZE; i++)
		abi[i] = bar0_get(mdev, CAPI_MDEV_REG_ABI + i, 1);
}

TEST_F(vfio_control, about_the_afu)
{
	char expected[CAPI_MDEV_ABI_SIZE] = CAPI_ECHO_ABI, abi[sizeof(expected)];
	struct mdev *mdev = &self->mdev;
	struct mdev memcpy_mdev;

	EXPECT_EQ(0x10001, bar0_get(mdev, CAPI_MDEV_REG_VERSION, 4));
	EXPECT_EQ(mdev_attr(mdev, "irqs"),
		  bar0_get(mdev, CAPI_MDEV_REG_IRQS_MIN, 4));
	EXPECT_EQ(sysconf(_SC_PAGESIZE),
		  bar0_get(mdev, CAPI_MDEV_REG_MAP_OFFSET, 8));
	EXPECT_EQ(sysconf(_SC_PAGESIZE),
		  bar0_get(mdev, CAPI_MDEV_REG_MAP_SIZE, 8));
	get_abi(mdev, abi);
	EXPECT_EQ(0, memcmp(expected, abi, sizeof(abi)));

	ASSERT_EQ(0, mdev_create_kind(&memcpy_mdev, "memcpy"));
	ASSERT_EQ(0, mdev_set(&memcpy_mdev, "irqs", "7"));
	ASSERT_EQ(0, mdev_open(&memcpy_mdev));
	EXPECT_EQ(7, bar0_get(&memcpy_mdev, CAPI_MDEV_REG_IRQS, 4));
	EXPECT_EQ(4, bar0_get(&memcpy_mdev, CAPI_MDEV_REG_IRQS_MIN, 4));
	EXPECT_EQ(0, bar0_get(&memcpy_mdev, CAPI_MDEV_REG_MAP_OFFSET, 8));
	EXPECT_EQ(bar0_get(&memcpy_mdev, CAPI_MDEV_REG_PSA_SIZE, 8),
		  bar0_get(&memcpy_mdev, CAPI_MDEV_REG_MAP_SIZE, 8));
	memset(expected, 0, sizeof(expected));
	get_abi(&memcpy_mdev, abi);
	EXPECT_EQ(0, memcmp(expected, abi, sizeof(abi)));
	EXPECT_EQ(0, mdev_remove(&memcpy_mdev));
}

TEST_F(vfio_control, widths)
{
	static const unsigned int read_only[] = {
		CAPI_MDEV_REG_IRQS_MIN, CAPI_MDEV_REG_MAP_OFFSET,
		CAPI_MDEV_REG_MAP_SIZE, CAPI_MDEV_REG_TRANSLATION_STALE,
		CAPI_MDEV_REG_ABI, CAPI_MDEV_REG_ABI + 28,
	};
	const unsigned int reg = CAPI_MDEV_REG_TRANSLATION;
	struct mdev *mdev = &self->mdev;
	unsigned int i;
	__u32 before;

	for (i = 0; i < ARRAY_SIZE(read_only); i++) {
		before = bar0_get(mdev, read_only[i], 4);
		ASSERT_EQ(0, bar0_put(mdev, read_only[i], 4, ~before));
		EXPECT_EQ(before, bar0_get(mdev, read_only[i], 4));
	}
	ASSERT_EQ(0, bar0_put(mdev, reg, 8, 0x1122334455667788));
	EXPECT_EQ(0x1122334455667788, bar0_get(mdev, reg, 8));
	ASSERT_EQ(0, bar0_put(mdev, reg, 4, 0x8000));
	ASSERT_EQ(0, bar0_put(mdev, reg + 4, 4, 0x12));
	ASSERT_EQ(0, bar0_put(mdev, reg + 2, 2, 0xffff));
	EXPECT_EQ(0x1200008000, bar0_get(mdev, reg, 8));
	/* Answers and invalidations read 0; without a block they are for nobody. */
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION_ANSWER, 4, 5));
	EXPECT_EQ(0, bar0_get(mdev, CAPI_MDEV_REG_TRANSLATION_ANSWER, 4));
	EXPECT_EQ(1, bar0_get(mdev, CAPI_MDEV_REG_TRANSLATION_STALE, 4));
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_INVALIDATE, 8, 0));
	EXPECT_EQ(0, bar0_get(mdev, CAPI_MDEV_REG_INVALIDATE, 8));

	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(0, bar0_get(mdev, reg, 8));
	EXPECT_EQ(0, bar0_get(mdev, CAPI_MDEV_REG_TRANSLATION_STALE, 4));
}

/* NO_IRQS means nothing without ENABLE; LINK_AWARE is for the whole function. */
TEST_F(vfio_control, bits)
{
	struct mdev *mdev = &self->mdev;
	unsigned int value;

	for (value = 0; value < 8; value++) {
		ASSERT_EQ(0, bar0_put(mdev, CONTROL, 4, value | 0xfffffff0));
		EXPECT_EQ(value & ENABLE ? value : value & AWARE,
			  bar0_get(mdev, CONTROL, 4));
	}
	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(AWARE, bar0_get(mdev, CONTROL, 4));
	ASSERT_EQ(0, ioctl(mdev->vfio.device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, capi_vfio_enable(&mdev->vfio));
	EXPECT_EQ(0, bar0_get(mdev, CONTROL, 4));
}

static bool event_pending(struct mdev *mdev)
{
	return bar0_get(mdev, CAPI_MDEV_REG_EVENT_STATUS, 4) &
	       CAPI_MDEV_EVENT_STATUS_PENDING;
}

TEST_F(vfio_control, interrupts_by_vector)
{
	struct mdev *mdev = &self->mdev;

	ASSERT_EQ(0, bar0_put(mdev, CONTROL, 4, ENABLE | NO_IRQS));
	eventfd_count(self->fds[0]);
	ASSERT_EQ(0, echo_raise(mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
	EXPECT_EQ(0, eventfd_count(self->fds[0]));
	EXPECT_FALSE(event_pending(mdev));
	EXPECT_EQ(1, mdev_attr(mdev, "events_delivered"));

	/* Without a trigger it is an event. */
	ASSERT_EQ(0, capi_vfio_set_irq(&mdev->vfio, MSIX, 2, -1));
	ASSERT_EQ(0, echo_raise(mdev, CAPI_ECHO_REG_IRQ, 2));
	EXPECT_EQ(1, eventfd_count(self->fds[0]));
	EXPECT_TRUE(event_pending(mdev));
	EXPECT_EQ(1, mdev_attr(mdev, "events_delivered"));
	EXPECT_TRUE(mdev_balanced(mdev, 1));
}

/* A message that cannot leave now is pending, and leaves later. */
TEST_F(vfio_control, interrupt_without_bus_master)
{
	struct mdev *mdev = &self->mdev;
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;

	ASSERT_EQ(0, bar0_put(mdev, CONTROL, 4, ENABLE | NO_IRQS));
	ASSERT_EQ(0, capi_vfio_put(&mdev->vfio, config, PCI_COMMAND, 2,
				   PCI_COMMAND_MEMORY));
	ASSERT_EQ(0, echo_raise(mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
	EXPECT_FALSE(event_pending(mdev));
	ASSERT_EQ(0, capi_vfio_put(&mdev->vfio, config, PCI_COMMAND, 2,
				   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
}

/* Without the bit, or without the window, they are events as before. */
TEST_F(vfio_control, interrupts_as_events)
{
	static const unsigned int values[] = { ENABLE, ENABLE | AWARE, NO_IRQS };
	struct mdev *mdev = &self->mdev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		ASSERT_EQ(0, bar0_put(mdev, CONTROL, 4, values[i]));
		ASSERT_EQ(0, echo_raise(mdev, CAPI_ECHO_REG_IRQ, 1));
		EXPECT_EQ(1, eventfd_count(self->fds[1]));
		EXPECT_TRUE(event_pending(mdev));
		ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
		ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_START));
	}
}

TEST_F(vfio_control, link)
{
	struct mdev *mdev = &self->mdev;
	int err = irq_eventfd(mdev, VFIO_PCI_ERR_IRQ_INDEX, 0);
	static const struct {
		unsigned int control;
		unsigned int errors;
	} cases[] = {
		{ ENABLE | AWARE, 0 }, { ENABLE, 1 }, { AWARE, 0 },
		{ ENABLE | NO_IRQS, 1 }, { ENABLE | NO_IRQS | AWARE, 0 },
	};
	unsigned int i;

	ASSERT_GE(err, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, bar0_put(mdev, CONTROL, 4, cases[i].control));
		eventfd_count(self->fds[0]);
		ASSERT_EQ(0, card_link(mdev, false));
		EXPECT_EQ(cases[i].errors, eventfd_count(err)) {
			TH_LOG("case %u", i);
		}
		/* The driver is told in either case. */
		EXPECT_LE(1, eventfd_count(self->fds[0]));
		EXPECT_TRUE(bar0_get(mdev, CAPI_MDEV_REG_STATE, 4) &
			    CAPI_MDEV_STATE_LINK_DOWN);
		ASSERT_EQ(0, card_link(mdev, true));
	}
	close(err);
}

TEST_HARNESS_MAIN
