// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has a context, and until when: processes that fork, pass descriptors on,
 * execute other programs, are killed; adapters and modules that go.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include <misc/capi_memcpy.h>

#include "cxl_dev.h"
#include "reader.h"

FIXTURE(cxl_life) {
	struct afu afu;
	struct context context;
	union event event;
	struct from from;
	size_t page;
	int sockets[2];
	int fd;
	pid_t pid;
};

FIXTURE_SETUP(cxl_life)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->sockets));
	self->page = sysconf(_SC_PAGESIZE);
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	self->from = (struct from){ .fd = self->fd, .offset = -1 };
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
}

FIXTURE_TEARDOWN(cxl_life)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	close(self->fd);
}

/* The child's end: one byte, when the other end says so or closes. */
static void wait_for_parent(int sock)
{
	char byte;

	if (read(sock, &byte, 1) < 0)
		_exit(1);
}

static void tell(int sock)
{
	if (write(sock, "", 1) != 1)
		_exit(1);
}

#define EXPECT_TOLD()							\
do {									\
	char __byte;							\
									\
	ASSERT_EQ(POLLIN, poll_for(self->sockets[0], POLLIN));		\
	ASSERT_EQ(1, read(self->sockets[0], &__byte, 1));		\
} while (0)

/* In the child @self->pid what follows is run, which does not return. */
#define IN_CHILD(statements)						\
do {									\
	self->pid = fork();						\
	ASSERT_GE(self->pid, 0);					\
	if (!self->pid) {						\
		close(self->sockets[0]);				\
		statements;						\
		_exit(0);						\
	}								\
	close(self->sockets[1]);					\
} while (0)

#define EXPECT_EXITS()							\
do {									\
	int __status;							\
									\
	ASSERT_EQ(self->pid, waitpid(self->pid, &__status, 0));		\
	self->pid = 0;							\
	EXPECT_EQ(0, __status);						\
} while (0)

/* A VF is free or taken, which shows when a context is started. */
static int start_vf(const struct afu *afu, bool taken)
{
	int fd = node_open(afu, 's', 0), ret;

	WAIT_UNTIL((ret = cxl_start(fd)) != -ENOSPC || taken);
	close(fd);
	return ret;
}

/* All contexts but those that are @taken can be had, and no more. */
#define EXPECT_FREE(taken)						\
do {									\
	int __fds[ECHO_CONTEXTS], __taken = (taken), __i;		\
									\
	if (in_guest()) {						\
		EXPECT_EQ(__taken ? -ENOSPC : 0,			\
			  start_vf(&self->afu, __taken));		\
		break;							\
	}								\
	for (__i = 0; __i < ECHO_CONTEXTS - __taken; __i++) {		\
		__fds[__i] = node_open_patiently(&self->afu, 's',	\
						 -ENOSPC);		\
		EXPECT_GE(__fds[__i], 0);				\
	}								\
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 's', 0));		\
	while (__i--)							\
		close(__fds[__i]);					\
} while (0)

/* A child starts, maps and reads what its parent opened. */
static void use_in_child(int fd, const struct context *context, size_t page,
			 int sock)
{
	struct from from = { .fd = fd, .offset = -1 };
	union event event;
	char *memory;

	if (cxl_start(fd))
		_exit(1);
	memory = cxl_map(fd, page, page);
	if (memory == MAP_FAILED)
		_exit(2);
	*memory = 1;
	if (context_emit(context, 1) || event_read(from, &event) != 24)
		_exit(3);
	tell(sock);
	wait_for_parent(sock);
}

TEST_F(cxl_life, used_by_a_child)
{
	IN_CHILD(use_in_child(self->fd, &self->context, self->page,
			      self->sockets[1]));
	EXPECT_TOLD();
	/* It is started for both, */
	EXPECT_EQ(-EIO, cxl_start(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(1, event_seq(&self->event));
	/* and stays so when the child is no more. */
	tell(self->sockets[0]);
	EXPECT_EXITS();
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(16, event_read(self->from, &self->event));
	EXPECT_FREE(1);
}

TEST_F(cxl_life, closed_by_the_parent)
{
	IN_CHILD(wait_for_parent(self->sockets[1]);
		 use_in_child(self->fd, &self->context, self->page,
			      self->sockets[1]));
	close(self->fd);
	tell(self->sockets[0]);
	EXPECT_TOLD();
	EXPECT_FREE(1);
	tell(self->sockets[0]);
	EXPECT_EXITS();
	EXPECT_FREE(0);
}

TEST_F(cxl_life, duplicate)
{
	struct from copy = { .fd = dup(self->fd), .offset = -1 };

	ASSERT_EQ(0, cxl_start(copy.fd));
	EXPECT_EQ(-EIO, cxl_start(self->fd));
	EXPECT_EQ(cxl_process_element(self->fd), cxl_process_element(copy.fd));
	close(self->fd);
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(16, event_read(copy, &self->event));
	EXPECT_FREE(1);
	close(copy.fd);
	EXPECT_FREE(0);
}

static void read_passed_on(int sock)
{
	struct from from = { .offset = -1 };
	union event event;

	from.fd = receive_fd(sock);
	if (from.fd < 0)
		_exit(1);
	tell(sock);
	if (event_read(from, &event) != 24)
		_exit(2);
	tell(sock);
	wait_for_parent(sock);
}

TEST_F(cxl_life, passed_on)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	IN_CHILD(close(self->fd); read_passed_on(self->sockets[1]));
	ASSERT_EQ(0, send_fd(self->sockets[0], self->fd));
	close(self->fd);
	EXPECT_TOLD();
	EXPECT_FREE(1);
	ASSERT_EQ(0, context_emit(&self->context, 1));
	EXPECT_TOLD();
	tell(self->sockets[0]);
	EXPECT_EXITS();
	EXPECT_FREE(0);
}

/* On its way nobody has it, and still it is taken. */
TEST_F(cxl_life, passed_on_and_never_received)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, send_fd(self->sockets[0], self->fd));
	close(self->fd);
	EXPECT_FREE(1);
	close(self->sockets[0]);
	close(self->sockets[1]);
	EXPECT_FREE(0);
}

static void take_all(const struct afu *afu, size_t page, int sock)
{
	struct context context;
	int i, fd;

	for (i = 1; i < ECHO_CONTEXTS; i++) {
		fd = node_open(afu, i % 2 ? 's' : 'm', 0);
		if (cxl_context(afu, fd, &context) || cxl_start(fd) ||
		    cxl_driver_events(fd, CAPI_ECHO_ABI) ||
		    context_post(&context, "period 1000") ||
		    context_emit(&context, 100000))
			_exit(1);
		if (i % 2 && cxl_map(fd, page, page) == MAP_FAILED)
			_exit(2);
	}
	tell(sock);
}

/* The one that a VF has */
static void keep_busy(const struct afu *afu, int fd, size_t page, int sock)
{
	struct context context;

	if (cxl_context(afu, fd, &context) ||
	    context_post(&context, "period 1000") ||
	    context_emit(&context, 100000))
		_exit(1);
	if (cxl_map(fd, page, page) == MAP_FAILED)
		_exit(2);
	tell(sock);
}

static void take_all_and_read(const struct afu *afu, struct from from,
			      size_t page, int sock)
{
	union event event;

	if (cxl_start(from.fd))
		_exit(3);
	if (in_guest())
		keep_busy(afu, from.fd, page, sock);
	else
		take_all(afu, page, sock);
	event_read(from, &event);
}

/* Its work is in flight, its memory mapped, itself asleep in a read. */
TEST_F(cxl_life, killed)
{
	IN_CHILD(take_all_and_read(&self->afu, self->from, self->page,
				   self->sockets[1]));
	close(self->fd);
	EXPECT_TOLD();
	EXPECT_FREE(ECHO_CONTEXTS);
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	EXPECT_FREE(0);
	EXPECT_EQ(0, afu_set(&self->afu, "reset", "1"));
}

static void exec_cat(int input, int output)
{
	dup2(output, STDOUT_FILENO);
	if (dup2(input, STDIN_FILENO) == STDIN_FILENO)
		execlp("cat", "cat", NULL);
	_exit(1);
}

/* Another program has it; the one that started it is no more. */
TEST_F(cxl_life, execute_with_it)
{
	struct cxl_event event;

	ASSERT_EQ(0, cxl_start(self->fd));
	IN_CHILD(cxl_map(self->fd, self->page, self->page);
		 exec_cat(self->fd, self->sockets[1]));
	close(self->fd);
	ASSERT_EQ(0, context_post(&self->context, "irq 2"));
	ASSERT_EQ(POLLIN, poll_for(self->sockets[0], POLLIN));
	ASSERT_EQ(16, read(self->sockets[0], &event, sizeof(event)));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event.header.type);
	EXPECT_EQ(2, event.irq.irq);
	EXPECT_FREE(1);
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	EXPECT_FREE(0);
}

static void map_and_exec_cat(int fd, size_t page, int sock)
{
	if (cxl_start(fd) || cxl_map(fd, page, page) == MAP_FAILED)
		_exit(1);
	tell(sock);
	wait_for_parent(sock);
	exec_cat(sock, STDERR_FILENO);
}

TEST_F(cxl_life, execute_without_it)
{
	IN_CHILD(map_and_exec_cat(self->fd, self->page, self->sockets[1]));
	close(self->fd);
	EXPECT_TOLD();
	EXPECT_FREE(1);
	/* Descriptor and mapping go with the program, the process stays. */
	tell(self->sockets[0]);
	EXPECT_FREE(0);
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
	close(self->sockets[0]);
	EXPECT_EXITS();
}

TEST_F(cxl_life, adapter_dropped)
{
	int opened = node_open(&self->afu, 's', 0);
	struct cxl_afu_id id;

	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, context_emit(&self->context, 1));
	ASSERT_EQ(0, context_drop(&self->context));

	EXPECT_EQ(-EIO, cxl_process_element(self->fd));
	EXPECT_EQ(-EIO, cxl_ioctl(self->fd, CXL_IOCTL_GET_AFU_ID, &id));
	EXPECT_EQ(-EIO, cxl_ioctl(self->fd, 0, NULL));
	EXPECT_EQ(-EIO, cxl_start(opened));
	EXPECT_EQ(-EIO, cxl_driver_events(opened, CAPI_ECHO_ABI));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->fd));
	EXPECT_EQ(POLLERR, poll_now(opened));
	EXPECT_EQ(-ENOENT, node_open(&self->afu, 's', 0));

	/* What brought the adapter goes without waiting for the files. */
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&self->context)));
	EXPECT_EQ(0, cxl_unload());
	EXPECT_NE(0, system("rmmod capi 2>/dev/null"));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(-EIO, cxl_start(opened));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(opened));
	EXPECT_EQ(0, system("rmmod capi"));
}

/* Nor does an adapter that comes: the old one's files stay what they were. */
TEST_F(cxl_life, adapter_comes_while_a_file_is_open)
{
	struct afu afu;
	int fd;

	ASSERT_EQ(0, context_drop(&self->context));
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&afu, 0));
	fd = node_open(&afu, 's', 0);
	EXPECT_EQ(0, cxl_start(fd));
	EXPECT_EQ(-EIO, cxl_start(self->fd));
	close(self->fd);
	EXPECT_EQ(-EBUSY, cxl_unload());
	EXPECT_GE(cxl_process_element(fd), 0);
	close(fd);
	EXPECT_EQ(0, cxl_unload());
}

TEST_F(cxl_life, modules_stay)
{
	EXPECT_EQ(-EBUSY, cxl_unload());
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_EQ(-EBUSY, cxl_unload());
	close(self->fd);
	EXPECT_EQ(0, cxl_unload());
	EXPECT_FALSE(node_exists(&self->afu, 's'));
}

TEST_F(cxl_life, mode_stays)
{
	static const char * const modes[] = {
		"none", "dedicated_process", "afu_directed",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		EXPECT_EQ(in_guest() && i == 1 ? -EINVAL : -EBUSY,
			  afu_set(&self->afu, "mode", modes[i]));
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_EQ(-EBUSY, afu_set(&self->afu, "mode", "none"));
	EXPECT_TRUE(node_exists(&self->afu, 's'));
	close(self->fd);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		EXPECT_EQ(in_guest() && i == 1 ? -EINVAL : 0,
			  afu_set(&self->afu, "mode", modes[i]));
}

/* A queue with one element: count up the number behind it. */
static int count_up(int fd, struct capi_memcpy_element *queue)
{
	struct cxl_ioctl_start_work work = {
		.work_element_descriptor = (unsigned long)queue | 1,
	};

	queue->src = htobe64((unsigned long)&queue[CAPI_MEMCPY_DEPTH_UNIT]);
	queue->dst = queue->src;
	queue->cmd = CAPI_MEMCPY_VALID | CAPI_MEMCPY_INCREMENT;
	if (cxl_ioctl(fd, CXL_IOCTL_START_WORK, &work) ||
	    !WAIT_UNTIL(__atomic_load_n(&queue->status, __ATOMIC_ACQUIRE)))
		return -EIO;
	return queue->status;
}

/* The AFU works on the memory of who starts it, not of who opened it. */
TEST(memory_of_the_caller)
{
	struct capi_memcpy_element *queue;
	__be32 *number;
	struct afu afu;
	int fd, status;
	pid_t pid;

	ASSERT_EQ(0, cxl_load("memcpy:4"));
	ASSERT_EQ(0, afu_find(&afu, 0));
	fd = node_open(&afu, 's', 0);
	ASSERT_GE(fd, 0);
	queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, queue);
	number = (void *)&queue[CAPI_MEMCPY_DEPTH_UNIT];
	*number = htobe32(41);

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(count_up(fd, queue) == CAPI_MEMCPY_STATUS_COMPLETE &&
		      be32toh(*number) == 42 ? 0 : 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* The parent has the same addresses, and other memory there. */
	EXPECT_EQ(41, be32toh(*number));
	EXPECT_EQ(0, queue->status);
}

TEST_HARNESS_MAIN
