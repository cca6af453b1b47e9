/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's own structures. Nobody outside cxl/ looks into them.
 *
 * Lock order, outermost first:
 *
 *	afu->mode_mutex		an AFU's mode and nodes
 *	adapter->recovery	link changes and resets; AFU drivers' handlers
 *	adapter->release	beginning and end of contexts
 *	adapter->mutex		contexts of an adapter, gone and link
 *	ctx->mutex		state, opening, AFU driver
 *	adapter->starts		how much of the adapter is in use; a spinlock
 *	ctx->psa.sem		may the problem state area be reached
 *	ctx->events.turn	who delivers or throws away events
 *	ctx->events.lock	what is pending; a spinlock, interrupts off
 *
 * The locks of a context's user come between adapter->mutex and ctx->mutex: its
 * link and revoke callbacks run under the first, and it calls what takes the
 * other with its own locks held.
 */
#ifndef _CAPI_CORE_H
#define _CAPI_CORE_H

#include <linux/device.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <misc/capi.h>
#include <misc/cxl.h>

/**
 * struct cxl_adapter - a card
 * @dev: /sys/class/cxl/cardN
 * @num: N
 * @pdev: its PCI function, held by the backend
 * @desc: what it is
 * @ops: what its backend does
 * @priv: the backend's
 * @node: in the list of all adapters, under its lock
 * @afus: its AFUs; does not change once the PCI function is visible to drivers
 * @nr_afus: how many
 * @domain: the AFU interrupts that kernel drivers handle
 * @release: held while a context is made, or cut off its backend
 * @perst_loads: a reset loads an image, which @perst_user chooses
 * @perst_user: it is the user's
 * @perst_same: whoever wrote the image says that it is still the same
 * @recovery: held while the link changes or the adapter is reset; AFU drivers'
 *	error handlers run under it
 * @mutex: covers the next three fields, and the modes of its AFUs; some look at
 *	@gone and @link_up without it
 * @contexts: all contexts of all its AFUs
 * @gone: is being removed: no context is created or opened any more
 * @link_up: its link works
 * @starts: covers the fields that follow
 * @started: how many contexts are started
 * @irqs_used: how many interrupts the contexts have
 * @locked: is being reset: no context starts
 */
struct cxl_adapter {
	struct device dev;
	int num;
	struct pci_dev *pdev;
	struct capi_adapter_desc desc;
	const struct capi_backend_ops *ops;
	void *priv;
	struct list_head node;
	struct list_head afus;
	unsigned int nr_afus;
	struct irq_domain *domain;
	bool perst_loads;
	bool perst_user;
	bool perst_same;

	struct mutex recovery; /* link changes and resets */
	struct mutex release; /* making and severing of contexts */
	struct mutex mutex; /* contexts, gone, link_up, AFUs' modes */
	struct list_head contexts;
	bool gone;
	bool link_up;

	spinlock_t starts; /* started, irqs_used, locked */
	unsigned int started;
	unsigned int irqs_used;
	bool locked;
};

/* Which addresses are translated when a context starts */
enum capi_prefault {
	CAPI_PREFAULT_NONE,
	CAPI_PREFAULT_WED,
	CAPI_PREFAULT_ALL,
};

/* Master and slave; or dedicated alone */
#define CAPI_NODES_PER_AFU	2

struct capi_node;

/**
 * struct cxl_afu - an AFU of a card
 * @dev: afuN.M below the card
 * @adapter: the card
 * @node: in the card's list
 * @pdev: its PCI function, held by the backend
 * @index: which of the card's it is
 * @desc: what it is
 * @priv: the backend's
 * @irqs_max: how many interrupts the administrator lets a context have
 * @prefault: which addresses the administrator wants translated at the start
 * @mode: CXL_MODE_DEDICATED, CXL_MODE_DIRECTED or 0, under adapter->mutex
 * @mode_mutex: held while the mode changes
 * @nodes: what is in /dev/cxl for it, under @mode_mutex
 * @err_buff: its error buffer in sysfs
 * @default_ctx: what cxl_get_context() gives; changes by cmpxchg() and xchg()
 * @area_maps: mappings of the whole area there are
 * @pes: process elements in use
 * @used: how many
 * @debugfs: its directory
 */
struct cxl_afu {
	struct device dev;
	struct cxl_adapter *adapter;
	struct list_head node;
	struct pci_dev *pdev;
	unsigned int index;
	struct capi_afu_desc desc;
	void *priv;
	unsigned int irqs_max;
	enum capi_prefault prefault;

	unsigned int mode;
	struct mutex mode_mutex; /* nodes, changes of mode */
	struct capi_node *nodes[CAPI_NODES_PER_AFU];
	struct bin_attribute err_buff;
	struct cxl_context *default_ctx;
	atomic_t area_maps;
	struct ida pes;
	atomic_t used;
	struct dentry *debugfs;
};

#define to_cxl_adapter(d) container_of(d, struct cxl_adapter, dev)
#define to_cxl_afu(d) container_of(d, struct cxl_afu, dev)

/**
 * struct capi_event - one event, taken from what is pending
 * @token: names the event while it is held; 0 for none, never all ones
 * @ops: the driver ops that fetched it; NULL for a generic event
 * @driver: what they returned
 * @event: the event's header, and its body unless it is a driver event
 */
struct capi_event {
	u32 token;
	struct cxl_afu_driver_ops *ops;
	struct cxl_event_afu_driver_reserved *driver;
	struct cxl_event event;
};

/**
 * struct capi_events - the events of a context
 * @lock: covers what is pending, @ops and @window
 * @ops: the AFU driver's, or NULL
 * @driver_pending: driver events announced and not fetched. Grows without a
 *	lock, shrinks under @lock.
 * @queued: driver events announced and not settled: never less than
 *	@driver_pending, never grows over @limit. Changes without a lock.
 * @limit: how many there may be; 0 for no limit. Changes without a lock.
 * @irqs: AFU interrupts pending, by number
 * @fault: a data storage fault is pending
 * @fault_addr: its address
 * @fault_dsisr: its cause
 * @error: an AFU error is pending
 * @error_code: its code
 * @held: the event that is fetched and not settled. Changes under @turn and
 *	@lock, so either suffices to look at it.
 * @last_token: of the last event held
 * @window: the window is the only reader
 * @turn: held while an event is delivered, acknowledged or thrown away; the
 *	AFU driver's callbacks run under it, and never sleep on user memory
 * @turned_away: somebody did not want to wait for @turn. Changes without a lock.
 * @wait: readers and pollers
 * @counters: see enum capi_event_counter
 */
struct capi_events {
	spinlock_t lock; /* what is pending */
	struct cxl_afu_driver_ops *ops;
	atomic_t driver_pending;
	atomic_t queued;
	unsigned int limit;
	DECLARE_BITMAP(irqs, CAPI_MAX_IRQS + 1);
	bool fault;
	u64 fault_addr;
	u64 fault_dsisr;
	bool error;
	u64 error_code;
	struct capi_event held;
	u32 last_token;
	bool window;
	struct mutex turn; /* delivery */
	bool turned_away;
	wait_queue_head_t wait;
	atomic64_t counters[CAPI_EVENT_COUNTERS];
};

/**
 * struct capi_psa - how a context's problem state area is reached
 * @inode: of its own, so that its mappings can be removed without touching
 *	others'; NULL once the context is cut off its backend
 * @ones: a page of ones, seen by mappings while the area cannot be reached;
 *	NULL where they fault then. Once there, it stays.
 * @sem: read by every access, written to change the fields below and the
 *	context's link_up
 * @live: the context is started
 * @allowed: the context's user lets it be mapped
 * @kernel_maps: how many mappings the kernel has, which never fault
 */
struct capi_psa {
	struct inode *inode;
	struct page *ones;
	struct rw_semaphore sem;
	bool live;
	bool allowed;
	atomic_t kernel_maps;
};

/**
 * struct cxl_context - one user of an AFU
 * @kref: readers and mappings hold the memory
 * @afu: its AFU, held; nothing of its backend is to be touched once @severed
 * @pe: its number in the AFU's @pes
 * @external_pe: process element, for all others
 * @user: for whom it exists, or NULL
 * @told: the same until it is released; for what may come later, under RCU
 * @user_priv: the user's
 * @priv: the AFU driver's
 * @backend_priv: the backend's
 * @node: in the adapter's list, under adapter->mutex
 * @debugfs: its directory
 * @mutex: covers the next fields, up to @driver; some look at @state, @gone,
 *	@master, @has_file and @irqs without it
 * @state: written under events.lock as well, so that either suffices to read
 * @open: between capi_context_open() and capi_context_close()
 * @gone: its adapter is
 * @severed: cut off its backend; see capi_context_sever()
 * @master: reaches the whole area of its AFU
 * @has_file: a file of the cxl user ABI stands for it
 * @irqs: how many AFU interrupts it has
 * @irqs_taken: how many of the adapter's interrupts are counted for it
 * @irqs_kept: cxl_allocate_afu_irqs() took them: they stay when it is stopped
 * @mm: whose addresses the AFU uses while it is started, by mmgrab(); NULL for
 *	the kernel's or those of @user
 * @driver: the AFU driver attached
 * @driver_node: in @driver's list, under the lock of all AFU drivers
 * @link_up: written under psa.sem and events.lock, so that either suffices to
 *	read; some do without
 * @reader: what @has_file's file reads through
 * @virqs: Linux interrupts by AFU interrupt; see irq.c
 * @watch: what capi_dma_peek() looks at; the context's own thread's
 * @events: its events
 * @psa: its problem state area
 */
struct cxl_context {
	struct kref kref;
	struct cxl_afu *afu;
	int pe;
	int external_pe;
	const struct capi_context_user *user;
	const struct capi_context_user __rcu *told;
	void *user_priv;
	void *priv;
	void *backend_priv;
	struct list_head node;
	struct dentry *debugfs;

	struct mutex mutex; /* up to driver */
	enum capi_context_state state;
	bool open;
	bool gone;
	bool severed;
	bool master;
	bool has_file;
	unsigned int irqs;
	unsigned int irqs_taken;
	bool irqs_kept;
	struct mm_struct *mm;
	struct capi_afu_driver *driver;
	struct list_head driver_node;

	bool link_up;
	struct capi_event_reader *reader;
	struct capi_virqs *virqs;
	struct capi_watch *watch;
	struct capi_events events;
	struct capi_psa psa;
};

static inline const struct capi_backend_ops *
capi_context_ops(struct cxl_context *ctx)
{
	return ctx->afu->adapter->ops;
}

/* context.c */
struct cxl_context *capi_context_create_file(struct cxl_afu *afu);
int capi_context_open_file(struct cxl_context *ctx);
int capi_context_ask_events(struct cxl_context *ctx, const char *abi);
void capi_context_set_link(struct cxl_context *ctx, bool up);
void capi_context_revoke(struct cxl_context *ctx);
void capi_context_sever(struct cxl_context *ctx);

/* attach.c */
void capi_context_set_state(struct cxl_context *ctx,
			    enum capi_context_state state);
int capi_context_start_locked(struct cxl_context *ctx,
			      const struct capi_work *work);
int capi_context_stop_locked(struct cxl_context *ctx);
void capi_context_start_over(struct cxl_context *ctx);

/* event.c */
void capi_events_init(struct cxl_context *ctx);
void capi_events_cancel(struct cxl_context *ctx);
void capi_events_end(struct cxl_context *ctx);
void capi_events_wake(struct cxl_context *ctx);
void capi_events_end_turn(struct cxl_context *ctx);
bool capi_events_pending_locked(struct cxl_context *ctx);
int capi_event_take(struct cxl_context *ctx, struct capi_event *event,
		    bool keep);
void capi_event_settle(struct cxl_context *ctx, struct capi_event *event,
		       int rc);
void capi_event_untake(struct cxl_context *ctx, struct capi_event *event);

/* limit.c */
unsigned int capi_event_take_room(struct cxl_context *ctx, unsigned int wanted);
void capi_event_give_room(struct cxl_context *ctx, unsigned int n);

/* irq.c */
int capi_irqs_add_adapter(struct cxl_adapter *adapter);
void capi_irqs_remove_adapter(struct cxl_adapter *adapter);
int capi_irqs_take(struct cxl_context *ctx, unsigned int n);
void capi_irqs_give(struct cxl_context *ctx);
void capi_irqs_release(struct cxl_context *ctx);
void capi_irqs_free(struct cxl_context *ctx);
bool capi_irqs_handle(struct cxl_context *ctx, unsigned int num);

/* afu_driver.c */
int capi_afu_driver_attach(struct cxl_context *ctx, const char *abi);
void capi_afu_driver_detach(struct cxl_context *ctx);

/* psa.c */
int capi_psa_init(struct cxl_context *ctx);
void capi_psa_release(struct cxl_context *ctx);
void capi_psa_free(struct cxl_context *ctx);
void capi_psa_set_live(struct cxl_context *ctx, bool live);
int capi_psa_set_ones(struct cxl_context *ctx, bool ones);
int capi_psa_mmap_file(struct cxl_context *ctx, struct vm_area_struct *vma);

/* debugfs.c */
void capi_debugfs_init(void);
void capi_debugfs_exit(void);
void capi_debugfs_add_afu(struct cxl_afu *afu);
void capi_debugfs_add_context(struct cxl_context *ctx);

/* adapter.c */
unsigned int capi_afu_capacity(struct cxl_afu *afu);
int capi_afu_reset(struct cxl_afu *afu);
int capi_adapter_init(void);
void capi_adapter_exit(void);

/* watch.c */
int capi_watch_start(struct cxl_context *ctx, u64 addr);
void capi_watch_stop(struct cxl_context *ctx);
int capi_watch_look(struct cxl_context *ctx, u8 *value);

/* default.c */
int capi_default_context_init(void);
void capi_default_context_exit(void);
void capi_default_context_renew(struct cxl_afu *afu);
void capi_default_context_drop(struct cxl_afu *afu);

/* chardev.c */
int capi_chardev_init(struct class *class);
void capi_chardev_exit(void);
int capi_node_open(struct inode *inode, struct file *file);
int capi_nodes_add(struct cxl_afu *afu);
void capi_nodes_remove(struct cxl_afu *afu);
int capi_afu_set_mode(struct cxl_afu *afu, unsigned int mode);

/* file.c */
extern const struct file_operations capi_file_fops;
int capi_file_open(struct cxl_afu *afu, bool master, struct file *file);

/* recovery.c */
int capi_adapter_reset(struct cxl_adapter *adapter, bool force);

/* sysfs.c */
extern const struct attribute_group *capi_adapter_groups[];
extern const struct attribute_group *capi_afu_groups[];
extern const struct attribute_group *capi_master_groups[];
int capi_sysfs_add_err_buff(struct cxl_afu *afu);

#endif /* _CAPI_CORE_H */
