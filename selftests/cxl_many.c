// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many contexts, and many threads: none is one too many, and adapters go under
 * all of them.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"

/* As many as there can be */
#define MANY	511

TEST(all_there_are)
{
	static bool seen[MANY];
	struct afu afu;
	int i, fd, pe;

	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, cxl_load("echo:511"));
	ASSERT_EQ(0, afu_find(&afu, 0));
	for (i = 0; i < MANY; i++) {
		fd = node_open(&afu, 's', 0);
		ASSERT_GE(fd, 0);
		pe = cxl_process_element(fd);
		ASSERT_GE(pe, 0);
		ASSERT_LT(pe, MANY);
		ASSERT_FALSE(seen[pe]);
		seen[pe] = true;
		/* The interrupts of the adapter are not enough for all. */
		ASSERT_EQ(i < 509 ? 0 : -ENOSPC, cxl_start(fd));
	}
	EXPECT_EQ(-ENOSPC, node_open(&afu, 's', 0));
}

/* Does what a user does, until there is no adapter any more. */
static void *use_and_use(void *arg)
{
	const struct afu *afu = arg;
	size_t page = sysconf(_SC_PAGESIZE);
	struct from from = { .offset = -1, .nowait = true };
	union event event;
	char *memory;
	__u32 value;

	while ((from.fd = node_open(afu, 's', 0)) >= 0) {
		cxl_driver_events(from.fd, CAPI_ECHO_ABI);
		cxl_start_ones(from.fd);
		memory = cxl_map(from.fd, page, page);
		if (memory != MAP_FAILED) {
			can_load(memory, &value);
			munmap(memory, page);
		}
		event_read(from, &event);
		poll_now(from.fd);
		close(from.fd);
	}
	return (void *)(long)from.fd;
}

#define USERS	3

FIXTURE(cxl_many) {
	struct afu afu;
	struct context context;
	int fd;
};

FIXTURE_SETUP(cxl_many)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
}

FIXTURE_TEARDOWN(cxl_many)
{
	close(self->fd);
}

TEST_F(cxl_many, dropped_under_many)
{
	pthread_t threads[USERS];
	void *result;
	int round, i;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < USERS; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL,
						    use_and_use, &self->afu));
		/* Some have started by now, some are about to. */
		for (i = 0; i < 20 * round; i++) {
			cxl_start(self->fd);
			poll_now(self->fd);
			sched_yield();
		}
		ASSERT_EQ(0, context_drop(&self->context));
		for (i = 0; i < USERS; i++) {
			ASSERT_EQ(0, pthread_join(threads[i], &result));
			EXPECT_TRUE((long)result == -ENOENT ||
				    (long)result == -ENODEV ||
				    (long)result == -ENXIO);
		}
		EXPECT_EQ(-EIO, cxl_start(self->fd));
		close(self->fd);
		ASSERT_EQ(0, cxl_load(ECHO_AFU));
		ASSERT_EQ(0, afu_find(&self->afu, 0));
		self->fd = node_open(&self->afu, 's', 0);
		ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
	}
}

/* One process's threads at one context */
static void *start_and_read(void *arg)
{
	struct from *from = arg;
	union event event;
	size_t page = sysconf(_SC_PAGESIZE);
	long started = 0;
	char *memory;
	int i;

	for (i = 0; i < 200; i++) {
		started += !cxl_start(from->fd);
		memory = cxl_map(from->fd, page, page);
		if (memory != MAP_FAILED)
			munmap(memory, page);
		event_read(*from, &event);
	}
	return (void *)started;
}

TEST_F(cxl_many, started_once_whoever_comes)
{
	struct from from = {
		.fd = self->fd, .offset = -1, .nowait = true,
	};
	pthread_t threads[USERS];
	long started = 0;
	void *result;
	int i;

	for (i = 0; i < USERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, start_and_read,
					    &from));
	for (i = 0; i < USERS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		started += (long)result;
	}
	EXPECT_EQ(1, started);
}

TEST_HARNESS_MAIN
