// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU behind an mdev, with addresses that the driver of the function
 * translates: what is asked, what is kept, and what invalidating it means.
 */
#include <endian.h>
#include <stdint.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "translator.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define LOAD	CAPI_MEMCPY_DSISR
#define STORE	(CAPI_MEMCPY_DSISR | CAPI_MEMCPY_DSISR_STORE)

FIXTURE(vfio_translate) {
	struct translator t;
	struct capi_memcpy *mc;
};

FIXTURE_SETUP(vfio_translate)
{
	ASSERT_EQ(0, translator_open(&self->t));
	self->mc = &self->t.q.mc;
}

FIXTURE_TEARDOWN(vfio_translate)
{
	EXPECT_EQ(0, translator_close(&self->t));
}

static bool same(struct translator *t, unsigned int dst, unsigned int src,
		 unsigned int length)
{
	unsigned int i;

	for (i = 0; i < length; i++)
		if (*ea_at(t, dst + i) != *ea_at(t, src + i))
			return false;
	return true;
}

static void set(struct translator *t, unsigned int off, unsigned int length,
		unsigned char value)
{
	unsigned int i;

	for (i = 0; i < length; i++)
		*ea_at(t, off + i) = value;
}

/* Any length and alignment; with answers for what was asked, and for more */
TEST_F(vfio_translate, copies)
{
	static const unsigned int lengths[] = {
		0, 1, 7, 127, 4095, 4096, 4097, 65535
	};
	struct translator *t = &self->t;
	unsigned int i, length, dst;

	for (i = 0; i < SIZE - SRC; i++)
		*ea_at(t, SRC + i) = i * 7 + (i >> 8);
	for (i = 0; i < ARRAY_SIZE(lengths) * 4; i++) {
		length = lengths[i % ARRAY_SIZE(lengths)];
		dst = DST + 61 + i;
		t->around = i % 2;
		set(t, DST, 0x12000, 0xee);
		ASSERT_EQ(0, invalidate(t, 0));
		ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(dst),
						     ea(SRC + i), length));
		ASSERT_TRUE(same(t, dst, SRC + i, length));
		ASSERT_EQ(0xee, *ea_at(t, dst - 1));
		ASSERT_EQ(0xee, *ea_at(t, dst + length));
	}
	EXPECT_EQ(0, stale(t));
}

/* What one access needs is not pushed out by what it needs besides. */
TEST_F(vfio_translate, far_apart)
{
	struct translator *t = &self->t;
	unsigned int i, before;
	char *src, *dst;

	for (i = 1; i < IMAGES; i++) {
		src = (char *)ea(SRC) + i * IMAGE;
		dst = (char *)ea(SRC) + (IMAGES - i) * IMAGE + 16;
		ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, dst, src, 8));
		before = asked(t);
		ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, dst, src, 8));
		EXPECT_EQ(before, asked(t)) {
			TH_LOG("image %u", i);
		}
	}
}

TEST_F(vfio_translate, other_commands)
{
	struct translator *t = &self->t;
	__u64 *at = (__u64 *)ea_at(t, DST + 8);

	*(__u32 *)ea_at(t, SRC + 4) = htobe32(41);
	EXPECT_STATUS(DONE, capi_memcpy_increment(self->mc, ea(DST), ea(SRC + 4)));
	EXPECT_EQ(42, be32toh(*(__u32 *)ea_at(t, DST)));
	*at = htobe64(5);
	EXPECT_STATUS(DONE, capi_memcpy_swap(self->mc, ea(DST + 8),
					     CAPI_MEMCPY_SWAP_EQUAL, 5, 6));
	EXPECT_EQ(6, be64toh(*at));
	EXPECT_STATUS(DONE, capi_memcpy_swap(self->mc, ea(DST + 8),
					     CAPI_MEMCPY_SWAP_NOT_EQUAL, 5, 7));
	EXPECT_EQ(7, be64toh(*at));
}

/* What a request says, and that what is known is not asked for again */
TEST_F(vfio_translate, requests)
{
	struct translator *t = &self->t;
	__u16 pe = mdev_attr(&t->q.mdev, "process_element");
	unsigned int n, i;
	struct request r;

	ASSERT_TRUE(translator_works(t));
	n = asked(t);
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST + 0x3ffe),
					     ea(SRC + 0x1064), 0x2800));
	ASSERT_EQ(n + 2, asked(t));
	r = request(t, n);
	EXPECT_EQ(EA + SRC + 0x1000, r.address);
	EXPECT_EQ(3, r.pages);
	EXPECT_EQ(0, r.flags);
	r = request(t, n + 1);
	EXPECT_EQ(EA + DST + 0x3000, r.address);
	EXPECT_EQ(4, r.pages);
	EXPECT_EQ(CAPI_MDEV_TRANSLATE_STORE, r.flags);
	for (i = 0; i < n + 2; i++) {
		EXPECT_EQ(pe, request(t, i).pe);
		EXPECT_NE(0, request(t, i).token);
	}
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST + 0x3ffe),
					     ea(SRC + 0x1064), 0x2800));
	EXPECT_EQ(n + 2, asked(t));
	EXPECT_EQ(0, stale(t));
}

/* A page that may be loaded only is asked for again when it is stored to. */
TEST_F(vfio_translate, read_only)
{
	struct translator *t = &self->t;
	__u64 entry = translator_get(t, DST);
	unsigned int n;

	translator_set(t, DST, (entry & -PAGE) | READ_ONLY);
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(SRC), ea(DST), 8));
	n = asked(t);
	EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc, ea(DST + 4), ea(SRC), 8),
			    ea(DST + 4), STORE));
	ASSERT_EQ(n + 1, asked(t));
	EXPECT_EQ(EA + DST, request(t, n).address);
	EXPECT_EQ(CAPI_MDEV_TRANSLATE_STORE, request(t, n).flags);
	EXPECT_EQ(0, faults(t, capi_memcpy_swap(self->mc, ea(DST),
						CAPI_MEMCPY_SWAP_EQUAL, 0, 1),
			    ea(DST), STORE));

	translator_set(t, DST, entry);
	EXPECT_TRUE(translator_works(t));
}

TEST_F(vfio_translate, bad_addresses)
{
	struct translator *t = &self->t;
	__u64 entry = translator_get(t, DST + PAGE);
	unsigned int n;

	/* The queue is known from here on. */
	ASSERT_TRUE(translator_works(t));
	n = asked(t);
	EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc, ea(DST), (void *)0x1004,
						8), (void *)0x1004, LOAD));
	/* Each is asked for once. */
	EXPECT_EQ(n + 1, asked(t));
	EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc, ea(SIZE + 12), ea(SRC),
						8), ea(SIZE + 12), STORE));
	EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc, (void *)-16UL, ea(SRC),
						8), (void *)-16UL, STORE));
	/* What begins well: the first byte that is not there */
	translator_set(t, DST + PAGE, 0);
	EXPECT_EQ(0, faults(t, capi_memcpy_copy(self->mc, ea(SRC), ea(DST + 100),
						3 * PAGE),
			    ea(DST + PAGE), LOAD));
	translator_set(t, DST + PAGE, entry);
	EXPECT_TRUE(translator_works(t));
}

/* The queue is not there, and comes back: no element is lost. */
TEST_F(vfio_translate, bad_queue)
{
	struct translator *t = &self->t;
	__u64 entry = translator_get(t, 0);
	struct capi_memcpy_element *element;

	ASSERT_TRUE(translator_works(t));
	translator_set(t, 0, 0);
	ASSERT_EQ(0, invalidate_page(t, 0));
	ASSERT_EQ(0, expect_fault(t, ea(sizeof(*element)), LOAD));
	element = capi_memcpy_copy(self->mc, ea(DST), ea(SRC), 8);
	translator_set(t, 0, entry);
	ASSERT_EQ(0, memcpy_wait_stopped(self->mc));
	EXPECT_EQ(0, element->status);
	capi_memcpy_restart(self->mc);
	EXPECT_STATUS(DONE, element);
}

/* What is answered for one access is asked for at the next. */
TEST_F(vfio_translate, once)
{
	struct translator *t = &self->t;
	unsigned int n, i;

	ASSERT_TRUE(translator_works(t));
	t->once = true;
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST + PAGE),
					     ea(SRC + PAGE), 3 * PAGE));
	n = asked(t);
	for (i = 0; i < 3; i++) {
		*ea_at(t, SRC + PAGE) = i;
		ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST + PAGE),
						     ea(SRC + PAGE), 3 * PAGE));
		EXPECT_EQ(i, *ea_at(t, DST + PAGE));
		n += 2;
		EXPECT_EQ(n, asked(t));
	}
	/* More than a request may name, in pieces */
	t->around = true;
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, ea(DST), ea(SRC), 65535));
	EXPECT_TRUE(same(t, DST, SRC, 65535));
}

/* Copies a byte out of the page at @off: what is in it, as the AFU sees it */
static int seen(struct translator *t, unsigned int off)
{
	struct capi_memcpy_element *element;

	*ea_at(t, DST) = 0xee;
	element = capi_memcpy_copy(&t->q.mc, ea(DST), ea(off), 1);
	return memcpy_status(element) == DONE ? *ea_at(t, DST) : -1;
}

/* Puts the page at @off elsewhere; the byte in the old one is @old. */
static void move(struct translator *t, unsigned int off, unsigned int to,
		 unsigned char old, unsigned char new)
{
	*ea_at(t, off) = old;
	translator_set(t, off, translator_get(t, to));
	*ea_at(t, off) = new;
}

TEST_F(vfio_translate, invalidate)
{
	const unsigned int off = SRC + 5 * PAGE;
	const __u64 at = EA + off;
	const struct {
		__u64 value;
		bool hit;
	} cases[] = {
		{ at | 12, true },
		{ (at + PAGE) | 12, false },
		{ (at - PAGE) | 12, false },
		{ at | 13, true },
		{ (at + PAGE) | 13, (off / PAGE) % 2 == 0 },
		{ (at ^ PAGE << 1) | 13, false },
		{ (at ^ PAGE << 7) | 20, true },
		{ (at ^ PAGE << 8) | 20, false },
		{ (at ^ 1ULL << 20) | 21, true },
		{ (at ^ 1ULL << 21) | 21, false },
		{ at | 63, true },
		{ (at ^ 1ULL << 63) | 63, false },
		{ 0, true },
		{ 0x5000, true },
	};
	struct translator *t = &self->t;
	__u64 entry = translator_get(t, off);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		translator_set(t, off, entry);
		ASSERT_EQ(0, invalidate(t, 0));
		*ea_at(t, off) = 1;
		ASSERT_EQ(1, seen(t, off));
		move(t, off, OTHER, 1, 2);
		ASSERT_EQ(1, seen(t, off));
		ASSERT_EQ(0, invalidate(t, cases[i].value));
		EXPECT_EQ(1 + cases[i].hit, seen(t, off)) {
			TH_LOG("case %u: %llx", i, cases[i].value);
		}
	}
}

/* By halves: the high one is kept, the low one does it. */
TEST_F(vfio_translate, invalidate_by_halves)
{
	const unsigned int off = SRC + 5 * PAGE;
	struct translator *t = &self->t;
	struct mdev *mdev = &t->q.mdev;

	ASSERT_EQ(0, invalidate(t, 0));
	*ea_at(t, off) = 1;
	ASSERT_EQ(1, seen(t, off));
	move(t, off, OTHER, 1, 2);
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_INVALIDATE, 4,
			      (__u32)(EA + off) | 12));
	EXPECT_EQ(1, seen(t, off));
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_INVALIDATE + 4, 4,
			      (EA + off) >> 32));
	EXPECT_EQ(1, seen(t, off));
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_INVALIDATE, 4,
			      (__u32)(EA + off) | 12));
	EXPECT_EQ(2, seen(t, off));
	EXPECT_EQ(0, bar0_get(mdev, CAPI_MDEV_REG_INVALIDATE, 8));
}

/* A start knows nothing of before, nor does a reset leave the address. */
TEST_F(vfio_translate, start_and_reset)
{
	const unsigned int off = SRC + 5 * PAGE;
	struct translator *t = &self->t;
	struct mdev *mdev = &t->q.mdev;

	*ea_at(t, off) = 1;
	ASSERT_EQ(1, seen(t, off));
	move(t, off, OTHER, 1, 2);
	/* Looked at by start only */
	ASSERT_EQ(0, bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8, 0));
	ASSERT_EQ(-EBUSY, mdev_command(mdev, CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(1, seen(t, off));
	ASSERT_EQ(0, translator_restart(t));
	EXPECT_EQ(2, seen(t, off));

	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(0, bar0_get(mdev, CAPI_MDEV_REG_TRANSLATION, 8));
	memset(self->mc->queue, 0, SLOTS * sizeof(*self->mc->queue));
	self->mc->next = 0;
	self->mc->wrap = 0;
	ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, WED));
	EXPECT_TRUE(vfio_queue_works(&t->q));
}

/* While the AFU is idle it watches the queue's page: until that is another. */
TEST_F(vfio_translate, watched_queue_moves)
{
	struct translator *t = &self->t;
	struct capi_memcpy_element *old = self->mc->queue;
	__u64 entry;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(translator_works(t));
		usleep(300000);
		memcpy(ea_at(t, OTHER), old, PAGE);
		entry = translator_get(t, 0);
		translator_set(t, 0, translator_get(t, OTHER));
		translator_set(t, OTHER, entry);
		ASSERT_EQ(0, invalidate_page(t, 0));
		memset(old, 0, PAGE);
		old = (void *)ea_at(t, 0);
		self->mc->queue = old;
		ASSERT_TRUE(translator_works(t));
	}
}

/* An answer is taken back before the AFU came to use it, or just after. */
TEST_F(vfio_translate, answered_and_invalidated)
{
	const unsigned int off = DST + PAGE;
	struct translator *t = &self->t;
	struct capi_memcpy_element *element;
	unsigned char *old;
	unsigned int i, n;
	__u64 entry;

	set(t, SRC, PAGE, 0x55);
	ASSERT_TRUE(translator_works(t));
	for (i = 0; i < 100; i++) {
		old = ea_at(t, off);
		ASSERT_EQ(0, invalidate_page(t, off));
		translator_answers(t, false);
		n = asked(t);
		element = capi_memcpy_copy(self->mc, ea(off), ea(SRC), PAGE);
		ASSERT_TRUE(WAIT_UNTIL(asked(t) > n));
		/* Others are answered with what is so then. */
		translator_answers(t, true);
		translator_answer(t, t->last);
		entry = translator_get(t, off);
		translator_set(t, off, translator_get(t, OTHER));
		translator_set(t, OTHER, entry);
		ASSERT_EQ(0, invalidate_page(t, off));
		memset(old, 0xee, PAGE);
		ASSERT_STATUS(DONE, element);
		ASSERT_EQ(NULL, memchr(old, 0x55, PAGE));
	}
	EXPECT_EQ(0, stale(t));
}

/* Valid whatever the round: the AFU never stops. */
static void *keep_busy(void *arg)
{
	struct translator *t = arg;
	unsigned int i;

	while (!over(t))
		for (i = 0; i < SLOTS; i++)
			__atomic_fetch_xor(&t->q.mc.queue[i].cmd,
					   CAPI_MEMCPY_WRAP, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Once the store is over, the AFU never touches what the page was. */
TEST_F(vfio_translate, invalidate_drains)
{
	const unsigned int off = DST + PAGE;
	struct translator *t = &self->t;
	unsigned char *old, *new;
	pthread_t thread;
	unsigned int i, n = 0;

	set(t, SRC, 0x3000, 0x55);
	for (i = 0; i < SLOTS; i++)
		ASSERT_NE(NULL, capi_memcpy_copy(self->mc, ea(DST), ea(SRC),
						 0x3000));
	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_busy, t));
	for (i = 0; i < 200; i++) {
		old = ea_at(t, off);
		ASSERT_TRUE(WAIT_UNTIL(__atomic_load_n(old + PAGE - 1,
						       __ATOMIC_ACQUIRE) == 0x55));
		new = ea_at(t, OTHER);
		memset(new, 0, PAGE);
		pthread_mutex_lock(&t->lock);
		t->entry[OTHER / PAGE] = t->entry[off / PAGE];
		t->entry[off / PAGE] = (IOVA + (new - t->q.memory)) | BOTH;
		pthread_mutex_unlock(&t->lock);
		ASSERT_EQ(0, i % 2 ? invalidate(t, 0) : invalidate_page(t, off));
		memset(old, 0xee, PAGE);
		/* It is at work on the new one now. */
		ASSERT_TRUE(WAIT_UNTIL(__atomic_load_n(new + PAGE - 1,
						       __ATOMIC_ACQUIRE) == 0x55));
		n += !!memchr(old, 0x55, PAGE);
	}
	EXPECT_EQ(0, n);
	join(t, thread);
}

TEST_HARNESS_MAIN
