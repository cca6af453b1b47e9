// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers the VF's requests for translations, in a thread for the context at
 * work: the memory of a process may take its time, or never come, and then the
 * thread is killed.
 */
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "guest.h"

/* Between two looks for memory of which there was none, in jiffies */
#define MIN_DELAY	((long)HZ / 100 + 1)
#define MAX_DELAY	((long)HZ)

/* Is there a request that was not answered? */
bool guest_translator_asked(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;

	return le32_to_cpu(READ_ONCE(xl->block->token)) != READ_ONCE(xl->last);
}

/**
 * guest_translator_answer() - answer the request; the entries are in the block
 * @card: whose
 * @addr: the first page
 * @pages: how many entries; 0 if the address is bad
 * @flags: CAPI_MDEV_ANSWER_*
 *
 * Context: the translator's thread; translator.lock is held where an
 * invalidation must come after it.
 */
void guest_translator_answer(struct guest_card *card, u64 addr,
			     unsigned int pages, unsigned int flags)
{
	struct guest_translator *xl = &card->translator;
	struct capi_mdev_translation *block = xl->block;

	block->answer_pe = block->pe;
	block->answer_flags = cpu_to_le16(flags);
	block->answer_pages = cpu_to_le32(pages);
	block->answer_address = cpu_to_le64(addr);
	dma_wmb(); /* the answer before the token */
	guest_store(card, CAPI_MDEV_REG_TRANSLATION_ANSWER, xl->last);
	xl->counters.pages += pages;
}

static void forget_once(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;

	while (xl->nr_once)
		dma_unmap_page(&card->vf->dev, xl->once[--xl->nr_once],
			       PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/*
 * The kernel's own memory. Nobody says when its mappings change, so the VF must
 * not keep what it is told. What is reserved is the kernel itself, which may be
 * read only.
 */
static int answer_kernel(struct guest_card *card, u64 addr, unsigned int pages,
			 bool store)
{
	struct guest_translator *xl = &card->translator;
	struct page *page;
	dma_addr_t dma;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < pages; i++) {
		rc = -EFAULT;
		page = capi_kernel_page(addr + ((u64)i << PAGE_SHIFT));
		if (!page || (store && PageReserved(page)))
			break;
		rc = -ENOMEM;
		dma = dma_map_page(&card->vf->dev, page, 0, PAGE_SIZE,
				   DMA_BIDIRECTIONAL);
		if (dma_mapping_error(&card->vf->dev, dma))
			break;
		xl->once[xl->nr_once++] = dma;
		xl->block->entry[i] =
			cpu_to_le64(dma | CAPI_MDEV_ENTRY_LOAD |
				    (store ? CAPI_MDEV_ENTRY_STORE : 0));
	}
	if (!i)
		return rc;
	guest_translator_answer(card, addr, i, CAPI_MDEV_ANSWER_ONCE);
	return 0;
}

static int answer_process(struct guest_card *card, u64 addr, unsigned int pages,
			  bool store)
{
	struct mm_struct *mm = card->translator.mm;
	int rc;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	rc = guest_chunk_answer(card, addr, pages, store);
	/* The last one takes the memory apart, and the thread is part of that. */
	mmput_async(mm);
	return rc;
}

/* The VF is asked about as any device is: it may say what it likes. */
static int answer(struct guest_card *card)
{
	struct capi_mdev_translation *block = card->translator.block;
	u64 addr = le64_to_cpu(READ_ONCE(block->address));
	unsigned int pages = le32_to_cpu(READ_ONCE(block->pages));
	bool store = le16_to_cpu(READ_ONCE(block->flags)) &
		     CAPI_MDEV_TRANSLATE_STORE;

	if (!PAGE_ALIGNED(addr) || (unsigned long)addr != addr || !pages ||
	    pages > CAPI_MDEV_TRANSLATE_MAX)
		return -EINVAL;
	if (!card->translator.mm)
		return answer_kernel(card, addr, pages, store);
	return answer_process(card, addr, pages, store);
}

/*
 * There was no memory for an answer, which is not the address's fault. How long
 * the AFU waits is the host's matter: it gives up by another request, or when it
 * is stopped. Returns whether to try again.
 */
static bool wait_for_memory(struct guest_card *card, long delay)
{
	struct guest_translator *xl = &card->translator;

	xl->counters.retries++;
	return !wait_event_killable_timeout(xl->wait,
					    READ_ONCE(xl->ending) ||
					    guest_translator_asked(card),
					    delay);
}

/* Returns an error if the address is bad. */
static int answer_patiently(struct guest_card *card)
{
	long delay = MIN_DELAY;
	int rc;

	for (;;) {
		rc = answer(card);
		if (rc != -ENOMEM)
			return rc;
		if (!wait_for_memory(card, delay))
			return 0;
		delay = min(2 * delay, MAX_DELAY);
	}
}

static void serve(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;
	u64 start = ktime_get_ns();

	WRITE_ONCE(xl->last, le32_to_cpu(READ_ONCE(xl->block->token)));
	dma_rmb(); /* the token before the request */
	forget_once(card);
	xl->counters.requests++;
	if (answer_patiently(card)) {
		xl->counters.bad++;
		guest_translator_answer(card, 0, 0, 0);
	}
	xl->counters.wait_ns += ktime_get_ns() - start;
}

static bool to_serve(struct guest_card *card)
{
	return !READ_ONCE(card->translator.ending) &&
	       guest_translator_asked(card);
}

static int translator_thread(void *data)
{
	struct guest_card *card = data;

	/* It ends the wait for memory that never comes. */
	allow_kernel_signal(SIGKILL);
	while (!kthread_should_stop()) {
		wait_event_idle(card->translator.wait,
				to_serve(card) || kthread_should_stop());
		if (to_serve(card))
			serve(card);
		cond_resched();
	}
	return 0;
}

/* The VF is at rest, and the caller holds window.lock. */
int guest_translator_start(struct guest_card *card, struct cxl_context *ctx)
{
	struct guest_translator *xl = &card->translator;
	struct task_struct *task;

	xl->mm = capi_context_mm(ctx);
	xl->block->token = 0;
	xl->last = 0;
	WRITE_ONCE(xl->ending, false);
	task = capi_thread_run(translator_thread, card, "capi-vf-%s",
			       pci_name(card->vf));
	if (IS_ERR(task))
		return PTR_ERR(task);
	xl->task = task;
	return 0;
}

/* The VF is stopped: it uses nothing of what it was told, and asks no more. */
void guest_translator_stop(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;

	/* First, for a thread that does not listen to signals yet. */
	WRITE_ONCE(xl->ending, true);
	send_sig(SIGKILL, xl->task, 1);
	kthread_stop(xl->task);
	xl->task = NULL;
	forget_once(card);
	guest_chunks_drop(card);
	xl->mm = NULL;
}

int guest_translator_init(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;

	mutex_init(&xl->lock);
	init_waitqueue_head(&xl->wait);
	xa_init(&xl->chunks);
	INIT_LIST_HEAD(&xl->lru);
	xl->block = dma_alloc_coherent(&card->vf->dev, SZ_4K, &xl->block_dma,
				       GFP_KERNEL);
	return xl->block ? 0 : -ENOMEM;
}

void guest_translator_exit(struct guest_card *card)
{
	struct guest_translator *xl = &card->translator;

	dma_free_coherent(&card->vf->dev, SZ_4K, xl->block, xl->block_dma);
	xa_destroy(&xl->chunks);
	mutex_destroy(&xl->lock);
}
