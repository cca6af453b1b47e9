// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU behind an mdev, with addresses that a driver translates which is
 * broken or means ill: it hurts itself only.
 */
#include <endian.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "translator.h"

#define DONE		CAPI_MEMCPY_STATUS_COMPLETE
#define LOAD		CAPI_MEMCPY_DSISR
#define STORE		(CAPI_MEMCPY_DSISR | CAPI_MEMCPY_DSISR_STORE)
#define TIMEOUT		"/sys/module/capi_mdev/parameters/answer_timeout"

FIXTURE(vfio_translate_hostile) {
	struct translator t;
	struct capi_memcpy *mc;
	char timeout[32];
};

FIXTURE_SETUP(vfio_translate_hostile)
{
	ASSERT_EQ(0, translator_open(&self->t));
	self->mc = &self->t.q.mc;
	ASSERT_LT(0, read_file(TIMEOUT, self->timeout, sizeof(self->timeout)));
}

FIXTURE_TEARDOWN(vfio_translate_hostile)
{
	EXPECT_EQ(0, write_file(TIMEOUT, self->timeout));
	EXPECT_EQ(0, translator_close(&self->t));
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Answers that are bad in one way each */

static void wrong_pe(struct capi_mdev_translation *block)
{
	block->answer_pe = htole16(le16toh(block->pe) + 1);
}

static void next_page(struct capi_mdev_translation *block)
{
	block->answer_address = htole64(le64toh(block->address) + PAGE);
}

static void far_below(struct capi_mdev_translation *block)
{
	block->answer_address = htole64(le64toh(block->address) - (1ULL << 44));
}

static void unaligned(struct capi_mdev_translation *block)
{
	block->answer_address = htole64(le64toh(block->address) - 8);
}

static void no_pages(struct capi_mdev_translation *block)
{
	block->answer_pages = 0;
}

static void too_many(struct capi_mdev_translation *block)
{
	block->answer_pages = htole32(CAPI_MDEV_TRANSLATION_ENTRIES + 1);
}

static void far_too_many(struct capi_mdev_translation *block)
{
	block->answer_pages = ~0;
}

static void no_flags(struct capi_mdev_translation *block)
{
	block->entry[0] &= htole64(-PAGE);
}

static void not_there(struct capi_mdev_translation *block)
{
	block->entry[0] = 0;
}

static void not_mapped(struct capi_mdev_translation *block)
{
	block->entry[0] = htole64((IOVA + SIZE) | BOTH);
}

static void host_address(struct capi_mdev_translation *block)
{
	block->entry[0] = htole64(0xffff888000000000 | BOTH);
}

static void last_iova(struct capi_mdev_translation *block)
{
	block->entry[0] = ~0ULL;
}

TEST_F(vfio_translate_hostile, bad_answers)
{
	void (* const spoils[])(struct capi_mdev_translation *block) = {
		wrong_pe, next_page, far_below, unaligned, no_pages, too_many,
		far_too_many, no_flags, not_there, not_mapped, host_address,
		last_iova,
	};
	struct translator *t = &self->t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spoils); i++) {
		ASSERT_TRUE(translator_works(t));
		translator_spoil(t, spoils[i]);
		/* The queue's page is known, these are not. */
		EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc,
							ea(DST + PAGE + 4),
							ea(SRC), 8),
				    ea(DST + PAGE + 4), STORE)) {
			TH_LOG("answer %u", i);
		}
		EXPECT_EQ(0, faults(t, capi_memcpy_swap(self->mc,
							ea(OTHER + 8),
							CAPI_MEMCPY_SWAP_EQUAL,
							0, 1),
				    ea(OTHER + 8), STORE));
		translator_spoil(t, NULL);
		ASSERT_EQ(0, invalidate(t, 0));
	}
	EXPECT_TRUE(translator_works(t));
	EXPECT_EQ(0, stale(t));
}

TEST_F(vfio_translate_hostile, bad_blocks)
{
	static const __u64 blocks[] = {
		1, 8, IOVA + BLOCK + 1, IOVA + BLOCK + 0x800, ~0ULL
	};
	static const __u64 nowhere[] = {
		PAGE, IOVA + SIZE, IOVA - PAGE, 0xffff888000000000, -(__u64)PAGE
	};
	struct translator *t = &self->t;
	struct mdev *mdev = &t->q.mdev;
	unsigned int i;

	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_STOP));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8,
				      blocks[i]));
		EXPECT_EQ(blocks[i],
			  bar0_get(mdev, CAPI_MDEV_REG_TRANSLATION, 8));
		EXPECT_EQ(-EINVAL, capi_vfio_start(&mdev->vfio, EA_WED));
		EXPECT_EQ(CAPI_MDEV_STATE_CLOSED,
			  bar0_get(mdev, CAPI_MDEV_REG_STATE, 4));
	}
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
		ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8,
				      nowhere[i]));
		ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, EA_WED));
		EXPECT_EQ(0, expect_fault(t, ea(0), LOAD));
	}
	ASSERT_EQ(0, translator_restart(t));
	EXPECT_TRUE(translator_works(t));
}

/* An answer that nobody waits for is counted, and changes nothing. */
TEST_F(vfio_translate_hostile, stale_answers)
{
	struct translator *t = &self->t;
	__u32 last;

	ASSERT_TRUE(translator_works(t));
	last = t->last;
	EXPECT_EQ(0, stale(t));
	translator_answer(t, 0);
	translator_answer(t, last);
	translator_answer(t, last + 1);
	translator_answer(t, ~0);
	EXPECT_EQ(4, stale(t));
	EXPECT_TRUE(translator_works(t));
	ASSERT_EQ(0, mdev_command(&t->q.mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(0, stale(t));
	/* Resets do not start over. */
	ASSERT_EQ(0, translator_restart(t));
	ASSERT_TRUE(translator_works(t));
	EXPECT_GT(t->last, last);
}

/* An access that waits for an answer which does not come */
static struct capi_memcpy_element *wait_for_nobody(struct translator *t)
{
	struct capi_memcpy_element *element;
	unsigned int n;

	if (!translator_works(t))
		return NULL;
	translator_answers(t, false);
	n = asked(t);
	element = capi_memcpy_copy(&t->q.mc, ea(DST), ea(SRC + PAGE), 8);
	return WAIT_UNTIL(asked(t) > n) ? element : NULL;
}

TEST_F(vfio_translate_hostile, no_answer)
{
	struct translator *t = &self->t;
	struct capi_memcpy_element *element;
	long long begin;

	/* It has the time it needs to begin with. */
	ASSERT_TRUE(translator_works(t));
	ASSERT_EQ(0, write_file(TIMEOUT, "1"));
	begin = now_ms();
	element = wait_for_nobody(t);
	ASSERT_NE(NULL, element);
	EXPECT_EQ(0, faults(t, element, ea(SRC + PAGE), LOAD));
	EXPECT_LE(900, now_ms() - begin);
	/* It comes too late. */
	translator_answer(t, t->last);
	EXPECT_EQ(1, stale(t));
	EXPECT_EQ(0, write_file(TIMEOUT, self->timeout));
	translator_answers(t, true);
	EXPECT_TRUE(translator_works(t));
	EXPECT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST), ea(SRC + PAGE), 8));
}

/* The one is not kept by what others do not do. */
TEST_F(vfio_translate_hostile, others_go_on)
{
	struct translator *t = &self->t;
	struct capi_memcpy_element *element;
	struct vfio_queue other;
	unsigned int i;

	ASSERT_EQ(0, write_file(TIMEOUT, "0"));
	element = wait_for_nobody(t);
	ASSERT_NE(NULL, element);
	ASSERT_EQ(0, vfio_queue_open(&other));
	for (i = 0; i < 20; i++)
		EXPECT_TRUE(vfio_queue_works(&other));
	EXPECT_EQ(0, vfio_queue_close(&other));
	EXPECT_EQ(0, element->status);
	/* An invalidation waits for no answer. */
	EXPECT_EQ(0, invalidate(t, 0));
	EXPECT_EQ(0, element->status);
	pthread_mutex_lock(&t->lock);
	t->last = 0;
	t->silent = false;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->vector, 1);
	EXPECT_STATUS(DONE, element);
}

/* What ends the AFU's work ends its waiting: nothing hangs. */
TEST_F(vfio_translate_hostile, ended_while_waiting)
{
	struct translator *t = &self->t;
	struct mdev *mdev = &t->q.mdev;
	struct capi_memcpy_element *element;
	__u32 token;
	unsigned int i;

	ASSERT_EQ(0, write_file(TIMEOUT, "0"));
	for (i = 0; i < 9; i++) {
		element = wait_for_nobody(t);
		ASSERT_NE(NULL, element);
		token = t->last;
		switch (i % 3) {
		case 0:
			EXPECT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_STOP));
			break;
		case 1:
			EXPECT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
			break;
		case 2:
			ASSERT_EQ(0, ioctl(mdev->vfio.device, VFIO_DEVICE_RESET));
			ASSERT_EQ(0, capi_vfio_enable(&mdev->vfio));
			break;
		}
		translator_answer(t, token);
		EXPECT_EQ(1, stale(t));
		EXPECT_EQ(0, element->status);
		translator_answers(t, true);
		ASSERT_EQ(0, translator_restart(t));
	}
	EXPECT_TRUE(translator_works(t));
}

TEST_F(vfio_translate_hostile, closed_while_waiting)
{
	struct translator *t = &self->t;

	ASSERT_EQ(0, write_file(TIMEOUT, "0"));
	ASSERT_NE(NULL, wait_for_nobody(t));
	translator_end(t);
	vfio_queue_detach(&t->q);
	ASSERT_EQ(0, mdev_open(&t->q.mdev));
	EXPECT_EQ(0, stale(t));
	EXPECT_EQ(0, bar0_get(&t->q.mdev, CAPI_MDEV_REG_TRANSLATION, 8));
}

/* Answers come whether asked for or not, while the context comes and goes. */
static void *answer_always(void *arg)
{
	struct translator *t = arg;
	__u32 token = 0;

	while (!over(t)) {
		token = __atomic_load_n(&t->block->token, __ATOMIC_ACQUIRE);
		translator_answer(t, token);
		translator_answer(t, token + 1);
	}
	return NULL;
}

/* Nothing in the block is what it was a moment ago. */
static void *scribble(void *arg)
{
	struct translator *t = arg;
	__u64 *words = (__u64 *)t->block;
	unsigned int i, seed = 1;

	while (!over(t)) {
		for (i = 4; i < sizeof(*t->block) / 8; i++) {
			switch (rand_r(&seed) % 4) {
			case 0:
				words[i] = 0;
				break;
			case 1:
				words[i] = (__u64)rand_r(&seed) << 32 ^
					   rand_r(&seed);
				break;
			case 2:
				words[i] = (IOVA + BLOCK) | BOTH;
				break;
			case 3:
				words[i] = EA & -PAGE;
				break;
			}
		}
	}
	return NULL;
}

static int churn(struct translator *t, unsigned int i)
{
	struct mdev *mdev = &t->q.mdev;

	memset(t->q.mc.queue, 0, SLOTS * sizeof(struct capi_memcpy_element));
	t->q.mc.next = 0;
	t->q.mc.wrap = 0;
	while (capi_memcpy_copy(&t->q.mc, ea(DST + i % 64 * PAGE), ea(SRC), 9000))
		;
	bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8, IOVA + BLOCK);
	if (capi_vfio_start(&mdev->vfio, EA_WED))
		return -EIO;
	poll(NULL, 0, i % 8);
	capi_memcpy_restart(&t->q.mc);
	poll(NULL, 0, i % 3);
	if (i % 2)
		invalidate(t, (EA + (i % 256) * PAGE) | (12 + i % 10));
	return mdev_command(mdev, i % 3 ? CAPI_MDEV_COMMAND_RESET :
					  CAPI_MDEV_COMMAND_STOP);
}

TEST_F(vfio_translate_hostile, at_any_time)
{
	void *(* const threads[])(void *arg) = { answer_always, scribble };
	struct translator *t = &self->t;
	pthread_t ids[ARRAY_SIZE(threads)];
	unsigned int i;

	ASSERT_EQ(0, write_file(TIMEOUT, "1"));
	ASSERT_EQ(0, mdev_command(&t->q.mdev, CAPI_MDEV_COMMAND_STOP));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&ids[i], NULL, threads[i], t));
	for (i = 0; i < 150; i++)
		EXPECT_EQ(0, churn(t, i));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(t, ids[i]);
	ASSERT_EQ(0, write_file(TIMEOUT, self->timeout));
	ASSERT_EQ(0, translator_restart(t));
	EXPECT_TRUE(translator_works(t));
}

static void *invalidate_all(void *arg)
{
	struct translator *t = arg;

	invalidate(t, 0);
	__atomic_store_n(&t->over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * An invalidation waits for an access that waits for memory, yet keeps nobody
 * from looking at registers, or from ending both.
 */
TEST_F(vfio_translate_hostile, stalled_memory)
{
	struct translator *t = &self->t;
	struct capi_memcpy_element *element;
	struct stall stall;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_EQ(0, vfio_queue_map_stall(&t->q, &stall));
	translator_set(t, OTHER, (IOVA + SIZE) | BOTH);
	for (i = 0; i < 2; i++) {
		element = capi_memcpy_copy(self->mc, ea(OTHER), ea(SRC), 8);
		ASSERT_TRUE(stall_wait(&stall));
		t->over = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, invalidate_all, t));
		poll(NULL, 0, 300);
		EXPECT_FALSE(over(t));
		EXPECT_EQ(CAPI_MDEV_STATE_STARTED,
			  bar0_get(&t->q.mdev, CAPI_MDEV_REG_STATE, 4));
		if (i) {
			ASSERT_EQ(0, mdev_command(&t->q.mdev,
						  CAPI_MDEV_COMMAND_RESET));
			EXPECT_EQ(0, element->status);
		} else {
			ASSERT_EQ(0, stall_release(&stall));
			EXPECT_STATUS(DONE, element);
		}
		ASSERT_TRUE(WAIT_UNTIL(over(t)));
		pthread_join(thread, NULL);
		ASSERT_EQ(0, stall_again(&stall));
	}
	ASSERT_EQ(0, translator_restart(t));
	EXPECT_TRUE(translator_works(t));
	stall_destroy(&stall);
}

/* Without bus master the driver cannot be asked; with it again, it is. */
TEST_F(vfio_translate_hostile, no_bus_master)
{
	struct translator *t = &self->t;
	struct capi_vfio *vfio = &t->q.mdev.vfio;
	struct capi_memcpy_element *element;

	ASSERT_TRUE(translator_works(t));
	ASSERT_EQ(0, capi_vfio_put(vfio, VFIO_PCI_CONFIG_REGION_INDEX,
				   PCI_COMMAND, 2, PCI_COMMAND_MEMORY));
	element = capi_memcpy_copy(self->mc, ea(DST), ea(SRC), 8);
	ASSERT_EQ(0, memcpy_wait_stopped(self->mc));
	EXPECT_EQ(0, element->status);
	ASSERT_EQ(0, capi_vfio_enable(vfio));
	capi_memcpy_restart(self->mc);
	EXPECT_STATUS(DONE, element);
}

TEST_HARNESS_MAIN
