// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a context: created, opened, started, stopped, reset, closed,
 * revoked when its adapter goes, released.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

static void context_free(struct kref *kref)
{
	struct cxl_context *ctx = container_of(kref, struct cxl_context, kref);

	capi_psa_free(ctx);
	mutex_destroy(&ctx->mutex);
	mutex_destroy(&ctx->events.turn);
	kfree(ctx);
}

void capi_context_get(struct cxl_context *ctx)
{
	kref_get(&ctx->kref);
}

void capi_context_put(struct cxl_context *ctx)
{
	kref_put(&ctx->kref, context_free);
}

static int context_add(struct cxl_context *ctx)
{
	struct cxl_adapter *adapter = ctx->afu->adapter;
	int rc = 0;

	mutex_lock(&adapter->mutex);
	if (adapter->gone) {
		rc = -ENODEV;
	} else {
		ctx->link_up = adapter->link_up;
		list_add_tail(&ctx->node, &adapter->contexts);
	}
	mutex_unlock(&adapter->mutex);
	return rc;
}

static struct cxl_context *context_alloc(struct cxl_afu *afu)
{
	struct cxl_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return NULL;
	kref_init(&ctx->kref);
	mutex_init(&ctx->mutex);
	ctx->afu = afu;
	ctx->irqs = afu->desc.irqs;
	ctx->state = CAPI_CONTEXT_OPENED;
	capi_events_init(ctx);
	return ctx;
}

/**
 * capi_context_create() - take a context of an AFU
 * @afu: the AFU
 * @user: for whom it exists, or NULL for nobody who wants to be called
 * @priv: handed to @user's callbacks
 *
 * @user's callbacks may run before this returns.
 *
 * Context: process, may sleep.
 * Return: the context, to be given back with cxl_release_context(), or an
 * ERR_PTR: -ENOSPC if all contexts are taken, -ENODEV if the adapter is gone,
 * -ENOMEM, or what the backend says.
 */
struct cxl_context *capi_context_create(struct cxl_afu *afu,
					const struct capi_context_user *user,
					void *priv)
{
	const struct capi_backend_ops *ops = afu->adapter->ops;
	struct cxl_context *ctx = context_alloc(afu);
	int rc;

	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->user = user;
	ctx->user_priv = priv;

	rc = ida_alloc_max(&afu->pes, afu->desc.contexts - 1, GFP_KERNEL);
	if (rc < 0)
		goto err_put;
	ctx->pe = rc;
	atomic_inc(&afu->used);

	rc = capi_psa_init(ctx);
	if (rc)
		goto err_pe;
	if (ops->context_init) {
		rc = ops->context_init(ctx);
		if (rc)
			goto err_psa;
	}
	capi_debugfs_add_context(ctx);

	rc = context_add(ctx);
	if (rc)
		goto err_backend;
	return ctx;

err_backend:
	debugfs_remove(ctx->debugfs);
	if (ops->context_release)
		ops->context_release(ctx);
err_psa:
	capi_psa_release(ctx);
err_pe:
	atomic_dec(&afu->used);
	ida_free(&afu->pes, ctx->pe);
err_put:
	capi_context_put(ctx);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_GPL(capi_context_create);

/* Caller holds ctx->mutex. Closing wakes all readers, whatever the state was. */
static void set_state(struct cxl_context *ctx, enum capi_context_state state)
{
	lockdep_assert_held(&ctx->mutex);
	spin_lock_irq(&ctx->events.lock);
	ctx->state = state;
	spin_unlock_irq(&ctx->events.lock);
	if (state == CAPI_CONTEXT_CLOSED)
		capi_events_wake(ctx);
}

/* Caller holds ctx->mutex. Nothing of what came before is left. */
static void start_over(struct cxl_context *ctx)
{
	const struct capi_backend_ops *ops = capi_context_ops(ctx);

	if (ops->context_clear)
		ops->context_clear(ctx);
	set_state(ctx, CAPI_CONTEXT_OPENED);
}

/* Caller holds ctx->mutex. */
static int stop(struct cxl_context *ctx)
{
	int rc = ctx->state == CAPI_CONTEXT_STARTED ? 0 : -EBUSY;

	capi_psa_set_live(ctx, false);
	if (!rc)
		capi_context_ops(ctx)->detach(ctx);
	set_state(ctx, CAPI_CONTEXT_CLOSED);
	trace_capi_context_stop(ctx, rc);
	return rc;
}

/**
 * cxl_release_context() - give a context back
 * @ctx: the context; stopped, and closed if it was opened
 *
 * What is left of its events is thrown away, and its AFU driver told so. When
 * it returns 0, no callback of the context's user or AFU driver runs and none
 * will.
 *
 * Context: process, may sleep; not from a callback of the context.
 * Return: 0, or -EBUSY if the context is started or open.
 */
int cxl_release_context(struct cxl_context *ctx)
{
	struct cxl_afu *afu = ctx->afu;
	const struct capi_backend_ops *ops = afu->adapter->ops;

	mutex_lock(&ctx->mutex);
	if (ctx->state == CAPI_CONTEXT_STARTED || ctx->open) {
		mutex_unlock(&ctx->mutex);
		return -EBUSY;
	}
	set_state(ctx, CAPI_CONTEXT_CLOSED);
	capi_events_end(ctx);
	mutex_unlock(&ctx->mutex);

	mutex_lock(&afu->adapter->mutex);
	list_del(&ctx->node);
	mutex_unlock(&afu->adapter->mutex);

	debugfs_remove(ctx->debugfs);
	capi_psa_release(ctx);
	if (ops->context_release)
		ops->context_release(ctx);
	ida_free(&afu->pes, ctx->pe);
	atomic_dec(&afu->used);
	capi_context_put(ctx);
	return 0;
}
EXPORT_SYMBOL_GPL(cxl_release_context);

/**
 * capi_context_open() - begin to use a context for somebody
 * @ctx: the context
 *
 * Attaches the AFU driver that claimed this kind of AFU, if there is one, and
 * holds its module and the backend's until capi_context_close().
 *
 * Context: process, may sleep.
 * Return: 0, -EBUSY if it is open already, -ENODEV if the adapter is gone or
 * its module is about to go, or what the AFU driver says.
 */
int capi_context_open(struct cxl_context *ctx)
{
	struct module *owner = capi_context_ops(ctx)->owner;
	int rc = -ENODEV;

	mutex_lock(&ctx->mutex);
	if (ctx->open) {
		rc = -EBUSY;
		goto out;
	}
	if (ctx->gone || !try_module_get(owner))
		goto out;

	start_over(ctx);
	rc = capi_afu_driver_attach(ctx);
	if (rc)
		module_put(owner);
	else
		ctx->open = true;
out:
	trace_capi_context_open(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_open);

/**
 * capi_context_close() - end what capi_context_open() began
 * @ctx: the context
 *
 * Stops it, removes its mappings, throws its events away, and detaches the AFU
 * driver: nothing passes to whoever opens it next.
 *
 * Context: process, may sleep.
 */
void capi_context_close(struct cxl_context *ctx)
{
	mutex_lock(&ctx->mutex);
	if (ctx->open) {
		stop(ctx);
		capi_afu_driver_detach(ctx);
		ctx->open = false;
		module_put(capi_context_ops(ctx)->owner);
	}
	trace_capi_context_close(ctx, 0);
	mutex_unlock(&ctx->mutex);
}
EXPORT_SYMBOL_GPL(capi_context_close);

/**
 * capi_context_start() - let the AFU work for a context
 * @ctx: the context
 * @work: what to start it with
 *
 * A context that was stopped can be started again.
 *
 * Context: process, may sleep.
 * Return: 0, -EBUSY if it is started already, -EIO if the link is down,
 * -ENODEV if the adapter is gone, or what the backend says.
 */
int capi_context_start(struct cxl_context *ctx, const struct capi_work *work)
{
	int rc;

	mutex_lock(&ctx->mutex);
	if (ctx->gone)
		rc = -ENODEV;
	else if (!READ_ONCE(ctx->link_up))
		rc = -EIO;
	else if (ctx->state == CAPI_CONTEXT_STARTED)
		rc = -EBUSY;
	else
		rc = capi_context_ops(ctx)->attach(ctx, work);
	if (!rc) {
		set_state(ctx, CAPI_CONTEXT_STARTED);
		capi_psa_set_live(ctx, true);
	}
	trace_capi_context_start(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_start);

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
	rc = stop(ctx);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_stop_context);

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
		stop(ctx);
		capi_events_cancel(ctx);
		start_over(ctx);
	}
	trace_capi_context_reset(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_context_reset);

/* Caller holds adapter->mutex. The adapter is going away. */
void capi_context_revoke(struct cxl_context *ctx)
{
	mutex_lock(&ctx->mutex);
	ctx->gone = true;
	stop(ctx);
	capi_afu_driver_detach(ctx);
	trace_capi_context_revoke(ctx, 0);
	mutex_unlock(&ctx->mutex);

	if (ctx->user && ctx->user->revoke)
		ctx->user->revoke(ctx, ctx->user_priv);
}

/* Caller holds adapter->mutex. */
void capi_context_set_link(struct cxl_context *ctx, bool up)
{
	/* No page fault goes on that saw the link as it was. */
	down_write(&ctx->psa.sem);
	spin_lock_irq(&ctx->events.lock);
	ctx->link_up = up;
	spin_unlock_irq(&ctx->events.lock);
	up_write(&ctx->psa.sem);

	capi_psa_zap(ctx);
	capi_events_wake(ctx);
	if (ctx->user && ctx->user->link)
		ctx->user->link(ctx, ctx->user_priv, up);
}

/**
 * capi_context_state() - where a context is in its life
 * @ctx: the context
 *
 * Context: any.
 */
enum capi_context_state capi_context_state(struct cxl_context *ctx)
{
	return READ_ONCE(ctx->state);
}
EXPORT_SYMBOL_GPL(capi_context_state);

/**
 * capi_context_state_name() - the same for people
 * @ctx: the context
 *
 * Context: any.
 */
const char *capi_context_state_name(struct cxl_context *ctx)
{
	static const char * const names[] = {
		[CAPI_CONTEXT_OPENED] = "opened",
		[CAPI_CONTEXT_STARTED] = "started",
		[CAPI_CONTEXT_CLOSED] = "closed",
	};

	return names[capi_context_state(ctx)];
}
EXPORT_SYMBOL_GPL(capi_context_state_name);

/**
 * capi_context_set_irqs() - choose how many AFU interrupts a context has
 * @ctx: the context
 * @irqs: how many; between struct capi_afu_desc.irqs, which every context
 *	begins with, and struct capi_afu_desc.irqs_max
 *
 * Opening, resetting and closing the context leave the number as it is.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a number that cannot be, -EBUSY if the context is
 * started.
 */
int capi_context_set_irqs(struct cxl_context *ctx, unsigned int irqs)
{
	const struct capi_afu_desc *desc = &ctx->afu->desc;
	int rc = 0;

	if (irqs < desc->irqs || irqs > desc->irqs_max)
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

/**
 * capi_context_link_ok() - does the link to the context's adapter work?
 * @ctx: the context
 *
 * Context: any.
 */
bool capi_context_link_ok(struct cxl_context *ctx)
{
	return READ_ONCE(ctx->link_up);
}
EXPORT_SYMBOL_GPL(capi_context_link_ok);

/**
 * capi_context_afu() - whose context it is
 * @ctx: the context
 *
 * Context: any.
 */
struct cxl_afu *capi_context_afu(struct cxl_context *ctx)
{
	return ctx->afu;
}
EXPORT_SYMBOL_GPL(capi_context_afu);

/**
 * capi_context_debugfs() - the context's debugfs directory
 * @ctx: the context
 *
 * For AFU drivers that add files of their own while they are attached.
 *
 * Context: any.
 */
struct dentry *capi_context_debugfs(struct cxl_context *ctx)
{
	return ctx->debugfs;
}
EXPORT_SYMBOL_GPL(capi_context_debugfs);

/**
 * capi_context_backend_priv() - what the backend set
 * @ctx: the context
 *
 * Context: any.
 */
void *capi_context_backend_priv(struct cxl_context *ctx)
{
	return ctx->backend_priv;
}
EXPORT_SYMBOL_GPL(capi_context_backend_priv);

/**
 * capi_context_set_backend_priv() - keep a pointer for the backend
 * @ctx: the context
 * @priv: the pointer
 *
 * Context: any.
 */
void capi_context_set_backend_priv(struct cxl_context *ctx, void *priv)
{
	ctx->backend_priv = priv;
}
EXPORT_SYMBOL_GPL(capi_context_set_backend_priv);
