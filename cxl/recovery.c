// SPDX-License-Identifier: GPL-2.0-only
/*
 * An adapter's link goes down and comes back, or it is reset: what AFU drivers
 * are asked, in which order, and what becomes of the contexts.
 */
#include <linux/module.h>

#include "core.h"

/* What the error handlers of an AFU driver are called for, in this order */
enum recovery {
	ERROR_DETECTED,
	SLOT_RESET,
	RESUME,
};

static pci_ers_result_t call_handler(struct pci_dev *pdev, enum recovery step)
{
	const struct pci_error_handlers *handlers =
		to_pci_driver(pdev->dev.driver)->err_handler;

	if (!handlers)
		return PCI_ERS_RESULT_NONE;
	if (step == ERROR_DETECTED && handlers->error_detected)
		return handlers->error_detected(pdev, pci_channel_io_frozen);
	if (step == SLOT_RESET && handlers->slot_reset)
		return handlers->slot_reset(pdev);
	if (step == RESUME && handlers->resume)
		handlers->resume(pdev);
	return PCI_ERS_RESULT_NONE;
}

static bool tell_driver(struct cxl_afu *afu, enum recovery step)
{
	pci_ers_result_t result = PCI_ERS_RESULT_NONE;
	struct pci_dev *pdev = afu->pdev;

	device_lock(&pdev->dev);
	if (step == SLOT_RESET)
		capi_default_context_renew(afu);
	if (step != RESUME)
		pdev->error_state = step == ERROR_DETECTED ?
				    pci_channel_io_frozen :
				    pci_channel_io_normal;
	if (pdev->dev.driver)
		result = call_handler(pdev, step);
	device_unlock(&pdev->dev);
	return result != PCI_ERS_RESULT_DISCONNECT;
}

/* Returns false if a driver says that the adapter cannot be recovered. */
static bool tell_drivers(struct cxl_adapter *adapter, enum recovery step)
{
	struct cxl_afu *afu;
	bool ok = true;

	list_for_each_entry(afu, &adapter->afus, node)
		if (!tell_driver(afu, step))
			ok = false;
	if (!ok)
		dev_err(&adapter->dev, "an AFU driver gives it up\n");
	return ok;
}

static bool bring_back(struct cxl_adapter *adapter)
{
	bool ok = tell_drivers(adapter, SLOT_RESET);

	if (ok)
		tell_drivers(adapter, RESUME);
	return ok;
}

/* Contexts that have a user are left to it, unless @all are meant. */
static void stop_contexts(struct cxl_adapter *adapter, bool all)
{
	struct cxl_context *ctx;

	mutex_lock(&adapter->mutex);
	list_for_each_entry(ctx, &adapter->contexts, node) {
		if (ctx->user && !all)
			continue;
		mutex_lock(&ctx->mutex);
		capi_context_stop_locked(ctx);
		mutex_unlock(&ctx->mutex);
	}
	mutex_unlock(&adapter->mutex);
}

/* Returns false if there is no change. */
static bool change_link(struct cxl_adapter *adapter, bool up)
{
	struct cxl_context *ctx;
	bool change;

	mutex_lock(&adapter->mutex);
	change = !adapter->gone && adapter->link_up != up;
	if (change) {
		WRITE_ONCE(adapter->link_up, up);
		list_for_each_entry(ctx, &adapter->contexts, node)
			capi_context_set_link(ctx, up);
		dev_info(&adapter->dev, "link %s\n", up ? "up" : "down");
	}
	mutex_unlock(&adapter->mutex);
	return change;
}

/**
 * capi_adapter_set_link() - the adapter's link went down or came back
 * @adapter: the adapter
 * @up: which
 *
 * While it is down, reads of events fail with -EIO, and nothing of a problem
 * state area can be reached. AFU drivers' error_detected handlers are called,
 * and then every context is closed that has no user to be told by its link
 * callback. When it is up again, all AFU drivers' slot_reset handlers are called
 * before their resume handlers; a default context is made anew before.
 *
 * Context: process, may sleep; not from an AFU driver's error handler.
 * Return: false if an AFU driver wants the adapter removed, which is left to the
 * caller.
 */
bool capi_adapter_set_link(struct cxl_adapter *adapter, bool up)
{
	bool ok = true;

	mutex_lock(&adapter->recovery);
	if (change_link(adapter, up)) {
		if (up) {
			ok = bring_back(adapter);
		} else {
			ok = tell_drivers(adapter, ERROR_DETECTED);
			stop_contexts(adapter, false);
		}
	}
	mutex_unlock(&adapter->recovery);
	return ok;
}
EXPORT_SYMBOL_GPL(capi_adapter_set_link);

static int lock_starts(struct cxl_adapter *adapter, bool force)
{
	int rc = 0;

	if (READ_ONCE(adapter->gone))
		return -ENODEV;
	if (!READ_ONCE(adapter->link_up))
		return -EIO;

	spin_lock(&adapter->starts);
	if (adapter->started && !force)
		rc = -EBUSY;
	/* An image that is loaded anew may be another. */
	else if (READ_ONCE(adapter->perst_same))
		rc = -EINVAL;
	else
		adapter->locked = true;
	spin_unlock(&adapter->starts);
	return rc;
}

static void unlock_starts(struct cxl_adapter *adapter)
{
	spin_lock(&adapter->starts);
	adapter->locked = false;
	spin_unlock(&adapter->starts);
}

/*
 * Resets the adapter, and closes all its contexts. Returns -EBUSY while contexts
 * are started, unless it is forced; -EINVAL if images are trusted to stay the
 * same, since a reset may load another; -EIO if the link is down, or an AFU
 * driver gave the adapter up; -ENODEV if it is gone; or what the backend says.
 */
int capi_adapter_reset(struct cxl_adapter *adapter, bool force)
{
	bool ok;
	int rc;

	mutex_lock(&adapter->recovery);
	rc = lock_starts(adapter, force);
	if (rc)
		goto out;

	ok = tell_drivers(adapter, ERROR_DETECTED);
	if (adapter->ops->adapter_stop)
		adapter->ops->adapter_stop(adapter);
	stop_contexts(adapter, true);
	if (adapter->ops->adapter_reset)
		rc = adapter->ops->adapter_reset(adapter);
	unlock_starts(adapter);
	if (!rc && (!ok || !bring_back(adapter)))
		rc = -EIO;
out:
	mutex_unlock(&adapter->recovery);
	return rc;
}
