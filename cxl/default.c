// SPDX-License-Identifier: GPL-2.0-only
/*
 * The default context of an AFU: it is there while a driver is bound to the AFU's
 * PCI function and wants it.
 */
#include <linux/module.h>

#include "core.h"

static struct cxl_context *add_default(struct cxl_afu *afu)
{
	struct cxl_context *ctx = capi_context_create(afu, NULL, NULL);
	struct cxl_context *other;

	if (IS_ERR(ctx))
		return NULL;
	/* Held as long as it is the default, for who takes it away from there. */
	capi_context_get(ctx);
	other = cmpxchg(&afu->default_ctx, NULL, ctx);
	if (!other)
		return ctx;
	capi_context_put(ctx);
	cxl_release_context(ctx);
	return other;
}

/**
 * cxl_get_context() - the default context of an AFU
 * @dev: the AFU's PCI function, enabled
 *
 * The first call makes it; it takes one of the AFU's contexts. It is released
 * after the driver of @dev is unbound, and made anew, not started, before the
 * driver's slot_reset is called: the driver asks for it again there.
 *
 * Context: process, may sleep; the driver of @dev.
 * Return: the context, or NULL if @dev is not the function of an AFU or not
 * enabled, the adapter is gone, or the AFU has no context left.
 */
struct cxl_context *cxl_get_context(struct pci_dev *dev)
{
	struct cxl_afu *afu = cxl_pci_to_afu(dev);

	if (IS_ERR(afu) || !pci_is_enabled(dev))
		return NULL;
	return READ_ONCE(afu->default_ctx) ?: add_default(afu);
}
EXPORT_SYMBOL_GPL(cxl_get_context);

static bool drop_default(struct cxl_afu *afu)
{
	struct cxl_context *ctx = xchg(&afu->default_ctx, NULL);

	if (!ctx)
		return false;
	if (!cxl_stop_context(ctx))
		dev_warn(&afu->dev, "context %d: its driver did not stop it\n",
			 ctx->pe);
	/* A file that stands for it gives it back when it is closed. */
	if (!READ_ONCE(ctx->has_file))
		cxl_release_context(ctx);
	capi_context_put(ctx);
	return true;
}

/**
 * capi_default_context_drop() - nobody uses the default context any more
 * @afu: the AFU
 *
 * Context: process, may sleep.
 */
void capi_default_context_drop(struct cxl_afu *afu)
{
	drop_default(afu);
}

/**
 * capi_default_context_renew() - the AFU was reset: begin anew
 * @afu: the AFU
 *
 * Its driver, told by slot_reset, finds another default context, if there was
 * one.
 *
 * Context: process, may sleep.
 */
void capi_default_context_renew(struct cxl_afu *afu)
{
	if (drop_default(afu))
		add_default(afu);
}

/* The function has no driver now, so nobody knows its default context. */
static int function_unbound(struct notifier_block *nb, unsigned long action,
			    void *data)
{
	struct cxl_afu *afu;

	if (action != BUS_NOTIFY_UNBOUND_DRIVER &&
	    action != BUS_NOTIFY_DRIVER_NOT_BOUND)
		return NOTIFY_DONE;
	afu = cxl_pci_to_afu(to_pci_dev(data));
	if (IS_ERR(afu))
		return NOTIFY_DONE;
	capi_default_context_drop(afu);
	return NOTIFY_OK;
}

static struct notifier_block unbound_notifier = {
	.notifier_call = function_unbound,
};

int capi_default_context_init(void)
{
	return bus_register_notifier(&pci_bus_type, &unbound_notifier);
}

void capi_default_context_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &unbound_notifier);
}
