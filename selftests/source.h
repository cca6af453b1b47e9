/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that events are read from: what a reader is promised is the same
 * everywhere.
 */
#ifndef _SOURCE_H
#define _SOURCE_H

#include "context.h"
#include "guest.h"
#include "vfio_mdev.h"

enum source_kind {
	SOURCE_EVENT_FD,
	SOURCE_REGION,
	SOURCE_FILE,
};

/* In a guest there are only files. */
#define NEEDS_SOURCE(statement, kind)					\
do {									\
	if ((kind) != SOURCE_FILE)					\
		NOT_IN_GUEST(statement, "needs an mdev");		\
} while (0)

/**
 * struct source - a started context of an echo AFU, with driver events
 * @kind: where its events are read
 * @mdev: whose context it is, unless it is that of a file
 * @context: the context
 * @from: for reading
 * @fd: for polling; the same thing, except that a region cannot be polled
 */
struct source {
	enum source_kind kind;
	struct mdev mdev;
	struct context context;
	struct from from;
	int fd;
};

/* Reads do not wait if @nonblock; those of a region never do. */
int source_open(struct source *source, enum source_kind kind, bool nonblock);
int source_close(struct source *source);

/* Another reader of the same context, which does not wait */
int source_other(struct source *source, struct from *other);
void source_close_other(struct source *source, struct from *other);

/* Stops the context for good: nothing new will come. */
int source_stop(struct source *source);

#endif /* _SOURCE_H */
