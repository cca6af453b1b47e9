/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers in threads and processes of their own, what they are given to read
 * from, and buffers that make them wait.
 */
#ifndef _READER_H
#define _READER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "vfio_mdev.h"

/**
 * struct stall - memory whose first access waits until it is let go
 * @uffd: userfaultfd that hears of the access
 * @memory: two pages; the first is there, the second stalls
 * @page: size of a page
 */
struct stall {
	int uffd;
	char *memory;
	size_t page;
};

int stall_init(struct stall *stall);
/* Waits until somebody stalls; false when patience ends. */
bool stall_wait(struct stall *stall);
/* Fills the page, and lets go whoever waits for it. */
int stall_release(struct stall *stall);
/* Lets the page stall again. */
int stall_again(struct stall *stall);
void stall_destroy(struct stall *stall);

/**
 * struct reader - a thread that reads once
 * @thread: it
 * @from: what it reads from
 * @buf: where to
 * @len: how much
 * @ret: what the read returned: a size or a negative errno
 * @tid: its thread id, once it runs
 * @done: eventfd, readable when it has read
 */
struct reader {
	pthread_t thread;
	struct from from;
	void *buf;
	size_t len;
	ssize_t ret;
	pid_t tid;
	int done;
};

/* Starts it; returns when it runs. */
int reader_start(struct reader *reader, struct from from, void *buf,
		 size_t len);
/* Waits until it sleeps in the kernel, for an event or for its memory. */
bool reader_asleep(struct reader *reader);
/* Has it read? Waits for @timeout milliseconds. */
bool reader_done(struct reader *reader, int timeout);
/* Waits until it has read, and returns what it got: -ETIMEDOUT if it hangs. */
ssize_t reader_join(struct reader *reader);

/* Waits until thread or process @tid sleeps in system call @number. */
bool asleep_in(pid_t tid, long number);

/* Passes descriptor @fd on over a socket; the other end gets one of its own. */
int send_fd(int sock, int fd);
int receive_fd(int sock);

#endif /* _READER_H */
