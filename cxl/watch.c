// SPDX-License-Identifier: GPL-2.0-only
/*
 * A byte of a process's memory that is looked at again and again, for an AFU
 * that waits for work there. Its page is found once; the process's page tables
 * say when it is there no longer.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "core.h"

#ifdef CONFIG_MMU_NOTIFIER

/**
 * struct capi_watch - what is watched for a context
 * @notifier: of the page
 * @lock: covers @page, and looking into it
 * @page: held; NULL if it is not there, or somewhere else by now
 * @offset: of the byte in it
 */
struct capi_watch {
	struct mmu_interval_notifier notifier;
	spinlock_t lock; /* page */
	struct page *page;
	unsigned int offset;
};

static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range,
		       unsigned long seq)
{
	struct capi_watch *watch =
		container_of(notifier, struct capi_watch, notifier);
	struct page *page;

	spin_lock(&watch->lock);
	mmu_interval_set_seq(notifier, seq);
	page = watch->page;
	watch->page = NULL;
	spin_unlock(&watch->lock);
	if (page)
		put_page(page);
	return true;
}

static const struct mmu_interval_notifier_ops watch_ops = {
	.invalidate = invalidate,
};

/* Without it, whoever looks is sent to find out for himself. */
static void find_page(struct capi_watch *watch, struct mm_struct *mm,
		      unsigned long addr)
{
	unsigned long seq = mmu_interval_read_begin(&watch->notifier);
	struct page *page;
	long n;

	if (mmap_read_lock_killable(mm))
		return;
	n = capi_get_pages(mm, addr, 1, FOLL_NOFAULT, &page, NULL);
	mmap_read_unlock(mm);
	if (n != 1)
		return;

	spin_lock(&watch->lock);
	if (!mmu_interval_read_retry(&watch->notifier, seq))
		swap(watch->page, page);
	spin_unlock(&watch->lock);
	if (page)
		put_page(page);
}

/* Caller is the context's own thread. */
int capi_watch_start(struct cxl_context *ctx, u64 addr)
{
	unsigned long start = addr & PAGE_MASK;
	struct mm_struct *mm = ctx->mm;
	struct capi_watch *watch;
	int rc = -ESRCH;

	if ((unsigned long)addr != addr)
		return -EFAULT;
	watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	if (!watch)
		return -ENOMEM;
	spin_lock_init(&watch->lock);
	watch->offset = offset_in_page(addr);

	if (!mmget_not_zero(mm))
		goto err_free;
	rc = mmu_interval_notifier_insert(&watch->notifier, mm, start,
					  PAGE_SIZE, &watch_ops);
	if (!rc)
		find_page(watch, mm, start);
	mmput_async(mm);
	if (rc)
		goto err_free;
	ctx->watch = watch;
	return 0;

err_free:
	kfree(watch);
	return rc;
}

/* Nobody looks any more. */
void capi_watch_stop(struct cxl_context *ctx)
{
	struct capi_watch *watch = ctx->watch;

	mmu_interval_notifier_remove(&watch->notifier);
	if (watch->page)
		put_page(watch->page);
	kfree(watch);
	ctx->watch = NULL;
}

/* Returns 0, or -EFAULT if the byte cannot be seen this way. */
int capi_watch_look(struct cxl_context *ctx, u8 *value)
{
	struct capi_watch *watch = ctx->watch;
	int rc = -EFAULT;
	u8 *map;

	spin_lock(&watch->lock);
	if (watch->page) {
		map = kmap_local_page(watch->page);
		*value = READ_ONCE(map[watch->offset]);
		kunmap_local(map);
		rc = 0;
	}
	spin_unlock(&watch->lock);
	return rc;
}

#else /* CONFIG_MMU_NOTIFIER */

int capi_watch_start(struct cxl_context *ctx, u64 addr)
{
	return -EOPNOTSUPP;
}

void capi_watch_stop(struct cxl_context *ctx)
{
}

int capi_watch_look(struct cxl_context *ctx, u8 *value)
{
	return -EFAULT;
}

#endif /* CONFIG_MMU_NOTIFIER */
