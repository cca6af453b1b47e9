// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters and their AFUs, as /sys/class/cxl shows them.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"

static struct class capi_class = { .name = "cxl" };

static DEFINE_MUTEX(adapters_mutex); /* covers the list */
static LIST_HEAD(adapters);
static DEFINE_IDA(adapter_ids);

int capi_adapter_init(void)
{
	int rc = capi_chardev_init(&capi_class);

	if (rc)
		return rc;
	rc = class_register(&capi_class);
	if (rc)
		capi_chardev_exit();
	return rc;
}

void capi_adapter_exit(void)
{
	class_unregister(&capi_class);
	capi_chardev_exit();
}

static void adapter_release(struct device *dev)
{
	struct cxl_adapter *adapter = to_cxl_adapter(dev);

	capi_irqs_remove_adapter(adapter);
	ida_free(&adapter_ids, adapter->num);
	mutex_destroy(&adapter->recovery);
	mutex_destroy(&adapter->release);
	mutex_destroy(&adapter->mutex);
	kfree(adapter);
}

static void afu_release(struct device *dev)
{
	struct cxl_afu *afu = to_cxl_afu(dev);

	ida_destroy(&afu->pes);
	mutex_destroy(&afu->mode_mutex);
	put_device(&afu->adapter->dev);
	kfree(afu);
}

static struct cxl_adapter *adapter_alloc(struct pci_dev *pdev)
{
	struct cxl_adapter *adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	int rc;

	if (!adapter)
		return ERR_PTR(-ENOMEM);

	rc = ida_alloc(&adapter_ids, GFP_KERNEL);
	if (rc < 0)
		goto err_free;
	adapter->num = rc;
	rc = capi_irqs_add_adapter(adapter);
	if (rc)
		goto err_num;
	mutex_init(&adapter->recovery);
	mutex_init(&adapter->release);
	mutex_init(&adapter->mutex);
	spin_lock_init(&adapter->starts);
	INIT_LIST_HEAD(&adapter->afus);
	INIT_LIST_HEAD(&adapter->contexts);
	adapter->link_up = true;
	adapter->pdev = pdev;

	device_initialize(&adapter->dev);
	adapter->dev.parent = &pdev->dev;
	adapter->dev.class = &capi_class;
	adapter->dev.groups = capi_adapter_groups;
	adapter->dev.release = adapter_release;
	return adapter;

err_num:
	ida_free(&adapter_ids, adapter->num);
err_free:
	kfree(adapter);
	return ERR_PTR(rc);
}

/**
 * capi_adapter_register() - bring an adapter
 * @pdev: its PCI function, held by the backend until capi_adapter_unregister()
 * @desc: what it is; copied
 * @ops: what the backend does
 * @priv: kept for the backend, see capi_adapter_priv()
 *
 * AFUs are added with capi_afu_add(), before the PCI function is visible to
 * drivers.
 *
 * Context: process, may sleep.
 * Return: the adapter, or an ERR_PTR.
 */
struct cxl_adapter *capi_adapter_register(struct pci_dev *pdev,
					  const struct capi_adapter_desc *desc,
					  const struct capi_backend_ops *ops,
					  void *priv)
{
	struct cxl_adapter *adapter;
	int rc;

	if (!ops->attach || !ops->detach || !ops->mmio_read ||
	    !ops->mmio_write || !ops->afu_reset)
		return ERR_PTR(-EINVAL);

	adapter = adapter_alloc(pdev);
	if (IS_ERR(adapter))
		return adapter;
	adapter->desc = *desc;
	adapter->ops = ops;
	adapter->priv = priv;
	adapter->perst_loads = true;
	adapter->perst_user = desc->user_image;

	rc = dev_set_name(&adapter->dev, "card%d", adapter->num);
	if (!rc)
		rc = device_add(&adapter->dev);
	if (rc) {
		put_device(&adapter->dev);
		return ERR_PTR(rc);
	}

	mutex_lock(&adapters_mutex);
	list_add_tail(&adapter->node, &adapters);
	mutex_unlock(&adapters_mutex);
	return adapter;
}
EXPORT_SYMBOL_GPL(capi_adapter_register);

/* The area ends with the problem state areas of all contexts. */
static bool area_ok(const struct capi_afu_desc *desc)
{
	if (!desc->area_size)
		return true;
	return PAGE_ALIGNED(desc->area_size) && PAGE_ALIGNED(desc->pp_offset) &&
	       desc->pp_offset <= desc->area_size &&
	       desc->contexts <= div64_u64(desc->area_size - desc->pp_offset,
					   desc->psa_size);
}

static bool desc_ok(const struct capi_afu_desc *desc)
{
	return desc->kind && desc->description && desc->modes &&
	       !(desc->modes & ~(CXL_MODE_DEDICATED | CXL_MODE_DIRECTED)) &&
	       desc->contexts && desc->contexts <= CAPI_MAX_CONTEXTS &&
	       desc->irqs <= desc->irqs_max &&
	       desc->irqs_max <= CAPI_MAX_IRQS &&
	       desc->psa_size >= PAGE_SIZE && is_power_of_2(desc->psa_size) &&
	       PAGE_ALIGNED(desc->map_offset) && PAGE_ALIGNED(desc->map_size) &&
	       desc->map_offset <= desc->psa_size &&
	       desc->map_size <= desc->psa_size - desc->map_offset &&
	       area_ok(desc);
}

/* What is offered as one kind must be alike in all that a user can see. */
static bool fits(struct cxl_adapter *adapter, const struct capi_afu_desc *desc)
{
	const struct capi_afu_desc *other;
	struct cxl_afu *afu;

	if ((desc->map_size && !adapter->ops->psa_pfn) ||
	    (desc->area_size && !adapter->ops->area_pfn) ||
	    (desc->err_size && !adapter->ops->err_read))
		return false;
	list_for_each_entry(afu, &adapter->afus, node) {
		other = &afu->desc;
		if (other->vendor == desc->vendor &&
		    other->device == desc->device &&
		    (other->irqs != desc->irqs ||
		     other->irqs_max != desc->irqs_max ||
		     other->psa_size != desc->psa_size ||
		     other->map_offset != desc->map_offset ||
		     other->map_size != desc->map_size ||
		     other->modes != desc->modes ||
		     other->pp_offset != desc->pp_offset ||
		     other->err_size != desc->err_size))
			return false;
	}
	return true;
}

/**
 * capi_afu_add() - bring an AFU of an adapter
 * @adapter: the adapter
 * @pdev: the AFU's PCI function, held by the backend as the adapter's is
 * @desc: what it is; copied, but not the strings
 * @priv: kept for the backend, see capi_afu_priv()
 *
 * Context: process, may sleep.
 * Return: the AFU, which goes with the adapter, or an ERR_PTR: -EINVAL for a
 * description that cannot be, or differs from that of another AFU of its kind.
 */
struct cxl_afu *capi_afu_add(struct cxl_adapter *adapter, struct pci_dev *pdev,
			     const struct capi_afu_desc *desc, void *priv)
{
	struct cxl_afu *afu;
	int rc;

	if (!desc_ok(desc) || !fits(adapter, desc))
		return ERR_PTR(-EINVAL);

	afu = kzalloc(sizeof(*afu), GFP_KERNEL);
	if (!afu)
		return ERR_PTR(-ENOMEM);
	get_device(&adapter->dev);
	afu->adapter = adapter;
	afu->index = adapter->nr_afus;
	afu->pdev = pdev;
	afu->desc = *desc;
	afu->priv = priv;
	afu->irqs_max = desc->irqs_max;
	afu->mode = desc->modes & CXL_MODE_DIRECTED ?: CXL_MODE_DEDICATED;
	mutex_init(&afu->mode_mutex);
	ida_init(&afu->pes);

	device_initialize(&afu->dev);
	afu->dev.parent = &adapter->dev;
	afu->dev.class = &capi_class;
	afu->dev.groups = capi_afu_groups;
	afu->dev.release = afu_release;
	rc = dev_set_name(&afu->dev, "afu%d.%u", adapter->num,
			  afu->index);
	if (!rc)
		rc = device_add(&afu->dev);
	if (rc)
		goto err_put;
	rc = capi_sysfs_add_err_buff(afu);
	if (rc)
		goto err_del;
	capi_debugfs_add_afu(afu);
	rc = capi_nodes_add(afu);
	if (rc)
		goto err_del;

	mutex_lock(&adapters_mutex);
	list_add_tail(&afu->node, &adapter->afus);
	adapter->nr_afus++;
	mutex_unlock(&adapters_mutex);
	return afu;

err_del:
	debugfs_remove(afu->debugfs);
	device_del(&afu->dev);
err_put:
	put_device(&afu->dev);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_GPL(capi_afu_add);

/* What files stand for is cut off; whoever has one open may take his time. */
static void sever_contexts(struct cxl_adapter *adapter, bool all)
{
	struct cxl_context *ctx, *found;

	mutex_lock(&adapter->release);
	do {
		found = NULL;
		mutex_lock(&adapter->mutex);
		list_for_each_entry(ctx, &adapter->contexts, node) {
			if (all || READ_ONCE(ctx->has_file)) {
				found = ctx;
				capi_context_get(ctx);
				break;
			}
		}
		mutex_unlock(&adapter->mutex);
		if (found) {
			capi_context_sever(found);
			capi_context_put(found);
		}
	} while (found);
	mutex_unlock(&adapter->release);
}

/**
 * capi_adapter_gone() - the adapter is there no longer, or soon will not be
 * @adapter: the adapter
 *
 * Nothing of it can be opened from here on. Every context is stopped, its
 * events and mappings removed, its AFU driver detached, and its user told to
 * let go; the backend is not called again for one that only a file stands for.
 * Does not wait for consumers. Calling it again does nothing.
 *
 * Context: process, may sleep.
 */
void capi_adapter_gone(struct cxl_adapter *adapter)
{
	struct cxl_context *ctx;
	struct cxl_afu *afu;
	bool was_gone;

	mutex_lock(&adapter->mutex);
	was_gone = adapter->gone;
	if (!was_gone) {
		WRITE_ONCE(adapter->gone, true);
		list_for_each_entry(ctx, &adapter->contexts, node)
			capi_context_revoke(ctx);
	}
	mutex_unlock(&adapter->mutex);
	if (was_gone)
		return;

	sever_contexts(adapter, false);
	/* They are below the PCI function in sysfs: it may be deleted now. */
	list_for_each_entry(afu, &adapter->afus, node) {
		capi_nodes_remove(afu);
		device_del(&afu->dev);
	}
	device_del(&adapter->dev);
}
EXPORT_SYMBOL_GPL(capi_adapter_gone);

/**
 * capi_adapter_sever() - the adapter's backend goes before its AFUs' functions
 * @adapter: the drivers of its PCI functions have been unbound, and released
 *	their contexts
 *
 * When it returns, the backend is not called again. Drivers that are bound from
 * here on find their AFUs, but get no contexts.
 *
 * Context: process, may sleep.
 */
void capi_adapter_sever(struct cxl_adapter *adapter)
{
	struct cxl_afu *afu;

	capi_adapter_gone(adapter);
	list_for_each_entry(afu, &adapter->afus, node)
		capi_default_context_drop(afu);
	if (!list_empty(&adapter->contexts))
		dev_warn(&adapter->dev, "a driver has left contexts behind\n");
	sever_contexts(adapter, true);
}
EXPORT_SYMBOL_GPL(capi_adapter_sever);

/**
 * capi_adapter_unregister() - end of an adapter and its AFUs
 * @adapter: no driver is bound to its PCI functions, or ever will be: see
 *	capi_vphb_stop()
 *
 * When it returns, the backend is not called again.
 *
 * Context: process, may sleep.
 */
void capi_adapter_unregister(struct cxl_adapter *adapter)
{
	struct cxl_afu *afu, *next;

	capi_adapter_sever(adapter);
	mutex_lock(&adapters_mutex);
	list_del(&adapter->node);
	mutex_unlock(&adapters_mutex);

	list_for_each_entry_safe(afu, next, &adapter->afus, node) {
		debugfs_remove(afu->debugfs);
		list_del(&afu->node);
		put_device(&afu->dev);
	}
	put_device(&adapter->dev);
}
EXPORT_SYMBOL_GPL(capi_adapter_unregister);

/**
 * capi_pci_to_adapter() - the adapter behind a PCI function
 * @pdev: the function
 *
 * Context: process, may sleep.
 * Return: the adapter, or NULL if there is none or it is gone. It stays at
 * least as long as a driver is bound to @pdev.
 */
struct cxl_adapter *capi_pci_to_adapter(struct pci_dev *pdev)
{
	struct cxl_adapter *adapter, *found = NULL;

	mutex_lock(&adapters_mutex);
	list_for_each_entry(adapter, &adapters, node)
		if (adapter->pdev == pdev && !READ_ONCE(adapter->gone))
			found = adapter;
	mutex_unlock(&adapters_mutex);
	return found;
}
EXPORT_SYMBOL_GPL(capi_pci_to_adapter);

/**
 * cxl_pci_to_afu() - the AFU behind a PCI function
 * @dev: the function
 *
 * Context: process, may sleep.
 * Return: the AFU, or ERR_PTR(-ENODEV) if @dev is not the function of one.
 */
struct cxl_afu *cxl_pci_to_afu(struct pci_dev *dev)
{
	struct cxl_adapter *adapter;
	struct cxl_afu *afu, *found = ERR_PTR(-ENODEV);

	mutex_lock(&adapters_mutex);
	list_for_each_entry(adapter, &adapters, node)
		list_for_each_entry(afu, &adapter->afus, node)
			if (afu->pdev == dev)
				found = afu;
	mutex_unlock(&adapters_mutex);
	return found;
}
EXPORT_SYMBOL_GPL(cxl_pci_to_afu);

/**
 * capi_adapter_next_afu() - walk the AFUs of an adapter
 * @adapter: the adapter
 * @prev: the last one, or NULL to begin
 *
 * Context: any, once the adapter's PCI function is visible to drivers.
 * Return: the next one, or NULL at the end.
 */
struct cxl_afu *capi_adapter_next_afu(struct cxl_adapter *adapter,
				      struct cxl_afu *prev)
{
	struct list_head *next = prev ? prev->node.next : adapter->afus.next;

	if (next == &adapter->afus)
		return NULL;
	return list_entry(next, struct cxl_afu, node);
}
EXPORT_SYMBOL_GPL(capi_adapter_next_afu);

/**
 * capi_adapter_priv() - what the backend gave when it registered the adapter
 * @adapter: the adapter
 *
 * Context: any.
 */
void *capi_adapter_priv(struct cxl_adapter *adapter)
{
	return adapter->priv;
}
EXPORT_SYMBOL_GPL(capi_adapter_priv);

/**
 * capi_afu_priv() - what the backend gave when it added the AFU
 * @afu: the AFU
 *
 * Context: any.
 */
void *capi_afu_priv(struct cxl_afu *afu)
{
	return afu->priv;
}
EXPORT_SYMBOL_GPL(capi_afu_priv);

/**
 * capi_afu_desc() - what an AFU is
 * @afu: the AFU
 *
 * Context: any.
 */
const struct capi_afu_desc *capi_afu_desc(struct cxl_afu *afu)
{
	return &afu->desc;
}
EXPORT_SYMBOL_GPL(capi_afu_desc);

/**
 * capi_afu_name() - an AFU's name in /sys/class/cxl
 * @afu: the AFU
 *
 * Context: any.
 */
const char *capi_afu_name(struct cxl_afu *afu)
{
	return dev_name(&afu->dev);
}
EXPORT_SYMBOL_GPL(capi_afu_name);

/*
 * The AFU forgets what it did. -EBUSY while somebody has a context of it, -EIO if
 * the link is down, -ENODEV if the adapter is gone, or what the backend says.
 */
int capi_afu_reset(struct cxl_afu *afu)
{
	struct cxl_adapter *adapter = afu->adapter;
	int rc;

	mutex_lock(&adapter->mutex);
	if (adapter->gone)
		rc = -ENODEV;
	else if (atomic_read(&afu->used))
		rc = -EBUSY;
	else if (!adapter->link_up)
		rc = -EIO;
	else
		rc = adapter->ops->afu_reset(afu);
	mutex_unlock(&adapter->mutex);
	return rc;
}

/* How many contexts the AFU serves at once in the mode it is in */
unsigned int capi_afu_capacity(struct cxl_afu *afu)
{
	switch (READ_ONCE(afu->mode)) {
	case CXL_MODE_DIRECTED:
		return afu->desc.contexts;
	case CXL_MODE_DEDICATED:
		return 1;
	default:
		return 0;
	}
}

/**
 * capi_afu_free_contexts() - how many contexts of an AFU are not taken
 * @afu: the AFU
 *
 * Context: any. The answer is of the moment.
 */
unsigned int capi_afu_free_contexts(struct cxl_afu *afu)
{
	int free = capi_afu_capacity(afu) - atomic_read(&afu->used);

	return max(free, 0);
}
EXPORT_SYMBOL_GPL(capi_afu_free_contexts);
