/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CAPI mdev vendor driver: one AFU context as a VFIO device.
 *
 * Lock order: capi_mdev.lock, then those of the core. It is taken under the
 * VFIO core's locks (open, close), under the core's adapter lock (link, revoke)
 * and under nothing else. User memory is never touched, nor an event waited
 * for, while it is held.
 */
#ifndef _CAPI_MDEV_H
#define _CAPI_MDEV_H

#include <linux/eventfd.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>

#include <misc/capi.h>
#include <misc/cxl.h>
#include <uapi/misc/capi_mdev.h>

#define CAPI_MDEV_CONFIG_SIZE	PCI_CFG_SPACE_EXP_SIZE
#define CAPI_MDEV_LABEL_SIZE	64

/* Regions, in the order of the indices that VFIO gives them */
#define CAPI_MDEV_REGION_EVENTS	VFIO_PCI_NUM_REGIONS
#define CAPI_MDEV_NUM_REGIONS	(VFIO_PCI_NUM_REGIONS + 1)

/**
 * struct capi_mdev_irqs - what the consumer is signalled through
 * @nr_msix: MSI-X vectors: one for events, one for each AFU interrupt. Changes
 *	under capi_mdev.lock, while the device is closed.
 * @max_msix: how many there can be; all that is indexed by vector has so many
 * @triggers: an eventfd or NULL for each MSI-X vector, then for ERR and REQ.
 *	Read under RCU, written under capi_mdev.lock.
 * @pending: raised and not signalled yet, one bit for each vector; atomic
 * @exchange: room for as many eventfds, for who changes @triggers
 * @may_send: MSI-X messages may leave: bus master is on, function mask off.
 *	Written under capi_mdev.lock.
 */
struct capi_mdev_irqs {
	unsigned int nr_msix;
	unsigned int max_msix;
	struct eventfd_ctx __rcu **triggers;
	struct eventfd_ctx **exchange;
	unsigned long *pending;
	bool may_send;
};

/**
 * struct capi_mdev_window - the event window of BAR0
 * @control: CAPI_MDEV_EVENT_*, or 0: it is not enabled. Read without the lock
 *	where that says.
 * @failed: the last look met an event that could not be shown
 * @token: of the event shown, or 0
 * @stale: acknowledgements ignored since the last reset
 * @data: the event shown, CXL_READ_MIN_SIZE bytes
 */
struct capi_mdev_window {
	u32 control;
	bool failed;
	u32 token;
	u32 stale;
	u8 *data;
};

/**
 * struct capi_mdev_pins - the AFU's accesses to the consumer's memory, and what
 *	of that is pinned
 * @ask_after: the AFU's thread pins nothing before that time, in jiffies: the
 *	consumer could lock no more memory; the thread's
 * @unwatchable: pinning such a page failed since the context was started; no
 *	lock
 * @allowed: the function is bus master; no lock
 * @access: held by the AFU's thread during an access, and by who waits for its
 *	end. Taken after capi_mdev_translations.use.
 * @gone: for @count to become 0
 * @unwatch: unpins @watched for who must not
 * @lock: covers all below. Taken under the VFIO core's locks; nothing but
 *	wake_up() and queue_work() is called while it is held.
 * @count: pins that there are, or that are being made or undone
 * @unmapping: unmappings that met pins, and are waiting for them
 * @unmaps: counts when one begins to wait, and when it is through
 * @rested: up to which of these the AFU's thread took a break
 * @patience: how long the next of these waits for @count to become 0, in jiffies
 * @watched: a page that is looked at while the AFU is idle, or NULL
 * @iova: its address
 * @offset: where in it is what is looked at
 * @address: of that, as the AFU has it
 */
struct capi_mdev_pins {
	unsigned long ask_after;
	bool unwatchable;
	bool allowed;
	struct mutex access; /* an access is going on */
	wait_queue_head_t gone;
	struct work_struct unwatch;

	spinlock_t lock; /* all below */
	unsigned int count;
	unsigned int unmapping;
	unsigned int unmaps;
	unsigned int rested;
	long patience;
	struct page *watched;
	dma_addr_t iova;
	unsigned int offset;
	u64 address;
};

struct capi_mdev_cached;

/**
 * struct capi_mdev_translations - the AFU's addresses, where they are no IOVAs
 * @use: held by the AFU's thread while it uses what it found in @cache, and by
 *	who waits for that.
 * @block: IOVA of the block by which the driver is asked, or 0; changes under
 *	capi_mdev.lock, while the AFU does nothing
 * @block_copy: what is written to the block, and read from it; the thread's
 * @once: first address that was translated for one access; the thread's
 * @once_pages: how many pages from there on; the thread's
 * @wait: for @answered
 * @lock: covers all below. Nothing is called while it is held, but wake_up().
 * @cache: pages that the driver translated; NULL until there is a @block
 * @seq: counts invalidations
 * @last_token: of the last request; goes on, whatever is reset
 * @waiting: token of the request that the thread waits for, or 0
 * @answered: the driver has answered it
 * @answered_seq: @seq at that moment
 * @stale: answers that named no request, since the last reset
 */
struct capi_mdev_translations {
	struct mutex use; /* what was found in the cache */
	u64 block;
	struct capi_mdev_translation *block_copy;
	u64 once;
	u32 once_pages;
	wait_queue_head_t wait;

	spinlock_t lock; /* all below */
	struct capi_mdev_cached *cache;
	u64 seq;
	u32 last_token;
	u32 waiting;
	bool answered;
	u64 answered_seq;
	u32 stale;
};

/**
 * struct capi_mdev - a mediated device
 * @vdev: what VFIO knows of it
 * @ctx: its context, from create to remove
 * @desc: of the context's AFU
 * @irqs: see there
 * @stale: acknowledgements ignored since the device was created
 * @pins: see there
 * @translations: see there
 * @lock: covers all below
 * @reader: of the context's events; there is one while the device is open
 * @revoked: the adapter is gone
 * @config: configuration space
 * @msix_table: as the consumer wrote it; decides nothing
 * @window: see there
 * @label: the administrator's words for the device
 * @abi: what driver events look like, as of opening the device
 * @wed: what the context is started with
 * @translation: what @translations.block is to be at the next start
 * @invalidate_high: the half of an invalidation that was stored first
 * @result: of the last command in BAR0
 */
struct capi_mdev {
	struct vfio_device vdev;
	struct cxl_context *ctx;
	const struct capi_afu_desc *desc;
	struct capi_mdev_irqs irqs;
	atomic_t stale;
	struct capi_mdev_pins pins;
	struct capi_mdev_translations translations;

	struct mutex lock; /* all below */
	struct capi_event_reader *reader;
	bool revoked;
	u8 config[CAPI_MDEV_CONFIG_SIZE];
	u8 *msix_table;
	struct capi_mdev_window window;
	char label[CAPI_MDEV_LABEL_SIZE];
	char abi[CAPI_MDEV_ABI_SIZE];
	u64 wed;
	u64 translation;
	u32 invalidate_high;
	u32 result;
};

#define to_capi_mdev(v) container_of(v, struct capi_mdev, vdev)

/**
 * struct capi_mdev_region - a region of the device
 * @size: in bytes; 0 where there is none
 * @flags: VFIO_REGION_INFO_FLAG_*
 * @is_bar: answers only while memory space is enabled
 * @max_read: bytes that one @read may be asked for
 * @read: fill @buf with what is at @off. Caller holds capi_mdev.lock, unless
 *	@unlocked.
 * @write: store one access of 1, 2, 4 or 8 bytes, aligned to its size. Optional.
 *	Locking as for @read.
 * @unlocked: @read and @write do without capi_mdev.lock
 * @settle: after @write at @off, without capi_mdev.lock: wait for what the store
 *	is to wait for; optional
 * @read_user: instead of @read, straight to the consumer, without any lock
 * @mmap: map it; optional
 * @add_caps: describe it in GET_REGION_INFO; optional
 */
struct capi_mdev_region {
	u64 (*size)(struct capi_mdev *m);
	u32 flags;
	bool is_bar;
	bool unlocked;
	unsigned int max_read;
	void (*read)(struct capi_mdev *m, u64 off, u8 *buf, size_t count);
	void (*write)(struct capi_mdev *m, u64 off, const u8 *buf,
		      size_t count);
	void (*settle)(struct capi_mdev *m, u64 off);
	ssize_t (*read_user)(struct capi_mdev *m, u64 off, char __user *buf,
			     size_t count);
	int (*mmap)(struct capi_mdev *m, u64 off, struct vm_area_struct *vma);
	int (*add_caps)(struct capi_mdev *m, u32 *flags,
			struct vfio_info_cap *caps);
};

extern const struct capi_mdev_region capi_mdev_config_region;
extern const struct capi_mdev_region capi_mdev_bar0_region;
extern const struct capi_mdev_region capi_mdev_psa_region;
extern const struct capi_mdev_region capi_mdev_msix_region;
extern const struct capi_mdev_region capi_mdev_events_region;

/**
 * struct capi_mdev_type - a kind of AFU of one adapter
 * @type: what the mdev core knows of it
 * @adapter: the adapter
 * @desc: of the first AFU of that kind
 * @name: for people
 */
struct capi_mdev_type {
	struct mdev_type type;
	struct cxl_adapter *adapter;
	const struct capi_afu_desc *desc;
	char name[48];
};

/* parent.c */
extern struct pci_driver capi_mdev_pci_driver;
unsigned int capi_mdev_get_available(struct mdev_type *mtype);
ssize_t capi_mdev_show_description(struct mdev_type *mtype, char *buf);
struct cxl_context *capi_mdev_take_context(struct mdev_type *mtype,
					   const struct capi_context_user *user,
					   struct capi_mdev *m);

/* device.c */
extern struct mdev_driver capi_mdev_driver;

/* sysfs.c */
extern const struct attribute_group *capi_mdev_groups[];

/* region.c */
int capi_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps);
ssize_t capi_mdev_region_read(struct capi_mdev *m, char __user *buf,
			      size_t count, loff_t *ppos);
ssize_t capi_mdev_region_write(struct capi_mdev *m, const char __user *buf,
			       size_t count, loff_t *ppos);
int capi_mdev_region_mmap(struct capi_mdev *m, struct vm_area_struct *vma);

/* config.c */
void capi_mdev_config_reset(struct capi_mdev *m);
void capi_mdev_config_set_msix(struct capi_mdev *m, bool enabled);
bool capi_mdev_memory_enabled(struct capi_mdev *m);

/* window.c */
void capi_mdev_window_control(struct capi_mdev *m, u32 control);
bool capi_mdev_window_says(struct capi_mdev *m, u32 bit);
void capi_mdev_window_look(struct capi_mdev *m);
void capi_mdev_window_acknowledge(struct capi_mdev *m, u32 token);
u32 capi_mdev_window_status(struct capi_mdev *m);

/* msix.c */
int capi_mdev_msix_init(struct capi_mdev *m);
u32 capi_mdev_msix_pba(struct capi_mdev *m);
void capi_mdev_msix_reset(struct capi_mdev *m);

/* irq.c */
int capi_mdev_irqs_init(struct capi_mdev *m);
int capi_mdev_irqs_set_number(struct capi_mdev *m, unsigned int irqs);
void capi_mdev_irqs_release(struct capi_mdev *m);
void capi_mdev_irqs_disable(struct capi_mdev *m);
void capi_mdev_irqs_allow(struct capi_mdev *m, bool may_send);
void capi_mdev_irqs_reset(struct capi_mdev *m);
bool capi_mdev_raise_msix(struct capi_mdev *m, unsigned int vector);
void capi_mdev_raise_err(struct capi_mdev *m);
void capi_mdev_raise_req(struct capi_mdev *m);
long capi_mdev_get_irq_info(struct capi_mdev *m, void __user *arg);
long capi_mdev_set_irqs(struct capi_mdev *m, void __user *arg);

/* translate.c */
void capi_mdev_translate_init(struct capi_mdev *m);
void capi_mdev_translate_release(struct capi_mdev *m);
int capi_mdev_translate_start(struct capi_mdev *m);
void capi_mdev_translate_reset(struct capi_mdev *m);
void capi_mdev_translate_close(struct capi_mdev *m);
int capi_mdev_translate(struct capi_mdev *m, u64 address, size_t len, u64 need,
			u64 *iova);
void capi_mdev_translate_end(struct capi_mdev *m);
void capi_mdev_translate_forget_once(struct capi_mdev_translations *t);
bool capi_mdev_translate_known(struct capi_mdev *m, u64 address, u64 need,
			       u64 *iova);
void capi_mdev_translate_answer(struct capi_mdev *m, u32 token);
void capi_mdev_translate_invalidate(struct capi_mdev *m, u64 value);
void capi_mdev_translate_drain(struct capi_mdev *m);

/* Are the AFU's addresses translated? Does not change while it works. */
static inline bool capi_mdev_translating(struct capi_mdev *m)
{
	return READ_ONCE(m->translations.block);
}

/* dma.c */
void capi_mdev_dma_init(struct capi_mdev *m);
void capi_mdev_dma_release(struct capi_mdev *m);
void capi_mdev_dma_close(struct capi_mdev *m);
void capi_mdev_dma_allow(struct capi_mdev *m, bool allow);
void capi_mdev_dma_drain(struct capi_mdev *m);
void capi_mdev_dma_check_watch(struct capi_mdev *m);
int capi_mdev_iova_rw(struct capi_mdev *m, u64 iova, void *buf, size_t len,
		      bool store);
int capi_mdev_dma_read(struct cxl_context *ctx, void *priv, u64 addr,
		       void *buf, size_t len, u64 *bad);
int capi_mdev_dma_write(struct cxl_context *ctx, void *priv, u64 addr,
			const void *buf, size_t len, u64 *bad);
int capi_mdev_dma_cmpxchg64(struct cxl_context *ctx, void *priv, u64 addr,
			    u64 *old, u64 new);
int capi_mdev_dma_watch(struct cxl_context *ctx, void *priv, u64 addr);
void capi_mdev_dma_unwatch(struct cxl_context *ctx, void *priv);
int capi_mdev_dma_peek(struct cxl_context *ctx, void *priv, u64 addr,
		       u8 *value);
void capi_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);

/* event.c */
long capi_mdev_get_event_fd(struct capi_mdev *m, void __user *arg);

/* reset.c */
void capi_mdev_reset_function(struct capi_mdev *m);
int capi_mdev_reset_context(struct capi_mdev *m);
int capi_mdev_reset(struct capi_mdev *m);

#endif /* _CAPI_MDEV_H */
