/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same tests in a virtual machine: AFUs there are VFs, which capi_guest
 * drives. Each has one context at work, and what the tests do to the adapter is
 * done by the machine's host, on request.
 *
 * What returns int returns 0 or a negative errno.
 */
#ifndef _GUEST_H
#define _GUEST_H

#include <stdbool.h>

#include "context.h"

/* Whether this is such a machine */
bool in_guest(void);
/* Whether its host takes requests: CAPI_HOST in the environment is where. */
bool host_listens(void);

/* For tests that need one; @statement as in SKIP() */
#define NEEDS_VF(statement)						\
do {									\
	if (!in_guest())						\
		SKIP(statement, "needs a VF");				\
} while (0)
/* For those that need what a VF does not have */
#define NOT_IN_GUEST(statement, reason)					\
do {									\
	if (in_guest())							\
		SKIP(statement, reason);				\
} while (0)
#define NEEDS_CONTEXTS(statement)					\
	NOT_IN_GUEST(statement,						\
		     "needs several contexts at work, a VF has one")
/* For those that change the link, or what else only the host can do */
#define NEEDS_HOST(statement)						\
do {									\
	if (in_guest() && !host_listens())				\
		SKIP(statement, "needs the host, which takes no requests"); \
} while (0)

/*
 * Has the host do something for the VF that is PCI function @function: see
 * host_does() in vm/lib.sh.
 */
int host_ask(const char *function, const char *what);

/* What the driver of a VF counts, of all VFs; -1 where it does not. */
long long guest_count(const char *name);

/* What context_post(), context_link() and context_drop() are in a guest */
int guest_post(const struct context *context, const char *what);
int guest_link(const struct context *context, bool up);
int guest_drop(const struct context *context);
/* Brings back what was dropped. */
void guest_rescan(void);

/*
 * The echo AFU numbers its driver events since the host opened the VF. Numbers
 * begin anew with guest_numbers(): @number is the first then if none was seen
 * since. Children of the process share that.
 */
void guest_numbers(void);
unsigned long long guest_number(unsigned long long number);

#endif /* _GUEST_H */
