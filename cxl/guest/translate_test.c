// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers to what the VF asks, which may be nonsense, and that nothing is held for
 * it any longer than it may use it.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>

#include "guest.h"

/* A process, and a page of its memory; both are only compared. */
#define MM	((struct mm_struct *)0x1000)
#define ADDR	0x7f0012345000

/**
 * struct translate_test - a card, and what was said to whom
 * @card: the card
 * @block: what it shares with the VF
 * @mm: whose addresses they are; NULL for the kernel's
 * @exiting: the process has no memory any more
 * @users: of the memory
 * @rc: what comes of asking for memory of the process
 * @asked: for which address
 * @pages: for how many
 * @store: to store there
 * @mapped: pages mapped for one answer
 * @map_fails: so many pages can be mapped before one cannot
 * @map_late: before that, mapping fails so many times
 * @token: of the last answer
 * @answered: there is one
 * @dropped: chunks were forgotten
 */
struct translate_test {
	struct guest_card card;
	struct capi_mdev_translation block;
	struct mm_struct *mm;
	bool exiting;
	int users;
	int rc;
	u64 asked;
	unsigned int pages;
	bool store;
	int mapped;
	unsigned int map_fails;
	unsigned int map_late;
	u32 token;
	struct completion answered;
	bool dropped;
};

static struct translate_test *now;

static int test_chunk_answer(struct guest_card *card, u64 addr,
			     unsigned int pages, bool store)
{
	now->asked = addr;
	now->pages = pages;
	now->store = store;
	if (!now->rc)
		guest_translator_answer(card, addr, pages, 0);
	return now->rc;
}

static void test_store(struct guest_card *card, unsigned int reg, u32 value)
{
	if (reg != CAPI_MDEV_REG_TRANSLATION_ANSWER)
		return;
	now->token = value;
	complete(&now->answered);
}

static void test_drop(struct guest_card *card)
{
	now->dropped = true;
}

static struct mm_struct *test_mm(struct cxl_context *ctx)
{
	return now->mm;
}

static bool test_mmget(struct mm_struct *mm)
{
	if (!now->exiting)
		now->users++;
	return !now->exiting;
}

static void test_mmput(struct mm_struct *mm)
{
	now->users--;
}

static dma_addr_t test_map(struct device *dev, struct page *page, size_t offset,
			   size_t size, enum dma_data_direction direction)
{
	if (now->map_late) {
		now->map_late--;
		return DMA_MAPPING_ERROR;
	}
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

static void *test_alloc(struct device *dev, size_t size, dma_addr_t *dma,
			gfp_t gfp)
{
	return &now->block;
}

static void test_free(struct device *dev, size_t size, void *at, dma_addr_t dma)
{
}

#undef dma_map_page
#undef dma_unmap_page
#define guest_store test_store
#define guest_chunk_answer test_chunk_answer
#define guest_chunks_drop test_drop
#define capi_context_mm test_mm
#define mmget_not_zero test_mmget
#define mmput_async test_mmput
#define dma_map_page test_map
#define dma_unmap_page test_unmap
#define dma_mapping_error test_map_error
#define dma_alloc_coherent test_alloc
#define dma_free_coherent test_free
#include "translate.c"

static int translate_init(struct kunit *test)
{
	struct pci_dev *vf = kunit_kzalloc(test, sizeof(*vf), GFP_KERNEL);

	now = kunit_kzalloc(test, sizeof(*now), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, now);
	KUNIT_ASSERT_NOT_NULL(test, vf);
	vf->dev.init_name = "test";
	now->card.vf = vf;
	now->map_fails = UINT_MAX;
	now->mm = MM;
	init_completion(&now->answered);
	KUNIT_ASSERT_EQ(test, 0, guest_translator_init(&now->card));
	return guest_translator_start(&now->card, NULL);
}

static void translate_exit(struct kunit *test)
{
	guest_translator_stop(&now->card);
	KUNIT_EXPECT_TRUE(test, now->dropped);
	KUNIT_EXPECT_EQ(test, 0, now->mapped);
	KUNIT_EXPECT_EQ(test, 0, now->users);
	KUNIT_EXPECT_NULL(test, now->card.translator.task);
	guest_translator_exit(&now->card);
}

/* As the VF: a request, its interrupt, and the answer. Returns its pages. */
static unsigned int ask(struct kunit *test, u64 addr, u32 pages, u16 flags)
{
	u32 token = now->token + 3;

	now->block.address = cpu_to_le64(addr);
	now->block.pages = cpu_to_le32(pages);
	now->block.flags = cpu_to_le16(flags);
	now->block.pe = cpu_to_le16(7);
	now->block.answer_pages = cpu_to_le32(~0);
	now->block.token = cpu_to_le32(token);
	KUNIT_EXPECT_TRUE(test, guest_translator_asked(&now->card));
	wake_up(&now->card.translator.wait);
	KUNIT_ASSERT_NE_MSG(test, 0,
			    wait_for_completion_timeout(&now->answered, 10 * HZ),
			    "no answer");
	KUNIT_EXPECT_EQ(test, token, now->token);
	KUNIT_EXPECT_EQ(test, 7, le16_to_cpu(now->block.answer_pe));
	KUNIT_EXPECT_FALSE(test, guest_translator_asked(&now->card));
	return le32_to_cpu(now->block.answer_pages);
}

static void process(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 2, ask(test, ADDR, 2, 0));
	KUNIT_EXPECT_EQ(test, ADDR, now->asked);
	KUNIT_EXPECT_EQ(test, 2, now->pages);
	KUNIT_EXPECT_FALSE(test, now->store);
	KUNIT_EXPECT_EQ(test, ADDR, le64_to_cpu(now->block.answer_address));

	ask(test, ADDR, 1, CAPI_MDEV_TRANSLATE_STORE);
	KUNIT_EXPECT_TRUE(test, now->store);
	KUNIT_EXPECT_EQ(test, CAPI_MDEV_TRANSLATE_MAX,
			ask(test, ADDR, CAPI_MDEV_TRANSLATE_MAX, 0));
	now->rc = -EFAULT;
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, le64_to_cpu(now->block.answer_address));
	now->rc = 0;
	now->exiting = true;
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR, 1, 0));
	KUNIT_EXPECT_EQ(test, 2, now->card.translator.counters.bad);
	KUNIT_EXPECT_EQ(test, 5, now->card.translator.counters.requests);
}

/* Each has an answer, and nobody's memory is touched for it. */
static void nonsense(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR + 1, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR, CAPI_MDEV_TRANSLATE_MAX + 1, 0));
	KUNIT_EXPECT_EQ(test, 0, ask(test, ADDR, ~0, 0));
	KUNIT_EXPECT_EQ(test, 0, now->asked);
	/* One that was answered is not answered again. */
	wake_up(&now->card.translator.wait);
	KUNIT_EXPECT_FALSE(test, try_wait_for_completion(&now->answered));
}

/* What the VF is told of the kernel's memory goes with the next request. */
static void kernel(struct kunit *test)
{
	u64 addr = (uintptr_t)__get_free_pages(GFP_KERNEL, 2);
	unsigned int i;

	KUNIT_ASSERT_NE(test, 0, addr);
	guest_translator_stop(&now->card);
	now->token = 0;
	now->mm = NULL;
	KUNIT_ASSERT_EQ(test, 0, guest_translator_start(&now->card, NULL));

	KUNIT_EXPECT_EQ(test, 4, ask(test, addr, 4, CAPI_MDEV_TRANSLATE_STORE));
	KUNIT_EXPECT_EQ(test, CAPI_MDEV_ANSWER_ONCE,
			le16_to_cpu(now->block.answer_flags));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, (i + 1) << PAGE_SHIFT |
				CAPI_MDEV_ENTRY_LOAD | CAPI_MDEV_ENTRY_STORE,
				le64_to_cpu(now->block.entry[i]));
	KUNIT_EXPECT_EQ(test, 1, ask(test, addr, 1, 0));
	KUNIT_EXPECT_EQ(test, 1, now->mapped);
	KUNIT_EXPECT_EQ(test, 1 << PAGE_SHIFT | CAPI_MDEV_ENTRY_LOAD,
			le64_to_cpu(now->block.entry[0]));

	KUNIT_EXPECT_EQ_MSG(test, 0, ask(test, PAGE_SIZE, 1, 0), "of user space");
	now->map_fails = 2;
	KUNIT_EXPECT_EQ(test, 2, ask(test, addr, 4, 0));
	now->map_fails = UINT_MAX;
	now->map_late = 3;
	KUNIT_EXPECT_EQ_MSG(test, 4, ask(test, addr, 4, 0), "when there is room");
	KUNIT_EXPECT_EQ(test, 3, now->card.translator.counters.retries);
	KUNIT_EXPECT_EQ(test, 0, now->asked);
	free_pages(addr, 2);
}

static struct kunit_case translate_cases[] = {
	KUNIT_CASE(process),
	KUNIT_CASE(nonsense),
	KUNIT_CASE(kernel),
	{}
};

static struct kunit_suite translate_suite = {
	.name = "guest_translate",
	.init = translate_init,
	.exit = translate_exit,
	.test_cases = translate_cases,
};

kunit_test_suite(translate_suite);
