// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core wants done, done by the VF.
 */
#include <linux/errno.h>
#include <linux/module.h>

#include "guest.h"

/* Caller holds window.lock, or is alone. */
int guest_command(struct guest_card *card, u32 command)
{
	u32 result;

	guest_store(card, CAPI_MDEV_REG_COMMAND, command);
	result = guest_load(card, CAPI_MDEV_REG_RESULT);
	if (result == ~0U)
		return -ENODEV;
	/* From there on they mean something to the kernel itself. */
	return result >= ERESTARTSYS ? -EIO : -(int)result;
}

static void guest_context_release(struct cxl_context *ctx)
{
	guest_window_give(guest_context_card(ctx), ctx);
}

/* Caller holds window.lock. */
static int start(struct guest_card *card, u64 wed)
{
	writeq(wed, card->regs + CAPI_MDEV_REG_WED);
	writeq(card->translator.block_dma,
	       card->regs + CAPI_MDEV_REG_TRANSLATION);
	return guest_command(card, CAPI_MDEV_COMMAND_START);
}

static int guest_attach(struct cxl_context *ctx, const struct capi_work *work)
{
	struct guest_card *card = guest_context_card(ctx);
	struct guest_window *window = &card->window;
	int rc;

	mutex_lock(&window->lock);
	rc = guest_window_take(card, ctx);
	if (rc)
		goto out;
	rc = guest_translator_start(card, ctx);
	if (rc)
		goto out;
	rc = start(card, work->wed);
	if (rc) {
		guest_translator_stop(card);
		goto out;
	}
	window->started = true;
	window->running = true;
	capi_context_set_process_element(ctx, card->pe);
out:
	mutex_unlock(&window->lock);
	return rc;
}

/*
 * What was raised before can still be read. The translator may be waiting for a
 * process: no others wait with it for the lock, but none has the VF before.
 */
static void guest_detach(struct cxl_context *ctx)
{
	struct guest_card *card = guest_context_card(ctx);
	struct guest_window *window = &card->window;

	mutex_lock(&window->lock);
	window->running = false;
	guest_command(card, CAPI_MDEV_COMMAND_STOP);
	guest_window_pump(card);
	mutex_unlock(&window->lock);

	guest_translator_stop(card);

	mutex_lock(&window->lock);
	window->started = false;
	mutex_unlock(&window->lock);
}

static u64 guest_mmio_read(struct cxl_context *ctx, u64 off, unsigned int width)
{
	struct guest_card *card = guest_context_card(ctx);

	return width == 8 ? readq(card->psa + off) : readl(card->psa + off);
}

static void guest_mmio_write(struct cxl_context *ctx, u64 off,
			     unsigned int width, u64 value)
{
	struct guest_card *card = guest_context_card(ctx);

	if (width == 8)
		writeq(value, card->psa + off);
	else
		writel(value, card->psa + off);
}

static int guest_psa_pfn(struct cxl_context *ctx, unsigned long page,
			 unsigned long *pfn)
{
	struct guest_card *card = guest_context_card(ctx);
	u64 off = (u64)page << PAGE_SHIFT;

	if (off < card->desc.map_offset ||
	    off - card->desc.map_offset >= card->desc.map_size)
		return -EINVAL;
	*pfn = PHYS_PFN(pci_resource_start(card->vf, 2)) + page;
	return 0;
}

/* Only this VM's part of the AFU: nobody is at work, so nobody loses anything. */
static int reset(struct guest_card *card)
{
	struct guest_window *window = &card->window;
	int rc = 0;

	mutex_lock(&window->lock);
	if (!rcu_access_pointer(window->owner))
		rc = guest_command(card, CAPI_MDEV_COMMAND_RESET);
	mutex_unlock(&window->lock);
	return rc;
}

static int guest_afu_reset(struct cxl_afu *afu)
{
	return reset(capi_afu_priv(afu));
}

static int guest_adapter_reset(struct cxl_adapter *adapter)
{
	return reset(capi_adapter_priv(adapter));
}

const struct capi_backend_ops guest_backend_ops = {
	.owner = THIS_MODULE,
	.context_release = guest_context_release,
	.attach = guest_attach,
	.detach = guest_detach,
	.mmio_read = guest_mmio_read,
	.mmio_write = guest_mmio_write,
	.psa_pfn = guest_psa_pfn,
	.afu_reset = guest_afu_reset,
	.adapter_reset = guest_adapter_reset,
};
