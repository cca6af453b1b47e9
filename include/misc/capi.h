/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The capi core's own interfaces, for those above and below it:
 *
 *  - backends, which bring adapters (struct capi_backend_ops);
 *  - AFU drivers, which claim one kind of AFU (struct capi_afu_driver);
 *  - context users, which open contexts for somebody and read their events
 *    (struct capi_context_user, struct capi_event_reader).
 *
 * The interface for AFU drivers that Linux had is in <misc/cxl.h>.
 *
 * Lifetime: an adapter exists from capi_adapter_register() to
 * capi_adapter_unregister(). A context exists from capi_context_create() to
 * cxl_release_context(); the memory of struct cxl_context, and with it the
 * event calls, stays valid as long as somebody holds a reference.
 */
#ifndef _MISC_CAPI_H
#define _MISC_CAPI_H

#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/types.h>

#include <uapi/misc/cxl.h>

struct capi_afu_driver;
struct capi_vphb;
struct cxl_adapter;
struct cxl_afu;
struct cxl_context;
struct dentry;
struct iov_iter;
struct mm_struct;
struct module;
struct page;
struct vm_area_struct;

/* Backends */

/**
 * struct capi_work - what a context is started with
 * @wed: work element descriptor
 * @amr: authority mask register, for backends that have one
 * @task: whose addresses the AFU uses; NULL for those of the context's user
 *	or, where it gives none, of the kernel
 */
struct capi_work {
	u64 wed;
	u64 amr;
	struct task_struct *task;
};

/**
 * struct capi_adapter_desc - an adapter, as its backend describes it
 * @caia_major: version of the architecture it implements
 * @caia_minor: the same, behind the point
 * @psl_revision: revision of its service layer
 * @base_image: revision of the image in its flash
 * @user_image: the user image is loaded, not the factory's
 * @timebase_synced: its timebase follows that of the processor
 * @tunneled_ops: it can do tunneled operations
 */
struct capi_adapter_desc {
	unsigned int caia_major;
	unsigned int caia_minor;
	unsigned int psl_revision;
	unsigned int base_image;
	bool user_image;
	bool timebase_synced;
	bool tunneled_ops;
};

/**
 * struct capi_backend_ops - what a kind of adapter does
 * @owner: the backend's module, held while a context of it is open
 * @context_init: a context was created; allocate what it needs. Optional.
 * @context_release: opposite of @context_init. Optional.
 * @context_clear: leave nothing that a user put into the problem state area;
 *	the context is not attached, and nothing of it is mapped. Optional.
 * @attach: let the AFU work for the context, with capi_context_irqs()
 *	interrupts, a number that an AFU driver may change at any time
 * @detach: stop the AFU's work for the context. When it returns, the AFU
 *	neither raises events for it nor touches its memory.
 * @mmio_read: load @width bytes (4 or 8) from offset @off of the context's
 *	problem state area. @off is aligned to @width and lies within the area.
 * @mmio_write: store there
 * @psa_pfn: the page frame behind page @page of the problem state area, for
 *	mapping it; -EINVAL where it may not be mapped, -ENOMEM for who may try
 *	again. Optional: without it nothing can be mapped.
 * @area_pfn: the same for page @page of the whole area of the context's AFU,
 *	which master contexts map. Optional.
 * @afu_reset: reset the AFU: it forgets what it works for, and does nothing for
 *	a context attached until it is detached and attached again
 * @adapter_stop: the adapter is about to be reset: stop the work for all
 *	contexts at once, where stopping one may have to wait for another. They
 *	are detached one after the other then. Optional.
 * @adapter_reset: reset the adapter; no context is attached. Optional.
 * @err_read: copy @count bytes of the AFU's error buffer from @off, both within
 *	struct capi_afu_desc.err_size; returns 0 or an error. Unless @all, with
 *	zeros in place of what tells of a user's memory. Optional.
 *
 * All may sleep. Calls that have a context come one at a time for it, except
 * @mmio_read, @mmio_write, @psa_pfn and @area_pfn, which come between @attach
 * and @detach, several at once.
 */
struct capi_backend_ops {
	struct module *owner;
	int (*context_init)(struct cxl_context *ctx);
	void (*context_release)(struct cxl_context *ctx);
	void (*context_clear)(struct cxl_context *ctx);
	int (*attach)(struct cxl_context *ctx, const struct capi_work *work);
	void (*detach)(struct cxl_context *ctx);
	u64 (*mmio_read)(struct cxl_context *ctx, u64 off, unsigned int width);
	void (*mmio_write)(struct cxl_context *ctx, u64 off, unsigned int width,
			   u64 value);
	int (*psa_pfn)(struct cxl_context *ctx, unsigned long page,
		       unsigned long *pfn);
	int (*area_pfn)(struct cxl_context *ctx, unsigned long page,
			unsigned long *pfn);
	int (*afu_reset)(struct cxl_afu *afu);
	void (*adapter_stop)(struct cxl_adapter *adapter);
	int (*adapter_reset)(struct cxl_adapter *adapter);
	int (*err_read)(struct cxl_afu *afu, char *buf, u64 off, size_t count,
			bool all);
};

/**
 * struct capi_afu_desc - an AFU, as its adapter describes it
 * @kind: what users call this kind of AFU: lower case letters and digits
 * @description: one line for people
 * @vendor: PCI vendor id of the AFU's configuration record
 * @device: PCI device id of the AFU's configuration record
 * @modes: CXL_MODE_DEDICATED, CXL_MODE_DIRECTED or both
 * @contexts: how many contexts it serves at once in directed mode
 * @irqs: AFU interrupts that a context needs, and has unless it is given more
 * @irqs_max: how many a context can be given; at least @irqs
 * @psa_size: bytes of a context's problem state area; a power of two, whole
 *	pages
 * @map_offset: where the part that may be mapped to user space begins
 * @map_size: its size in bytes; 0 where nothing may be mapped
 * @area_size: bytes of the whole area, which is for master contexts; whole
 *	pages, 0 where there is none
 * @pp_offset: where in it the problem state areas of the contexts begin, in the
 *	order of their process elements
 * @err_size: bytes of its error buffer; 0 where it has none
 * @driver: who brings the AFU's driver events, where its backend does; it is
 *	not registered, but its list of contexts is initialised. Otherwise NULL:
 *	who claimed this kind of AFU.
 *
 * Two AFUs are of one kind when vendor and device are equal. AFUs of one kind on
 * one adapter may differ in @contexts and @area_size only.
 */
struct capi_afu_desc {
	const char *kind;
	const char *description;
	u16 vendor;
	u16 device;
	unsigned int modes;
	unsigned int contexts;
	unsigned int irqs;
	unsigned int irqs_max;
	u64 psa_size;
	u64 map_offset;
	u64 map_size;
	u64 area_size;
	u64 pp_offset;
	size_t err_size;
	struct capi_afu_driver *driver;
};

/* Interrupts of one adapter, and contexts that one AFU can have */
#define CAPI_MAX_IRQS		2037
#define CAPI_MAX_CONTEXTS	0x1ff

struct cxl_adapter *capi_adapter_register(struct pci_dev *pdev,
					  const struct capi_adapter_desc *desc,
					  const struct capi_backend_ops *ops,
					  void *priv);
struct cxl_afu *capi_afu_add(struct cxl_adapter *adapter, struct pci_dev *pdev,
			     const struct capi_afu_desc *desc, void *priv);
bool capi_adapter_set_link(struct cxl_adapter *adapter, bool up);
void capi_adapter_gone(struct cxl_adapter *adapter);
void capi_adapter_sever(struct cxl_adapter *adapter);
void capi_adapter_unregister(struct cxl_adapter *adapter);

void *capi_adapter_priv(struct cxl_adapter *adapter);
void *capi_afu_priv(struct cxl_afu *afu);
void *capi_context_backend_priv(struct cxl_context *ctx);
void capi_context_set_backend_priv(struct cxl_context *ctx, void *priv);
void capi_context_set_process_element(struct cxl_context *ctx, int pe);
struct mm_struct *capi_context_mm(struct cxl_context *ctx);

int capi_raise_afu_irq(struct cxl_context *ctx, unsigned int irq);
void capi_raise_fault(struct cxl_context *ctx, u64 addr, u64 dsisr);
void capi_raise_afu_error(struct cxl_context *ctx, u64 error);

/* A virtual PCI host bridge, for AFUs that are no PCI functions themselves */

/**
 * struct capi_function - a PCI function that has configuration space only
 * @config: what reads return
 * @writable: which bits of it writes change
 * @written: @size bytes from @where on were written, and @config was changed.
 *	It may change @config too. Runs with interrupts off, alone for all
 *	functions of the bridge; must not sleep. Optional.
 */
struct capi_function {
	u8 config[PCI_CFG_SPACE_SIZE];
	u8 writable[PCI_CFG_SPACE_SIZE];
	void (*written)(struct capi_function *function, int where, int size);
};

void capi_function_init(struct capi_function *function, u16 vendor, u16 device);
int capi_vphb_next_domain(void);
struct capi_vphb *capi_vphb_create(struct capi_function *functions,
				   unsigned int nr);
struct pci_dev *capi_vphb_function(struct capi_vphb *vphb, unsigned int i);
void capi_vphb_publish(struct capi_vphb *vphb);
void capi_vphb_unplug(struct capi_vphb *vphb);
void capi_vphb_stop(struct capi_vphb *vphb);
void capi_vphb_destroy(struct capi_vphb *vphb);

/* What adapters and AFUs are */

struct cxl_adapter *capi_pci_to_adapter(struct pci_dev *pdev);
struct cxl_afu *capi_adapter_next_afu(struct cxl_adapter *adapter,
				      struct cxl_afu *prev);
const struct capi_afu_desc *capi_afu_desc(struct cxl_afu *afu);
const char *capi_afu_name(struct cxl_afu *afu);
unsigned int capi_afu_free_contexts(struct cxl_afu *afu);

/* AFU drivers */

/**
 * struct capi_afu_driver - an AFU driver's claim on one kind of AFU
 * @name: for the log
 * @owner: held while a context is attached
 * @vendor: PCI vendor id of the AFU's configuration record
 * @device: PCI device id of the AFU's configuration record
 * @attach: a context of such an AFU was opened; usually the place to call
 *	cxl_set_driver_ops(). An error fails the opening.
 * @detach: the context is being closed. The AFU does not work for it any more,
 *	its events are thrown away (what was fetched is settled with
 *	-ECANCELED), and its ops are unset: no callback of theirs will run.
 * @abi: names what its events look like to users, and its version; NULL where
 *	they are for mediated devices only
 * @node: for the core
 * @contexts: for the core
 *
 * Both callbacks may sleep. They come one at a time for one context.
 */
struct capi_afu_driver {
	const char *name;
	struct module *owner;
	u16 vendor;
	u16 device;
	int (*attach)(struct cxl_context *ctx);
	void (*detach)(struct cxl_context *ctx);
	const char *abi;

	struct list_head node;
	struct list_head contexts;
};

int capi_afu_driver_register(struct capi_afu_driver *drv);
void capi_afu_driver_unregister(struct capi_afu_driver *drv);
void capi_afu_abi(struct cxl_afu *afu, char *abi, size_t size);

/* Contexts */

/**
 * struct capi_context_user - for whom a context exists
 * @event: there is something to read, or the context's state, its link or its
 *	adapter changed. Runs in any context but NMI, under any lock but those
 *	of the user itself; it must not call back into the core.
 * @irq: the AFU raised interrupt @irq. As @event. Returns true if the consumer
 *	has it by that; otherwise it is queued for readers.
 * @link: the adapter's link went down or came back. May sleep.
 * @revoke: the adapter is going away: let go of whatever the consumer could
 *	still reach. Called once, after the context was stopped, its events were
 *	thrown away and its mappings removed. May sleep, must not wait for the
 *	consumer, and must not call cxl_release_context().
 * @dma_read: let the AFU read @len bytes of the consumer's memory at @addr into
 *	@buf. After an error, @bad is the first address that could not be read.
 *	Runs in a kernel thread, between capi_dma_begin() and capi_dma_end(). May
 *	sleep.
 * @dma_write: the opposite
 * @dma_cmpxchg64: exchange the 8 bytes at @addr, which is a multiple of 8, with
 *	@new if they are @old, at once as other processors see it; return what
 *	was there in @old
 * @dma_watch: get ready for @dma_peek at @addr; with @dma_unwatch and @dma_peek
 *	where it is there
 * @dma_unwatch: opposite of @dma_watch
 * @dma_peek: read the byte at @addr, which @dma_watch was called with, without
 *	waiting for the consumer. -EAGAIN if it cannot be seen at this moment,
 *	-EFAULT if it is not there any more.
 * @mmap_ones: while the problem state area cannot be reached, what is mapped of
 *	it reads all ones, as it does through capi_psa_read()'s users, and stores
 *	have no effect on the AFU; without it the access gives SIGBUS
 *
 * All are optional. None is called after cxl_release_context() has returned.
 */
struct capi_context_user {
	void (*event)(struct cxl_context *ctx, void *priv);
	bool (*irq)(struct cxl_context *ctx, void *priv, unsigned int irq);
	void (*link)(struct cxl_context *ctx, void *priv, bool up);
	void (*revoke)(struct cxl_context *ctx, void *priv);
	int (*dma_read)(struct cxl_context *ctx, void *priv, u64 addr,
			void *buf, size_t len, u64 *bad);
	int (*dma_write)(struct cxl_context *ctx, void *priv, u64 addr,
			 const void *buf, size_t len, u64 *bad);
	int (*dma_cmpxchg64)(struct cxl_context *ctx, void *priv, u64 addr,
			     u64 *old, u64 new);
	int (*dma_watch)(struct cxl_context *ctx, void *priv, u64 addr);
	void (*dma_unwatch)(struct cxl_context *ctx, void *priv);
	int (*dma_peek)(struct cxl_context *ctx, void *priv, u64 addr,
			u8 *value);
	bool mmap_ones;
};

/**
 * enum capi_context_state - where a context is in its life
 * @CAPI_CONTEXT_OPENED: not started yet, or reset
 * @CAPI_CONTEXT_STARTED: the AFU works for it
 * @CAPI_CONTEXT_CLOSED: stopped; what is queued can be read, nothing follows
 */
enum capi_context_state {
	CAPI_CONTEXT_OPENED,
	CAPI_CONTEXT_STARTED,
	CAPI_CONTEXT_CLOSED,
};

struct cxl_context *capi_context_create(struct cxl_afu *afu,
					const struct capi_context_user *user,
					void *priv);
void capi_context_get(struct cxl_context *ctx);
void capi_context_put(struct cxl_context *ctx);
int capi_context_open(struct cxl_context *ctx);
void capi_context_close(struct cxl_context *ctx);
int capi_context_start(struct cxl_context *ctx, const struct capi_work *work);
int capi_context_reset(struct cxl_context *ctx);
enum capi_context_state capi_context_state(struct cxl_context *ctx);
const char *capi_context_state_name(struct cxl_context *ctx);
int capi_context_set_irqs(struct cxl_context *ctx, unsigned int irqs);
unsigned int capi_context_irqs(struct cxl_context *ctx);
bool capi_context_link_ok(struct cxl_context *ctx);
struct cxl_afu *capi_context_afu(struct cxl_context *ctx);
bool capi_context_master(struct cxl_context *ctx);
struct dentry *capi_context_debugfs(struct cxl_context *ctx);

int capi_psa_read(struct cxl_context *ctx, u64 off, unsigned int width,
		  u64 *value);
int capi_psa_write(struct cxl_context *ctx, u64 off, unsigned int width,
		   u64 value);
int capi_psa_mmap(struct cxl_context *ctx, struct vm_area_struct *vma,
		  u64 offset);
void capi_psa_zap(struct cxl_context *ctx);
void capi_psa_allow(struct cxl_context *ctx, bool allow);
bool capi_psa_pinned(struct cxl_context *ctx);

/* What the AFU reads and writes: see cxl/dma.c */

int capi_dma_begin(struct cxl_context *ctx);
void capi_dma_end(struct cxl_context *ctx);
int capi_dma_read(struct cxl_context *ctx, u64 addr, void *buf, size_t len,
		  u64 *bad);
int capi_dma_write(struct cxl_context *ctx, u64 addr, const void *buf,
		   size_t len, u64 *bad);
int capi_dma_cmpxchg64(struct cxl_context *ctx, u64 addr, u64 *old, u64 new,
		       u64 *bad);
int capi_dma_watch(struct cxl_context *ctx, u64 addr);
void capi_dma_unwatch(struct cxl_context *ctx);
long capi_get_pages(struct mm_struct *mm, unsigned long addr, unsigned long nr,
		    unsigned int flags, struct page **pages, int *locked);
struct page *capi_kernel_page(u64 addr);
int capi_dma_peek(struct cxl_context *ctx, u64 addr, u8 *value);

/* Threads of backends */
__printf(3, 4)
struct task_struct *capi_thread_run(int (*fn)(void *data), void *data,
				    const char *namefmt, ...);

/* Events */

/**
 * enum capi_event_counter - what is counted for each context
 * @CAPI_EVENTS_RAISED: events that AFU and AFU driver announced, and interrupts
 *	that have a handler
 * @CAPI_EVENTS_DELIVERED: events that a reader has, and interrupts for which a
 *	handler was run
 * @CAPI_EVENTS_COALESCED: interrupts raised while the same one was pending
 * @CAPI_EVENTS_OVERRUN: events dropped: faults and AFU errors that found one
 *	of their kind still unread, and driver events that found no room
 * @CAPI_EVENTS_FAILED: driver events settled with -EFAULT or -EINVAL
 * @CAPI_EVENTS_CANCELLED: events thrown away by reset, close or revoke
 * @CAPI_EVENT_COUNTERS: how many counters there are
 *
 * RAISED is the sum of all others and of what is pending.
 */
enum capi_event_counter {
	CAPI_EVENTS_RAISED,
	CAPI_EVENTS_DELIVERED,
	CAPI_EVENTS_COALESCED,
	CAPI_EVENTS_OVERRUN,
	CAPI_EVENTS_FAILED,
	CAPI_EVENTS_CANCELLED,
	CAPI_EVENT_COUNTERS
};

u64 capi_event_count(struct cxl_context *ctx, enum capi_event_counter which);
bool capi_events_available(struct cxl_context *ctx);

unsigned int capi_event_room(struct cxl_context *ctx);
void capi_event_set_limit(struct cxl_context *ctx, unsigned int limit);
unsigned int capi_event_limit(struct cxl_context *ctx);

/* Of a file that events are read from: it need not wait, and has no position */
#define CAPI_EVENT_FMODE	(FMODE_NOWAIT | FMODE_STREAM)

struct capi_event_reader;

struct capi_event_reader *capi_event_reader_create(struct cxl_context *ctx);
void capi_event_reader_end(struct capi_event_reader *reader);
void capi_event_reader_get(struct capi_event_reader *reader);
void capi_event_reader_put(struct capi_event_reader *reader);
ssize_t capi_event_read(struct capi_event_reader *reader, struct iov_iter *to,
			bool nonblock);
ssize_t capi_event_read_pending(struct capi_event_reader *reader,
				struct iov_iter *to);
__poll_t capi_event_poll(struct capi_event_reader *reader, struct file *file,
			 struct poll_table_struct *wait);

int capi_event_window_enable(struct cxl_context *ctx, bool enable);
int capi_event_look(struct cxl_context *ctx, void *buf, u32 *token);
bool capi_event_acknowledge(struct cxl_context *ctx, u32 token);

#endif /* _MISC_CAPI_H */
