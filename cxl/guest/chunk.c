// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a process as the VF knows it, in chunks. Nothing is held: each
 * chunk hears what becomes of its part of the address space, and takes back what
 * the VF was told before the process's page tables change.
 */
#include <linux/build_bug.h>
#include <linux/dma-mapping.h>
#include <linux/hmm.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "guest.h"

/* The VF's pages are of 4096 bytes whatever ours are; an entry is one of both. */
static_assert(PAGE_SIZE == 4096);

/* What is kept of them at most: what was asked for longest ago goes first. */
#define MAX_CHUNKS	4096
/* How often a page is brought in that is gone again before it could be told */
#define MAX_TRIES	10

/**
 * struct guest_chunk - a part of a process's address space
 * @notifier: of that part
 * @card: whose
 * @node: in translator.lru
 * @start: its address
 * @dma: by page: where the VF finds it, or 0. Under translator.lock.
 */
struct guest_chunk {
	struct mmu_interval_notifier notifier;
	struct guest_card *card;
	struct list_head node;
	u64 start;
	dma_addr_t dma[GUEST_CHUNK_PAGES];
};

/* Caller holds translator.lock. Returns whether there was any. */
static bool was_told(struct guest_chunk *chunk, unsigned int first,
		     unsigned int end)
{
	bool any = false;
	unsigned int i;

	for (i = first; i < end; i++)
		any |= chunk->dma[i];
	return any;
}

/* Caller holds translator.lock; the VF does not use them any more. */
static void unmap(struct guest_chunk *chunk, unsigned int first,
		  unsigned int end)
{
	unsigned int i;

	for (i = first; i < end; i++) {
		if (chunk->dma[i])
			dma_unmap_page(&chunk->card->vf->dev, chunk->dma[i],
				       PAGE_SIZE, DMA_BIDIRECTIONAL);
		chunk->dma[i] = 0;
	}
}

/* The VF forgets the smallest block of a power of two that has all of it. */
static void invalidate_vf(struct guest_chunk *chunk, u64 start, u64 last)
{
	unsigned int order = max_t(unsigned int, fls64(start ^ last),
				   PAGE_SHIFT);

	writeq(start >> order << order | order,
	       chunk->card->regs + CAPI_MDEV_REG_INVALIDATE);
	chunk->card->translator.counters.invalidations++;
}

/* Caller holds translator.lock. */
static void take_back(struct guest_chunk *chunk, u64 start, u64 end)
{
	unsigned int first = (start - chunk->start) >> PAGE_SHIFT;
	unsigned int behind = (end - chunk->start) >> PAGE_SHIFT;

	if (!was_told(chunk, first, behind))
		return;
	invalidate_vf(chunk, start, end - 1);
	unmap(chunk, first, behind);
}

/* When it returns, the AFU does not use that part any more. */
static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range,
		       unsigned long seq)
{
	struct guest_chunk *chunk =
		container_of(notifier, struct guest_chunk, notifier);
	struct guest_translator *xl = &chunk->card->translator;

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&xl->lock);
	else if (!mutex_trylock(&xl->lock))
		return false;
	mmu_interval_set_seq(notifier, seq);
	/* What ends with the last byte there is has no end to be rounded. */
	take_back(chunk, max_t(u64, range->start, chunk->start),
		  PAGE_ALIGN(min_t(u64, range->end,
				   chunk->start + GUEST_CHUNK_SIZE)));
	mutex_unlock(&xl->lock);
	return true;
}

static const struct mmu_interval_notifier_ops chunk_ops = {
	.invalidate = invalidate,
};

/*
 * It hears of changes as long as the VF knows a page. Nobody tells the VF of one
 * meanwhile: the caller is who does, or the last one was stopped.
 */
static void drop(struct guest_chunk *chunk)
{
	struct guest_translator *xl = &chunk->card->translator;

	mutex_lock(&xl->lock);
	if (xl->task)
		take_back(chunk, chunk->start,
			  chunk->start + GUEST_CHUNK_SIZE);
	else
		unmap(chunk, 0, GUEST_CHUNK_PAGES);
	mutex_unlock(&xl->lock);
	mmu_interval_notifier_remove(&chunk->notifier);
	xa_erase(&xl->chunks, chunk->start / GUEST_CHUNK_SIZE);
	list_del(&chunk->node);
	xl->nr_chunks--;
	kfree(chunk);
}

/* The VF is stopped, and the thread that answers it. */
void guest_chunks_drop(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;
	struct guest_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &xl->lru, node)
		drop(chunk);
}

static struct guest_chunk *chunk_add(struct guest_card *card, u64 start)
{
	struct guest_translator *xl = &card->translator;
	struct guest_chunk *chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	int rc;

	if (!chunk)
		return ERR_PTR(-ENOMEM);
	chunk->card = card;
	chunk->start = start;
	rc = mmu_interval_notifier_insert(&chunk->notifier, xl->mm, start,
					  GUEST_CHUNK_SIZE, &chunk_ops);
	if (rc)
		goto err_free;
	rc = xa_err(xa_store(&xl->chunks, start / GUEST_CHUNK_SIZE, chunk,
			     GFP_KERNEL));
	if (rc)
		goto err_notifier;
	list_add_tail(&chunk->node, &xl->lru);
	xl->nr_chunks++;
	return chunk;

err_notifier:
	mmu_interval_notifier_remove(&chunk->notifier);
err_free:
	kfree(chunk);
	return ERR_PTR(rc);
}

static struct guest_chunk *chunk_get(struct guest_card *card, u64 start)
{
	struct guest_translator *xl = &card->translator;
	struct guest_chunk *chunk;

	chunk = xa_load(&xl->chunks, start / GUEST_CHUNK_SIZE);
	if (chunk) {
		list_move_tail(&chunk->node, &xl->lru);
		return chunk;
	}
	if (xl->nr_chunks == MAX_CHUNKS)
		drop(list_first_entry(&xl->lru, struct guest_chunk, node));
	return chunk_add(card, start);
}

/* Returns 0, -EFAULT if nothing is mapped there, or -EINTR. */
static int find_mapping(struct mm_struct *mm, u64 addr)
{
	int rc;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	rc = vma_lookup(mm, addr) ? 0 : -EFAULT;
	mmap_read_unlock(mm);
	return rc;
}

/* Below a stack there is something once it is touched, as far as that may grow. */
static int grow_stack(struct mm_struct *mm, u64 addr)
{
	size_t left;
	u8 byte;

	kthread_use_mm(mm);
	left = copy_from_user(&byte, u64_to_user_ptr(addr), sizeof(byte));
	kthread_unuse_mm(mm);
	return left ? -EFAULT : 0;
}

/*
 * hmm_range_fault() does not wait for memory that a program in user space is to
 * bring (userfaultfd), and a signal does not end all of its waits; this can be
 * killed. Returns how many pages it brought in, from @addr on, or an error.
 */
static long bring_in(struct mm_struct *mm, u64 addr, unsigned int pages,
		     bool store)
{
	int locked = 1;
	long n;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	n = capi_get_pages(mm, addr, pages, store ? FOLL_WRITE : 0, NULL,
			   &locked);
	if (locked)
		mmap_read_unlock(mm);
	return n;
}

/*
 * Memory that is touched for the first time is often touched in order: bring in
 * what lies ahead as well, twice as much each time, while that is so. Nothing is
 * waited for, and what fails was not asked for.
 */
static void bring_in_ahead(struct guest_translator *xl, u64 addr,
			   unsigned int pages, bool store)
{
	unsigned int flags = FOLL_NOWAIT | (store ? FOLL_WRITE : 0);
	u64 end = addr + ((u64)pages << PAGE_SHIFT);
	unsigned int room = -(end >> PAGE_SHIFT) % GUEST_CHUNK_PAGES;

	if (addr == xl->next)
		xl->window = min_t(unsigned int, 2 * xl->window + pages,
				   GUEST_CHUNK_PAGES);
	else
		xl->window = 0;
	room = min(room, xl->window);
	xl->next = end + ((u64)room << PAGE_SHIFT);
	if (!room || !mmap_read_trylock(xl->mm))
		return;
	capi_get_pages(xl->mm, end, room, flags, NULL, NULL);
	mmap_read_unlock(xl->mm);
}

/* Fills translator.pfns: what is there, and @pages that have to be. */
static int find(struct guest_chunk *chunk, struct hmm_range *range,
		unsigned int first, unsigned int pages, bool store)
{
	struct guest_translator *xl = &chunk->card->translator;
	unsigned int i;
	int rc;

	memset(xl->pfns, 0, sizeof(xl->pfns));
	for (i = first; i < first + pages; i++)
		xl->pfns[i] = HMM_PFN_REQ_FAULT |
			      (store ? HMM_PFN_REQ_WRITE : 0);
	range->notifier_seq = mmu_interval_read_begin(&chunk->notifier);
	if (mmap_read_lock_killable(xl->mm))
		return -EINTR;
	rc = hmm_range_fault(range);
	mmap_read_unlock(xl->mm);
	return rc;
}

/*
 * What the AFU stores leaves no trace in the page tables. A page there may be
 * clean though it can be stored to: of shared memory that was only loaded, or
 * after MADV_FREE. It is dirty from here on, lest reclaim throws it away. Before
 * it is cleaned again, it is taken back: the caller holds translator.lock, and
 * the page is in the page tables.
 */
static u64 permissions(unsigned long pfn)
{
	struct folio *folio = page_folio(hmm_pfn_to_page(pfn));

	if (!(pfn & HMM_PFN_WRITE))
		return CAPI_MDEV_ENTRY_LOAD;
	if (!folio_test_dirty(folio))
		folio_mark_dirty(folio);
	return CAPI_MDEV_ENTRY_LOAD | CAPI_MDEV_ENTRY_STORE;
}

/* Caller holds translator.lock. Returns the entry for page @i, or 0. */
static u64 entry(struct guest_chunk *chunk, unsigned int i)
{
	struct device *dev = &chunk->card->vf->dev;
	unsigned long pfn = chunk->card->translator.pfns[i];

	if (!(pfn & HMM_PFN_VALID) || pfn & HMM_PFN_ERROR)
		return 0;
	if (!chunk->dma[i])
		chunk->dma[i] = dma_map_page(dev, hmm_pfn_to_page(pfn), 0,
					     PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, chunk->dma[i])) {
		chunk->dma[i] = 0;
		return 0;
	}
	return chunk->dma[i] | permissions(pfn);
}

/* Caller holds translator.lock. -ENOMEM if page @first cannot be mapped for it. */
static int tell(struct guest_chunk *chunk, unsigned int first)
{
	struct guest_card *card = chunk->card;
	__le64 *entries = card->translator.block->entry;
	unsigned int i;

	for (i = 0; i < GUEST_CHUNK_PAGES; i++)
		entries[i] = cpu_to_le64(entry(chunk, i));
	if (!entries[first])
		return -ENOMEM;
	guest_translator_answer(card, chunk->start, GUEST_CHUNK_PAGES, 0);
	return 0;
}

/* Are the pages that are needed in translator.pfns? */
static bool found(struct guest_translator *xl, unsigned int first,
		  unsigned int pages, bool store)
{
	unsigned long need = HMM_PFN_VALID | (store ? HMM_PFN_WRITE : 0);
	unsigned int i;

	for (i = first; i < first + pages; i++)
		if ((xl->pfns[i] & (need | HMM_PFN_ERROR)) != need)
			return false;
	return true;
}

/* Returns -EBUSY if something has changed since it was found. */
static int tell_found(struct guest_chunk *chunk, unsigned int first,
		      unsigned long seq)
{
	struct guest_translator *xl = &chunk->card->translator;
	int rc = -EBUSY;

	mutex_lock(&xl->lock);
	if (!mmu_interval_read_retry(&chunk->notifier, seq))
		rc = tell(chunk, first);
	mutex_unlock(&xl->lock);
	return rc;
}

/*
 * @fault pages have just been there. Returns -EFAULT if what is needed is not in
 * the page tables.
 */
static int try_answer(struct guest_chunk *chunk, unsigned int first,
		      unsigned int pages, unsigned int fault, bool store)
{
	struct guest_translator *xl = &chunk->card->translator;
	struct hmm_range range = {
		.notifier = &chunk->notifier,
		.start = chunk->start,
		.end = chunk->start + GUEST_CHUNK_SIZE,
		.hmm_pfns = xl->pfns,
		.pfn_flags_mask = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
	};
	int rc;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		rc = find(chunk, &range, first, fault, store);
		if (!rc && !found(xl, first, pages, store))
			rc = -EFAULT;
		if (!rc)
			rc = tell_found(chunk, first, range.notifier_seq);
	} while (rc == -EBUSY);
	return rc;
}

/* Caller has seen that there is something at @addr. */
static int answer(struct guest_chunk *chunk, u64 addr, unsigned int pages,
		  bool store)
{
	struct guest_translator *xl = &chunk->card->translator;
	unsigned int first = (addr - chunk->start) >> PAGE_SHIFT;
	unsigned int fault = 0, tries;
	long n;
	int rc;

	pages = min_t(unsigned int, pages, GUEST_CHUNK_PAGES - first);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		rc = try_answer(chunk, first, pages, fault, store);
		if (rc != -EFAULT)
			return rc;
		/* The first decides; the others are asked for later. */
		n = bring_in(xl->mm, addr, pages, store);
		if (n <= 0)
			return n ?: -EFAULT;
		pages = n;
		fault = n;
		if (!tries)
			bring_in_ahead(xl, addr, pages, store);
	}
	return -EFAULT;
}

/**
 * guest_chunk_answer() - answer a request for the memory of a process
 * @card: whose; the process's memory is held
 * @addr: the first page
 * @pages: how many the AFU needs
 * @store: it stores there
 *
 * Context: the translator's thread, may sleep.
 * Return: 0, or an error where nothing was answered: -ENOMEM if that is no fault
 * of the address.
 */
int guest_chunk_answer(struct guest_card *card, u64 addr, unsigned int pages,
		       bool store)
{
	struct mm_struct *mm = card->translator.mm;
	struct guest_chunk *chunk;
	int rc = find_mapping(mm, addr);

	if (rc == -EFAULT)
		rc = grow_stack(mm, addr);
	if (rc)
		return rc;
	/* No sooner: what is not there shall take nobody's place. */
	chunk = chunk_get(card, addr / GUEST_CHUNK_SIZE * GUEST_CHUNK_SIZE);
	if (IS_ERR(chunk))
		return PTR_ERR(chunk);
	return answer(chunk, addr, pages, store);
}
