// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event window of BAR0: look at an event, then acknowledge it.
 */
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "vfio_mdev.h"

FIXTURE(event_window) {
	struct mdev mdev;
	struct from fd;
	struct from region;
	union event event;
};

FIXTURE_SETUP(event_window)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &self->fd));
	ASSERT_EQ(0, from_region(&self->mdev, &self->region));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			      CAPI_MDEV_EVENT_ENABLE));
}

FIXTURE_TEARDOWN(event_window)
{
	close(self->fd.fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* Looks; returns the token, with the event in @event. */
static __u32 look(struct mdev *mdev, union event *event)
{
	if (bar0_put(mdev, CAPI_MDEV_REG_EVENT_LOOK, 4, 1) ||
	    capi_vfio_read(&mdev->vfio, VFIO_PCI_BAR0_REGION_INDEX,
			   CAPI_MDEV_REG_EVENT_DATA, event, sizeof(*event)))
		return 0;
	return bar0_get(mdev, CAPI_MDEV_REG_EVENT_TOKEN, 4);
}

static int acknowledge(struct mdev *mdev, __u32 token)
{
	return bar0_put(mdev, CAPI_MDEV_REG_EVENT_ACK, 4, token);
}

static int enable(struct mdev *mdev, bool enable)
{
	return bar0_put(mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			enable ? CAPI_MDEV_EVENT_ENABLE : 0);
}

static __u32 status(struct mdev *mdev)
{
	return bar0_get(mdev, CAPI_MDEV_REG_EVENT_STATUS, 4);
}

static __u32 stale(struct mdev *mdev)
{
	return bar0_get(mdev, CAPI_MDEV_REG_EVENT_STALE, 4);
}

TEST_F(event_window, look_and_acknowledge)
{
	__u32 first, second;
	size_t i;

	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_EQ(0, status(&self->mdev));

	ASSERT_EQ(0, echo_emit(&self->mdev, 2));
	EXPECT_EQ(CAPI_MDEV_EVENT_STATUS_PENDING, status(&self->mdev));
	first = look(&self->mdev, &self->event);
	ASSERT_NE(0, first);
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, self->event.header.type);
	EXPECT_EQ(24, self->event.header.size);
	EXPECT_EQ(mdev_attr(&self->mdev, "process_element"),
		  self->event.header.process_element);
	EXPECT_EQ(0, event_seq(&self->event));
	EXPECT_EQ(CAPI_ECHO_FILL, self->event.bytes[23]);
	for (i = 24; i < sizeof(self->event.bytes); i++)
		EXPECT_EQ(0, self->event.bytes[i]);

	/* The same again, until it is acknowledged */
	EXPECT_EQ(first, look(&self->mdev, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_delivered"));
	ASSERT_EQ(0, acknowledge(&self->mdev, first));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_delivered"));

	second = look(&self->mdev, &self->event);
	ASSERT_NE(0, second);
	EXPECT_NE(first, second);
	EXPECT_EQ(1, event_seq(&self->event));
	ASSERT_EQ(0, acknowledge(&self->mdev, second));

	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_EQ(0, status(&self->mdev));
	EXPECT_EQ(0, stale(&self->mdev));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

TEST_F(event_window, all_types_in_order)
{
	static const unsigned int types[] = {
		CXL_EVENT_AFU_DRIVER, CXL_EVENT_AFU_INTERRUPT,
		CXL_EVENT_DATA_STORAGE, CXL_EVENT_AFU_ERROR
	};
	unsigned int i;
	__u32 token;

	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_ERROR, 1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, 0x1000));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		token = look(&self->mdev, &self->event);
		ASSERT_NE(0, token);
		EXPECT_EQ(types[i], self->event.header.type);
		ASSERT_EQ(0, acknowledge(&self->mdev, token));
	}
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

TEST_F(event_window, only_reader)
{
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(-EBUSY, event_read(self->fd, &self->event));
	EXPECT_EQ(-EBUSY, event_read(self->region, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->fd.fd));

	ASSERT_EQ(0, enable(&self->mdev, false));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(self->fd.fd));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_EQ(24, event_read(self->region, &self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->fd, &self->event));
}

/* A reader that began before and fails leaves alone what is shown. */
TEST_F(event_window, bad_buffer_of_before)
{
	struct reader reader;
	struct stall stall;
	__u32 token;

	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_EQ(0, enable(&self->mdev, false));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(0, reader_start(&reader, self->fd,
				  stall.memory + stall.page -
				  sizeof(struct cxl_event_header),
				  CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&stall));

	ASSERT_EQ(0, enable(&self->mdev, true));
	token = look(&self->mdev, &self->event);
	ASSERT_NE(0, token);
	ASSERT_EQ(0, mprotect(stall.memory + stall.page, stall.page, PROT_READ));
	ASSERT_EQ(0, stall_release(&stall));
	EXPECT_EQ(-EFAULT, reader_join(&reader));

	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(0, stale(&self->mdev));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_failed"));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_delivered"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	stall_destroy(&stall);
}

TEST_F(event_window, stale_token)
{
	__u32 token;

	ASSERT_EQ(0, acknowledge(&self->mdev, 0));
	ASSERT_EQ(0, acknowledge(&self->mdev, 1234));
	EXPECT_EQ(2, stale(&self->mdev));

	ASSERT_EQ(0, echo_emit(&self->mdev, 2));
	token = look(&self->mdev, &self->event);
	ASSERT_EQ(0, acknowledge(&self->mdev, token + 1));
	EXPECT_EQ(3, stale(&self->mdev));
	EXPECT_EQ(token, look(&self->mdev, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));

	/* Acknowledged twice: the next event is not lost by it. */
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(4, stale(&self->mdev));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	EXPECT_EQ(1, event_seq(&self->event));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_delivered"));
}

/* Only what is shown can be acknowledged. */
TEST_F(event_window, token_of_before)
{
	__u32 token;

	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	token = look(&self->mdev, &self->event);
	ASSERT_NE(0, token);
	ASSERT_EQ(0, enable(&self->mdev, false));
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(1, stale(&self->mdev));
	ASSERT_EQ(0, enable(&self->mdev, true));
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(2, stale(&self->mdev));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_delivered"));

	ASSERT_NE(0, look(&self->mdev, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
}

/* What was looked at and not acknowledged goes to the next reader. */
TEST_F(event_window, not_acknowledged)
{
	__u32 token;

	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	token = look(&self->mdev, &self->event);
	ASSERT_NE(0, token);
	ASSERT_EQ(0, enable(&self->mdev, false));
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(24, event_read(self->fd, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->fd, &self->event));

	ASSERT_EQ(0, enable(&self->mdev, true));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 3));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	ASSERT_EQ(0, enable(&self->mdev, false));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT,
		  event_read_type(self->fd, &self->event));
	EXPECT_EQ(3, self->event.event.irq.irq);
	EXPECT_EQ(-EAGAIN, event_read(self->fd, &self->event));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

/* A fault that comes while an older one is looked at is the newer one. */
TEST_F(event_window, overrun_while_held)
{
	__u32 token;

	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, 0x1000));
	token = look(&self->mdev, &self->event);
	ASSERT_NE(0, token);
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_FAULT, 0x2000));
	EXPECT_EQ(token, look(&self->mdev, &self->event));
	EXPECT_EQ(0x1000, self->event.event.fault.addr);
	ASSERT_EQ(0, acknowledge(&self->mdev, token));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_overrun"));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
}

TEST_F(event_window, driver_has_none)
{
	ASSERT_EQ(0, echo_next_fetch(&self->mdev, "null"));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_TRUE(status(&self->mdev) & CAPI_MDEV_EVENT_STATUS_FAILED);
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_failed"));

	/* The driver announced it again. */
	EXPECT_TRUE(status(&self->mdev) & CAPI_MDEV_EVENT_STATUS_PENDING);
	ASSERT_NE(0, look(&self->mdev, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
	EXPECT_FALSE(status(&self->mdev) & CAPI_MDEV_EVENT_STATUS_FAILED);
}

TEST_F(event_window, largest_driver_event)
{
	unsigned int i;

	ASSERT_EQ(0, echo_next_fetch(&self->mdev, "4088"));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	EXPECT_EQ(CXL_READ_MIN_SIZE, self->event.header.size);
	for (i = 16; i < sizeof(self->event); i++)
		ASSERT_EQ(CAPI_ECHO_FILL, self->event.bytes[i]);
}

TEST_F(event_window, closed_and_link_down)
{
	__u32 token;

	ASSERT_EQ(0, echo_emit(&self->mdev, 2));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	token = look(&self->mdev, &self->event);
	ASSERT_NE(0, token);
	ASSERT_EQ(0, acknowledge(&self->mdev, token));

	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_EQ(CAPI_MDEV_STATE_CLOSED | CAPI_MDEV_STATE_LINK_DOWN,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	EXPECT_EQ(1, event_seq(&self->event));
}

TEST_F(event_window, vector)
{
	int fd = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX,
			     CAPI_MDEV_VECTOR_EVENT);

	ASSERT_GE(fd, 0);
	eventfd_count(fd);
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(POLLIN, poll_for(fd, POLLIN));
	EXPECT_NE(0, look(&self->mdev, &self->event));
	close(fd);
}

TEST_F(event_window, reset_disables)
{
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_NE(0, look(&self->mdev, &self->event));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(0, bar0_get(&self->mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4));
	EXPECT_EQ(0, bar0_get(&self->mdev, CAPI_MDEV_REG_EVENT_TOKEN, 4));
	EXPECT_EQ(0, look(&self->mdev, &self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->fd, &self->event));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_cancelled"));
}

TEST_HARNESS_MAIN
