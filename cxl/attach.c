// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AFU's work for a context: started, stopped, reset, and what of the
 * adapter and of the process is held meanwhile.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "core.h"
#include "trace.h"

/* Closing wakes all readers, whatever the state was. */
void capi_context_set_state(struct cxl_context *ctx,
			    enum capi_context_state state)
{
	lockdep_assert_held(&ctx->mutex);
	spin_lock_irq(&ctx->events.lock);
	WRITE_ONCE(ctx->state, state);
	spin_unlock_irq(&ctx->events.lock);
	if (state == CAPI_CONTEXT_CLOSED)
		capi_events_wake(ctx);
}

static int use_adapter(struct cxl_adapter *adapter)
{
	int rc = 0;

	spin_lock(&adapter->starts);
	if (adapter->locked)
		rc = -EBUSY;
	else
		adapter->started++;
	spin_unlock(&adapter->starts);
	return rc;
}

static void unuse_adapter(struct cxl_adapter *adapter)
{
	spin_lock(&adapter->starts);
	adapter->started--;
	spin_unlock(&adapter->starts);
}

/*
 * Holds the memory of @task, but not what is in it: the mappings of the problem
 * state area among that hold the context.
 */
static int take_mm(struct cxl_context *ctx, struct task_struct *task)
{
	struct mm_struct *mm;

	if (!task)
		return 0;
	mm = get_task_mm(task);
	if (!mm)
		return -ESRCH;
	mmgrab(mm);
	mmput(mm);
	ctx->mm = mm;
	return 0;
}

static void give_mm(struct cxl_context *ctx)
{
	if (ctx->mm)
		mmdrop(ctx->mm);
	ctx->mm = NULL;
}

/**
 * capi_context_mm() - whose addresses the AFU uses
 * @ctx: the context, from its backend's attach until its detach has returned
 *
 * Context: any.
 * Return: the memory of a process, which may have exited: mmget_not_zero()
 * first. NULL for the addresses of the kernel, or of the context's user.
 */
struct mm_struct *capi_context_mm(struct cxl_context *ctx)
{
	return ctx->mm;
}
EXPORT_SYMBOL_GPL(capi_context_mm);

/* What capi_context_start() does; caller holds ctx->mutex. */
int capi_context_start_locked(struct cxl_context *ctx,
			      const struct capi_work *work)
{
	struct cxl_adapter *adapter = ctx->afu->adapter;
	int rc;

	lockdep_assert_held(&ctx->mutex);
	if (ctx->gone)
		return -ENODEV;
	if (!READ_ONCE(ctx->link_up))
		return -EIO;
	if (ctx->state == CAPI_CONTEXT_STARTED)
		return -EBUSY;

	rc = use_adapter(adapter);
	if (rc)
		return rc;
	rc = ctx->irqs_kept ? 0 : capi_irqs_take(ctx, ctx->irqs);
	if (rc)
		goto err_adapter;
	rc = take_mm(ctx, work->task);
	if (rc)
		goto err_irqs;
	rc = capi_context_ops(ctx)->attach(ctx, work);
	if (rc)
		goto err_mm;

	capi_context_set_state(ctx, CAPI_CONTEXT_STARTED);
	capi_psa_set_live(ctx, true);
	return 0;

err_mm:
	give_mm(ctx);
err_irqs:
	capi_irqs_give(ctx);
err_adapter:
	unuse_adapter(adapter);
	return rc;
}

/**
 * capi_context_start() - let the AFU work for a context
 * @ctx: the context
 * @work: what to start it with
 *
 * A context that was stopped can be started again.
 *
 * Context: process, may sleep.
 * Return: 0, -EBUSY if it is started already or the adapter is being reset,
 * -EIO if the link is down, -ENODEV if the adapter is gone, -ENOSPC if it has
 * too few interrupts left, -ESRCH if the task of @work has no memory, or what
 * the backend says.
 */
int capi_context_start(struct cxl_context *ctx, const struct capi_work *work)
{
	int rc;

	mutex_lock(&ctx->mutex);
	rc = capi_context_start_locked(ctx, work);
	trace_capi_context_start(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_start);

/**
 * cxl_start_context() - let the AFU work for a context
 * @ctx: the context
 * @wed: work element descriptor
 * @task: whose addresses the AFU uses; NULL for the kernel's
 *
 * Context: process, may sleep.
 * Return: 0, also if it is started already; otherwise as capi_context_start().
 */
int cxl_start_context(struct cxl_context *ctx, u64 wed,
		      struct task_struct *task)
{
	struct capi_work work = { .wed = wed, .task = task };
	int rc = 0;

	mutex_lock(&ctx->mutex);
	if (ctx->state != CAPI_CONTEXT_STARTED)
		rc = capi_context_start_locked(ctx, &work);
	trace_capi_context_start(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_start_context);

/* What cxl_stop_context() does; caller holds ctx->mutex. */
int capi_context_stop_locked(struct cxl_context *ctx)
{
	int rc = ctx->state == CAPI_CONTEXT_STARTED ? 0 : -EBUSY;

	lockdep_assert_held(&ctx->mutex);
	capi_psa_set_live(ctx, false);
	if (!rc) {
		capi_context_ops(ctx)->detach(ctx);
		give_mm(ctx);
		capi_irqs_give(ctx);
		unuse_adapter(ctx->afu->adapter);
	}
	capi_context_set_state(ctx, CAPI_CONTEXT_CLOSED);
	trace_capi_context_stop(ctx, rc);
	return rc;
}

/**
 * cxl_stop_context() - end the AFU's work for a context
 * @ctx: the context
 *
 * The context is closed: what is queued can still be read. It may be started
 * again.
 *
 * Context: process, may sleep.
 * Return: 0, or -EBUSY if it was not started; it is closed even so.
 */
int cxl_stop_context(struct cxl_context *ctx)
{
	int rc;

	mutex_lock(&ctx->mutex);
	rc = capi_context_stop_locked(ctx);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_stop_context);

/* Caller holds ctx->mutex. Nothing of what came before is left. */
void capi_context_start_over(struct cxl_context *ctx)
{
	const struct capi_backend_ops *ops = capi_context_ops(ctx);

	if (ops->context_clear)
		ops->context_clear(ctx);
	capi_context_set_state(ctx, CAPI_CONTEXT_OPENED);
}

/**
 * capi_context_reset() - bring a context back to where capi_context_open() left it
 * @ctx: the context
 *
 * Stops it, removes its mappings and throws its events away.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENODEV if the adapter is gone.
 */
int capi_context_reset(struct cxl_context *ctx)
{
	int rc = 0;

	mutex_lock(&ctx->mutex);
	if (ctx->gone) {
		rc = -ENODEV;
	} else {
		capi_context_stop_locked(ctx);
		capi_events_cancel(ctx);
		capi_context_start_over(ctx);
	}
	trace_capi_context_reset(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_reset);

/**
 * capi_context_set_irqs() - choose how many AFU interrupts a context has
 * @ctx: the context
 * @irqs: how many; at least struct capi_afu_desc.irqs, which every context
 *	begins with, and at most what the administrator lets a context have,
 *	which is struct capi_afu_desc.irqs_max in the beginning
 *
 * Opening, resetting and closing the context leave the number as it is.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a number that cannot be, -EBUSY if the context is
 * started.
 */
int capi_context_set_irqs(struct cxl_context *ctx, unsigned int irqs)
{
	struct cxl_afu *afu = ctx->afu;
	int rc = 0;

	if (irqs < afu->desc.irqs || irqs > READ_ONCE(afu->irqs_max))
		return -EINVAL;

	mutex_lock(&ctx->mutex);
	if (ctx->state == CAPI_CONTEXT_STARTED)
		rc = -EBUSY;
	else
		WRITE_ONCE(ctx->irqs, irqs);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_set_irqs);

/**
 * capi_context_irqs() - how many AFU interrupts a context has
 * @ctx: the context
 *
 * Context: any.
 * Return: the number; the interrupts are 1 to that.
 */
unsigned int capi_context_irqs(struct cxl_context *ctx)
{
	return READ_ONCE(ctx->irqs);
}
EXPORT_SYMBOL_GPL(capi_context_irqs);
