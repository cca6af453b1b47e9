// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU and what processes do to themselves: threads that exit, fork,
 * exec, exit with work in flight, memory that makes the AFU wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "memcpy.h"
#include "reader.h"
#include "vfio_mdev.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE

/* An AFU with one context: whoever does not give it back is noticed. */
#define ONE_CONTEXT	"memcpy:1"

FIXTURE(memcpy_process) {
	struct capi_memcpy mc;
};

FIXTURE_SETUP(memcpy_process)
{
	ASSERT_EQ(0, memcpy_reload(ONE_CONTEXT));
}

FIXTURE_TEARDOWN(memcpy_process)
{
	capi_memcpy_close(&self->mc);
	EXPECT_EQ(0, capi_reload(""));
}

static bool copies(struct capi_memcpy *mc)
{
	char byte = 0;

	return memcpy_status(capi_memcpy_copy(mc, &byte, "x", 1)) == DONE &&
	       byte == 'x';
}

static int open_slave(struct capi_cxl *cxl, const struct afu *afu)
{
	char node[64];

	snprintf(node, sizeof(node), "/dev/cxl/%ss", afu->name);
	return capi_cxl_open(cxl, node);
}

static void *start(void *arg)
{
	return (void *)(long)memcpy_start(arg, 1);
}

TEST_F(memcpy_process, starter_exits)
{
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, start, &self->mc));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	ASSERT_EQ(NULL, ret);
	EXPECT_TRUE(copies(&self->mc));
}

/* After a fork the AFU's memory is the parent's, written or not. */
TEST_F(memcpy_process, fork)
{
	char *memory = memcpy_pages(2), byte = 0;
	struct capi_memcpy_element *element;
	int wake[2];
	pid_t pid;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	memset(memory, 'p', 2 * page_size());
	ASSERT_EQ(0, pipe(wake));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* What it stores, and what is stored there, is its own. */
		memory[page_size()] = 'c';
		if (read(wake[0], &byte, 1) != 1)
			_exit(1);
		_exit(memory[0] == 'p' && memory[page_size()] == 'c' ? 0 : 2);
	}

	element = capi_memcpy_copy(&self->mc, memory, "x", 1);
	ASSERT_EQ(DONE, memcpy_status(element));
	EXPECT_EQ('x', memory[0]);
	element = capi_memcpy_copy(&self->mc, memory + 1,
				   memory + page_size(), 1);
	ASSERT_EQ(DONE, memcpy_status(element));
	EXPECT_EQ('p', memory[1]);

	ASSERT_EQ(1, write(wake[1], "", 1));
	EXPECT_EQ(0, child_join(pid));
	EXPECT_TRUE(copies(&self->mc));
}

/* More work than is done before the process is gone */
static int start_and_fill(struct capi_memcpy *mc)
{
	char *memory = memcpy_pages(32);
	int ret = memcpy_start(mc, CAPI_MEMCPY_WED_DEPTH);

	while (!ret && memory && mc->next + 1 < mc->depth)
		if (!capi_memcpy_copy(mc, memory, memory + 16 * page_size(),
				      CAPI_MEMCPY_MAX_LENGTH))
			ret = -EAGAIN;
	return ret;
}

/* The context comes back, and works for the next. */
#define EXPECT_FREE()							\
do {									\
	ASSERT_TRUE(WAIT_UNTIL(!memcpy_start(&self->mc, 1)));		\
	EXPECT_TRUE(copies(&self->mc));					\
} while (0)

TEST_F(memcpy_process, exit)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(start_and_fill(&self->mc) ? 1 : 42);
	EXPECT_EQ(42, child_join(pid));
	EXPECT_FREE();
}

TEST_F(memcpy_process, killed)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (start_and_fill(&self->mc) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_FREE();
}

/* The file may stay open in the new program; its memory is another's. */
static int exec_after_start(struct capi_memcpy *mc, int keep)
{
	if (start_and_fill(mc) || fcntl(mc->cxl.fd, F_SETFD,
					keep ? 0 : FD_CLOEXEC))
		return 1;
	execl("/bin/busybox", "sh", "-c", "exit 42", NULL);
	execl("/bin/sh", "sh", "-c", "exit 42", NULL);
	return 1;
}

TEST_F(memcpy_process, exec)
{
	int keep;
	pid_t pid;

	for (keep = 0; keep < 2; keep++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			_exit(exec_after_start(&self->mc, keep));
		EXPECT_EQ(42, child_join(pid));
		EXPECT_FREE();
		capi_memcpy_close(&self->mc);
	}
}

/* A child has the file, the parent's memory is gone. */
TEST_F(memcpy_process, inherited)
{
	int alive[2];
	pid_t pid;
	char byte;

	ASSERT_EQ(0, pipe(alive));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (start_and_fill(&self->mc) || fork())
			_exit(42);
		/* Ends with the test, which closes its end. */
		close(alive[1]);
		_exit(read(alive[0], &byte, 1));
	}
	EXPECT_EQ(42, child_join(pid));
	EXPECT_EQ(-ENOSPC, in_guest() ? memcpy_start(&self->mc, 1) :
		  capi_memcpy_open(&self->mc, NULL));
	close(alive[1]);
	EXPECT_FREE();
}

/* Opens the node for masters, and starts with nothing to do. */
static int start_master(struct capi_memcpy *mc)
{
	char node[64];
	int ret = memcpy_master_node(node, sizeof(node));

	if (!ret)
		ret = capi_memcpy_open(mc, node);
	return ret ? ret : capi_memcpy_start(mc, 1, -1);
}

/*
 * A child has the file and the registers, and there is no memory any more that the
 * AFU could look at. The AFU's other users do not notice.
 */
TEST_F(memcpy_process, master_inherited)
{
	struct capi_memcpy other;
	unsigned int i;
	int alive[2];
	pid_t pid;
	char byte;

	NOT_IN_GUEST(return, "has no nodes for masters");
	ASSERT_EQ(0, memcpy_reload("memcpy:2"));
	ASSERT_EQ(0, pipe(alive));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (start_master(&self->mc) || fork())
			_exit(42);
		close(alive[1]);
		_exit(read(alive[0], &byte, 1));
	}
	EXPECT_EQ(42, child_join(pid));
	ASSERT_EQ(0, memcpy_start(&other, 1));
	for (i = 0; i < 10; i++) {
		/* Time to fall asleep, both of them */
		usleep(100000);
		ASSERT_TRUE(copies(&other));
	}
	capi_memcpy_close(&other);
	close(alive[1]);
}

/* Whatever a program was at: it is told that the adapter went, not what failed. */
TEST_F(memcpy_process, adapter_goes)
{
	struct capi_cxl opened, started;
	struct context context;
	struct afu afu;

	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, memcpy_reload("memcpy:2"));
	ASSERT_EQ(0, afu_find(&afu, 0));
	ASSERT_EQ(0, open_slave(&opened, &afu));
	ASSERT_EQ(0, open_slave(&started, &afu));
	ASSERT_EQ(0, capi_cxl_start(&started, 0, -1));
	EXPECT_EQ(0, capi_cxl_check(&opened));
	EXPECT_EQ(0, capi_cxl_check(&started));

	context_init(&context, afu.card, afu.name, 0);
	ASSERT_EQ(0, context_drop(&context));
	EXPECT_EQ(-EIO, capi_cxl_check(&opened));
	EXPECT_EQ(-EIO, capi_cxl_start(&opened, 0, -1));
	EXPECT_NE(NULL, strstr(opened.error, "the adapter is gone"));
	EXPECT_EQ(-EIO, capi_cxl_map(&started));
	EXPECT_NE(NULL, strstr(started.error, "the adapter is gone"));
	capi_cxl_close(&opened);
	capi_cxl_close(&started);
}

/* Waits in the AFU for memory that never comes, and exits. */
static int exit_stalled(struct capi_memcpy *mc)
{
	struct stall stall;

	if (memcpy_start(mc, 1) || stall_init(&stall) ||
	    !capi_memcpy_copy(mc, stall.memory + stall.page, "x", 1) ||
	    !stall_wait(&stall))
		return 1;
	return 42;
}

TEST_F(memcpy_process, exit_while_stalled)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(exit_stalled(&self->mc));
	EXPECT_EQ(42, child_join(pid));
	EXPECT_FREE();
}

/* Closing does not wait for it either. */
TEST_F(memcpy_process, close_while_stalled)
{
	struct stall stall;

	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_NE(NULL, capi_memcpy_copy(&self->mc, stall.memory + stall.page,
					 "x", 1));
	ASSERT_TRUE(stall_wait(&stall));
	capi_memcpy_close(&self->mc);
	EXPECT_FREE();
	stall_destroy(&stall);
}

/* Whoever's queue does not come waits alone. */
TEST_F(memcpy_process, queue_stalls)
{
	struct capi_memcpy other = { };
	struct stall stall;
	unsigned int i;

	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, memcpy_reload("memcpy:2"));
	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_EQ(0, capi_memcpy_open(&self->mc, NULL));
	ASSERT_EQ(0, capi_cxl_start(&self->mc.cxl, (uintptr_t)stall.memory +
				    stall.page + 1, -1));
	ASSERT_TRUE(stall_wait(&stall));

	ASSERT_EQ(0, memcpy_start(&other, 1));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(copies(&other));
		/* Long enough to be idle */
		sleep(1);
	}
	/* And where it stalls after it was idle itself */
	ASSERT_EQ(0, stall_release(&stall));
	sleep(1);
	ASSERT_EQ(0, stall_again(&stall));
	ASSERT_TRUE(stall_wait(&stall));
	EXPECT_TRUE(copies(&other));
	capi_memcpy_close(&other);
	capi_memcpy_close(&self->mc);
	stall_destroy(&stall);
}

/* Memory that comes late */
TEST_F(memcpy_process, stalled)
{
	struct capi_memcpy_element *element;
	struct stall stall;

	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	ASSERT_EQ(0, stall_init(&stall));
	element = capi_memcpy_copy(&self->mc, stall.memory + stall.page, "x", 1);
	ASSERT_TRUE(stall_wait(&stall));
	EXPECT_EQ(0, element->status);
	ASSERT_EQ(0, stall_release(&stall));
	EXPECT_EQ(DONE, memcpy_status(element));
	EXPECT_EQ('x', stall.memory[stall.page]);
	stall_destroy(&stall);
}

TEST_HARNESS_MAIN
