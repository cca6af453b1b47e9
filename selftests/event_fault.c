// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is lost when events or buffers are bad, when buffers are slow, or
 * when readers die.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "reader.h"
#include "source.h"

FIXTURE(event_fault) {
	struct source source;
	const struct context *context;
	struct from from;
	struct from other;
	struct stall stall;
	union event event;
};

FIXTURE_VARIANT(event_fault) {
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(event_fault, fd) {
	.kind = SOURCE_EVENT_FD,
};

FIXTURE_VARIANT_ADD(event_fault, region) {
	.kind = SOURCE_REGION,
};

FIXTURE_VARIANT_ADD(event_fault, file) {
	.kind = SOURCE_FILE,
};

FIXTURE_SETUP(event_fault)
{
	NEEDS_SOURCE(return, variant->kind);
	ASSERT_EQ(0, source_open(&self->source, variant->kind, false));
	self->context = &self->source.context;
	self->from = self->source.from;
	ASSERT_EQ(0, source_other(&self->source, &self->other));
	ASSERT_EQ(0, stall_init(&self->stall));
}

FIXTURE_TEARDOWN(event_fault)
{
	stall_destroy(&self->stall);
	source_close_other(&self->source, &self->other);
	EXPECT_EQ(0, source_close(&self->source));
}

/* Reads the event with this number, by the reader that does not block. */
#define EXPECT_SEQ(number)						\
do {									\
	ASSERT_EQ(24, event_read(self->other, &self->event));		\
	EXPECT_EQ(number, event_seq(&self->event));			\
} while (0)

#define EXPECT_NO_MORE()						\
	EXPECT_EQ(-EAGAIN, event_read(self->other, &self->event))

TEST_F(event_fault, driver_has_none)
{
	NOT_IN_GUEST(return, "needs an AFU driver that misbehaves");
	ASSERT_EQ(0, context_next_fetch(self->context, "null"));
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(-EFAULT, event_read(self->from, &self->event));
	EXPECT_EQ(1, context_count(self->context, "events_failed"));
	/* The driver was told, and announced it again. */
	EXPECT_SEQ(0);
	EXPECT_NO_MORE();
	EXPECT_EQ(2, context_count(self->context, "events_raised"));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, driver_event_too_large)
{
	/* The last three have sizes that fit when cut to 16 bits. */
	static const char * const sizes[] = {
		"4089", "4096", "32768", "65528", "65536", "69624", "4294967295"
	};
	unsigned int i;

	NOT_IN_GUEST(return, "needs an AFU driver that misbehaves");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, context_next_fetch(self->context, sizes[i]));
		ASSERT_EQ(0, context_emit(self->context, 1));
		EXPECT_EQ(-EFAULT, event_read(self->from, &self->event)) {
			TH_LOG("size %s", sizes[i]);
		}
		EXPECT_SEQ(i);
		EXPECT_NO_MORE();
		EXPECT_EQ(i + 1, context_count(self->context, "events_failed"));
	}
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, largest_driver_event)
{
	unsigned int i;

	NOT_IN_GUEST(return, "needs an AFU driver that misbehaves");
	ASSERT_EQ(0, context_next_fetch(self->context, "4088"));
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(CXL_READ_MIN_SIZE, event_read(self->from, &self->event));
	EXPECT_EQ(CXL_READ_MIN_SIZE, self->event.header.size);
	EXPECT_EQ(0, event_seq(&self->event));
	for (i = 16; i < sizeof(self->event); i++)
		ASSERT_EQ(CAPI_ECHO_FILL, self->event.bytes[i]);
	EXPECT_NO_MORE();
	EXPECT_EQ(0, context_count(self->context, "events_failed"));
}

/* A buffer that ends @room bytes after its begin */
static void *short_buffer(size_t room, int protection)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED ||
	    mprotect(memory + page, page, protection))
		return NULL;
	return memory + page - room;
}

static ssize_t read_to(struct from from, void *buf)
{
	return from_read(from, buf, CXL_READ_MIN_SIZE);
}

TEST_F(event_fault, bad_buffer)
{
	void * const buffers[] = {
		NULL,
		short_buffer(0, PROT_NONE),	/* no memory */
		short_buffer(0, PROT_READ),	/* read-only */
		short_buffer(8, PROT_NONE),	/* room for the header */
		short_buffer(23, PROT_READ),	/* for all but one byte */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buffers); i++) {
		ASSERT_EQ(0, context_emit(self->context, 1));
		EXPECT_EQ(-EFAULT, read_to(self->from, buffers[i])) {
			TH_LOG("buffer %u", i);
		}
		EXPECT_EQ(i + 1, context_count(self->context, "events_failed"));
		EXPECT_SEQ(i);
		EXPECT_NO_MORE();
	}
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, bad_buffer_generic)
{
	void *buf = short_buffer(8, PROT_NONE);

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, context_post(self->context, "irq 2"));
	ASSERT_EQ(0, context_post(self->context, "fault 0x5000"));
	ASSERT_EQ(0, context_post(self->context, "error 7"));

	EXPECT_EQ(-EFAULT, read_to(self->from, buf));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT,
		  event_read_type(self->other, &self->event));
	EXPECT_EQ(2, self->event.event.irq.irq);

	EXPECT_EQ(-EFAULT, read_to(self->from, buf));
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE,
		  event_read_type(self->other, &self->event));
	EXPECT_EQ(0x5000, self->event.event.fault.addr);

	EXPECT_EQ(-EFAULT, read_to(self->from, buf));
	EXPECT_EQ(CXL_EVENT_AFU_ERROR,
		  event_read_type(self->other, &self->event));
	EXPECT_EQ(7, self->event.event.afu_error.error);

	EXPECT_NO_MORE();
	EXPECT_TRUE(context_balanced(self->context, 0));
}

/* Only what the event fills has to be there. */
TEST_F(event_fault, buffer_just_large_enough)
{
	void *buf = short_buffer(24, PROT_NONE);

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(24, read_to(self->from, buf));
}

/* A buffer that nobody touched yet is as good as any other. */
TEST_F(event_fault, untouched_buffer)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(24, read_to(self->from, memory + page - 12));
	EXPECT_EQ(0, context_count(self->context, "events_failed"));
}

/* Two pages of another context, which nothing can be read to; the first faults. */
static char *other_area(size_t page)
{
	struct afu afu;
	char *area;
	int fd;

	if (afu_find(&afu, 0))
		return NULL;
	fd = node_open(&afu, 's', 0);
	area = cxl_start(fd) ? MAP_FAILED : cxl_map(fd, 2 * page, 0);
	close(fd);
	return area == MAP_FAILED ? NULL : area;
}

/* A buffer may be a device's: what it has no registers for is a bad one. */
TEST_F(event_fault, device)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *area;

	NEEDS_CONTEXTS(return);
	area = other_area(page);
	ASSERT_NE(NULL, area);
	ASSERT_EQ(0, context_emit(self->context, 2));
	EXPECT_EQ(-EFAULT, read_to(self->from, area));
	EXPECT_EQ(-EFAULT, read_to(self->from, area + page - 8));
	EXPECT_EQ(24, read_to(self->from, area + page));
	memcpy(&self->event, area + page, 24);
	EXPECT_EQ(0, event_seq(&self->event));
	EXPECT_SEQ(1);
	EXPECT_NO_MORE();
	EXPECT_EQ(2, context_count(self->context, "events_failed"));
	EXPECT_TRUE(context_balanced(self->context, 0));
	munmap(area, 2 * page);
}

/* Whether it does at a store depends on where the stack pointer is, in places. */
static bool grows(char *below)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		*below = 1;
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && !status;
}

/* So is what a stack grows to, and nothing is said of it in the log. */
TEST_F(event_fault, stack)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *top = new_stack(page), *buf = top - 3 * page;
	bool good;

	ASSERT_NE(NULL, top);
	good = grows(buf);
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_EQ(good ? 24 : -EFAULT, read_to(self->from, buf));
	EXPECT_EQ(!good, context_count(self->context, "events_failed"));
	munmap(buf, 3 * page);
}

/* The event's header lies before the page that stalls, its payload in it. */
static void *stall_buffer(struct stall *stall)
{
	return stall->memory + stall->page - sizeof(struct cxl_event_header);
}

TEST_F(event_fault, slow_buffer)
{
	struct reader reader;
	union event *event = stall_buffer(&self->stall);

	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, reader_start(&reader, self->from, event, CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&self->stall));
	ASSERT_EQ(0, stall_release(&self->stall));
	ASSERT_EQ(24, reader_join(&reader));
	EXPECT_EQ(CXL_EVENT_AFU_DRIVER, event->header.type);
	EXPECT_EQ(0, event_seq(event));
	EXPECT_EQ(0, context_count(self->context, "events_failed"));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

/* While one reader waits for its memory, all others go on. */
TEST_F(event_fault, slow_buffer_stops_nobody)
{
	struct reader reader;

	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, reader_start(&reader, self->from,
				  stall_buffer(&self->stall), CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&self->stall));

	EXPECT_SEQ(0);
	EXPECT_NO_MORE();
	/* The AFU driver posts, the AFU raises. */
	ASSERT_EQ(0, context_emit(self->context, 2));
	ASSERT_EQ(0, context_post(self->context, "irq 1"));
	EXPECT_SEQ(1);
	EXPECT_FALSE(reader_done(&reader, 0));

	ASSERT_EQ(0, stall_release(&self->stall));
	ASSERT_EQ(24, reader_join(&reader));
	EXPECT_EQ(2, event_seq(stall_buffer(&self->stall)));
	EXPECT_EQ(16, event_read(self->other, &self->event));
	EXPECT_NO_MORE();
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, slow_buffer_generic)
{
	struct reader reader;
	union event *event = stall_buffer(&self->stall);

	/* A newer fault gives way to the one that could not be delivered. */
	ASSERT_EQ(0, context_post(self->context, "fault 0x1000"));
	ASSERT_EQ(0, reader_start(&reader, self->from, event, CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&self->stall));
	ASSERT_EQ(0, context_post(self->context, "fault 0x2000"));
	ASSERT_EQ(0, stall_release(&self->stall));
	ASSERT_EQ(40, reader_join(&reader));
	EXPECT_EQ(0x1000, event->event.fault.addr);
	EXPECT_NO_MORE();
	EXPECT_EQ(1, context_count(self->context, "events_overrun"));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

/* Neither a stop nor a close nor a reset waits for a slow buffer. */
TEST_F(event_fault, slow_buffer_and_stop)
{
	struct reader reader;

	NEEDS_HOST(return);
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, reader_start(&reader, self->from,
				  stall_buffer(&self->stall), CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&self->stall));
	ASSERT_EQ(0, source_stop(&self->source));
	EXPECT_FALSE(reader_done(&reader, 0));
	ASSERT_EQ(0, stall_release(&self->stall));
	ASSERT_EQ(24, reader_join(&reader));
	EXPECT_EQ(-EIO, event_read(self->other, &self->event));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, slow_buffer_and_reset)
{
	struct mdev *mdev = &self->source.mdev;
	struct reader reader;

	/* Whoever has a file cannot reset its context. */
	if (variant->kind == SOURCE_FILE)
		return;
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, reader_start(&reader, self->from,
				  stall_buffer(&self->stall), CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&self->stall));
	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(1, context_count(self->context, "events_cancelled"));
	EXPECT_NO_MORE();
	ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, 0));
	ASSERT_EQ(0, context_emit(self->context, 1));
	ASSERT_EQ(0, stall_release(&self->stall));
	ASSERT_EQ(24, reader_join(&reader));
	EXPECT_EQ(1, event_seq(stall_buffer(&self->stall)));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

static void *tell_stall(void *arg)
{
	void **args = arg;
	int fd = *(int *)args[1];

	if (stall_wait(args[0]) && write(fd, "", 1) != 1)
		_exit(1);
	return NULL;
}

/* In a process of its own: stall while reading, and tell that it does. */
static void stall_and_tell(struct from from, int fd)
{
	struct stall stall;
	void *args[] = { &stall, &fd };
	pthread_t thread;

	if (stall_init(&stall) ||
	    pthread_create(&thread, NULL, tell_stall, args))
		_exit(1);
	read_to(from, stall_buffer(&stall));
	_exit(0);
}

TEST_F(event_fault, reader_killed_while_stalled)
{
	int pipe_fds[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(pipe_fds));
	ASSERT_EQ(0, context_emit(self->context, 1));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		stall_and_tell(self->from, pipe_fds[1]);

	ASSERT_EQ(POLLIN, poll_for(pipe_fds[0], POLLIN));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_SEQ(0);
	EXPECT_EQ(0, context_count(self->context, "events_failed"));
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_F(event_fault, reader_killed_while_asleep)
{
	pid_t pid;

	if (variant->kind == SOURCE_REGION) {
		/* Nobody sleeps there. */
		EXPECT_EQ(-EAGAIN, read_to(self->from, &self->event));
		return;
	}
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		read_to(self->from, &self->event);
		_exit(0);
	}

	ASSERT_TRUE(asleep_in(pid, SYS_read));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(0, context_emit(self->context, 1));
	EXPECT_SEQ(0);
	EXPECT_TRUE(context_balanced(self->context, 0));
}

TEST_HARNESS_MAIN
