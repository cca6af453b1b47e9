// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a context: created, opened, closed, revoked when its adapter
 * goes, cut off its backend, released. What it does while it is open is in
 * attach.c.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

static void context_free(struct kref *kref)
{
	struct cxl_context *ctx = container_of(kref, struct cxl_context, kref);

	capi_irqs_free(ctx);
	capi_psa_free(ctx);
	put_device(&ctx->afu->dev);
	mutex_destroy(&ctx->mutex);
	mutex_destroy(&ctx->events.turn);
	kfree(ctx);
}

/**
 * capi_context_get() - hold the memory of a context
 * @ctx: the context, held already
 *
 * Context: any.
 */
void capi_context_get(struct cxl_context *ctx)
{
	kref_get(&ctx->kref);
}
EXPORT_SYMBOL_GPL(capi_context_get);

/**
 * capi_context_put() - opposite of capi_context_get()
 * @ctx: the context
 *
 * Context: process, may sleep.
 */
void capi_context_put(struct cxl_context *ctx)
{
	kref_put(&ctx->kref, context_free);
}
EXPORT_SYMBOL_GPL(capi_context_put);

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

/* The mode of the AFU stays as long as somebody has a process element. */
static int take_pe(struct cxl_context *ctx)
{
	struct cxl_afu *afu = ctx->afu;
	struct cxl_adapter *adapter = afu->adapter;
	unsigned int capacity;
	int rc = -ENODEV;

	mutex_lock(&adapter->mutex);
	capacity = capi_afu_capacity(afu);
	if (!adapter->gone && capacity)
		rc = ida_alloc_max(&afu->pes, capacity - 1, GFP_KERNEL);
	if (rc >= 0) {
		ctx->pe = rc;
		ctx->external_pe = rc;
		atomic_inc(&afu->used);
	}
	mutex_unlock(&adapter->mutex);
	return min(rc, 0);
}

static void give_pe(struct cxl_context *ctx)
{
	ida_free(&ctx->afu->pes, ctx->pe);
	atomic_dec(&ctx->afu->used);
}

static struct cxl_context *context_alloc(struct cxl_afu *afu)
{
	struct cxl_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return NULL;
	kref_init(&ctx->kref);
	mutex_init(&ctx->mutex);
	get_device(&afu->dev);
	ctx->afu = afu;
	ctx->irqs = afu->desc.irqs;
	ctx->state = CAPI_CONTEXT_OPENED;
	capi_events_init(ctx);
	return ctx;
}

/*
 * Caller holds adapter->release: an adapter that goes waits until a context that
 * is not in its list yet is there, or is none.
 */
static int context_init(struct cxl_context *ctx)
{
	const struct capi_backend_ops *ops = capi_context_ops(ctx);
	int rc;

	rc = take_pe(ctx);
	if (rc)
		return rc;
	rc = capi_psa_init(ctx);
	if (rc)
		goto err_pe;
	capi_debugfs_add_context(ctx);
	if (ops->context_init) {
		rc = ops->context_init(ctx);
		if (rc)
			goto err_debugfs;
	}
	/* Not all are opened, which clears too: AFU drivers only start theirs. */
	if (ops->context_clear)
		ops->context_clear(ctx);

	rc = context_add(ctx);
	if (!rc)
		return 0;

	if (ops->context_release)
		ops->context_release(ctx);
err_debugfs:
	debugfs_remove(ctx->debugfs);
	capi_psa_release(ctx);
err_pe:
	give_pe(ctx);
	return rc;
}

static struct cxl_context *create(struct cxl_afu *afu,
				  const struct capi_context_user *user,
				  void *priv, bool has_file)
{
	struct cxl_context *ctx = context_alloc(afu);
	int rc;

	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->user = user;
	ctx->user_priv = priv;
	RCU_INIT_POINTER(ctx->told, user);
	ctx->has_file = has_file;

	mutex_lock(&afu->adapter->release);
	rc = context_init(ctx);
	mutex_unlock(&afu->adapter->release);
	if (!rc)
		return ctx;
	capi_context_put(ctx);
	return ERR_PTR(rc);
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
 * ERR_PTR: -ENOSPC if all contexts are taken, -ENODEV if the adapter is gone or
 * the AFU is in no mode, -ENOMEM, or what the backend says.
 */
struct cxl_context *capi_context_create(struct cxl_afu *afu,
					const struct capi_context_user *user,
					void *priv)
{
	return create(afu, user, priv, false);
}
EXPORT_SYMBOL_GPL(capi_context_create);

/* The same for a file: it does not hold up an adapter that goes. */
struct cxl_context *capi_context_create_file(struct cxl_afu *afu)
{
	return create(afu, NULL, NULL, true);
}

/* Caller holds ctx->mutex. Whatever runs for the context comes to its end. */
static void close_context(struct cxl_context *ctx)
{
	capi_context_stop_locked(ctx);
	capi_afu_driver_detach(ctx);
	if (ctx->open)
		module_put(capi_context_ops(ctx)->owner);
	ctx->open = false;
}

/*
 * Cuts a context off its backend: nothing of that is called for it any more.
 * What is left says that it is closed. Caller holds adapter->release; calling it
 * again does nothing.
 */
void capi_context_sever(struct cxl_context *ctx)
{
	struct cxl_adapter *adapter = ctx->afu->adapter;

	lockdep_assert_held(&adapter->release);
	if (ctx->severed)
		return;

	mutex_lock(&adapter->mutex);
	list_del(&ctx->node);
	mutex_unlock(&adapter->mutex);

	mutex_lock(&ctx->mutex);
	ctx->severed = true;
	WRITE_ONCE(ctx->gone, true);
	close_context(ctx);
	capi_irqs_release(ctx);
	/* Who stops the context meanwhile is done with its mappings. */
	capi_psa_release(ctx);
	mutex_unlock(&ctx->mutex);

	debugfs_remove(ctx->debugfs);
	if (adapter->ops->context_release)
		adapter->ops->context_release(ctx);
	give_pe(ctx);
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
	struct cxl_adapter *adapter = ctx->afu->adapter;
	bool busy;

	mutex_lock(&adapter->release);
	mutex_lock(&ctx->mutex);
	busy = ctx->state == CAPI_CONTEXT_STARTED || ctx->open;
	mutex_unlock(&ctx->mutex);
	if (!busy)
		capi_context_sever(ctx);
	mutex_unlock(&adapter->release);
	if (busy)
		return -EBUSY;

	if (ctx->user) {
		RCU_INIT_POINTER(ctx->told, NULL);
		synchronize_rcu();
	}
	/* A driver may release the default context itself. */
	if (cmpxchg(&ctx->afu->default_ctx, ctx, NULL) == ctx)
		capi_context_put(ctx);
	capi_context_put(ctx);
	return 0;
}
EXPORT_SYMBOL_GPL(cxl_release_context);

/* Attaches the AFU driver, unless somebody is to ask for it. */
static int open_context(struct cxl_context *ctx, bool attach)
{
	struct module *owner = NULL;
	int rc = 0;

	mutex_lock(&ctx->mutex);
	if (ctx->open) {
		rc = -EBUSY;
		goto out;
	}
	/* The backend of an adapter that is gone may be gone too. */
	if (!ctx->gone)
		owner = capi_context_ops(ctx)->owner;
	if (ctx->gone || !try_module_get(owner)) {
		rc = -ENODEV;
		goto out;
	}

	capi_context_start_over(ctx);
	if (attach)
		rc = capi_afu_driver_attach(ctx, NULL);
	if (rc)
		module_put(owner);
	else
		ctx->open = true;
out:
	trace_capi_context_open(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}

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
	return open_context(ctx, true);
}
EXPORT_SYMBOL_GPL(capi_context_open);

/* The same for a file, whose opener asks for driver events later, or never. */
int capi_context_open_file(struct cxl_context *ctx)
{
	return open_context(ctx, false);
}

/* Returns -EIO if the context is closed, and as capi_afu_driver_attach(). */
int capi_context_ask_events(struct cxl_context *ctx, const char *abi)
{
	int rc = -EIO;

	mutex_lock(&ctx->mutex);
	if (!ctx->gone && ctx->state != CAPI_CONTEXT_CLOSED)
		rc = capi_afu_driver_attach(ctx, abi);
	mutex_unlock(&ctx->mutex);
	return rc;
}

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
	if (ctx->open)
		close_context(ctx);
	trace_capi_context_close(ctx, 0);
	mutex_unlock(&ctx->mutex);
}
EXPORT_SYMBOL_GPL(capi_context_close);

/* Caller holds adapter->mutex. The adapter is going away. */
void capi_context_revoke(struct cxl_context *ctx)
{
	mutex_lock(&ctx->mutex);
	WRITE_ONCE(ctx->gone, true);
	capi_context_stop_locked(ctx);
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
	WRITE_ONCE(ctx->link_up, up);
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
 * capi_context_master() - does it reach the whole area of its AFU?
 * @ctx: the context
 *
 * Context: any.
 */
bool capi_context_master(struct cxl_context *ctx)
{
	return READ_ONCE(ctx->master);
}
EXPORT_SYMBOL_GPL(capi_context_master);

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
