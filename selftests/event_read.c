// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a read returns, by event fd, by events region and by file of /dev/cxl, and
 * in which order.
 */
#include <errno.h>
#include <poll.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "source.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(event_read) {
	struct source source;
	const struct context *context;
	struct from from;
	union event event;
};

FIXTURE_VARIANT(event_read) {
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(event_read, fd) {
	.kind = SOURCE_EVENT_FD,
};

FIXTURE_VARIANT_ADD(event_read, region) {
	.kind = SOURCE_REGION,
};

FIXTURE_VARIANT_ADD(event_read, file) {
	.kind = SOURCE_FILE,
};

FIXTURE_SETUP(event_read)
{
	NEEDS_SOURCE(return, variant->kind);
	ASSERT_EQ(0, source_open(&self->source, variant->kind, true));
	self->context = &self->source.context;
	self->from = self->source.from;
	memset(&self->event, 0x5a, sizeof(self->event));
}

FIXTURE_TEARDOWN(event_read)
{
	EXPECT_EQ(0, source_close(&self->source));
}

TEST_F(event_read, driver_event)
{
	unsigned int size, i;
	char what[16];

	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
	for (size = CAPI_ECHO_MIN_SIZE; size <= CAPI_ECHO_MAX_SIZE; size += 8) {
		unsigned int total = sizeof(self->event.header) + size;

		memset(&self->event, 0x5a, sizeof(self->event));
		snprintf(what, sizeof(what), "size %u", size);
		ASSERT_EQ(0, context_post(self->context, what));
		ASSERT_EQ(0, context_emit(self->context, 1));
		ASSERT_EQ(total, event_read(self->from, &self->event));
		EXPECT_EQ(CXL_EVENT_AFU_DRIVER, self->event.header.type);
		EXPECT_EQ(total, self->event.header.size);
		EXPECT_EQ(self->context->pe,
			  self->event.header.process_element);
		EXPECT_EQ(0, self->event.header.reserved1);
		if (size)
			EXPECT_EQ(size / 8 + 1, event_seq(&self->event));
		for (i = 16; i < total; i++)
			EXPECT_EQ(CAPI_ECHO_FILL, self->event.bytes[i]);
		/* What lies behind the event is not touched. */
		for (i = total; i < sizeof(self->event); i++)
			ASSERT_EQ(0x5a, self->event.bytes[i]);
	}
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_read, interrupt)
{
	ASSERT_EQ(0, context_post(self->context, "irq 2"));
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
	ASSERT_EQ(0, context_post(self->context, "fault 0xdeadbeef000"));
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
	ASSERT_EQ(0, context_post(self->context, "error 0x1234"));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, self->event.header.type);
	EXPECT_EQ(24, self->event.header.size);
	EXPECT_EQ(0, self->event.event.afu_error.flags);
	EXPECT_EQ(0x1234, self->event.event.afu_error.error);
}

TEST_F(event_read, priority)
{
	ASSERT_EQ(0, context_post(self->context, "error 1"));
	ASSERT_EQ(0, context_post(self->context, "fault 0x1000"));
	ASSERT_EQ(0, context_post(self->context, "irq 3"));
	ASSERT_EQ(0, context_post(self->context, "irq 1"));
	ASSERT_EQ(0, context_emit(self->context, 2));

	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(1, self->event.event.irq.irq);
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(3, self->event.event.irq.irq);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EAGAIN, event_read_type(self->from, &self->event));
	EXPECT_EQ(6, context_count(self->context, "events_delivered"));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_read, one_per_read)
{
	unsigned int i;

	ASSERT_EQ(0, context_emit(self->context, 5));
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
		ASSERT_EQ(0, context_post(self->context, "irq 1"));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	EXPECT_EQ(3, context_count(self->context, "events_raised"));
	EXPECT_EQ(1, context_count(self->context, "events_delivered"));
	EXPECT_EQ(2, context_count(self->context, "events_coalesced"));
}

TEST_F(event_read, first_fault_and_error_stay)
{
	static const char * const events[] = {
		"fault 0x1000", "error 1", "fault 0x2000", "error 2",
		"fault 0x3000", "error 3",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		ASSERT_EQ(0, context_post(self->context, events[i]));
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event_read_type(self->from, &self->event));
	EXPECT_EQ(1 << 12, self->event.event.fault.addr);
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, event_read_type(self->from, &self->event));
	EXPECT_EQ(1, self->event.event.afu_error.error);
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	EXPECT_EQ(4, context_count(self->context, "events_overrun"));
}

TEST_F(event_read, unknown_interrupt_is_none)
{
	/* It has 4. */
	ASSERT_EQ(0, context_post(self->context, "irq 0"));
	ASSERT_EQ(0, context_post(self->context, "irq 5"));
	ASSERT_EQ(0, context_post(self->context, "irq 0x10001"));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	ASSERT_EQ(0, context_post(self->context, "irq 4"));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(4, self->event.event.irq.irq);
}

TEST_F(event_read, small_buffer)
{
	/* Whether there is an event or not */
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, CXL_READ_MIN_SIZE - 1));
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, CXL_READ_MIN_SIZE - 1));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, 24));
	EXPECT_EQ(24, from_read(self->from, &self->event, CXL_READ_MIN_SIZE));
}

TEST_F(event_read, link_down)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, context_link(self->context, false));
	/* Before everything else: events pending, size */
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(-EIO, from_read(self->from, &self->event, 1));
	EXPECT_EQ(POLLERR, poll_now(self->source.fd));

	ASSERT_EQ(0, context_link(self->context, true));
	EXPECT_EQ(READABLE, poll_now(self->source.fd));
	EXPECT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
}

TEST_F(event_read, closed)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, context_post(self->context, "irq 1"));
	ASSERT_EQ(0, source_stop(&self->source));

	/* What was queued stays readable. */
	EXPECT_EQ(READABLE, poll_now(self->source.fd));
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event_read_type(self->from, &self->event));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(self->from, &self->event));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->source.fd));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, 1));

	if (variant->kind == SOURCE_FILE) {
		/* It is closed for good. */
		EXPECT_EQ(-EIO, cxl_start(self->source.fd));
		return;
	}
	ASSERT_EQ(0, capi_vfio_start(&self->source.mdev.vfio, 0));
	EXPECT_EQ(0, poll_now(self->source.fd));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
}

TEST_HARNESS_MAIN
