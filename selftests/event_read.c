// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a read returns, by event fd and by events region, and in which order.
 */
#include <errno.h>
#include <poll.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(event_read) {
	struct mdev mdev;
	int event_fd;
	struct from from;
	union event event;
};

FIXTURE_VARIANT(event_read) {
	bool region;
};

FIXTURE_VARIANT_ADD(event_read, fd) {
	.region = false,
};

FIXTURE_VARIANT_ADD(event_read, region) {
	.region = true,
};

FIXTURE_SETUP(event_read)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &self->from));
	self->event_fd = self->from.fd;
	if (variant->region)
		ASSERT_EQ(0, from_region(&self->mdev, &self->from));
	memset(&self->event, 0x5a, sizeof(self->event));
}

FIXTURE_TEARDOWN(event_read)
{
	close(self->event_fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

TEST_F(event_read, driver_event)
{
	unsigned int size, i;

	for (size = CAPI_ECHO_MIN_SIZE; size <= CAPI_ECHO_MAX_SIZE; size += 8) {
		unsigned int total = sizeof(self->event.header) + size;

		memset(&self->event, 0x5a, sizeof(self->event));
		ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_SIZE, size));
		ASSERT_EQ(0, echo_emit(&self->mdev, 1));
		ASSERT_EQ(total, event_read(self->from, &self->event));
		EXPECT_EQ(CXL_EVENT_AFU_DRIVER, self->event.header.type);
		EXPECT_EQ(total, self->event.header.size);
		EXPECT_EQ(mdev_attr(&self->mdev, "process_element"),
			  self->event.header.process_element);
		EXPECT_EQ(0, self->event.header.reserved1);
		if (size)
			EXPECT_EQ(size / 8, event_seq(&self->event));
		for (i = 16; i < total; i++)
			EXPECT_EQ(CAPI_ECHO_FILL, self->event.bytes[i]);
		/* What lies behind the event is not touched. */
		for (i = total; i < sizeof(self->event); i++)
			ASSERT_EQ(0x5a, self->event.bytes[i]);
	}
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

TEST_F(event_read, interrupt)
{
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 2));
	ASSERT_EQ(16, event_read(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, self->event.header.type);
	EXPECT_EQ(16, self->event.header.size);
	EXPECT_EQ(0, self->event.header.reserved1);
	EXPECT_EQ(0, self->event.event.irq.flags);
	EXPECT_EQ(2, self->event.event.irq.irq);
	EXPECT_EQ(0, self->event.event.irq.reserved1);
}

TEST_F(event_read, fault)
{
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, 0xdeadbeef000));
	ASSERT_EQ(40, event_read(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, self->event.header.type);
	EXPECT_EQ(40, self->event.header.size);
	EXPECT_EQ(0, self->event.event.fault.flags);
	EXPECT_EQ(0xdeadbeef000, self->event.event.fault.addr);
	EXPECT_EQ(CAPI_ECHO_DSISR, self->event.event.fault.dsisr);
	EXPECT_EQ(0, self->event.event.fault.reserved3);
}

TEST_F(event_read, error)
{
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_ERROR, 0x1234));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, self->event.header.type);
	EXPECT_EQ(24, self->event.header.size);
	EXPECT_EQ(0, self->event.event.afu_error.flags);
	EXPECT_EQ(0x1234, self->event.event.afu_error.error);
}

TEST_F(event_read, priority)
{
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_ERROR, 1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, 0x1000));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 3));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, echo_emit(&self->mdev, 2));

	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(1, self->event.event.irq.irq);
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(3, self->event.event.irq.irq);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EAGAIN, event_read_type(self->from, &self->event));
	EXPECT_EQ(6, mdev_attr(&self->mdev, "events_delivered"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

TEST_F(event_read, one_per_read)
{
	unsigned int i;

	ASSERT_EQ(0, echo_emit(&self->mdev, 5));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(24, event_read(self->from, &self->event));
		EXPECT_EQ(i, event_seq(&self->event));
	}
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
}

TEST_F(event_read, interrupts_coalesce)
{
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	EXPECT_EQ(3, mdev_attr(&self->mdev, "events_raised"));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_delivered"));
	EXPECT_EQ(2, mdev_attr(&self->mdev, "events_coalesced"));
}

TEST_F(event_read, first_fault_and_error_stay)
{
	int i;

	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, i << 12));
		ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_ERROR, i));
	}
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event_read_type(self->from, &self->event));
	EXPECT_EQ(1 << 12, self->event.event.fault.addr);
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, event_read_type(self->from, &self->event));
	EXPECT_EQ(1, self->event.event.afu_error.error);
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	EXPECT_EQ(4, mdev_attr(&self->mdev, "events_overrun"));
}

TEST_F(event_read, unknown_interrupt_is_none)
{
	__u64 irqs = bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4);

	ASSERT_GE(irqs, 1);
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, 0));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, irqs + 1));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, (1 << 16) + 1));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, irqs));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(irqs, self->event.event.irq.irq);
}

TEST_F(event_read, small_buffer)
{
	/* Whether there is an event or not */
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, CXL_READ_MIN_SIZE - 1));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, CXL_READ_MIN_SIZE - 1));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, 24));
	EXPECT_EQ(24, from_read(self->from, &self->event, CXL_READ_MIN_SIZE));
}

TEST_F(event_read, link_down)
{
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(0, card_link(&self->mdev, false));
	/* Before everything else: events pending, size */
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(-EIO, from_read(self->from, &self->event, 1));
	EXPECT_EQ(POLLERR, poll_now(self->event_fd));

	ASSERT_EQ(0, card_link(&self->mdev, true));
	EXPECT_EQ(READABLE, poll_now(self->event_fd));
	EXPECT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
}

TEST_F(event_read, closed)
{
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));

	/* What was queued stays readable. */
	EXPECT_EQ(READABLE, poll_now(self->event_fd));
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->event_fd));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, 1));

	ASSERT_EQ(0, capi_vfio_start(&self->mdev.vfio, 0));
	EXPECT_EQ(0, poll_now(self->event_fd));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
}

TEST_HARNESS_MAIN
