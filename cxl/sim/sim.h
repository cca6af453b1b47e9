/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_SIM_H
#define _CAPI_SIM_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <misc/capi.h>

#define SIM_MAX_ADAPTERS	16
#define SIM_MAX_AFUS		8
#define SIM_VPD_SIZE		256

struct sim_afu;

/**
 * struct sim_afu_ops - a kind of software AFU
 * @desc: what it is; the number of contexts is the administrator's, and with it
 *	the size of the whole area, where @pp_offset says that there is one
 * @probe: an AFU of that kind comes; may set its priv. Optional, as are the next
 *	three.
 * @remove: it goes; no context of it is left
 * @reset: it is reset; no worker of its contexts works
 * @err_read: as struct capi_backend_ops.err_read
 * @init: a context was created; returns what the others get as @afu, or an
 *	ERR_PTR
 * @release: opposite of @init
 * @clear: clear the memory that @pfn hands out
 * @start: begin to work
 * @stop: stop; when it returns, nothing of the AFU runs for the context
 * @read: load from its registers, as struct capi_backend_ops.mmio_read
 * @write: store there
 * @pfn: the page frame behind a page of the problem state area. Optional.
 */
struct sim_afu_ops {
	struct capi_afu_desc desc;
	int (*probe)(struct sim_afu *afu);
	void (*remove)(struct sim_afu *afu);
	void (*reset)(struct sim_afu *afu);
	void (*err_read)(struct sim_afu *afu, char *buf, u64 off, size_t count,
			 bool all);
	void *(*init)(struct cxl_context *ctx);
	void (*release)(void *afu);
	void (*clear)(void *afu);
	int (*start)(void *afu, const struct capi_work *work);
	void (*stop)(void *afu);
	u64 (*read)(void *afu, u64 off, unsigned int width);
	void (*write)(void *afu, u64 off, unsigned int width, u64 value);
	int (*pfn)(void *afu, unsigned long page, unsigned long *pfn);
};

extern const struct sim_afu_ops sim_echo_ops;
extern const struct sim_afu_ops sim_memcpy_ops;

/**
 * struct sim_afu - an AFU of a software adapter
 * @ops: its kind
 * @desc: the kind's description, with this AFU's number of contexts
 * @priv: the kind's
 * @area: the pages of the whole area, as far as they are used; see area.c
 * @lock: held while all workers are stopped, so that none comes or goes
 * @list: covers @workers as well, for those who cannot sleep; inside @lock
 * @workers: those of its contexts, started or not
 * @watching: covers @watched
 * @watched: the workers that have been idle for long
 * @watch: looks for them whether there is something to do
 */
struct sim_afu {
	const struct sim_afu_ops *ops;
	struct capi_afu_desc desc;
	void *priv;
	struct page **area;

	struct mutex lock; /* workers */
	spinlock_t list; /* workers */
	struct list_head workers;
	struct mutex watching; /* watched */
	struct list_head watched;
	struct delayed_work watch;
};

/**
 * enum sim_work - what a burst of work came to
 * @SIM_WORK_DONE: something was done, there may be more
 * @SIM_WORK_NONE: there is nothing in memory yet
 * @SIM_WORK_HALTED: nothing will be done before something is stored to a register
 */
enum sim_work {
	SIM_WORK_DONE,
	SIM_WORK_NONE,
	SIM_WORK_HALTED,
};

/**
 * struct sim_worker - the thread that works for a context
 * @ctx: the context
 * @burst: look at registers and memory, and do a bounded amount of work
 * @watch: get ready for @look, which looks at memory too; -EOPNOTSUPP or another
 *	error where that cannot be done. capi_dma_unwatch() is called afterwards.
 * @look: whether a burst may find something to do. Called while the worker
 *	sleeps, in another thread; must not wait for anything.
 * @node: in the AFU's list
 * @watched: in the AFU's list of those idle
 * @lock: held while somebody waits for the thread's end
 * @task: the thread; NULL while it is stopped. Under the lock of the AFU's list.
 * @wait: where it sleeps
 * @memory: @look looks at memory, as @watch succeeded; changes while it is not called
 * @kicked: somebody may have stored to a register
 * @ending: the thread is to end
 */
struct sim_worker {
	struct cxl_context *ctx;
	enum sim_work (*burst)(struct sim_worker *worker);
	int (*watch)(struct sim_worker *worker);
	bool (*look)(struct sim_worker *worker);
	struct list_head node;
	struct list_head watched;
	struct mutex lock; /* the thread's end */
	struct task_struct *task;
	wait_queue_head_t wait;
	bool memory;
	bool kicked;
	bool ending;
};

/**
 * struct sim_adapter - a software adapter
 * @vphb: its PCI host bridge
 * @functions: configuration space of the card, then of each AFU
 * @vpd: vital product data of the card
 * @card: the card's PCI function, held by @vphb
 * @afus: the AFUs
 * @nr_afus: how many
 * @link: held while the link changes; covers @link_up, and @capi stays
 * @lock: held while the core is told of removal, and @capi stays; inside @link.
 *	Taken in the PCI bus's notifier, so nothing under it may wait for a driver.
 * @capi: the adapter as the core knows it; NULL once it is unregistered. Changes
 *	under both.
 * @link_up: what its link was set to last
 * @debugfs: its remote control
 * @deletion: tells when the card's function is deleted
 * @removal: takes it away, from a work item so that nobody else waits
 * @dropped: bit 0 is set when @removal is queued
 * @node: in the list of all, which changes at load and unload only
 */
struct sim_adapter {
	struct capi_vphb *vphb;
	struct capi_function functions[1 + SIM_MAX_AFUS];
	u8 vpd[SIM_VPD_SIZE];
	struct pci_dev *card;
	struct sim_afu afus[SIM_MAX_AFUS];
	unsigned int nr_afus;
	struct mutex link; /* link_up, capi */
	struct mutex lock; /* capi */
	struct cxl_adapter *capi;
	bool link_up;
	struct dentry *debugfs;
	struct notifier_block deletion;
	struct work_struct removal;
	unsigned long dropped;
	struct list_head node;
};

/* adapter.c */
struct sim_adapter *sim_adapter_create(const struct sim_afu *afus,
				       unsigned int nr_afus);
void sim_adapter_set_link(struct sim_adapter *adapter, bool up);
void sim_adapter_drop(struct sim_adapter *adapter);
void sim_adapter_destroy(struct sim_adapter *adapter);

/* Memory as the bus sees it: the first byte is the least significant one. */

static inline u64 sim_load(const void *at, unsigned int width)
{
	if (width == 8)
		return le64_to_cpu(READ_ONCE(*(const __le64 *)at));
	return le32_to_cpu(READ_ONCE(*(const __le32 *)at));
}

static inline void sim_store(void *at, unsigned int width, u64 value)
{
	if (width == 8)
		WRITE_ONCE(*(__le64 *)at, cpu_to_le64(value));
	else
		WRITE_ONCE(*(__le32 *)at, cpu_to_le32(value));
}

/* area.c */
int sim_area_init(struct sim_afu *afu);
void sim_area_free(struct sim_afu *afu);
struct page *sim_area_page(struct sim_afu *afu, unsigned long page);

/* worker.c */
void sim_workers_init(struct sim_afu *afu);
void sim_workers_exit(struct sim_afu *afu);
void sim_worker_init(struct sim_worker *worker, struct cxl_context *ctx);
void sim_worker_release(struct sim_worker *worker);
int sim_worker_start(struct sim_worker *worker);
void sim_worker_stop(struct sim_worker *worker);
void sim_worker_kick(struct sim_worker *worker);
bool sim_worker_ending(struct sim_worker *worker);
void sim_workers_kick(struct sim_afu *afu);
void sim_workers_end(struct sim_afu *afu);
void sim_workers_stop(struct sim_afu *afu);

/* vpd.c */
void sim_vpd_init(struct sim_adapter *adapter, int domain);

/* debugfs.c */
void sim_debugfs_init(void);
void sim_debugfs_exit(void);
void sim_debugfs_add(struct sim_adapter *adapter);
void sim_debugfs_remove(struct sim_adapter *adapter);

/* echo.c */
struct echo_driver;
bool sim_echo_connect(struct cxl_context *ctx, struct echo_driver *driver);
void sim_echo_resume(struct cxl_context *ctx);

/* echo_driver.c */
int sim_echo_driver_init(void);
void sim_echo_driver_exit(void);
u32 sim_echo_driver_post(struct echo_driver *drv, u32 n, u32 size);

#endif /* _CAPI_SIM_H */
