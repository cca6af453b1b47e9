// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of <misc/cxl.h> that is a thin cover of the core.
 */
#include <linux/module.h>

#include "core.h"

/**
 * cxl_dev_context_init() - take a context for an AFU driver
 * @dev: the AFU's PCI function
 *
 * Context: process, may sleep.
 * Return: the context, to be given back with cxl_release_context(), or an
 * ERR_PTR: -ENODEV if @dev is not the function of an AFU, and as
 * capi_context_create().
 */
struct cxl_context *cxl_dev_context_init(struct pci_dev *dev)
{
	struct cxl_afu *afu = cxl_pci_to_afu(dev);

	if (IS_ERR(afu))
		return ERR_CAST(afu);
	return capi_context_create(afu, NULL, NULL);
}
EXPORT_SYMBOL_GPL(cxl_dev_context_init);

/**
 * cxl_set_priv() - keep a pointer for the AFU driver
 * @ctx: the context
 * @priv: the pointer
 *
 * Context: any.
 * Return: 0, or -EINVAL if @ctx is NULL.
 */
int cxl_set_priv(struct cxl_context *ctx, void *priv)
{
	if (!ctx)
		return -EINVAL;
	ctx->priv = priv;
	return 0;
}
EXPORT_SYMBOL_GPL(cxl_set_priv);

/**
 * cxl_get_priv() - what cxl_set_priv() kept
 * @ctx: the context
 *
 * Context: any.
 * Return: the pointer, or ERR_PTR(-EINVAL) if @ctx is NULL.
 */
void *cxl_get_priv(struct cxl_context *ctx)
{
	if (!ctx)
		return ERR_PTR(-EINVAL);
	return ctx->priv;
}
EXPORT_SYMBOL_GPL(cxl_get_priv);

/**
 * cxl_process_element() - a context's number
 * @ctx: the context
 *
 * Context: any.
 * Return: the process element.
 */
int cxl_process_element(struct cxl_context *ctx)
{
	return ctx->pe;
}
EXPORT_SYMBOL_GPL(cxl_process_element);

/**
 * cxl_set_master() - let a context reach the whole area of its AFU
 * @ctx: the context; not started yet
 *
 * Context: any.
 */
void cxl_set_master(struct cxl_context *ctx)
{
	WRITE_ONCE(ctx->master, true);
}
EXPORT_SYMBOL_GPL(cxl_set_master);
