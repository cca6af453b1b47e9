/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mediated device seen from inside a virtual machine: a card with one AFU,
 * of which one context is at work at a time. Documentation/vf.rst describes the
 * function.
 *
 * Lock order, outermost first:
 *
 *	the PCI rescan lock
 *	guest_card.lock		what the core knows of the card
 *	locks of the core that may be held when it calls the backend
 *	guest_window.lock	the owner, commands, the event window
 *	guest_translator.lock	answers and invalidations
 */
#ifndef _CAPI_GUEST_H
#define _CAPI_GUEST_H

#include <linux/io.h>
#include <linux/io-64-nonatomic-hi-lo.h>
#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <misc/capi.h>
#include <misc/cxl.h>
#include <uapi/misc/capi_mdev.h>

/**
 * struct guest_window - the event window, and for whom it is read
 * @lock: covers the commands and all that follows
 * @owner: the context that has the VF, or NULL; read under RCU by interrupts
 * @started: the VF works for it, or its addresses are still being forgotten
 * @running: the VF works for it, as far as we know
 * @asked: it wants driver events
 * @token: of the driver event in @event, 0 for none
 * @event: a driver event that is shown, and not acknowledged before its reader
 *	has it; changes only while none is announced to the core
 */
struct guest_window {
	struct mutex lock; /* the owner, commands, the window */
	struct cxl_context __rcu *owner;
	bool started;
	bool running;
	bool asked;
	u32 token;
	struct cxl_event_afu_driver_reserved *event;
};

/* Translations are kept by chunks, which are found by their number. */
#define GUEST_CHUNK_PAGES	CAPI_MDEV_TRANSLATE_MAX
#define GUEST_CHUNK_SIZE	((u64)GUEST_CHUNK_PAGES << PAGE_SHIFT)

/**
 * struct guest_counters - what people look at, in debugfs
 * @requests: pages that the VF asked for, so many times
 * @pages: entries in the answers
 * @bad: requests answered with "bad address"
 * @retries: how often there was no memory for an answer
 * @invalidations: told to the VF
 * @wait_ns: time that the answers took
 */
struct guest_counters {
	u64 requests;
	u64 pages;
	u64 bad;
	u64 retries;
	u64 invalidations;
	u64 wait_ns;
};

/**
 * struct guest_translator - answers the VF's requests for one owner at a time
 * @lock: held while the VF is answered and while it forgets, so that it forgets
 *	after it was answered; covers the chunks' pages
 * @block: shared with the VF
 * @block_dma: where it finds it
 * @task: answers; NULL while the VF is not started
 * @ending: it is to answer no more
 * @wait: where it waits for requests
 * @mm: whose addresses; NULL for the kernel's. Held by the core meanwhile.
 * @last: token of the last request answered
 * @chunks: by number; the task's own, and of who stops it
 * @lru: the chunks, in the order in which they were asked for
 * @nr_chunks: how many
 * @next: where memory was last brought in up to
 * @window: pages that were brought in ahead then; both of @task
 * @once: pages mapped for the last answer alone
 * @nr_once: how many
 * @pfns: for hmm_range_fault()
 * @counters: written by @task, or under @lock
 */
struct guest_translator {
	struct mutex lock; /* answers and invalidations */
	struct capi_mdev_translation *block;
	dma_addr_t block_dma;
	struct task_struct *task;
	bool ending;
	wait_queue_head_t wait;
	struct mm_struct *mm;
	u32 last;
	struct xarray chunks;
	struct list_head lru;
	unsigned int nr_chunks;
	u64 next;
	unsigned int window;
	dma_addr_t once[GUEST_CHUNK_PAGES];
	unsigned int nr_once;
	unsigned long pfns[GUEST_CHUNK_PAGES];
	struct guest_counters counters;
};

struct guest_card;

/**
 * struct guest_vector - an MSI-X vector, for who handles it
 * @card: whose; which it is says its place in guest_card.vectors
 */
struct guest_vector {
	struct guest_card *card;
};

/**
 * struct guest_card - a VF, and the card that it becomes
 * @kref: the driver's, and that of @plug while it is queued
 * @vf: the function, held
 * @regs: its BAR0
 * @psa: its BAR2
 * @irqs: AFU interrupts
 * @pe: process element
 * @nr_vectors: MSI-X vectors there are; the first is for events
 * @vectors: one for each
 * @desc: the AFU
 * @driver: brings the AFU's driver events
 * @abi: what they look like
 * @function: the AFU's PCI function, on @vphb
 * @lock: covers the next five fields
 * @vphb: the bus that has it; changes under the PCI rescan lock too
 * @adapter: the card in the core
 * @afu: its AFU
 * @leaving: the driver is being unbound
 * @resetting: the function is being reset, or the machine sleeps
 * @plug: makes @vphb and @adapter, or destroys @vphb
 * @change: looks what became of the state
 * @link_up: as the core was told; only @change's
 * @debugfs: directory
 * @window: events
 * @translator: addresses
 */
struct guest_card {
	struct kref kref;
	struct pci_dev *vf;
	void __iomem *regs;
	void __iomem *psa;
	unsigned int irqs;
	unsigned int pe;
	unsigned int nr_vectors;
	struct guest_vector *vectors;
	struct capi_afu_desc desc;
	struct capi_afu_driver driver;
	char abi[CAPI_MDEV_ABI_SIZE];
	struct capi_function function;

	struct mutex lock; /* vphb, adapter, afu, leaving, resetting */
	struct capi_vphb *vphb;
	struct cxl_adapter *adapter;
	struct cxl_afu *afu;
	bool leaving;
	bool resetting;

	struct work_struct plug;
	struct work_struct change;
	bool link_up;
	struct dentry *debugfs;
	struct guest_window window;
	struct guest_translator translator;
};

static inline u32 guest_load(struct guest_card *card, unsigned int reg)
{
	return readl(card->regs + reg);
}

static inline void guest_store(struct guest_card *card, unsigned int reg,
			       u32 value)
{
	writel(value, card->regs + reg);
}

static inline struct guest_card *guest_context_card(struct cxl_context *ctx)
{
	return capi_afu_priv(capi_context_afu(ctx));
}

/* card.c */
int guest_cards_init(void);
void guest_cards_flush(void);
void guest_cards_exit(void);
void guest_card_plug(struct guest_card *card);
void guest_card_unplug(struct guest_card *card);
void guest_card_set_resetting(struct guest_card *card, bool resetting);
void guest_card_init(struct guest_card *card, struct pci_dev *vf);
void guest_card_put(struct guest_card *card);

/* backend.c */
extern const struct capi_backend_ops guest_backend_ops;
int guest_command(struct guest_card *card, u32 command);

/* window.c */
extern struct cxl_afu_driver_ops guest_driver_ops;
int guest_window_init(struct guest_card *card);
void guest_window_exit(struct guest_card *card);
void guest_window_listen(struct guest_card *card);
void guest_window_leave(struct guest_card *card);
int guest_window_take(struct guest_card *card, struct cxl_context *ctx);
void guest_window_give(struct guest_card *card, struct cxl_context *ctx);
void guest_window_pump(struct guest_card *card);
int guest_driver_attach(struct cxl_context *ctx);
void guest_driver_detach(struct cxl_context *ctx);

/* irq.c */
int guest_irqs_init(struct guest_card *card);
void guest_irqs_exit(struct guest_card *card);

/* translate.c */
int guest_translator_init(struct guest_card *card);
void guest_translator_exit(struct guest_card *card);
int guest_translator_start(struct guest_card *card, struct cxl_context *ctx);
void guest_translator_stop(struct guest_card *card);
bool guest_translator_asked(struct guest_card *card);
void guest_translator_answer(struct guest_card *card, u64 addr,
			     unsigned int pages, unsigned int flags);

/* chunk.c */
int guest_chunk_answer(struct guest_card *card, u64 addr, unsigned int pages,
		       bool store);
void guest_chunks_drop(struct guest_card *card);

/* debugfs.c */
void guest_debugfs_init(void);
void guest_debugfs_exit(void);
void guest_debugfs_add(struct guest_card *card);
void guest_debugfs_remove(struct guest_card *card);

#endif /* _CAPI_GUEST_H */
