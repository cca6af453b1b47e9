/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_SIM_H
#define _CAPI_SIM_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include <misc/capi.h>

#define SIM_MAX_ADAPTERS	16
#define SIM_MAX_AFUS		8
#define SIM_CONFIG_SIZE		256

/**
 * struct sim_afu_ops - a kind of software AFU
 * @desc: what it is; the number of contexts is the administrator's
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

/**
 * struct sim_afu - an AFU of a software adapter
 * @ops: its kind
 * @desc: the kind's description, with this AFU's number of contexts
 */
struct sim_afu {
	const struct sim_afu_ops *ops;
	struct capi_afu_desc desc;
};

/**
 * struct sim_function - the configuration space of a PCI function
 * @config: what reads return
 */
struct sim_function {
	u8 config[SIM_CONFIG_SIZE];
};

/**
 * struct sim_adapter - a software adapter
 * @vphb: its PCI host bridge
 * @functions: configuration space of the card, then of each AFU
 * @pdevs: their PCI functions, held
 * @afus: the AFUs
 * @nr_afus: how many
 * @lock: covers the next two
 * @capi: the adapter as the core knows it; NULL once its function is deleted
 * @link_up: what its link was set to last
 * @debugfs: its remote control
 * @deletion: tells when the card's function is deleted
 * @removal: takes it away, from a work item so that nobody else waits
 * @dropped: bit 0 is set when @removal is queued: its functions answer no more
 * @node: in the list of all, which changes at load and unload only
 */
struct sim_adapter {
	struct pci_host_bridge *vphb;
	struct sim_function functions[1 + SIM_MAX_AFUS];
	struct pci_dev *pdevs[1 + SIM_MAX_AFUS];
	struct sim_afu afus[SIM_MAX_AFUS];
	unsigned int nr_afus;
	struct mutex lock; /* capi, link_up */
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

/* vphb.c */
void sim_function_init(struct sim_function *function, u16 vendor, u16 device);
int sim_vphb_create(struct sim_adapter *adapter);
void sim_vphb_destroy(struct sim_adapter *adapter);

/* vphb_<architecture>.c */
struct pci_host_bridge *sim_vphb_alloc(struct sim_adapter *adapter, int domain);
struct sim_adapter *sim_vphb_adapter(struct pci_bus *bus);

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
