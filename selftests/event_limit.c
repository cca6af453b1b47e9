// SPDX-License-Identifier: GPL-2.0-only
/*
 * A limit on the driver events queued: kept at every moment, and nothing of
 * what the echo AFU emits is lost for it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define LIMIT		3
#define EMITTED		10

FIXTURE(event_limit) {
	struct mdev mdev;
	struct from from;
	union event event;
	pid_t pid;
};

FIXTURE_SETUP(event_limit)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_set(&self->mdev, "max_events", "3"));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &self->from));
}

FIXTURE_TEARDOWN(event_limit)
{
	if (self->pid) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	close(self->from.fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* So many are queued, the AFU still has the rest, and none was dropped. */
#define EXPECT_QUEUED(queued, due)					\
do {									\
	EXPECT_EQ(due, echo_get(&self->mdev, CAPI_ECHO_REG_DUE));	\
	EXPECT_TRUE(mdev_balanced(&self->mdev, queued));		\
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_overrun"));		\
} while (0)

#define EXPECT_SEQ(number)						\
do {									\
	ASSERT_EQ(24, event_read(self->from, &self->event));		\
	EXPECT_EQ(number, event_seq(&self->event));			\
} while (0)

#define EXPECT_NO_MORE()						\
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event))

TEST_F(event_limit, held_back)
{
	int i;

	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	EXPECT_QUEUED(LIMIT, EMITTED - LIMIT);
	for (i = 0; i < EMITTED; i++) {
		EXPECT_SEQ(i);
		if (i < EMITTED - LIMIT)
			EXPECT_QUEUED(LIMIT, EMITTED - LIMIT - 1 - i);
	}
	EXPECT_NO_MORE();
	EXPECT_QUEUED(0, 0);
}

/* Other events have a place of their own. */
TEST_F(event_limit, others)
{
	int type;

	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_ERROR, 1));
	EXPECT_QUEUED(LIMIT + 2, EMITTED - LIMIT);
	do {
		type = event_read_type(self->from, &self->event);
	} while (type == CXL_EVENT_AFU_DRIVER);
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, type);
	EXPECT_EQ(EMITTED, mdev_attr(&self->mdev, "events_delivered") - 1);
}

/* An event shown in the window is queued until it is acknowledged. */
TEST_F(event_limit, held)
{
	struct mdev *mdev = &self->mdev;

	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			      CAPI_MDEV_EVENT_ENABLE));
	ASSERT_EQ(0, echo_put(mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_EVENT_LOOK, 4, 1));
	ASSERT_EQ(0, echo_put(mdev, CAPI_ECHO_REG_EMIT, 1));
	EXPECT_QUEUED(LIMIT, EMITTED + 1 - LIMIT);
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_EVENT_ACK, 4,
			      bar0_get(mdev, CAPI_MDEV_REG_EVENT_TOKEN, 4)));
	EXPECT_QUEUED(LIMIT, EMITTED - LIMIT);
}

/* What failed is announced again, and finds its place. */
TEST_F(event_limit, failed)
{
	int i;

	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	for (i = 0; i < EMITTED; i++) {
		EXPECT_EQ(-EFAULT, from_read(self->from, NULL,
					     CXL_READ_MIN_SIZE));
		ASSERT_EQ(0, echo_next_fetch(&self->mdev, "null"));
		EXPECT_EQ(-EFAULT, event_read(self->from, &self->event));
		EXPECT_SEQ(i);
	}
	EXPECT_NO_MORE();
	EXPECT_EQ(2 * EMITTED, mdev_attr(&self->mdev, "events_failed"));
	EXPECT_QUEUED(0, 0);
}

/* The same while the AFU emits, which may take the place first. */
TEST_F(event_limit, failed_against_emission)
{
	int i;

	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (!self->pid)
		while (true)
			echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 1);

	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(POLLIN, poll_for(self->from.fd, POLLIN));
		EXPECT_EQ(-EFAULT, from_read(self->from, NULL,
					     CXL_READ_MIN_SIZE));
		ASSERT_EQ(POLLIN, poll_for(self->from.fd, POLLIN));
		EXPECT_SEQ(i);
	}
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_overrun"));
	EXPECT_EQ(i, mdev_attr(&self->mdev, "events_failed"));
}

TEST_F(event_limit, at_its_own_pace)
{
	int i, got;

	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_PERIOD, 1000));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	/* Those that are due meanwhile wait. */
	EXPECT_EQ(LIMIT, mdev_attr_wait(&self->mdev, "events_raised", LIMIT));
	for (i = 0; i < EMITTED; i++) {
		EXPECT_TRUE(WAIT_UNTIL((got = event_read(self->from,
							 &self->event)) > 0));
		EXPECT_EQ(i, event_seq(&self->event));
	}
	EXPECT_QUEUED(0, 0);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* What its time has come for is not put off again. */
TEST_F(event_limit, overdue)
{
	struct from region;
	double begin;

	mdev_close(&self->mdev);
	ASSERT_EQ(0, mdev_set(&self->mdev, "max_events", "1"));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_PERIOD, 3000000));
	begin = seconds();
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 2));
	ASSERT_TRUE(WAIT_UNTIL(seconds() > begin + 6.1));
	EXPECT_EQ(1, mdev_attr(&self->mdev, "events_raised"));
	ASSERT_EQ(0, from_region(&self->mdev, &region));
	begin = seconds();
	EXPECT_EQ(24, event_read(region, &self->event));
	EXPECT_EQ(2, mdev_attr_wait(&self->mdev, "events_raised", 2));
	/* Another period has not gone by. */
	EXPECT_LT(seconds(), begin + 2.5);
}

TEST_F(event_limit, start_over)
{
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	ASSERT_EQ(0, ioctl(self->mdev.vfio.device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, capi_vfio_enable(&self->mdev.vfio));
	ASSERT_EQ(0, capi_vfio_start(&self->mdev.vfio, 0));
	EXPECT_QUEUED(0, 0);

	/* All places are free again, and no more than before. */
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	EXPECT_QUEUED(LIMIT, EMITTED - LIMIT);
	mdev_close(&self->mdev);
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, EMITTED));
	EXPECT_QUEUED(LIMIT, EMITTED - LIMIT);
}

TEST_HARNESS_MAIN
