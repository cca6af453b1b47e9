// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links that go down and resets: what becomes of open files, and that all goes
 * on after it.
 */
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "reader.h"

#define READABLE	(POLLIN | POLLRDNORM)

FIXTURE(cxl_recovery) {
	struct afu afu;
	struct context context;
	union event event;
	struct from from;
	size_t page;
	int opened;
	int started;
	char *memory;
};

FIXTURE_SETUP(cxl_recovery)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->page = sysconf(_SC_PAGESIZE);
	self->opened = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->opened, 0);
	self->started = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->started, 0);
	self->from = (struct from){ .fd = self->started, .offset = -1 };
	ASSERT_EQ(0, cxl_context(&self->afu, self->started, &self->context));
	ASSERT_EQ(0, cxl_driver_events(self->started, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start_irqs(self->started, ECHO_IRQS_MAX));
	self->memory = cxl_map(self->started, self->page, self->page);
	ASSERT_NE(MAP_FAILED, self->memory);
	__atomic_store_n(self->memory, 1, __ATOMIC_RELAXED);
}

FIXTURE_TEARDOWN(cxl_recovery)
{
	munmap(self->memory, self->page);
	close(self->opened);
	close(self->started);
	EXPECT_EQ(0, afu_card_set(&self->afu, "perst_reloads_same_image", "0"));
}

/* It is closed: nothing works any more, except that it can be closed. */
#define EXPECT_CLOSED(which)						\
do {									\
	struct from __from = { .fd = which, .offset = -1 };		\
									\
	EXPECT_EQ(-EIO, cxl_process_element(__from.fd));		\
	EXPECT_EQ(-EIO, cxl_start(__from.fd));				\
	EXPECT_EQ(-EIO, cxl_driver_events(__from.fd, CAPI_ECHO_ABI));	\
	EXPECT_EQ(-EIO, event_read(__from, &self->event));		\
	EXPECT_EQ(POLLERR, poll_now(__from.fd));			\
	EXPECT_EQ(MAP_FAILED, cxl_map(__from.fd, self->page,		\
				      self->page));			\
	EXPECT_EQ(EIO, errno);						\
} while (0)

/* A context opened now works in every way; of a VF, once the one before is closed. */
#define EXPECT_NEW_WORKS()						\
do {									\
	struct from __from = { .offset = -1 };				\
	struct context __context;					\
	void *__memory;							\
									\
	if (in_guest() && self->started >= 0) {				\
		munmap(self->memory, self->page);			\
		close(self->started);					\
		self->started = -1;					\
	}								\
	__from.fd = node_open(&self->afu, 's', 0);			\
	ASSERT_GE(__from.fd, 0);					\
	EXPECT_EQ(0, cxl_context(&self->afu, __from.fd, &__context));	\
	EXPECT_EQ(0, cxl_driver_events(__from.fd, CAPI_ECHO_ABI));	\
	EXPECT_EQ(0, cxl_start(__from.fd));				\
	EXPECT_EQ(0, context_emit(&__context, 1));			\
	EXPECT_EQ(24, event_read(__from, &self->event));		\
	__memory = cxl_map(__from.fd, self->page, self->page);		\
	EXPECT_NE(MAP_FAILED, __memory);				\
	munmap(__memory, self->page);					\
	close(__from.fd);						\
} while (0)

#define EXPECT_LOST(memory)						\
do {									\
	__u32 __value;							\
									\
	EXPECT_FALSE(can_load(memory, &__value));			\
} while (0)

TEST_F(cxl_recovery, link)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_CLOSED(self->opened);
	EXPECT_CLOSED(self->started);
	EXPECT_LOST(self->memory);
	EXPECT_EQ(-EIO, context_post(&self->context, "irq 1"));

	/* What ended stays so. */
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_CLOSED(self->opened);
	EXPECT_CLOSED(self->started);
	EXPECT_LOST(self->memory);
	EXPECT_EQ(-EIO, context_post(&self->context, "irq 1"));
	EXPECT_NEW_WORKS();
}

/* Events that nobody had read when it went down are there when it is up. */
TEST_F(cxl_recovery, link_and_events)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_emit(&self->context, 1));
	ASSERT_EQ(0, context_post(&self->context, "irq 32"));
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->started));
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_EQ(READABLE, poll_now(self->started));
	EXPECT_EQ(24, event_read(self->from, &self->event));
	EXPECT_EQ(16, event_read(self->from, &self->event));
	EXPECT_EQ(32, self->event.event.irq.irq);
	EXPECT_CLOSED(self->started);
}

/* Again and again, and what is said twice makes no difference. */
TEST_F(cxl_recovery, link_flaps)
{
	int i;

	NEEDS_HOST(return);
	/* What is mapped keeps the file that asked for driver events. */
	ASSERT_EQ(0, munmap(self->memory, self->page));
	for (i = 0; i < (in_guest() ? 3 : 20); i++) {
		ASSERT_EQ(0, context_link(&self->context, false));
		ASSERT_EQ(0, context_link(&self->context, false));
		EXPECT_EQ(-EIO, node_open(&self->afu, 's', 0));
		ASSERT_EQ(0, context_link(&self->context, true));
		ASSERT_EQ(0, context_link(&self->context, true));
		close(self->started);
		self->started = node_open(&self->afu, 's', 0);
		ASSERT_EQ(0, cxl_start(self->started));
	}
}

TEST_F(cxl_recovery, afu_reset)
{
	EXPECT_EQ(-EBUSY, afu_set(&self->afu, "reset", "1"));
	ASSERT_EQ(0, munmap(self->memory, self->page));
	close(self->started);
	/* One that is not started counts as well. */
	EXPECT_EQ(-EBUSY, afu_set(&self->afu, "reset", "1"));
	EXPECT_GE(cxl_process_element(self->opened), 0);
	close(self->opened);
	EXPECT_EQ(0, afu_set(&self->afu, "reset", "1"));
	EXPECT_NEW_WORKS();
}

TEST_F(cxl_recovery, adapter_reset_waits_for_contexts)
{
	EXPECT_EQ(-EBUSY, afu_card_set(&self->afu, "reset", "1"));
	ASSERT_EQ(0, context_post(&self->context, "irq 1"));
	EXPECT_EQ(16, event_read(self->from, &self->event));

	/* Those that are only open are none to wait for. */
	ASSERT_EQ(0, munmap(self->memory, self->page));
	close(self->started);
	EXPECT_EQ(0, afu_card_set(&self->afu, "reset", "1"));
	EXPECT_CLOSED(self->opened);
	EXPECT_NEW_WORKS();
}

TEST_F(cxl_recovery, adapter_reset_forced)
{
	struct reader reader;

	ASSERT_EQ(0, reader_start(&reader, self->from, &self->event,
				  sizeof(self->event)));
	ASSERT_TRUE(reader_asleep(&reader));
	EXPECT_EQ(0, afu_card_set(&self->afu, "reset", "-1"));
	EXPECT_EQ(-EIO, reader_join(&reader));
	EXPECT_CLOSED(self->opened);
	EXPECT_CLOSED(self->started);
	EXPECT_LOST(self->memory);
	EXPECT_NEW_WORKS();
	/* Nothing counts as started any more. */
	EXPECT_EQ(0, afu_card_set(&self->afu, "reset", "1"));
}

/* A reset may load an image that is another. */
TEST_F(cxl_recovery, adapter_reset_and_trust)
{
	ASSERT_EQ(0, afu_card_set(&self->afu, "perst_reloads_same_image", "1"));
	EXPECT_EQ(-EINVAL, afu_card_set(&self->afu, "reset", "-1"));
	EXPECT_EQ(-EBUSY, afu_card_set(&self->afu, "reset", "1"));
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
	ASSERT_EQ(0, munmap(self->memory, self->page));
	close(self->started);
	EXPECT_EQ(-EINVAL, afu_card_set(&self->afu, "reset", "1"));
	EXPECT_GE(cxl_process_element(self->opened), 0);
	ASSERT_EQ(0, afu_card_set(&self->afu, "perst_reloads_same_image", "0"));
	EXPECT_EQ(0, afu_card_set(&self->afu, "reset", "1"));
}

TEST_F(cxl_recovery, resets_that_are_none)
{
	static const char * const texts[] = { "0", "2", "-2", "x", "\n" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		EXPECT_EQ(-EINVAL, afu_card_set(&self->afu, "reset", texts[i]));
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
}

TEST_F(cxl_recovery, reset_while_link_is_down)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, afu_card_set(&self->afu, "reset", "1"));
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_EQ(0, afu_card_set(&self->afu, "reset", "1"));
	EXPECT_NEW_WORKS();
}

TEST_HARNESS_MAIN
