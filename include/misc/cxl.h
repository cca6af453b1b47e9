/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel API for AFU drivers.
 *
 * Names, prototypes and meaning are those of Linux 6.1's header of the same
 * name, so that an AFU driver written for it compiles unchanged. Additions of
 * this project are in <misc/capi.h>, with one exception that belongs to the
 * interface here: cxl_unset_driver_ops().
 *
 * Life of a context::
 *
 *	ctx = cxl_dev_context_init(pdev);	the AFU's PCI function
 *	cxl_allocate_afu_irqs(ctx, n);		optional: interrupts,
 *	cxl_map_afu_irq(ctx, 1, handler, ...);	and who handles them
 *	cxl_set_driver_ops(ctx, &ops);		optional: events of the driver's own
 *	cxl_start_context(ctx, wed, NULL);	the AFU works for it now
 *	...
 *	cxl_stop_context(ctx);			start and stop may be repeated
 *	cxl_unmap_afu_irq(ctx, 1, ...);
 *	cxl_free_afu_irqs(ctx);
 *	cxl_release_context(ctx);		gone
 *
 * Or, for a file that is as good as one of /dev/cxl::
 *
 *	ctx = cxl_dev_context_init(pdev);
 *	file = cxl_get_fd(ctx, &fops, &fd);	what is NULL in fops is filled in
 *	cxl_start_work(ctx, &work);		on errors: fput(), put_unused_fd()
 *	fd_install(fd, file);			its release gives the context back
 *
 * Nothing here is called with spinlocks held, except
 * cxl_context_events_pending(), which runs in any context but NMI.
 */
#ifndef _MISC_CXL_H
#define _MISC_CXL_H

#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/poll.h>

#include <uapi/misc/cxl.h>

struct cxl_afu;
struct cxl_context;

/* AFUs and adapters */
struct cxl_afu *cxl_pci_to_afu(struct pci_dev *dev);
unsigned int cxl_pci_to_cfg_record(struct pci_dev *dev);
int cxl_afu_reset(struct cxl_context *ctx);
void cxl_perst_reloads_same_image(struct cxl_afu *afu,
				  bool perst_reloads_same_image);
ssize_t cxl_read_adapter_vpd(struct pci_dev *dev, void *buf, size_t count);

/* Contexts */
struct cxl_context *cxl_get_context(struct pci_dev *dev);
struct cxl_context *cxl_dev_context_init(struct pci_dev *dev);
int cxl_release_context(struct cxl_context *ctx);
int cxl_set_priv(struct cxl_context *ctx, void *priv);
void *cxl_get_priv(struct cxl_context *ctx);
void cxl_set_master(struct cxl_context *ctx);
int cxl_start_context(struct cxl_context *ctx, u64 wed,
		      struct task_struct *task);
int cxl_stop_context(struct cxl_context *ctx);
int cxl_process_element(struct cxl_context *ctx);

/* Interrupts */
int cxl_allocate_afu_irqs(struct cxl_context *ctx, int num);
void cxl_free_afu_irqs(struct cxl_context *ctx);
int cxl_map_afu_irq(struct cxl_context *ctx, int num, irq_handler_t handler,
		    void *cookie, char *name);
void cxl_unmap_afu_irq(struct cxl_context *ctx, int num, void *cookie);

/* The problem state area, or for a master context the AFU's whole area */
void __iomem *cxl_psa_map(struct cxl_context *ctx);
void cxl_psa_unmap(void __iomem *addr);

/* Files */
struct file *cxl_get_fd(struct cxl_context *ctx, struct file_operations *fops,
			int *fd);
struct cxl_context *cxl_fops_get_context(struct file *file);
int cxl_start_work(struct cxl_context *ctx, struct cxl_ioctl_start_work *work);
int cxl_fd_open(struct inode *inode, struct file *file);
int cxl_fd_release(struct inode *inode, struct file *file);
long cxl_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int cxl_fd_mmap(struct file *file, struct vm_area_struct *vm);
__poll_t cxl_fd_poll(struct file *file, struct poll_table_struct *poll);
ssize_t cxl_fd_read(struct file *file, char __user *buf, size_t count,
		    loff_t *off);

/* Events */

/**
 * struct cxl_afu_driver_ops - how an AFU driver gives events of its own to
 *	whoever reads the context's events
 * @fetch_event: hand over the next event, or NULL. Called under a spinlock
 *	with interrupts off: it must not sleep. The event stays the driver's
 *	memory and must not change until @event_delivered names it. Called once
 *	for each event announced by cxl_context_events_pending(). Required.
 * @event_delivered: the event fetched is settled; called exactly once for
 *	every fetch, without spinlocks, in process context. @rc is 0 when a
 *	reader has it, -EFAULT when the reader's buffer could not be written,
 *	-EINVAL when @fetch_event returned NULL or an event that is larger than
 *	CXL_READ_MIN_SIZE with its header, and -ECANCELED when nobody will read
 *	it any more (the context was reset, closed, revoked or detached). To try
 *	an event again is the driver's business: it announces it again.
 *	Required.
 * @flush: the context's events were thrown away; forget what was announced
 *	and not fetched. Called again if more was announced meanwhile, so it
 *	should not announce anything itself. May sleep. Optional.
 *
 * Driver events are read before all others. Callbacks must not call
 * cxl_set_driver_ops() or cxl_unset_driver_ops().
 */
struct cxl_afu_driver_ops {
	struct cxl_event_afu_driver_reserved *(*fetch_event)(struct cxl_context *ctx);
	void (*event_delivered)(struct cxl_context *ctx,
				struct cxl_event_afu_driver_reserved *event,
				int rc);
	void (*flush)(struct cxl_context *ctx);
};

void cxl_set_driver_ops(struct cxl_context *ctx,
			struct cxl_afu_driver_ops *ops);
int cxl_unset_driver_ops(struct cxl_context *ctx);
void cxl_context_events_pending(struct cxl_context *ctx,
				unsigned int new_events);

#endif /* _MISC_CXL_H */
