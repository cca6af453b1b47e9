// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "million.h"

static bool is_over(struct million *all)
{
	return __atomic_load_n(all->over, __ATOMIC_ACQUIRE);
}

static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Ways to read: an event's size, or a negative errno */

static int by_read(struct each *each, union event *event)
{
	return from_read(each->from, event, sizeof(*event));
}

static int by_poll(struct each *each, union event *event)
{
	struct pollfd pollfd = { .fd = each->from.fd, .events = POLLIN };

	if (poll(&pollfd, 1, 100) != 1)
		return -EAGAIN;
	return by_read(each, event);
}

/* Level triggered: it is told again as long as there is something. */
static int by_epoll(struct each *each, union event *event)
{
	struct epoll_event ready;

	if (epoll_wait(each->epoll, &ready, 1, 100) != 1)
		return -EAGAIN;
	return by_read(each, event);
}

/* Edge triggered: it reads until there is nothing, and only then waits. */
static int by_edge(struct each *each, union event *event)
{
	struct epoll_event ready;
	int ret = by_read(each, event);

	if (ret == -EAGAIN)
		epoll_wait(each->epoll, &ready, 1, 100);
	return ret;
}

static int by_uring(struct each *each, union event *event)
{
	int ret = uring_read(&each->ring, each->from.fd, event, sizeof(*event),
			     0);

	while (!ret)
		ret = uring_result(&each->ring);
	return ret;
}

/* Its page is not there when the event is, so the event waits for it. */
static int by_faults(struct each *each, union event *event)
{
	int ret;

	madvise(each->memory, sizeof(*event), MADV_DONTNEED);
	ret = by_read(each, each->memory);
	if (ret > 0)
		memcpy(event, each->memory, ret);
	return ret;
}

/* Its buffer never is: whatever it is given is for somebody else. */
static int by_bad_buffer(struct each *each, union event *event)
{
	int ret = by_read(each, each->memory);

	(void)event;
	return ret > 0 ? -EBADMSG : ret;
}

/* Keeping account */

static bool is_driver_event(const union event *event)
{
	return event->header.type == CXL_EVENT_AFU_DRIVER;
}

static void note(struct log *log, const union event *event)
{
	if (event->header.type < CXL_EVENT_AFU_INTERRUPT ||
	    event->header.type > CXL_EVENT_AFU_DRIVER) {
		log->wrong++;
	} else if (!is_driver_event(event)) {
		log->others++;
	} else if (log->nr == log->room) {
		log->wrong++;
	} else {
		log->numbers[log->nr] = event_seq(event);
		__atomic_store_n(&log->nr, log->nr + 1, __ATOMIC_RELEASE);
	}
}

static unsigned int noted(const struct log *log)
{
	return log->nr + log->others + log->wrong;
}

/* What a killed reader had read and not noted */
static void note_last(struct log *log)
{
	if (log->buffer.header.type && noted(log) == log->before)
		note(log, &log->buffer);
}

static bool may_fail(int error)
{
	/* EIO while the link is down, or the context is stopped */
	return error == -EAGAIN || error == -EINTR || error == -EIO ||
	       error == -EFAULT;
}

static void read_on(struct each *each)
{
	struct log *log = each->log;
	int ret;

	do {
		log->buffer.header.type = 0;
		log->before = noted(log);
		ret = each->read(each, &log->buffer);
		if (ret > 0 && ret == log->buffer.header.size)
			note(log, &log->buffer);
		else if (ret >= 0 || !may_fail(ret))
			log->wrong++;
		if (ret == -EIO || ret == -EFAULT)
			sched_yield();
		if (ret == -EINTR)
			each->all->interrupted++;
	} while (!is_over(each->all) && log->wrong < 10);
}

static void *run_thread(void *arg)
{
	read_on(arg);
	return NULL;
}

static int run_process(struct each *each)
{
	each->pid = fork();
	if (each->pid)
		return each->pid < 0 ? -errno : 0;
	read_on(each);
	_exit(0);
}

static int end_process(struct each *each, int signal)
{
	int status;

	if (signal)
		kill(each->pid, signal);
	if (!WAIT_UNTIL(waitpid(each->pid, &status, WNOHANG) == each->pid))
		return -ETIMEDOUT;
	if (signal)
		note_last(each->log);
	return 0;
}

/* Readers */

static struct each *add_reader(struct million *all, const char *name,
			       int (*read)(struct each *each,
					   union event *event), bool nowait)
{
	struct each *each = &all->each[all->nr++];

	each->all = all;
	each->name = name;
	each->read = read;
	each->from = all->source.from;
	each->from.nowait = nowait;
	each->epoll = -1;
	each->log = shared_memory(all->log_size);
	if (!each->log)
		return NULL;
	each->log->room = all->room;
	return each;
}

/* Its descriptor is another, of the same file. */
static bool add_epoll(struct each *each, unsigned int edge)
{
	struct epoll_event event = { .events = EPOLLIN | edge };

	if (!each)
		return false;
	each->from.fd = dup(each->from.fd);
	each->epoll = epoll_create1(EPOLL_CLOEXEC);
	return each->from.fd >= 0 && each->epoll >= 0 &&
	       !epoll_ctl(each->epoll, EPOLL_CTL_ADD, each->from.fd, &event);
}

static bool add_memory(struct each *each, int protection)
{
	if (!each)
		return false;
	each->memory = mmap(NULL, sizeof(*each->memory), protection,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return each->memory != MAP_FAILED;
}

/* The first two are processes. */
#define PROCESSES	2

bool add_readers(struct million *all)
{
	struct each *each;

	/* One reader may get them all. */
	all->log_size = sizeof(struct log) + all->room * sizeof(__u32);
	all->over = shared_memory(sizeof(*all->over));
	if (!all->over ||
	    !add_reader(all, "killed, read", by_read, false) ||
	    !add_reader(all, "killed, poll", by_poll, true) ||
	    !add_reader(all, "interrupted", by_read, false) ||
	    !add_epoll(add_reader(all, "epoll", by_epoll, true), 0) ||
	    !add_epoll(add_reader(all, "EPOLLET", by_edge, true), EPOLLET) ||
	    !add_memory(add_reader(all, "faults", by_faults, false),
			PROT_READ | PROT_WRITE) ||
	    !add_memory(add_reader(all, "bad buffer", by_bad_buffer, false),
			PROT_NONE))
		return false;
	each = add_reader(all, "io_uring", by_uring, false);
	if (!each)
		return false;
	/* Not everywhere */
	if (uring_init(&each->ring))
		all->nr--;
	return true;
}

int start_readers(struct million *all)
{
	unsigned int i;
	int ret = 0;

	/* Processes first: they are to have no thread's memory. */
	for (i = 0; i < all->nr && !ret; i++)
		ret = i < PROCESSES ? run_process(&all->each[i]) :
		      -pthread_create(&all->each[i].thread, NULL, run_thread,
				      &all->each[i]);
	return ret;
}

int end_readers(struct million *all)
{
	unsigned int i;
	int ret = 0;

	__atomic_store_n(all->over, true, __ATOMIC_RELEASE);
	if (source_stop(&all->source))
		return -EIO;
	for (i = 0; i < all->nr && !ret; i++) {
		if (i < PROCESSES)
			ret = end_process(&all->each[i], 0);
		else
			pthread_join(all->each[i].thread, NULL);
	}
	return ret;
}

void destroy_readers(struct million *all)
{
	struct each *each;

	for (each = all->each; each < all->each + all->nr; each++) {
		if (each->epoll >= 0) {
			close(each->epoll);
			close(each->from.fd);
		}
		if (each->read == by_uring)
			uring_destroy(&each->ring);
		if (each->memory)
			munmap(each->memory, sizeof(*each->memory));
		munmap(each->log, all->log_size);
	}
	munmap(all->over, sizeof(*all->over));
}

void kill_a_reader(struct million *all)
{
	struct each *each = &all->each[all->killed++ % PROCESSES];

	if (!end_process(each, SIGKILL))
		run_process(each);
}

void interrupt_a_reader(struct million *all)
{
	pthread_kill(all->each[PROCESSES].thread, SIGUSR1);
}

/* The sum of it */

struct sum add_up(struct million *all, unsigned char *got)
{
	struct sum sum = { };
	unsigned int i, k;

	for (i = 0; i < all->nr; i++) {
		struct log *log = all->each[i].log;

		printf("#   %s: %u events, %u others\n", all->each[i].name,
		       log->nr, log->others);
		sum.driver += log->nr;
		sum.others += log->others;
		sum.wrong += log->wrong;
		for (k = 0; k < log->nr; k++) {
			if (log->numbers[k] > sum.last)
				sum.last = log->numbers[k];
			if (log->numbers[k] >= all->room ||
			    got[log->numbers[k]]++)
				sum.doubled++;
		}
	}
	return sum;
}
