/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_EVENTS_H
#define _CAPI_EVENTS_H

#include <stdbool.h>

#include "capi_vfio.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Exit statuses, beside EXIT_USAGE */
enum {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_REMOVED = 3,
};

struct source;

/**
 * struct options - what the command line asks for
 * @uuid: which mdev
 * @via: how events are read
 * @json: print JSON
 * @count: end after so many events; 0: never
 * @wed: what the context is started with
 * @emit: driver events that the echo AFU is to emit
 * @size: their payload in bytes
 * @period: microseconds between them
 * @interrupt: AFU interrupt that it is to raise; 0: none
 * @fault: address at which it is to fault
 * @error: AFU error that it is to report
 * @has_size: @size is given; the others alike
 * @has_period: see @has_size
 * @has_fault: see @has_size
 * @has_error: see @has_size
 */
struct options {
	const char *uuid;
	const struct source *via;
	bool json;
	unsigned long long count;
	unsigned long long wed;
	unsigned long long emit;
	unsigned long long size;
	unsigned long long period;
	unsigned long long interrupt;
	unsigned long long fault;
	unsigned long long error;
	bool has_size;
	bool has_period;
	bool has_fault;
	bool has_error;
};

/* Fills @opt; does not return if the command line is wrong or asks for help. */
void parse_options(int argc, char **argv, struct options *opt);

/**
 * struct source - a way to read events
 * @name: as --via takes it
 * @open: prepare it; returns the descriptor to poll, or a negative errno
 * @read: read one event into a buffer of CXL_READ_MIN_SIZE bytes; returns its
 *	size, or a negative errno, -EAGAIN when there is none
 * @close: end what @open began
 */
struct source {
	const char *name;
	int (*open)(struct capi_vfio *dev);
	int (*read)(struct capi_vfio *dev, int fd, void *buf);
	void (*close)(struct capi_vfio *dev, int fd);
};

const struct source *find_source(const char *name);

void print_event(const struct cxl_event *event, bool json);

#endif /* _CAPI_EVENTS_H */
