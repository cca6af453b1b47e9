// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of files of /dev/cxl, as far as they are not those of any reader, for
 * which see event_*: before the start, without driver events and with them, by
 * io_uring, and from 32-bit programs.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "reader.h"
#include "uring.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(cxl_events) {
	struct afu afu;
	struct context context;
	struct from from;
	struct from nowait;
	struct reader reader;
	union event event;
	int fd;
};

FIXTURE_SETUP(cxl_events)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	self->from = (struct from){ .fd = self->fd, .offset = -1 };
	self->nowait = self->from;
	self->nowait.nowait = true;
}

FIXTURE_TEARDOWN(cxl_events)
{
	close(self->fd);
}

#define START_READER()							\
do {									\
	ASSERT_EQ(0, reader_start(&self->reader, self->from,		\
				  &self->event, sizeof(self->event)));	\
	ASSERT_TRUE(reader_asleep(&self->reader));			\
} while (0)

/* Opened is not closed: it waits for what will come. */
TEST_F(cxl_events, before_the_start)
{
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
	EXPECT_EQ(-EINVAL, from_read(self->nowait, &self->event,
				     CXL_READ_MIN_SIZE - 1));
	START_READER();
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_FALSE(reader_done(&self->reader, 0));
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(16, reader_join(&self->reader));
}

TEST_F(cxl_events, link_down_before_the_start)
{
	NEEDS_HOST(return);
	START_READER();
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
	/* It matters more than the size. */
	EXPECT_EQ(-EIO, from_read(self->from, &self->event, 1));
	EXPECT_EQ(POLLERR, poll_now(self->fd));

	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(-EINVAL, from_read(self->from, &self->event, 1));
	EXPECT_EQ(POLLERR, poll_now(self->fd));
}

TEST_F(cxl_events, dropped_under_a_reader)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	START_READER();
	ASSERT_EQ(0, context_drop(&self->context));
	EXPECT_EQ(-EIO, reader_join(&self->reader));
	EXPECT_EQ(POLLERR, poll_now(self->fd));
}

/* The whole buffer counts, not its pieces. */
TEST_F(cxl_events, buffer_in_pieces)
{
	struct iovec iov[] = {
		{ &self->event, 12 },
		{ self->event.bytes + 12, sizeof(self->event) - 12 },
	};

	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, context_post(&self->context, "fault 0x1234"));
	ASSERT_EQ(40, readv(self->fd, iov, 2));
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, self->event.header.type);
	EXPECT_EQ(0x1234, self->event.event.fault.addr);
}

/* Whoever did not ask for driver events meets none. */
TEST_F(cxl_events, driver_events_unasked)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 3));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
	EXPECT_EQ(0, context_count(&self->context, "events_raised"));
	EXPECT_EQ(-ENOENT, context_next_fetch(&self->context, "null"));

	ASSERT_EQ(0, context_post(&self->context, "error 1"));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR,
		  event_read_type(self->nowait, &self->event));

	/* From here on they are there. */
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_EQ(READABLE, poll_now(self->fd));
	ASSERT_EQ(24, event_read(self->nowait, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));
}

TEST_F(cxl_events, driver_events_are_for_one_opener)
{
	int pe = cxl_process_element(self->fd);

	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	close(self->fd);

	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_EQ(pe, cxl_process_element(self->fd));
	self->nowait.fd = self->fd;
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
}

#define ASK(ask)	cxl_ioctl(self->fd, CAPI_IOCTL_DRIVER_EVENTS, ask)

TEST_F(cxl_events, asking)
{
	struct capi_ioctl_driver_events good = { .abi = CAPI_ECHO_ABI }, bad;

	NEEDS_HOST(return);
	bad = good;
	bad.flags = 1;
	EXPECT_EQ(-EINVAL, ASK(&bad));
	bad = good;
	bad.reserved = 1;
	EXPECT_EQ(-EINVAL, ASK(&bad));
	memset(bad.abi, 'a', sizeof(bad.abi));
	bad.reserved = 0;
	EXPECT_EQ(-EINVAL, ASK(&bad));
	EXPECT_EQ(-EFAULT, ASK(NULL));

	EXPECT_EQ(-EPROTONOSUPPORT, cxl_driver_events(self->fd, "echo-2"));
	EXPECT_EQ(-EPROTONOSUPPORT, cxl_driver_events(self->fd, "echo-11"));
	EXPECT_EQ(-EPROTONOSUPPORT, cxl_driver_events(self->fd, "echo"));
	EXPECT_EQ(0, ASK(&good));
	EXPECT_EQ(-EBUSY, ASK(&good));

	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, ASK(&good));
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_EQ(-EIO, ASK(&good));
}

TEST(asking_where_no_driver_is)
{
	struct afu afu;
	int fd;

	ASSERT_EQ(0, cxl_load("memcpy:4"));
	ASSERT_EQ(0, afu_find(&afu, 0));
	fd = node_open(&afu, 's', 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-ENODEV, cxl_driver_events(fd, CAPI_ECHO_ABI));
	EXPECT_EQ(0, cxl_start(fd));
	close(fd);
}

FIXTURE(cxl_uring) {
	struct afu afu;
	struct context context;
	struct uring ring;
	union event event;
	int fd;
};

FIXTURE_SETUP(cxl_uring)
{
	int ret = uring_init(&self->ring);

	if (ret == -EOPNOTSUPP)
		SKIP(return, "no io_uring here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	ASSERT_EQ(0, cxl_start(self->fd));
}

FIXTURE_TEARDOWN(cxl_uring)
{
	close(self->fd);
	uring_destroy(&self->ring);
}

#define URING_READ(flags)						\
	uring_read(&self->ring, self->fd, &self->event,			\
		   sizeof(self->event), flags)

TEST_F(cxl_uring, read_waits)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, URING_READ(0));
	EXPECT_FALSE(uring_done(&self->ring));
	ASSERT_EQ(0, context_post(&self->context, "irq 2"));
	EXPECT_EQ(16, uring_result(&self->ring));
	EXPECT_EQ(2, self->event.event.irq.irq);

	ASSERT_EQ(0, URING_READ(0));
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, uring_result(&self->ring));
	ASSERT_EQ(0, context_link(&self->context, true));
}

TEST_F(cxl_uring, read_finds_one)
{
	ASSERT_EQ(0, context_post(&self->context, "irq 3"));
	ASSERT_EQ(0, URING_READ(0));
	EXPECT_EQ(16, uring_result(&self->ring));
	EXPECT_EQ(3, self->event.event.irq.irq);
}

TEST_F(cxl_uring, read_that_does_not_wait)
{
	ASSERT_EQ(0, URING_READ(RWF_NOWAIT));
	EXPECT_EQ(-EAGAIN, uring_result(&self->ring));
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	ASSERT_EQ(0, URING_READ(RWF_NOWAIT));
	EXPECT_EQ(16, uring_result(&self->ring));
}

TEST_F(cxl_uring, poll)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, uring_poll(&self->ring, self->fd, POLLIN));
	EXPECT_FALSE(uring_done(&self->ring));
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(POLLIN, uring_result(&self->ring));
	ASSERT_EQ(0, URING_READ(RWF_NOWAIT));
	EXPECT_EQ(16, uring_result(&self->ring));

	ASSERT_EQ(0, uring_poll(&self->ring, self->fd, POLLIN));
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(POLLERR, uring_result(&self->ring));
	ASSERT_EQ(0, context_link(&self->context, true));
}

/* A request that still waits does not keep the context. */
TEST_F(cxl_uring, exit_with_a_request)
{
	int fd = node_open(&self->afu, 's', 0), i;
	pid_t pid = fork();
	struct uring ring;

	ASSERT_GE(pid, 0);
	if (!pid) {
		close(self->fd);
		if (uring_init(&ring) ||
		    uring_read(&ring, fd, &self->event, sizeof(self->event), 0))
			_exit(1);
		_exit(0);
	}
	close(fd);
	ASSERT_EQ(pid, waitpid(pid, &i, 0));
	EXPECT_EQ(0, i);
	/* The ring goes by and by. */
	for (i = 1; i < ECHO_CONTEXTS; i++)
		EXPECT_GE(node_open_patiently(&self->afu, 's', -ENOSPC), 0);
}

#ifdef __x86_64__

/* The numbers of 32-bit system calls */
#define COMPAT_READ	3
#define COMPAT_GETPID	20
#define COMPAT_IOCTL	54

static long compat_call(long number, unsigned int a, unsigned int b,
			unsigned int c)
{
	int ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (number), "b" (a), "c" (b), "d" (c)
		     : "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

/*
 * A kernel without 32-bit system calls ends a program that tries one, or takes it
 * for another of 64 bits.
 */
static bool has_compat(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(compat_call(COMPAT_GETPID, -1, 0, 0) != getpid());
	}
	return waitpid(pid, &status, 0) == pid && !status;
}

#define LOW(pointer)	((unsigned int)(unsigned long)(pointer))

TEST_F(cxl_events, from_32_bits)
{
	union {
		struct cxl_ioctl_start_work work;
		struct cxl_afu_id id;
		struct capi_ioctl_driver_events ask;
		union event event;
		__u32 pe;
	} *low;

	if (!has_compat())
		SKIP(return, "no 32-bit system calls here");
	low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, low);

#define IOCTL(cmd, arg)	compat_call(COMPAT_IOCTL, self->fd, cmd, LOW(arg))
	EXPECT_EQ(0, IOCTL(CXL_IOCTL_GET_PROCESS_ELEMENT, low));
	EXPECT_EQ(self->context.pe, low->pe);
	EXPECT_EQ(0, IOCTL(CXL_IOCTL_GET_AFU_ID, low));
	EXPECT_EQ(CXL_AFUID_FLAG_SLAVE, low->id.flags);
	EXPECT_EQ(CXL_MODE_DIRECTED, low->id.afu_mode);
	EXPECT_EQ(-EINVAL, IOCTL(_IO(CXL_MAGIC, 3), low));
	EXPECT_EQ(-EFAULT, IOCTL(CXL_IOCTL_GET_AFU_ID, NULL));

	memset(low, 0, sizeof(*low));
	memcpy(low->ask.abi, CAPI_ECHO_ABI, sizeof(CAPI_ECHO_ABI));
	EXPECT_EQ(0, IOCTL(CAPI_IOCTL_DRIVER_EVENTS, low));
	memset(low, 0, sizeof(*low));
	low->work.flags = CXL_START_WORK_NUM_IRQS;
	low->work.num_interrupts = ECHO_IRQS_MAX + 1;
	EXPECT_EQ(-EINVAL, IOCTL(CXL_IOCTL_START_WORK, low));
	low->work.num_interrupts = 5;
	EXPECT_EQ(0, IOCTL(CXL_IOCTL_START_WORK, low));
#undef IOCTL

	ASSERT_EQ(0, context_post(&self->context, "irq 5"));
	ASSERT_EQ(16, compat_call(COMPAT_READ, self->fd, LOW(low),
				  sizeof(*low)));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, low->event.header.type);
	EXPECT_EQ(5, low->event.event.irq.irq);
}

#endif /* __x86_64__ */

TEST_HARNESS_MAIN
