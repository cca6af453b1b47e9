/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers of all kinds at once, and what each of them has read.
 */
#ifndef _MILLION_H
#define _MILLION_H

#include <pthread.h>
#include <stdbool.h>

#include "source.h"
#include "uring.h"

#define READERS	8

struct million;

/**
 * struct log - what a reader has, in memory that survives its process
 * @buffer: where its events are read to; type 0 while there is none
 * @others: events of the AFU itself that it read
 * @wrong: events that were not what they should be
 * @before: how many of all kinds it had before it read the one in @buffer
 * @room: for how many numbers there is memory
 * @nr: how many driver events it read
 * @numbers: theirs
 */
struct log {
	union event buffer;
	unsigned int others;
	unsigned int wrong;
	unsigned int before;
	unsigned int room;
	unsigned int nr;
	__u32 numbers[];
};

/**
 * struct each - a reader
 * @all: with whom
 * @name: for people
 * @read: reads one event into a buffer, by the way that is this reader's
 * @from: for reading
 * @log: its
 * @epoll: epoll instance, where it has one
 * @ring: of io_uring
 * @memory: a page that comes anew for each event, or is never there
 * @thread: it, where it is a thread
 * @pid: it, where it is a process
 */
struct each {
	struct million *all;
	const char *name;
	int (*read)(struct each *each, union event *event);
	struct from from;
	struct log *log;
	int epoll;
	struct uring ring;
	union event *memory;
	pthread_t thread;
	pid_t pid;
};

/**
 * struct million - all of it
 * @source: where events are read
 * @events: how many are to be read
 * @room: for the numbers of so many; more are raised, for those cancelled
 * @log_size: bytes of a log
 * @over: readers are to end; in memory that processes share
 * @enough: no more is to be raised
 * @raiser_failed: the AFU could not be told to
 * @disturbed: how often something was done to the context
 * @killed: how many readers were
 * @interrupted: how many reads were
 * @nr: how many readers
 * @each: they
 */
struct million {
	struct source source;
	unsigned int events;
	unsigned int room;
	size_t log_size;
	bool *over;
	bool enough;
	bool raiser_failed;
	unsigned int disturbed;
	unsigned int killed;
	unsigned int interrupted;
	unsigned int nr;
	struct each each[READERS];
};

/**
 * struct sum - what all of them have
 * @driver: driver events
 * @others: events of the AFU itself
 * @doubled: driver events that somebody else had, or that cannot be
 * @wrong: events that were not what they should be
 * @last: the highest number
 */
struct sum {
	long long driver;
	long long others;
	long long doubled;
	long long wrong;
	__u32 last;
};

/* With @source, @events and @room filled in */
bool add_readers(struct million *all);
void destroy_readers(struct million *all);

int start_readers(struct million *all);
/* Stops the source; all of them end. */
int end_readers(struct million *all);

/* One of the processes, which comes again; one of the threads */
void kill_a_reader(struct million *all);
void interrupt_a_reader(struct million *all);

/* Prints what each has; @got counts by number. */
struct sum add_up(struct million *all, unsigned char *got);

#endif /* _MILLION_H */
