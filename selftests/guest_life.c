// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest: who has the VF, that nothing of one reaches the next, and what
 * becomes of processes, module and function that go with work in flight.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "memcpy.h"
#include "reader.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE

/* Owners */

FIXTURE(guest_owner) {
	struct afu afu;
	struct context context;
	struct from nowait;
	union event event;
	size_t page;
	int fd;
	int other;
};

FIXTURE_SETUP(guest_owner)
{
	NEEDS_VF(return);
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->page = sysconf(_SC_PAGESIZE);
	self->fd = node_open(&self->afu, 's', 0);
	self->other = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->other, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	self->nowait = (struct from){
		.fd = self->other, .offset = -1, .nowait = true,
	};
}

FIXTURE_TEARDOWN(guest_owner)
{
	close(self->fd);
	close(self->other);
}

TEST_F(guest_owner, who_starts)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_EQ(-ENOSPC, cxl_start(self->other));
	EXPECT_EQ(-EBUSY, cxl_driver_events(self->other, CAPI_ECHO_ABI));
	EXPECT_EQ(0, poll_now(self->other));
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
	/* What was refused can be asked for again. */
	close(self->fd);
	EXPECT_EQ(0, cxl_driver_events(self->other, CAPI_ECHO_ABI));
	EXPECT_EQ(0, cxl_start(self->other));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
}

TEST_F(guest_owner, who_asks)
{
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	EXPECT_EQ(-ENOSPC, cxl_start(self->other));
	EXPECT_EQ(-EBUSY, cxl_driver_events(self->other, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_EQ(-ENOSPC, cxl_start(self->other));
	close(self->fd);
	EXPECT_EQ(0, cxl_start(self->other));
}

/* Memory, registers, interrupts and driver events that nobody read */
TEST_F(guest_owner, nothing_is_left)
{
	char *memory, left = 0;
	size_t i;

	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	memory = cxl_map(self->fd, self->page, self->page);
	ASSERT_NE(MAP_FAILED, memory);
	memset(memory, 0x5a, self->page);
	ASSERT_EQ(0, context_post(&self->context, "size 32"));
	ASSERT_EQ(0, context_emit(&self->context, 3));
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	ASSERT_EQ(0, context_post(&self->context, "fault 0x1000"));
	ASSERT_EQ(0, context_post(&self->context, "period 1000000"));
	ASSERT_EQ(0, context_emit(&self->context, 1000));
	ASSERT_EQ(0, munmap(memory, self->page));
	close(self->fd);

	ASSERT_EQ(0, cxl_driver_events(self->other, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->other));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
	memory = cxl_map(self->other, self->page, self->page);
	ASSERT_NE(MAP_FAILED, memory);
	for (i = 0; i < self->page; i++)
		left |= memory[i];
	EXPECT_EQ(0, left);
	ASSERT_EQ(0, cxl_context(&self->afu, self->other, &self->context));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_EQ(24, event_read(self->nowait, &self->event));
	EXPECT_EQ(-EAGAIN, event_read(self->nowait, &self->event));
}

TEST_F(guest_owner, module_goes_and_comes)
{
	int i;

	close(self->other);
	self->other = -1;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EBUSY, cxl_unload());
		ASSERT_EQ(0, cxl_start(self->fd));
		EXPECT_EQ(-EBUSY, cxl_unload());
		ASSERT_EQ(0, context_post(&self->context, "irq 1"));
		close(self->fd);
		ASSERT_EQ(0, cxl_unload());
		EXPECT_FALSE(functions_left(&self->context));
		EXPECT_FALSE(node_exists(&self->afu, 's'));
		ASSERT_EQ(0, cxl_load(ECHO_AFU));
		ASSERT_EQ(0, afu_find(&self->afu, 0));
		self->fd = node_open(&self->afu, 's', 0);
		ASSERT_GE(self->fd, 0);
		ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	}
}

static int driver_write(const char *name, const char *function)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/capi_guest/%s",
		 name);
	return write_file(path, function);
}

/**
 * struct user - somebody who uses a file
 * @memory: what he has mapped of it
 * @reader: waits for an event
 */
struct user {
	char *memory;
	struct reader reader;
};

#define SELF	FIXTURE_DATA(guest_owner)

static int use(SELF *self, struct user *user)
{
	struct from from = { .fd = self->fd, .offset = -1 };
	int ret = cxl_start(self->fd);
	__u32 value;

	if (ret)
		return ret;
	user->memory = cxl_map(self->fd, self->page, self->page);
	if (user->memory == MAP_FAILED || !can_load(user->memory, &value))
		return -EFAULT;
	ret = reader_start(&user->reader, from, &self->event,
			   sizeof(self->event));
	if (ret)
		return ret;
	return reader_asleep(&user->reader) ? 0 : -ETIMEDOUT;
}

/* The reader is woken, and what is mapped is lost. Returns what he read. */
static int lose(SELF *self, struct user *user)
{
	int ret = reader_join(&user->reader);
	__u32 value;

	if (can_load(user->memory, &value))
		return -EEXIST;
	munmap(user->memory, self->page);
	return ret;
}

TEST_F(guest_owner, unbound_under_a_reader)
{
	struct user user;

	ASSERT_EQ(0, use(self, &user));
	EXPECT_EQ(0, driver_write("unbind", self->context.card));
	EXPECT_EQ(-EIO, lose(self, &user));
	EXPECT_EQ(-EIO, cxl_start(self->other));
	EXPECT_EQ(POLLERR, poll_now(self->fd));

	EXPECT_EQ(0, driver_write("bind", self->context.card));
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	EXPECT_EQ(-EIO, cxl_start(self->other));
	close(self->other);
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->other = node_open(&self->afu, 's', 0);
	EXPECT_EQ(0, cxl_start(self->other));
}

/* Somebody resets the function: to all who use it, the link was down. */
TEST_F(guest_owner, reset_under_a_reader)
{
	struct user user;
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset",
		 self->context.card);
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, use(self, &user));
	ASSERT_EQ(0, write_file(path, "1"));
	EXPECT_EQ(-EIO, lose(self, &user));
	EXPECT_EQ(-EIO, cxl_start(self->other));

	close(self->fd);
	close(self->other);
	self->other = -1;
	self->fd = node_open(&self->afu, 's', 0);
	EXPECT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	EXPECT_EQ(0, cxl_start(self->fd));
	self->nowait.fd = self->fd;
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_EQ(24, event_read(self->nowait, &self->event));
	/* The link can go down without ending the machine. */
	NEEDS_HOST(return);
	EXPECT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(0, context_link(&self->context, true));
}

/* Processes that are killed */

enum stage {
	OPENED,
	STARTED,
	WORKING,
	RESTART,
	STALLED,
};

FIXTURE(guest_killed) {
	struct afu afu;
	struct capi_memcpy mc;
	int ready[2];
	pid_t pid;
};

FIXTURE_VARIANT(guest_killed) {
	enum stage stage;
};

FIXTURE_VARIANT_ADD(guest_killed, opened) {
	.stage = OPENED,
};

FIXTURE_VARIANT_ADD(guest_killed, started) {
	.stage = STARTED,
};

FIXTURE_VARIANT_ADD(guest_killed, working) {
	.stage = WORKING,
};

FIXTURE_VARIANT_ADD(guest_killed, restart) {
	.stage = RESTART,
};

FIXTURE_VARIANT_ADD(guest_killed, stalled) {
	.stage = STALLED,
};

/* More than is done before the process is gone */
static int fill_queue(struct capi_memcpy *mc)
{
	char *memory = memcpy_pages(1024);

	while (memory && mc->next + 1 < mc->depth)
		if (!capi_memcpy_copy(mc, memory + (mc->next % 32) * 65536,
				      memory + 2 * 1024 * 1024,
				      CAPI_MEMCPY_MAX_LENGTH))
			return -EAGAIN;
	return memory ? 0 : -ENOMEM;
}

/* Memory that does not come, and the AFU waits for it. */
static int stall(struct capi_memcpy *mc)
{
	static struct stall stall;

	if (stall_init(&stall) ||
	    !capi_memcpy_copy(mc, stall.memory + stall.page, "x", 1))
		return -EAGAIN;
	return stall_wait(&stall) ? 0 : -ETIMEDOUT;
}

static int get_to(struct capi_memcpy *mc, enum stage stage)
{
	int ret = capi_memcpy_open(mc, NULL);

	if (!ret && stage >= STARTED)
		ret = capi_memcpy_start(mc, CAPI_MEMCPY_WED_DEPTH, -1);
	if (ret)
		return ret;
	switch (stage) {
	case WORKING:
		return fill_queue(mc);
	case RESTART:
		return memcpy_status(capi_memcpy_interrupt(mc, 1)) == DONE ?
		       fill_queue(mc) : -EIO;
	case STALLED:
		return stall(mc);
	default:
		return 0;
	}
}

FIXTURE_SETUP(guest_killed)
{
	NEEDS_VF(return);
	ASSERT_EQ(0, cxl_load("memcpy:4"));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	ASSERT_EQ(0, pipe(self->ready));
	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (!self->pid) {
		if (get_to(&self->mc, variant->stage) ||
		    write(self->ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(self->ready[1]);
	ASSERT_EQ(POLLIN, poll_for(self->ready[0], POLLIN));
}

FIXTURE_TEARDOWN(guest_killed)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	capi_memcpy_close(&self->mc);
}

static bool works(struct capi_memcpy *mc)
{
	char byte = 0;

	return !memcpy_start(mc, 1) &&
	       memcpy_status(capi_memcpy_copy(mc, &byte, "x", 1)) == DONE &&
	       byte == 'x';
}

/* The module stays as long as it is needed, and is not held up then. */
TEST_F(guest_killed, module)
{
	char byte;

	ASSERT_EQ(1, read(self->ready[0], &byte, 1));
	EXPECT_EQ(-EBUSY, cxl_unload());
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(self->pid, waitpid(self->pid, NULL, 0));
	self->pid = 0;
	/* Who looked at its memory may be the last to let go of it. */
	EXPECT_TRUE(WAIT_UNTIL(!cxl_unload()));
	ASSERT_EQ(0, cxl_load("memcpy:4"));
	EXPECT_TRUE(works(&self->mc));
}

/* The function goes first, the process does not know of it. */
TEST_F(guest_killed, function)
{
	struct context context;
	char byte;

	ASSERT_EQ(1, read(self->ready[0], &byte, 1));
	context_init(&context, self->afu.card, self->afu.name, 0);
	ASSERT_EQ(0, context_drop(&context));
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(self->pid, waitpid(self->pid, NULL, 0));
	self->pid = 0;
	ASSERT_EQ(0, cxl_load("memcpy:4"));
	EXPECT_TRUE(works(&self->mc));
}

TEST_HARNESS_MAIN
