/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the memcpy AFU share.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _MEMCPY_H
#define _MEMCPY_H

#include <sys/types.h>

#include "capi_memcpy.h"

/* Loads the modules, unless there is a memcpy AFU. */
int memcpy_load(void);
/* Loads them anew, with such AFUs. */
int memcpy_reload(const char *afus);

/* A context of the first memcpy AFU, started with a queue of @units. */
int memcpy_start(struct capi_memcpy *mc, unsigned int units);
/* That AFU's node for masters: 0 or a negative errno */
int memcpy_master_node(char *node, size_t size);

/* The element's status; -EAGAIN where the queue was full. */
int memcpy_status(const struct capi_memcpy_element *element);
#define EXPECT_STATUS(status, element)					\
	EXPECT_EQ(status, memcpy_status(element))
#define ASSERT_STATUS(status, element)					\
	ASSERT_EQ(status, memcpy_status(element))

/* Waits until the AFU is stopped, or runs. */
int memcpy_wait_stopped(struct capi_memcpy *mc);
int memcpy_wait_running(struct capi_memcpy *mc);

/* Returns when the AFU has looked at its queue once more, unless it is stopped. */
int memcpy_sync(struct capi_memcpy *mc);

/* The next event: 0 if it is interrupt @irq. */
int memcpy_expect_irq(struct capi_memcpy *mc, unsigned int irq);

/* Anonymous memory: @pages that nobody has touched */
void *memcpy_pages(unsigned int pages);
size_t page_size(void);
/* Bytes of this process that are locked */
long long locked_memory(void);

/* Waits for a child: its exit status, or -ETIMEDOUT if it does not end. */
int child_join(pid_t pid);

#endif /* _MEMCPY_H */
