// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a compare and swap in the consumer's memory where something
 * happens between its steps. That memory is one page.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/delay.h>
#include <linux/vfio.h>

#include "mdev.h"

#define IOVA	0x12345000ULL
/* Where in the page the word is */
#define OFF	0x18

/**
 * struct dma_test - a device, and its consumer's page
 * @m: the device
 * @page: the page
 * @word: in it
 * @rc: what pinning returns instead, unless 0
 * @meanwhile: called once the page is pinned; optional
 * @asked: how often it was to be pinned
 * @pinned: how often it is
 * @translated: the word's address was translated, and that is in use
 * @breaks: how often the AFU's thread took a break
 * @unmap: unmaps it
 */
struct dma_test {
	struct capi_mdev m;
	struct page *page;
	u64 *word;
	int rc;
	void (*meanwhile)(struct dma_test *t);
	unsigned int asked;
	int pinned;
	bool translated;
	unsigned int breaks;
	struct work_struct unmap;
};

static struct dma_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static int test_pin_pages(struct vfio_device *vdev, dma_addr_t iova, int n,
			  int prot, struct page **pages)
{
	struct dma_test *t = this_test();

	KUNIT_EXPECT_EQ(kunit_get_current_test(), iova, IOVA);
	t->asked++;
	if (t->rc)
		return t->rc;
	t->pinned++;
	*pages = t->page;
	if (t->meanwhile)
		t->meanwhile(t);
	return 1;
}

static void test_unpin_pages(struct vfio_device *vdev, dma_addr_t iova, int n)
{
	this_test()->pinned--;
}

/* Addresses are what they are translated to. */
static int test_translate(struct capi_mdev *m, u64 address, size_t len,
			  u64 need, u64 *iova)
{
	this_test()->translated = true;
	*iova = address;
	return 0;
}

static void test_translate_end(struct capi_mdev *m)
{
	this_test()->translated = false;
}

/* Who invalidates a translation would wait for all of it. */
static void test_break(long timeout)
{
	KUNIT_EXPECT_FALSE(kunit_get_current_test(), this_test()->translated);
	this_test()->breaks++;
	schedule_timeout_killable(timeout);
}

#define capi_mdev_translate test_translate
#define capi_mdev_translate_end test_translate_end
#define schedule_timeout_killable test_break
#define vfio_pin_pages test_pin_pages
#define vfio_unpin_pages test_unpin_pages
#include "dma.c"

static void unmap_work(struct work_struct *work)
{
	struct dma_test *t = container_of(work, struct dma_test, unmap);

	capi_mdev_dma_unmap(&t->m.vdev, IOVA, PAGE_SIZE);
}

/* The word becomes @new where it is @old, which is filled with what it was. */
static int exchange(struct dma_test *t, u64 *old, u64 new)
{
	return capi_mdev_dma_cmpxchg64(NULL, &t->m, IOVA + OFF, old, new);
}

static void swaps(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
	KUNIT_EXPECT_EQ(test, old, 5);
	KUNIT_EXPECT_EQ(test, *t->word, 6);
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 7), 0);
	KUNIT_EXPECT_EQ(test, old, 6);
	KUNIT_EXPECT_EQ(test, *t->word, 6);
	KUNIT_EXPECT_EQ(test, t->asked, 2);
}

static void no_bus_master(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	capi_mdev_dma_allow(&t->m, false);
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), -EIO);
	KUNIT_EXPECT_EQ(test, *t->word, 5);
	KUNIT_EXPECT_EQ(test, t->asked, 0);
}

static void forbid(struct dma_test *t)
{
	capi_mdev_dma_allow(&t->m, false);
}

/* The function ceases to be bus master when the page is pinned already. */
static void bus_master_until_pinned(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	t->meanwhile = forbid;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), -EIO);
	KUNIT_EXPECT_EQ(test, *t->word, 5);
	KUNIT_EXPECT_EQ(test, t->asked, 1);
}

static void no_such_memory(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	t->rc = -EINVAL;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), -EFAULT);
	t->rc = 0;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
}

/* Each time, VFIO would say so in the log. */
static void refused(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	t->rc = -ENOMEM;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), -EFAULT);
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), -EFAULT);
	KUNIT_EXPECT_EQ(test, t->asked, 1);
	t->rc = 0;
	t->m.pins.ask_after = jiffies;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
	KUNIT_EXPECT_EQ(test, *t->word, 6);
}

static int dma_init(struct kunit *test)
{
	struct dma_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, t->page);
	t->word = page_address(t->page) + OFF;
	*t->word = 5;
	INIT_WORK(&t->unmap, unmap_work);
	capi_mdev_dma_init(&t->m);
	capi_mdev_dma_allow(&t->m, true);
	return 0;
}

/* Whatever happened, nothing stays pinned, and an unmapping waits for nobody. */
static void dma_exit(struct kunit *test)
{
	struct dma_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->pinned, 0);
	KUNIT_EXPECT_EQ(test, t->m.pins.count, 0);
	capi_mdev_dma_release(&t->m);
	__free_page(t->page);
}

/* Whoever was kept in VFIO during a break has not taken one. */
static void breaks_are_taken(struct kunit *test)
{
	struct dma_test *t = test->priv;
	unsigned long before;
	u64 old = 5;

	capi_mdev_dma_unmap(&t->m.vdev, IOVA, PAGE_SIZE);
	msleep(jiffies_to_msecs(2 * PIN_BREAK));
	before = jiffies;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
	KUNIT_EXPECT_GE(test, jiffies - before, PIN_BREAK);
	before = jiffies;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 7), 0);
	KUNIT_EXPECT_LT(test, jiffies - before, PIN_BREAK);
}

static void nothing_is_in_use_in_breaks(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	t->m.translations.block = 1;
	capi_mdev_dma_unmap(&t->m.vdev, IOVA, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
	KUNIT_EXPECT_EQ(test, t->breaks, 1);
	KUNIT_EXPECT_FALSE(test, t->translated);
	KUNIT_EXPECT_EQ(test, *t->word, 6);
}

#if IS_ENABLED(CONFIG_IOMMUFD)
static void unmap_long(struct dma_test *t)
{
	schedule_work(&t->unmap);
	msleep(jiffies_to_msecs(4 * PIN_PATIENCE));
	/* As long as the page is pinned, it does not return. */
	KUNIT_EXPECT_TRUE(kunit_get_current_test(), work_busy(&t->unmap));
}

static void iommufd_waits(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 old = 5;

	t->m.vdev.iommufd_access = (void *)t;
	t->meanwhile = unmap_long;
	KUNIT_EXPECT_EQ(test, exchange(t, &old, 6), 0);
	flush_work(&t->unmap);
}
#endif

static struct kunit_case dma_cases[] = {
	KUNIT_CASE(swaps),
	KUNIT_CASE(no_bus_master),
	KUNIT_CASE(bus_master_until_pinned),
	KUNIT_CASE(no_such_memory),
	KUNIT_CASE(refused),
	KUNIT_CASE(breaks_are_taken),
	KUNIT_CASE(nothing_is_in_use_in_breaks),
#if IS_ENABLED(CONFIG_IOMMUFD)
	KUNIT_CASE(iommufd_waits),
#endif
	{}
};

static struct kunit_suite dma_suite = {
	.name = "mdev_dma",
	.init = dma_init,
	.exit = dma_exit,
	.test_cases = dma_cases,
};

kunit_test_suite(dma_suite);
