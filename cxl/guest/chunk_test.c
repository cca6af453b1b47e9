// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the VF is told of a process's memory, and what is taken back. The process
 * has a table of pages here, in which anything can happen at any moment.
 */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/hmm.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "guest.h"

#define PAGES	(2 * GUEST_CHUNK_PAGES)
#define START	(100 * GUEST_CHUNK_SIZE)

/**
 * enum state - what the process has at an address
 * @HOLE: nothing
 * @ABSENT: a page that has to be brought in first
 * @READ_ONLY: a page that has to be copied before it is stored to
 * @PRESENT: a page that can be stored to
 */
enum state { HOLE, ABSENT, READ_ONLY, PRESENT };

/**
 * struct chunk_test - a card, a process, and what the VF was told
 * @card: the card
 * @block: for answers
 * @page: all pages are this one
 * @state: of the process's pages, from START on
 * @endless: there is something mapped at all other addresses
 * @lost: so many times, a page is gone as soon as it was brought in
 * @busy: so often the page tables change while they are looked at
 * @changed: so often they have changed when the VF is to be told
 * @dying: the thread that asks is killed
 * @ahead: pages brought in that nobody had asked for
 * @mapped: pages mapped for the VF
 * @map_fails: so many pages can be mapped before one cannot
 * @notifiers: chunks that hear of changes
 * @deaf: how often one heard no more while the VF knew pages of it
 * @invalidated: what the VF was last told to forget
 * @answers: how often it was answered
 * @answer: address of the last answer
 */
struct chunk_test {
	struct guest_card card;
	struct capi_mdev_translation block;
	struct page *page;
	enum state state[PAGES];
	bool endless;
	unsigned int lost;
	unsigned int busy;
	unsigned int changed;
	bool dying;
	unsigned int ahead;
	int mapped;
	unsigned int map_fails;
	int notifiers;
	unsigned int deaf;
	u64 invalidated;
	unsigned int answers;
	u64 answer;
};

static struct chunk_test *now;

static enum state *state_at(u64 addr)
{
	unsigned int i = (addr - START) >> PAGE_SHIFT;

	return i < PAGES ? &now->state[i] : NULL;
}

static int test_range_fault(struct hmm_range *range)
{
	enum state *state = state_at(range->start);
	unsigned int i;

	if (now->busy) {
		now->busy--;
		return -EBUSY;
	}
	for (i = 0; state && i < GUEST_CHUNK_PAGES; i++) {
		if (state[i] < READ_ONLY && range->hmm_pfns[i])
			return -EFAULT;
		range->hmm_pfns[i] = state[i] < READ_ONLY ? 0 :
			page_to_pfn(now->page) | HMM_PFN_VALID |
			(state[i] == PRESENT ? HMM_PFN_WRITE : 0);
	}
	return 0;
}

static long test_get_pages(struct mm_struct *mm, unsigned long addr,
			   unsigned long pages, unsigned int flags,
			   struct page **list, int *locked)
{
	enum state *state = state_at(addr);
	unsigned int i;

	if (flags & FOLL_NOWAIT)
		now->ahead += pages;
	if (now->lost && now->lost--)
		return pages;
	for (i = 0; state && i < pages && state[i] != HOLE; i++)
		if (state[i] == ABSENT || flags & FOLL_WRITE)
			state[i] = PRESENT;
	return i ? (long)i : -EFAULT;
}

static bool test_lookup(struct mm_struct *mm, unsigned long addr)
{
	enum state *state = state_at(addr);

	return state ? *state != HOLE : now->endless;
}

/* No stack is above what is not there. */
static unsigned long test_touch(void *to, const void __user *from,
				unsigned long n)
{
	return n;
}

static void test_use_mm(struct mm_struct *mm)
{
}

static int test_lock(struct mm_struct *mm)
{
	return 0;
}

static bool test_trylock(struct mm_struct *mm)
{
	return true;
}

static void test_unlock(struct mm_struct *mm)
{
}

static bool test_dying(struct task_struct *task)
{
	return now->dying;
}

static int test_insert(struct mmu_interval_notifier *notifier,
		       struct mm_struct *mm, unsigned long start,
		       unsigned long length,
		       const struct mmu_interval_notifier_ops *ops)
{
	now->notifiers++;
	return 0;
}

static bool is_known(struct mmu_interval_notifier *notifier);

static void test_remove(struct mmu_interval_notifier *notifier)
{
	now->notifiers--;
	now->deaf += is_known(notifier);
}

static unsigned long test_begin(struct mmu_interval_notifier *notifier)
{
	return 0;
}

static bool test_retry(struct mmu_interval_notifier *notifier,
		       unsigned long seq)
{
	return now->changed && now->changed--;
}

static dma_addr_t test_map(struct device *dev, struct page *page, size_t offset,
			   size_t size, enum dma_data_direction direction)
{
	if (!now->map_fails)
		return DMA_MAPPING_ERROR;
	now->map_fails--;
	now->mapped++;
	return (dma_addr_t)now->mapped << PAGE_SHIFT;
}

static void test_unmap(struct device *dev, dma_addr_t dma, size_t size,
		       enum dma_data_direction direction)
{
	now->mapped--;
}

static int test_map_error(struct device *dev, dma_addr_t dma)
{
	return dma == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

/* There is one such register. */
static void test_invalidate(u64 value, void __iomem *reg)
{
	now->invalidated = value;
}

static void test_answer(struct guest_card *card, u64 addr, unsigned int pages,
			unsigned int flags)
{
	now->answers++;
	now->answer = addr;
}

#undef dma_map_page
#undef dma_unmap_page
#undef writeq
#define hmm_range_fault test_range_fault
#define capi_get_pages test_get_pages
#define vma_lookup test_lookup
#define kthread_use_mm test_use_mm
#define kthread_unuse_mm test_use_mm
#define copy_from_user test_touch
#define mmap_read_lock_killable test_lock
#define mmap_read_trylock test_trylock
#define mmap_read_unlock test_unlock
#define fatal_signal_pending test_dying
#define mmu_interval_notifier_insert test_insert
#define mmu_interval_notifier_remove test_remove
#define mmu_interval_read_begin test_begin
#define mmu_interval_read_retry test_retry
#define dma_map_page test_map
#define dma_unmap_page test_unmap
#define dma_mapping_error test_map_error
#define writeq test_invalidate
#define guest_translator_answer test_answer
#include "chunk.c"

static bool is_known(struct mmu_interval_notifier *notifier)
{
	struct guest_chunk *chunk =
		container_of(notifier, struct guest_chunk, notifier);

	return was_told(chunk, 0, GUEST_CHUNK_PAGES);
}

static int chunk_init(struct kunit *test)
{
	struct guest_translator *xl;

	now = kunit_kzalloc(test, sizeof(*now), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, now);
	now->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, now->page);
	now->map_fails = UINT_MAX;
	xl = &now->card.translator;
	mutex_init(&xl->lock);
	xa_init(&xl->chunks);
	INIT_LIST_HEAD(&xl->lru);
	xl->block = &now->block;
	test->priv = now;
	return 0;
}

/* However a test ends, nothing is held for the VF when it is stopped. */
static void chunk_exit(struct kunit *test)
{
	struct guest_translator *xl = &now->card.translator;

	xl->task = NULL;
	guest_chunks_drop(&now->card);
	KUNIT_EXPECT_EQ(test, 0, now->mapped);
	KUNIT_EXPECT_EQ(test, 0, now->notifiers);
	KUNIT_EXPECT_EQ(test, 0, now->deaf);
	KUNIT_EXPECT_EQ(test, 0, xl->nr_chunks);
	KUNIT_EXPECT_TRUE(test, xa_empty(&xl->chunks));
	xa_destroy(&xl->chunks);
	mutex_destroy(&xl->lock);
	ClearPageDirty(now->page);
	__free_page(now->page);
}

static u64 page(unsigned int i)
{
	return START + ((u64)i << PAGE_SHIFT);
}

/* Rights of the entry for a page, in the answer given last */
static unsigned int rights(unsigned int i)
{
	return le64_to_cpu(now->block.entry[i]) & ~PAGE_MASK;
}

#define LOAD	CAPI_MDEV_ENTRY_LOAD
#define STORE	CAPI_MDEV_ENTRY_STORE

static void present(struct kunit *test)
{
	now->state[0] = READ_ONLY;
	now->state[5] = PRESENT;
	now->state[7] = ABSENT;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(5), 1, true));
	KUNIT_EXPECT_EQ_MSG(test, START, now->answer, "the whole chunk");
	KUNIT_EXPECT_EQ(test, LOAD, rights(0));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(5));
	KUNIT_EXPECT_EQ(test, 0, rights(6));
	KUNIT_EXPECT_EQ(test, 0, rights(7));
	KUNIT_EXPECT_EQ(test, 2, now->mapped);
	KUNIT_EXPECT_TRUE_MSG(test, PageDirty(now->page), "it is stored to");
}

static void brought_in(struct kunit *test)
{
	now->state[1] = READ_ONLY;
	now->state[2] = ABSENT;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(2), 1, false));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(2));
	KUNIT_EXPECT_EQ(test, LOAD, rights(1));
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(1), 1, true));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(1));
	KUNIT_EXPECT_EQ(test, 2, now->answers);
}

/* The first page decides. What is missing behind it is asked for again. */
static void holes(struct kunit *test)
{
	now->state[3] = ABSENT;
	now->state[4] = ABSENT;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			guest_chunk_answer(&now->card, page(2), 4, false));
	KUNIT_EXPECT_EQ(test, 0, now->answers);
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(3), 4, false));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(4));
	KUNIT_EXPECT_EQ(test, 0, rights(5));
	/* A request is answered up to the end of its chunk. */
	now->state[GUEST_CHUNK_PAGES - 1] = PRESENT;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card,
						    page(GUEST_CHUNK_PAGES - 1),
						    2, false));
}

static void changes_meanwhile(struct kunit *test)
{
	now->state[0] = PRESENT;
	now->busy = 3;
	now->changed = 2;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(0), 1, true));
	KUNIT_EXPECT_EQ_MSG(test, 1, now->answers, "never what was there before");
	KUNIT_EXPECT_EQ(test, 0, now->changed);

	now->state[1] = ABSENT;
	now->lost = MAX_TRIES - 2;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(1), 1, true));
	now->state[2] = ABSENT;
	now->lost = MAX_TRIES + 1;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			guest_chunk_answer(&now->card, page(2), 1, true));
}

static void killed(struct kunit *test)
{
	now->dying = true;
	now->state[0] = PRESENT;
	KUNIT_EXPECT_EQ(test, -EINTR,
			guest_chunk_answer(&now->card, page(0), 1, false));
	KUNIT_EXPECT_EQ(test, 0, now->answers);
}

/* Pages that the VF cannot reach are none; they are tried again. */
static void not_mapped(struct kunit *test)
{
	now->state[0] = PRESENT;
	now->state[1] = PRESENT;
	now->map_fails = 1;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(0), 1, true));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(0));
	KUNIT_EXPECT_EQ(test, 0, rights(1));
	now->map_fails = 1;
	KUNIT_EXPECT_EQ(test, 0, guest_chunk_answer(&now->card, page(1), 1, true));
	KUNIT_EXPECT_EQ(test, LOAD | STORE, rights(1));
}

static bool change(unsigned int first, unsigned int end, unsigned int flags)
{
	struct mmu_notifier_range range = {
		.start = page(first),
		.end = page(end),
		.flags = flags,
	};
	struct guest_chunk *chunk = xa_load(&now->card.translator.chunks,
					    START / GUEST_CHUNK_SIZE);

	now->invalidated = 0;
	return invalidate(&chunk->notifier, &range, 1);
}

#define BLOCK	MMU_NOTIFIER_RANGE_BLOCKABLE

/* The VF forgets before the page goes; what it was not told it need not. */
static void taken_back(struct kunit *test)
{
	struct mutex *lock = &now->card.translator.lock;
	unsigned int i;

	for (i = 4; i < 8; i++)
		now->state[i] = PRESENT;
	KUNIT_ASSERT_EQ(test, 0, guest_chunk_answer(&now->card, page(4), 1, true));
	KUNIT_ASSERT_EQ(test, 4, now->mapped);

	KUNIT_EXPECT_TRUE(test, change(0, 4, BLOCK));
	KUNIT_EXPECT_EQ(test, 0, now->invalidated);
	KUNIT_EXPECT_TRUE(test, change(4, 5, 0));
	KUNIT_EXPECT_EQ(test, page(4) | PAGE_SHIFT, now->invalidated);
	KUNIT_EXPECT_EQ(test, 3, now->mapped);
	KUNIT_EXPECT_TRUE(test, change(4, 5, BLOCK));
	KUNIT_EXPECT_EQ_MSG(test, 0, now->invalidated, "only once");

	mutex_lock(lock);
	KUNIT_EXPECT_FALSE_MSG(test, change(6, 8, 0), "it would have to wait");
	mutex_unlock(lock);
	KUNIT_EXPECT_EQ(test, 3, now->mapped);
	/* What is on both sides of a large boundary is in a larger block. */
	KUNIT_EXPECT_TRUE(test, change(3, 6, BLOCK));
	KUNIT_EXPECT_EQ(test, page(0) | (PAGE_SHIFT + 3), now->invalidated);
	KUNIT_EXPECT_TRUE(test, change(6, 3 * GUEST_CHUNK_PAGES, BLOCK));
	KUNIT_EXPECT_EQ(test, 0, now->mapped);
	KUNIT_EXPECT_EQ(test, 3, now->card.translator.counters.invalidations);
}

/* Caller has had one chunk told. Those behind what has a state are told nothing. */
static void fill(void)
{
	unsigned int i;

	now->endless = true;
	for (i = 1; i < MAX_CHUNKS; i++)
		guest_chunk_answer(&now->card, page(PAGES) + i * GUEST_CHUNK_SIZE,
				   1, true);
}

/* The oldest chunk goes; while the VF works, it is told. */
static void too_many(struct kunit *test)
{
	struct guest_translator *xl = &now->card.translator;

	xl->task = current;
	now->state[0] = PRESENT;
	KUNIT_ASSERT_EQ(test, 0, guest_chunk_answer(&now->card, page(0), 1, true));
	fill();
	KUNIT_EXPECT_EQ(test, MAX_CHUNKS, xl->nr_chunks);
	KUNIT_EXPECT_EQ(test, 0, now->invalidated);
	guest_chunk_answer(&now->card, 0, 1, true);
	KUNIT_EXPECT_EQ(test, MAX_CHUNKS, xl->nr_chunks);
	KUNIT_EXPECT_EQ(test, START | ilog2(GUEST_CHUNK_SIZE), now->invalidated);
	KUNIT_EXPECT_EQ(test, 0, now->mapped);
}

/* One that was asked for again is not the oldest. */
static void asked_again(struct kunit *test)
{
	struct guest_translator *xl = &now->card.translator;

	xl->task = current;
	now->state[0] = PRESENT;
	KUNIT_ASSERT_EQ(test, 0, guest_chunk_answer(&now->card, page(0), 1, true));
	fill();
	KUNIT_ASSERT_EQ(test, 0, guest_chunk_answer(&now->card, page(0), 1, true));
	guest_chunk_answer(&now->card, 0, 1, true);
	KUNIT_EXPECT_EQ(test, MAX_CHUNKS, xl->nr_chunks);
	KUNIT_EXPECT_EQ(test, 0, now->invalidated);
	KUNIT_EXPECT_EQ(test, 1, now->mapped);
}

/* Where nothing is mapped, nothing is kept. */
static void wild(struct kunit *test)
{
	struct guest_translator *xl = &now->card.translator;

	KUNIT_EXPECT_EQ(test, -EFAULT,
			guest_chunk_answer(&now->card, page(0), 1, false));
	KUNIT_EXPECT_EQ(test, 0, xl->nr_chunks);
}

/* Memory that is touched in order is brought in ahead, never beyond a chunk. */
static void in_order(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		now->state[i] = ABSENT;
	guest_chunk_answer(&now->card, page(8), 1, false);
	KUNIT_EXPECT_EQ_MSG(test, 0, now->ahead, "the first of its kind");
	guest_chunk_answer(&now->card, page(9), 1, false);
	KUNIT_EXPECT_EQ(test, 1, now->ahead);
	guest_chunk_answer(&now->card, page(11), 1, false);
	KUNIT_EXPECT_EQ(test, 1 + 3, now->ahead);
	guest_chunk_answer(&now->card, page(50), 1, false);
	KUNIT_EXPECT_EQ_MSG(test, 1 + 3, now->ahead, "not in order");

	now->ahead = 0;
	i = GUEST_CHUNK_PAGES - 3;
	guest_chunk_answer(&now->card, page(i), 1, false);
	guest_chunk_answer(&now->card, page(i + 1), 1, false);
	KUNIT_EXPECT_EQ(test, 1, now->ahead);
	guest_chunk_answer(&now->card, page(i + 3), 1, false);
	KUNIT_EXPECT_EQ(test, 1 + 3, now->ahead);
}

static struct kunit_case chunk_cases[] = {
	KUNIT_CASE(present),
	KUNIT_CASE(brought_in),
	KUNIT_CASE(holes),
	KUNIT_CASE(changes_meanwhile),
	KUNIT_CASE(killed),
	KUNIT_CASE(not_mapped),
	KUNIT_CASE(taken_back),
	KUNIT_CASE(too_many),
	KUNIT_CASE(asked_again),
	KUNIT_CASE(wild),
	KUNIT_CASE(in_order),
	{}
};

static struct kunit_suite chunk_suite = {
	.name = "guest_chunk",
	.init = chunk_init,
	.exit = chunk_exit,
	.test_cases = chunk_cases,
};

kunit_test_suite(chunk_suite);
