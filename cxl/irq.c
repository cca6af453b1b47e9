// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU interrupts that kernel drivers handle, and how many interrupts of the
 * adapter its contexts have.
 *
 * An adapter has an irq domain of its own; a number of a context becomes a
 * Linux interrupt when a handler is mapped to it. The AFU may raise it from any
 * context, so an irq_work carries it into hard interrupt context first.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "core.h"

/* A hardware interrupt is the AFU's index, the process element, the number. */
#define NUM_BITS	11
#define PE_BITS		9

static_assert(CAPI_MAX_IRQS < 1 << NUM_BITS);
static_assert(CAPI_MAX_CONTEXTS <= 1 << PE_BITS);

/**
 * struct capi_virq - a handler mapped to an AFU interrupt
 * @work: runs it
 * @ctx: the context
 * @virq: the Linux interrupt
 * @cookie: the handler's
 */
struct capi_virq {
	struct irq_work work;
	struct cxl_context *ctx;
	unsigned int virq;
	void *cookie;
};

/**
 * struct capi_virqs - the handlers of a context that cxl_allocate_afu_irqs()
 *	gave interrupts
 * @handlers: struct capi_virq by number; changes under ctx->mutex as well
 */
struct capi_virqs {
	struct xarray handlers;
};

static void afu_irq_ack(struct irq_data *data)
{
}

static struct irq_chip afu_irq_chip = {
	.name = "capi",
	.irq_ack = afu_irq_ack,
};

/* As edges: one that comes while its handler runs makes it run again. */
static int afu_irq_map(struct irq_domain *domain, unsigned int virq,
		       irq_hw_number_t hwirq)
{
	irq_set_chip_and_handler(virq, &afu_irq_chip, handle_edge_irq);
	irq_set_noprobe(virq);
	return 0;
}

static const struct irq_domain_ops afu_irq_domain_ops = {
	.map = afu_irq_map,
};

int capi_irqs_add_adapter(struct cxl_adapter *adapter)
{
	struct fwnode_handle *fwnode;

	fwnode = irq_domain_alloc_named_id_fwnode("capi-card", adapter->num);
	if (!fwnode)
		return -ENOMEM;
	adapter->domain = irq_domain_create_tree(fwnode, &afu_irq_domain_ops,
						 adapter);
	if (adapter->domain)
		return 0;
	irq_domain_free_fwnode(fwnode);
	return -ENOMEM;
}

void capi_irqs_remove_adapter(struct cxl_adapter *adapter)
{
	struct fwnode_handle *fwnode = adapter->domain->fwnode;

	irq_domain_remove(adapter->domain);
	irq_domain_free_fwnode(fwnode);
}

/**
 * capi_irqs_take() - count interrupts of the adapter for a context
 * @ctx: the context
 * @n: how many it has from now on
 *
 * Context: process; the caller holds ctx->mutex.
 * Return: 0, or -ENOSPC if the adapter has too few left: the context has what
 * it had then.
 */
int capi_irqs_take(struct cxl_context *ctx, unsigned int n)
{
	struct cxl_adapter *adapter = ctx->afu->adapter;
	unsigned int others;
	int rc = 0;

	lockdep_assert_held(&ctx->mutex);
	spin_lock(&adapter->starts);
	others = adapter->irqs_used - ctx->irqs_taken;
	if (n > CAPI_MAX_IRQS - others) {
		rc = -ENOSPC;
	} else {
		adapter->irqs_used = others + n;
		ctx->irqs_taken = n;
	}
	spin_unlock(&adapter->starts);
	return rc;
}

/**
 * capi_irqs_give() - a context does not work any more
 * @ctx: the context; the AFU raises nothing for it
 *
 * Waits for its handlers, and counts no interrupts for it, unless
 * cxl_allocate_afu_irqs() keeps them.
 *
 * Context: process, may sleep; the caller holds ctx->mutex.
 */
void capi_irqs_give(struct cxl_context *ctx)
{
	struct capi_virq *handler;
	unsigned long num;

	lockdep_assert_held(&ctx->mutex);
	if (!ctx->irqs_kept) {
		capi_irqs_take(ctx, 0);
		return;
	}
	xa_for_each(&ctx->virqs->handlers, num, handler) {
		irq_work_sync(&handler->work);
		synchronize_irq(handler->virq);
	}
}

/* In hard interrupt context */
static void run_handler(struct irq_work *work)
{
	struct capi_virq *handler = container_of(work, struct capi_virq, work);

	atomic64_inc(&handler->ctx->events.counters[CAPI_EVENTS_DELIVERED]);
	generic_handle_irq(handler->virq);
}

/**
 * capi_irqs_handle() - let the handler of an AFU interrupt run
 * @ctx: the context
 * @num: the number of the interrupt
 *
 * Context: any but NMI.
 * Return: false if no handler is mapped.
 */
bool capi_irqs_handle(struct cxl_context *ctx, unsigned int num)
{
	/* Against the release in add_virqs() */
	struct capi_virqs *virqs = smp_load_acquire(&ctx->virqs);
	struct capi_virq *handler;
	unsigned long flags;

	if (!virqs)
		return false;

	/* It is not unmapped before it is queued. */
	xa_lock_irqsave(&virqs->handlers, flags);
	handler = xa_load(&virqs->handlers, num);
	if (handler) {
		atomic64_inc(&ctx->events.counters[CAPI_EVENTS_RAISED]);
		if (!irq_work_queue(&handler->work))
			atomic64_inc(&ctx->events.counters[CAPI_EVENTS_COALESCED]);
	}
	xa_unlock_irqrestore(&virqs->handlers, flags);
	return handler;
}

static irq_hw_number_t afu_hwirq(struct cxl_context *ctx, unsigned int num)
{
	return (((irq_hw_number_t)ctx->afu->index << PE_BITS | ctx->pe)
		<< NUM_BITS) | num;
}

/* Caller holds ctx->mutex. */
static void remove_handler(struct cxl_context *ctx, unsigned long num)
{
	struct capi_virq *handler;

	handler = xa_erase_irq(&ctx->virqs->handlers, num);
	irq_work_sync(&handler->work);
	free_irq(handler->virq, handler->cookie);
	irq_dispose_mapping(handler->virq);
	kfree(handler);
}

/* Caller holds ctx->mutex. */
static int add_handler(struct cxl_context *ctx, unsigned int num,
		       irq_handler_t fn, void *cookie, const char *name)
{
	struct capi_virq *handler = kzalloc(sizeof(*handler), GFP_KERNEL);
	int rc = -ENOMEM;

	if (!handler)
		return -ENOMEM;
	handler->work = IRQ_WORK_INIT_HARD(run_handler);
	handler->ctx = ctx;
	handler->cookie = cookie;
	handler->virq = irq_create_mapping(ctx->afu->adapter->domain,
					   afu_hwirq(ctx, num));
	if (!handler->virq)
		goto err_free;
	rc = request_irq(handler->virq, fn, 0, name, cookie);
	if (rc)
		goto err_virq;
	rc = xa_err(xa_store_irq(&ctx->virqs->handlers, num, handler,
				 GFP_KERNEL));
	if (!rc)
		return handler->virq;

	free_irq(handler->virq, cookie);
err_virq:
	irq_dispose_mapping(handler->virq);
err_free:
	kfree(handler);
	return rc;
}

/* Caller holds ctx->mutex. They stay until the context is released. */
static int add_virqs(struct cxl_context *ctx)
{
	struct capi_virqs *virqs;

	if (ctx->virqs)
		return 0;
	virqs = kzalloc(sizeof(*virqs), GFP_KERNEL);
	if (!virqs)
		return -ENOMEM;
	xa_init_flags(&virqs->handlers, XA_FLAGS_LOCK_IRQ);
	/* The AFU may be raising interrupts. */
	smp_store_release(&ctx->virqs, virqs);
	return 0;
}

/**
 * cxl_allocate_afu_irqs() - take AFU interrupts for a context
 * @ctx: the context; it may be started
 * @num: how many; 0 for as many as the AFU needs
 *
 * They are the context's until cxl_free_afu_irqs(), over any number of starts
 * and stops. A context whose driver does not call this has as many as the AFU
 * needs while it is started, and all of them become events.
 *
 * Context: process, may sleep; not from a callback of struct capi_afu_driver.
 * Return: 0, -EINVAL if @num is negative, -ENOSPC if the adapter has not so
 * many left, -EBUSY if the context was given interrupts before, -ENODEV if the
 * adapter is gone, -ENOMEM.
 */
int cxl_allocate_afu_irqs(struct cxl_context *ctx, int num)
{
	unsigned int n = num ?: ctx->afu->desc.irqs;
	int rc;

	if (num < 0)
		return -EINVAL;

	mutex_lock(&ctx->mutex);
	if (ctx->gone)
		rc = -ENODEV;
	else if (ctx->irqs_kept)
		rc = -EBUSY;
	else
		rc = add_virqs(ctx) ?: capi_irqs_take(ctx, n);
	if (!rc) {
		WRITE_ONCE(ctx->irqs, n);
		ctx->irqs_kept = true;
	}
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_allocate_afu_irqs);

/* Caller holds ctx->mutex. What the driver should have unmapped goes too. */
static void free_irqs(struct cxl_context *ctx)
{
	unsigned int n = ctx->afu->desc.irqs;
	unsigned int forgotten = 0;
	struct capi_virq *handler;
	unsigned long num;

	xa_for_each(&ctx->virqs->handlers, num, handler) {
		remove_handler(ctx, num);
		forgotten++;
	}
	if (forgotten)
		dev_warn(&ctx->afu->dev, "context %d: %u interrupts were not unmapped\n",
			 ctx->pe, forgotten);

	ctx->irqs_kept = false;
	if (ctx->state != CAPI_CONTEXT_STARTED) {
		capi_irqs_take(ctx, 0);
		WRITE_ONCE(ctx->irqs, n);
	} else if (!capi_irqs_take(ctx, n)) {
		WRITE_ONCE(ctx->irqs, n);
	}
}

/**
 * cxl_free_afu_irqs() - end what cxl_allocate_afu_irqs() began
 * @ctx: the context, with no handler mapped
 *
 * The context has as many interrupts as the AFU needs again. Handlers that are
 * still mapped are unmapped, with a line in the log. Does nothing if the context
 * was not given interrupts.
 *
 * Context: process, may sleep; not from a callback of struct capi_afu_driver.
 */
void cxl_free_afu_irqs(struct cxl_context *ctx)
{
	mutex_lock(&ctx->mutex);
	if (ctx->irqs_kept)
		free_irqs(ctx);
	mutex_unlock(&ctx->mutex);
}
EXPORT_SYMBOL_GPL(cxl_free_afu_irqs);

/* Caller holds ctx->mutex. No handler runs any more. */
void capi_irqs_release(struct cxl_context *ctx)
{
	lockdep_assert_held(&ctx->mutex);
	if (ctx->irqs_kept)
		free_irqs(ctx);
}

/* The backend raises nothing for the context any more. */
void capi_irqs_free(struct cxl_context *ctx)
{
	kfree(ctx->virqs);
}

/**
 * cxl_map_afu_irq() - handle an AFU interrupt
 * @ctx: the context; cxl_allocate_afu_irqs() gave it interrupts
 * @num: number of the interrupt, from 1
 * @handler: runs in hard interrupt context, with the Linux interrupt
 * @cookie: given to @handler, and to cxl_unmap_afu_irq()
 * @name: of the interrupt in /proc/interrupts; stays until it is unmapped
 *
 * From here on the interrupt does not become an event. If it is raised once
 * more before @handler has begun to run, @handler runs once.
 *
 * Context: process, may sleep; not from a callback of struct capi_afu_driver.
 * Return: the Linux interrupt, which is positive; -ENOENT if the context has no
 * interrupt @num; 0 if it has a handler already, or for any other reason.
 */
int cxl_map_afu_irq(struct cxl_context *ctx, int num, irq_handler_t handler,
		    void *cookie, char *name)
{
	int virq;

	mutex_lock(&ctx->mutex);
	if (ctx->gone || !ctx->irqs_kept || num < 1 || num > ctx->irqs)
		virq = -ENOENT;
	else if (xa_load(&ctx->virqs->handlers, num))
		virq = 0;
	else
		virq = max(add_handler(ctx, num, handler, cookie, name), 0);
	mutex_unlock(&ctx->mutex);
	return virq;
}
EXPORT_SYMBOL_GPL(cxl_map_afu_irq);

/**
 * cxl_unmap_afu_irq() - end what cxl_map_afu_irq() began
 * @ctx: the context; it may be started
 * @num: number of the interrupt
 * @cookie: what its handler was given
 *
 * When it returns, the handler does not run and will not; the interrupt becomes
 * an event when it is raised. Does nothing if there is no such handler.
 *
 * Context: process, may sleep; not from the handler, nor from a callback of
 * struct capi_afu_driver.
 */
void cxl_unmap_afu_irq(struct cxl_context *ctx, int num, void *cookie)
{
	struct capi_virq *handler = NULL;

	mutex_lock(&ctx->mutex);
	if (ctx->virqs && num > 0)
		handler = xa_load(&ctx->virqs->handlers, num);
	if (handler && handler->cookie == cookie)
		remove_handler(ctx, num);
	mutex_unlock(&ctx->mutex);
}
EXPORT_SYMBOL_GPL(cxl_unmap_afu_irq);
