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
	return READ_ONCE(ctx->external_pe);
}
EXPORT_SYMBOL_GPL(cxl_process_element);

/**
 * capi_context_set_process_element() - let a context have its adapter's number
 * @ctx: the context
 * @pe: the number that its adapter knows it by
 *
 * For backends that do not choose the number themselves; from their attach
 * callback. Until then a context has the lowest that is free in its AFU.
 *
 * Context: any.
 */
void capi_context_set_process_element(struct cxl_context *ctx, int pe)
{
	WRITE_ONCE(ctx->external_pe, pe);
}
EXPORT_SYMBOL_GPL(capi_context_set_process_element);

/**
 * cxl_set_master() - make a context a master
 * @ctx: the context, before it is started
 *
 * What cxl_psa_map() and mmap() map of it is the whole area of its AFU, if the
 * AFU has one: its own registers and the problem state areas of all contexts.
 *
 * Context: any.
 */
void cxl_set_master(struct cxl_context *ctx)
{
	WRITE_ONCE(ctx->master, true);
}
EXPORT_SYMBOL_GPL(cxl_set_master);

/**
 * cxl_afu_reset() - reset an AFU
 * @ctx: a context of it
 *
 * The AFU forgets what it works for, for all contexts. They stay started as far
 * as the kernel knows: each is to be stopped, and may be started again.
 *
 * Context: process, may sleep; not from a callback of struct capi_afu_driver.
 * Return: 0, -ENODEV if the adapter is gone, -EIO if its link is down, or what
 * the backend says.
 */
int cxl_afu_reset(struct cxl_context *ctx)
{
	int rc;

	mutex_lock(&ctx->mutex);
	if (ctx->gone)
		rc = -ENODEV;
	else if (!READ_ONCE(ctx->link_up))
		rc = -EIO;
	else
		rc = capi_context_ops(ctx)->afu_reset(ctx->afu);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_afu_reset);

/**
 * cxl_pci_to_cfg_record() - which configuration record of its AFU a function is
 * @dev: an AFU's PCI function
 *
 * Context: any.
 * Return: 0: the first; AFUs have one function each.
 */
unsigned int cxl_pci_to_cfg_record(struct pci_dev *dev)
{
	return 0;
}
EXPORT_SYMBOL_GPL(cxl_pci_to_cfg_record);

/**
 * cxl_perst_reloads_same_image() - say what a reset of the adapter loads
 * @afu: an AFU of the adapter
 * @perst_reloads_same_image: the flash still holds the image that runs now
 *
 * Concerns the whole adapter, and is what the attribute of that name in
 * /sys/class/cxl shows and changes.
 *
 * Context: any.
 */
void cxl_perst_reloads_same_image(struct cxl_afu *afu,
				  bool perst_reloads_same_image)
{
	WRITE_ONCE(afu->adapter->perst_same, perst_reloads_same_image);
}
EXPORT_SYMBOL_GPL(cxl_perst_reloads_same_image);

/**
 * cxl_read_adapter_vpd() - read the vital product data of the card
 * @dev: PCI function of an AFU on it
 * @buf: filled
 * @count: bytes to read, from the beginning
 *
 * Context: process, may sleep.
 * Return: how many bytes were read, fewer than @count where there are no more;
 * -ENODEV if @dev is not the function of an AFU or its card has no such data;
 * or another error of pci_read_vpd().
 */
ssize_t cxl_read_adapter_vpd(struct pci_dev *dev, void *buf, size_t count)
{
	struct cxl_afu *afu = cxl_pci_to_afu(dev);

	if (IS_ERR(afu))
		return PTR_ERR(afu);
	return pci_read_vpd(afu->adapter->pdev, 0, count, buf);
}
EXPORT_SYMBOL_GPL(cxl_read_adapter_vpd);
