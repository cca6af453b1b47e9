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
 *	cxl_set_driver_ops(ctx, &ops);		optional: events of the driver's own
 *	cxl_start_context(ctx, wed, NULL);	the AFU works for it now
 *	...
 *	cxl_stop_context(ctx);			start and stop may be repeated
 *	cxl_release_context(ctx);		gone
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

struct cxl_afu *cxl_pci_to_afu(struct pci_dev *dev);
struct cxl_context *cxl_dev_context_init(struct pci_dev *dev);
int cxl_release_context(struct cxl_context *ctx);
int cxl_set_priv(struct cxl_context *ctx, void *priv);
void *cxl_get_priv(struct cxl_context *ctx);
int cxl_start_context(struct cxl_context *ctx, u64 wed,
		      struct task_struct *task);
int cxl_stop_context(struct cxl_context *ctx);
int cxl_process_element(struct cxl_context *ctx);

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
 *	and not fetched. May sleep. Optional.
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
