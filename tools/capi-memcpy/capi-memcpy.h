/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_MEMCPY_H
#define _CAPI_MEMCPY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses, beside EXIT_USAGE */
enum {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_WRONG = 3,
};

#define MAX_PROCESSES	511

/* Says one sentence; the value is the exit status. */
#define complain(format, ...)						\
({									\
	fprintf(stderr, "capi-memcpy: " format "\n", ##__VA_ARGS__);	\
	EXIT_ERROR;							\
})

/**
 * struct options - what the command line asks for
 * @node: the AFU's node; NULL for that of the first memcpy AFU
 * @file: what to copy; NULL for a pattern
 * @size: how much, where it is a pattern
 * @processes: how many share the work
 */
struct options {
	const char *node;
	const char *file;
	unsigned long long size;
	unsigned int processes;
};

/* Fills @opt; does not return if the command line is wrong or asks for help. */
void parse_options(int argc, char **argv, struct options *opt);

/**
 * struct job - what is copied
 * @node: as in struct options
 * @memory: the file; NULL for a pattern
 * @size: bytes of it
 */
struct job {
	const char *node;
	const char *memory;
	uint64_t size;
};

/*
 * Copies bytes @start to @end of the job with a context of its own and checks
 * every one; *@done follows. An exit status.
 */
int copy_share(const struct job *job, uint64_t start, uint64_t end,
	       uint64_t *done);

/* What a process copies at a time; shares are multiples of it. */
#define WINDOW_SIZE	(1024 * 1024)

double seconds(void);

/* The bar, where standard error is a terminal; nothing elsewhere */
void progress_show(uint64_t done, uint64_t total, double time);
void progress_clear(void);

/* "1.5 MiB" */
const char *readable(double bytes, char *text, size_t size);

#endif /* _CAPI_MEMCPY_H */
