// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for events: read() that blocks, poll(), select(), epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "vfio_mdev.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(event_wait) {
	struct mdev mdev;
	struct from from;
	int fd;
	struct reader reader;
	union event event;
};

FIXTURE_SETUP(event_wait)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &self->from));
	self->fd = self->from.fd;
}

FIXTURE_TEARDOWN(event_wait)
{
	close(self->fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

#define START_READER()							\
do {									\
	ASSERT_EQ(0, reader_start(&self->reader, self->from,			\
				  &self->event, sizeof(self->event)));	\
	ASSERT_TRUE(reader_asleep(&self->reader));			\
} while (0)

TEST_F(event_wait, event_wakes)
{
	START_READER();
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(24, reader_join(&self->reader));
	EXPECT_EQ(0, event_seq(&self->event));

	START_READER();
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(16, reader_join(&self->reader));
}

TEST_F(event_wait, stop_wakes)
{
	START_READER();
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
}

TEST_F(event_wait, stop_wakes_before_start)
{
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	START_READER();
	mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP);
	EXPECT_EQ(-EIO, reader_join(&self->reader));
	EXPECT_EQ(CAPI_MDEV_STATE_CLOSED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
}

TEST_F(event_wait, link_down_wakes)
{
	START_READER();
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
	ASSERT_EQ(0, card_link(&self->mdev, true));
}

TEST_F(event_wait, close_wakes)
{
	START_READER();
	mdev_close(&self->mdev);
	EXPECT_EQ(-EIO, reader_join(&self->reader));
}

TEST_F(event_wait, nonblock)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	START_READER();
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(24, reader_join(&self->reader));
}

static void on_signal(int signal)
{
	(void)signal;
}

TEST_F(event_wait, signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	START_READER();
	ASSERT_EQ(0, pthread_kill(self->reader.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, reader_join(&self->reader));

	action.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	START_READER();
	ASSERT_EQ(0, pthread_kill(self->reader.thread, SIGUSR1));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(24, reader_join(&self->reader));
}

TEST_F(event_wait, poll)
{
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_PERIOD, 10000));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 1));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN));
	EXPECT_EQ(READABLE, poll_now(self->fd));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(POLLERR, poll_for(self->fd, POLLIN));
}

TEST_F(event_wait, select)
{
	struct timeval timeout = { };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(self->fd, &set);
	EXPECT_EQ(0, select(self->fd + 1, &set, NULL, NULL, &timeout));

	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	FD_SET(self->fd, &set);
	EXPECT_EQ(1, select(self->fd + 1, &set, NULL, NULL, &timeout));
	ASSERT_EQ(24, event_read(self->from, &self->event));

	/* A link that is down must not hang it. */
	ASSERT_EQ(0, card_link(&self->mdev, false));
	FD_SET(self->fd, &set);
	EXPECT_EQ(1, select(self->fd + 1, &set, NULL, NULL, &timeout));
	ASSERT_EQ(0, card_link(&self->mdev, true));
}

TEST_F(event_wait, epoll)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLOUT,
	};
	int epfd = epoll_create1(0);

	ASSERT_GE(epfd, 0);
	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));

	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(1, epoll_wait(epfd, &event, 1, PATIENCE));
	EXPECT_EQ(EPOLLIN | EPOLLRDNORM, event.events);
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));

	ASSERT_EQ(0, card_link(&self->mdev, false));
	ASSERT_EQ(1, epoll_wait(epfd, &event, 1, PATIENCE));
	EXPECT_EQ(EPOLLERR, event.events);
	ASSERT_EQ(0, card_link(&self->mdev, true));
	close(epfd);
}

TEST_HARNESS_MAIN
