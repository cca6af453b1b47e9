// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU drivers' claims: which driver serves which kind of AFU, and which
 * contexts it is attached to.
 */
#include <linux/module.h>

#include "core.h"

static DEFINE_MUTEX(drivers_mutex); /* covers the list and every ->contexts */
static LIST_HEAD(drivers);

static struct capi_afu_driver *find_claim(u16 vendor, u16 device)
{
	struct capi_afu_driver *drv;

	lockdep_assert_held(&drivers_mutex);
	list_for_each_entry(drv, &drivers, node)
		if (drv->vendor == vendor && drv->device == device)
			return drv;
	return NULL;
}

/* An AFU that brings its own needs no other. */
static struct capi_afu_driver *find_driver(const struct capi_afu_desc *desc)
{
	return desc->driver ?: find_claim(desc->vendor, desc->device);
}

/**
 * capi_afu_abi() - what the driver events of an AFU look like
 * @afu: the AFU
 * @abi: filled with struct capi_afu_driver.abi of the driver that contexts
 *	opened now get, or with an empty string
 * @size: bytes there
 *
 * Context: process, may sleep.
 */
void capi_afu_abi(struct cxl_afu *afu, char *abi, size_t size)
{
	struct capi_afu_driver *drv;

	mutex_lock(&drivers_mutex);
	drv = find_driver(&afu->desc);
	strscpy(abi, drv && drv->abi ? drv->abi : "", size);
	mutex_unlock(&drivers_mutex);
}
EXPORT_SYMBOL_GPL(capi_afu_abi);

/**
 * capi_afu_driver_register() - claim a kind of AFU
 * @drv: the claim; must stay until capi_afu_driver_unregister()
 *
 * Contexts of such AFUs are attached as they are opened. Those that are open
 * already are not.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL if a callback is missing, -EBUSY if another driver has
 * claimed this kind.
 */
int capi_afu_driver_register(struct capi_afu_driver *drv)
{
	int rc = 0;

	if (!drv->attach || !drv->detach)
		return -EINVAL;

	mutex_lock(&drivers_mutex);
	if (find_claim(drv->vendor, drv->device)) {
		rc = -EBUSY;
	} else {
		INIT_LIST_HEAD(&drv->contexts);
		list_add_tail(&drv->node, &drivers);
	}
	mutex_unlock(&drivers_mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_afu_driver_register);

/**
 * capi_afu_driver_unregister() - give a claim up
 * @drv: the claim
 *
 * Detaches all contexts, which settles their events. When it returns, no
 * callback of the driver runs and none will.
 *
 * Context: process, may sleep; not from a callback of @drv.
 */
void capi_afu_driver_unregister(struct capi_afu_driver *drv)
{
	struct cxl_context *ctx;

	mutex_lock(&drivers_mutex);
	list_del(&drv->node);
	while (!list_empty(&drv->contexts)) {
		ctx = list_first_entry(&drv->contexts, struct cxl_context,
				       driver_node);
		capi_context_get(ctx);
		mutex_unlock(&drivers_mutex);

		mutex_lock(&ctx->mutex);
		if (ctx->driver == drv)
			capi_afu_driver_detach(ctx);
		mutex_unlock(&ctx->mutex);
		capi_context_put(ctx);

		mutex_lock(&drivers_mutex);
	}
	mutex_unlock(&drivers_mutex);
}
EXPORT_SYMBOL_GPL(capi_afu_driver_unregister);

static int choose_driver(struct cxl_context *ctx, const char *abi)
{
	struct capi_afu_driver *drv;
	int rc = 0;

	mutex_lock(&drivers_mutex);
	drv = find_driver(&ctx->afu->desc);
	if (drv && abi && (!drv->abi || strcmp(drv->abi, abi))) {
		rc = -EPROTONOSUPPORT;
	} else if (drv && try_module_get(drv->owner)) {
		ctx->driver = drv;
		list_add_tail(&ctx->driver_node, &drv->contexts);
	} else if (abi) {
		rc = -ENODEV;
	}
	mutex_unlock(&drivers_mutex);
	return rc;
}

/*
 * Caller holds ctx->mutex. An AFU that nobody claims needs no driver, unless the
 * events of one are asked for: then -ENODEV, or -EPROTONOSUPPORT if they are not
 * of that @abi, or -EBUSY if it is attached already.
 */
int capi_afu_driver_attach(struct cxl_context *ctx, const char *abi)
{
	struct capi_afu_driver *drv;
	int rc;

	lockdep_assert_held(&ctx->mutex);
	if (ctx->driver)
		return -EBUSY;
	rc = choose_driver(ctx, abi);
	drv = ctx->driver;
	if (rc || !drv)
		return rc;

	rc = drv->attach(ctx);
	if (!rc)
		return 0;

	mutex_lock(&drivers_mutex);
	list_del(&ctx->driver_node);
	mutex_unlock(&drivers_mutex);
	ctx->driver = NULL;
	capi_events_end(ctx);
	module_put(drv->owner);
	return rc;
}

/* Caller holds ctx->mutex. */
void capi_afu_driver_detach(struct cxl_context *ctx)
{
	struct capi_afu_driver *drv = ctx->driver;

	lockdep_assert_held(&ctx->mutex);
	capi_events_end(ctx);
	if (!drv)
		return;

	drv->detach(ctx);

	mutex_lock(&drivers_mutex);
	list_del(&ctx->driver_node);
	mutex_unlock(&drivers_mutex);
	ctx->driver = NULL;
	module_put(drv->owner);
}
