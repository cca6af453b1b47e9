// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "reader.h"

/* Stalling memory */

static int stall_register(struct stall *stall)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range.start = (unsigned long)stall->memory + stall->page,
		.range.len = stall->page,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	stall->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (stall->uffd < 0)
		return -errno;
	if (ioctl(stall->uffd, UFFDIO_API, &api) ||
	    ioctl(stall->uffd, UFFDIO_REGISTER, &range))
		return -errno;
	return 0;
}

int stall_init(struct stall *stall)
{
	int ret;

	stall->uffd = -1;
	stall->page = sysconf(_SC_PAGESIZE);
	stall->memory = mmap(NULL, 2 * stall->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stall->memory == MAP_FAILED)
		return -errno;
	memset(stall->memory, 0, stall->page);

	ret = stall_register(stall);
	if (ret)
		stall_destroy(stall);
	return ret;
}

bool stall_wait(struct stall *stall)
{
	struct uffd_msg msg;

	return poll_for(stall->uffd, POLLIN) == POLLIN &&
	       read(stall->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

int stall_release(struct stall *stall)
{
	struct uffdio_zeropage zero = {
		.range.start = (unsigned long)stall->memory + stall->page,
		.range.len = stall->page,
	};

	return ioctl(stall->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

int stall_again(struct stall *stall)
{
	return madvise(stall->memory + stall->page, stall->page,
		       MADV_DONTNEED) ? -errno : 0;
}

void stall_destroy(struct stall *stall)
{
	if (stall->uffd >= 0)
		close(stall->uffd);
	munmap(stall->memory, 2 * stall->page);
}

/* Readers */

static void *reader_run(void *arg)
{
	struct reader *reader = arg;

	__atomic_store_n(&reader->tid, gettid(), __ATOMIC_RELEASE);
	reader->ret = from_read(reader->from, reader->buf, reader->len);
	eventfd_write(reader->done, 1);
	return NULL;
}

int reader_start(struct reader *reader, struct from from, void *buf,
		 size_t len)
{
	int ret;

	memset(reader, 0, sizeof(*reader));
	reader->from = from;
	reader->buf = buf;
	reader->len = len;
	reader->done = eventfd(0, EFD_CLOEXEC);
	if (reader->done < 0)
		return -errno;

	ret = pthread_create(&reader->thread, NULL, reader_run, reader);
	if (ret)
		return -ret;
	return WAIT_UNTIL(__atomic_load_n(&reader->tid, __ATOMIC_ACQUIRE)) ?
	       0 : -ETIMEDOUT;
}

bool reader_asleep(struct reader *reader)
{
	return asleep_in(reader->tid,
			 reader->from.offset < 0 ? SYS_read : SYS_pread64);
}

bool reader_done(struct reader *reader, int timeout)
{
	struct pollfd pollfd = { .fd = reader->done, .events = POLLIN };

	return poll(&pollfd, 1, timeout) > 0;
}

ssize_t reader_join(struct reader *reader)
{
	if (!reader_done(reader, PATIENCE))
		return -ETIMEDOUT;
	pthread_join(reader->thread, NULL);
	close(reader->done);
	return reader->ret;
}

/* What /proc/PID/stat has behind the name while the thread sleeps */
static bool sleeps(pid_t tid)
{
	char path[64], text[256], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (read_file(path, text, sizeof(text)) <= 0)
		return false;
	state = strrchr(text, ')');
	return state && strchr("SD", state[2]);
}

/*
 * What /proc/PID/syscall begins with while the thread sleeps in a call. Not every
 * architecture has it: there, a thread that goes on sleeping is taken to do so in
 * the call that it was about to make.
 */
static bool in_syscall(pid_t tid, long number)
{
	char path[64], text[256];
	int len;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	len = read_file(path, text, sizeof(text));
	if (len == -ENOENT)
		return sleeps(tid) && !usleep(20000) && sleeps(tid);
	return len > 0 && strncmp(text, "running", 7) && atol(text) == number;
}

bool asleep_in(pid_t tid, long number)
{
	return WAIT_UNTIL(in_syscall(tid, number));
}

/* Passing descriptors on */

union fd_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int send_fd(int sock, int fd)
{
	union fd_message control = { };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

int receive_fd(int sock)
{
	union fd_message control = { };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 ||
	    control.header.cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}
