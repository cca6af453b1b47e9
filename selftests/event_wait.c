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
#include "source.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(event_wait) {
	struct source source;
	const struct context *context;
	struct from from;
	int fd;
	struct reader reader;
	union event event;
};

FIXTURE_VARIANT(event_wait) {
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(event_wait, fd) {
	.kind = SOURCE_EVENT_FD,
};

FIXTURE_VARIANT_ADD(event_wait, file) {
	.kind = SOURCE_FILE,
};

FIXTURE_SETUP(event_wait)
{
	NEEDS_SOURCE(return, variant->kind);
	ASSERT_EQ(0, source_open(&self->source, variant->kind, false));
	self->context = &self->source.context;
	self->from = self->source.from;
	self->fd = self->source.fd;
}

FIXTURE_TEARDOWN(event_wait)
{
	EXPECT_EQ(0, source_close(&self->source));
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
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(24, reader_join(&self->reader));
	EXPECT_EQ(0, event_seq(&self->event));

	START_READER();
	ASSERT_EQ(0, context_post(self->context, "irq 1"));
	ASSERT_EQ(16, reader_join(&self->reader));
}

TEST_F(event_wait, stop_wakes)
{
	NEEDS_HOST(return);
	START_READER();
	ASSERT_EQ(0, source_stop(&self->source));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
}

TEST_F(event_wait, link_down_wakes)
{
	NEEDS_HOST(return);
	START_READER();
	ASSERT_EQ(0, context_link(self->context, false));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
	ASSERT_EQ(0, context_link(self->context, true));
}

TEST_F(event_wait, nonblock)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	START_READER();
	ASSERT_EQ(0, context_emit(self->context, 1));
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
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(24, reader_join(&self->reader));
}

TEST_F(event_wait, poll)
{
	NEEDS_HOST(return);
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, context_post(self->context, "period 10000"));
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN));
	EXPECT_EQ(READABLE, poll_now(self->fd));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, source_stop(&self->source));
	EXPECT_EQ(POLLERR, poll_for(self->fd, POLLIN));
}

TEST_F(event_wait, select)
{
	struct timeval timeout = { };
	fd_set set;

	NEEDS_HOST(return);
	FD_ZERO(&set);
	FD_SET(self->fd, &set);
	EXPECT_EQ(0, select(self->fd + 1, &set, NULL, NULL, &timeout));

	ASSERT_EQ(0, context_emit(self->context, 1));
	FD_SET(self->fd, &set);
	EXPECT_EQ(1, select(self->fd + 1, &set, NULL, NULL, &timeout));
	ASSERT_EQ(24, event_read(self->from, &self->event));

	/* A link that is down must not hang it. */
	ASSERT_EQ(0, context_link(self->context, false));
	FD_SET(self->fd, &set);
	EXPECT_EQ(1, select(self->fd + 1, &set, NULL, NULL, &timeout));
	ASSERT_EQ(0, context_link(self->context, true));
}

TEST_F(event_wait, epoll)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLOUT,
	};
	int epfd = epoll_create1(0);

	NEEDS_HOST(return);
	ASSERT_GE(epfd, 0);
	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));

	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(1, epoll_wait(epfd, &event, 1, PATIENCE));
	EXPECT_EQ(EPOLLIN | EPOLLRDNORM, event.events);
	ASSERT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));

	ASSERT_EQ(0, context_link(self->context, false));
	ASSERT_EQ(1, epoll_wait(epfd, &event, 1, PATIENCE));
	EXPECT_EQ(EPOLLERR, event.events);
	ASSERT_EQ(0, context_link(self->context, true));
	close(epfd);
}

#define READERS	4
#define EVENTS	400

/**
 * struct share - what the readers share
 * @from: where from
 * @got: how often each event was read
 * @end: what ended the reading of each
 * @next: number of the next reader
 */
struct share {
	struct from from;
	unsigned int got[EVENTS];
	int end[READERS];
	unsigned int next;
};

static void *read_share(void *arg)
{
	struct share *share = arg;
	union event event;
	unsigned int me = __atomic_fetch_add(&share->next, 1, __ATOMIC_SEQ_CST);
	__u64 seq;
	int ret;

	for (;;) {
		ret = event_read(share->from, &event);
		if (ret != 24)
			break;
		seq = event_seq(&event);
		if (seq < EVENTS)
			__atomic_fetch_add(&share->got[seq], 1, __ATOMIC_SEQ_CST);
	}
	share->end[me] = ret;
	return NULL;
}

TEST_F(event_wait, several_readers)
{
	struct share share = { .from = self->from };
	pthread_t threads[READERS];
	unsigned int i;

	NEEDS_HOST(return);
	/* The first is read while nobody else reads. */
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(24, event_read(self->from, &self->event));
	share.got[event_seq(&self->event)]++;
	for (i = 0; i < READERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_share,
					    &share));

	for (i = 0; i < EVENTS / 100; i++)
		ASSERT_EQ(0, context_emit(self->context, 100 - !i));
	EXPECT_EQ(EVENTS, context_count_wait(self->context, "events_delivered",
					     EVENTS));
	ASSERT_EQ(0, source_stop(&self->source));

	for (i = 0; i < READERS; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	for (i = 0; i < READERS; i++)
		EXPECT_EQ(-EIO, share.end[i]);
	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(1, share.got[i]);
	EXPECT_TRUE(context_balanced(self->context, 0));
}

FIXTURE(event_mdev) {
	struct mdev mdev;
	struct from from;
	struct reader reader;
	union event event;
};

FIXTURE_SETUP(event_mdev)
{
	NOT_IN_GUEST(return, "needs an mdev");
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &self->from));
}

FIXTURE_TEARDOWN(event_mdev)
{
	close(self->from.fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

TEST_F(event_mdev, stop_wakes_before_start)
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

TEST_F(event_mdev, close_wakes)
{
	START_READER();
	mdev_close(&self->mdev);
	EXPECT_EQ(-EIO, reader_join(&self->reader));
}

TEST_HARNESS_MAIN
