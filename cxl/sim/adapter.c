// SPDX-License-Identifier: GPL-2.0-only
/*
 * A software adapter: the backend below the core, and how it comes and goes.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "sim.h"

static const struct sim_afu_ops *afu_ops(struct cxl_context *ctx)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(ctx));

	return afu->ops;
}

static int sim_context_init(struct cxl_context *ctx)
{
	void *afu = afu_ops(ctx)->init(ctx);

	if (IS_ERR(afu))
		return PTR_ERR(afu);
	capi_context_set_backend_priv(ctx, afu);
	return 0;
}

static void sim_context_release(struct cxl_context *ctx)
{
	afu_ops(ctx)->release(capi_context_backend_priv(ctx));
}

static void sim_context_clear(struct cxl_context *ctx)
{
	afu_ops(ctx)->clear(capi_context_backend_priv(ctx));
}

static int sim_attach(struct cxl_context *ctx, const struct capi_work *work)
{
	return afu_ops(ctx)->start(capi_context_backend_priv(ctx), work);
}

static void sim_detach(struct cxl_context *ctx)
{
	afu_ops(ctx)->stop(capi_context_backend_priv(ctx));
}

static u64 sim_mmio_read(struct cxl_context *ctx, u64 off, unsigned int width)
{
	return afu_ops(ctx)->read(capi_context_backend_priv(ctx), off, width);
}

static void sim_mmio_write(struct cxl_context *ctx, u64 off,
			   unsigned int width, u64 value)
{
	afu_ops(ctx)->write(capi_context_backend_priv(ctx), off, width, value);
}

static int sim_psa_pfn(struct cxl_context *ctx, unsigned long page,
		       unsigned long *pfn)
{
	const struct sim_afu_ops *ops = afu_ops(ctx);

	if (!ops->pfn)
		return -EINVAL;
	return ops->pfn(capi_context_backend_priv(ctx), page, pfn);
}

static int sim_area_pfn(struct cxl_context *ctx, unsigned long page,
			unsigned long *pfn)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(ctx));
	struct page *memory = sim_area_page(afu, page);

	/* The core asks for none beyond the area. */
	if (!memory)
		return -ENOMEM;
	*pfn = page_to_pfn(memory);
	/* From here on they cannot wait for faults. */
	sim_workers_kick(afu);
	return 0;
}

static int sim_afu_reset(struct cxl_afu *capi)
{
	struct sim_afu *afu = capi_afu_priv(capi);

	sim_workers_stop(afu);
	if (afu->ops->reset)
		afu->ops->reset(afu);
	return 0;
}

static int sim_adapter_reset(struct cxl_adapter *capi)
{
	struct cxl_afu *afu = NULL;

	while ((afu = capi_adapter_next_afu(capi, afu)))
		sim_afu_reset(afu);
	return 0;
}

/* All are told before the first is waited for, those of other AFUs too. */
static void stop_workers(struct sim_adapter *adapter)
{
	unsigned int i;

	for (i = 0; i < adapter->nr_afus; i++)
		sim_workers_end(&adapter->afus[i]);
	for (i = 0; i < adapter->nr_afus; i++)
		sim_workers_stop(&adapter->afus[i]);
}

static void sim_adapter_stop(struct cxl_adapter *capi)
{
	stop_workers(capi_adapter_priv(capi));
}

static int sim_err_read(struct cxl_afu *capi, char *buf, u64 off, size_t count,
			bool all)
{
	struct sim_afu *afu = capi_afu_priv(capi);

	afu->ops->err_read(afu, buf, off, count, all);
	return 0;
}

static const struct capi_adapter_desc sim_adapter_desc = {
	.caia_major = 1,
	.psl_revision = 1,
	.base_image = 1,
	.user_image = true,
	.timebase_synced = true,
};

static const struct capi_backend_ops sim_backend_ops = {
	.owner = THIS_MODULE,
	.context_init = sim_context_init,
	.context_release = sim_context_release,
	.context_clear = sim_context_clear,
	.attach = sim_attach,
	.detach = sim_detach,
	.mmio_read = sim_mmio_read,
	.mmio_write = sim_mmio_write,
	.psa_pfn = sim_psa_pfn,
	.area_pfn = sim_area_pfn,
	.afu_reset = sim_afu_reset,
	.adapter_stop = sim_adapter_stop,
	.adapter_reset = sim_adapter_reset,
	.err_read = sim_err_read,
};

static void remove_afus(struct sim_adapter *adapter)
{
	struct sim_afu *afu = &adapter->afus[adapter->nr_afus];

	while (afu-- > adapter->afus) {
		sim_workers_exit(afu);
		if (afu->ops->remove)
			afu->ops->remove(afu);
		sim_area_free(afu);
	}
}

static int probe_afu(struct sim_afu *afu)
{
	int rc = sim_area_init(afu);

	if (rc)
		return rc;
	sim_workers_init(afu);
	rc = afu->ops->probe ? afu->ops->probe(afu) : 0;
	if (rc) {
		sim_workers_exit(afu);
		sim_area_free(afu);
	}
	return rc;
}

/* Each counts from when it is there. */
static int probe_afus(struct sim_adapter *adapter, const struct sim_afu *afus,
		      unsigned int nr_afus)
{
	int rc;

	for (; adapter->nr_afus < nr_afus; adapter->nr_afus++) {
		adapter->afus[adapter->nr_afus] = afus[adapter->nr_afus];
		rc = probe_afu(&adapter->afus[adapter->nr_afus]);
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * AFUs that work in memory have lost what they were doing when it is back. AFU
 * drivers take what time they want over it: nobody who pulls the adapter waits.
 */
void sim_adapter_set_link(struct sim_adapter *adapter, bool up)
{
	bool ok = true;

	mutex_lock(&adapter->link);
	WRITE_ONCE(adapter->link_up, up);
	if (adapter->capi)
		ok = capi_adapter_set_link(adapter->capi, up);
	if (!up)
		stop_workers(adapter);
	mutex_unlock(&adapter->link);
	if (!ok)
		sim_adapter_drop(adapter);
}

/*
 * The card's function is being deleted, by us or through PCI's sysfs, and its
 * driver is unbound: what hangs below the function in sysfs goes first. AFU
 * drivers may still have contexts, so the core keeps the adapter for now.
 */
static int sim_function_deleted(struct notifier_block *nb,
				unsigned long action, void *data)
{
	struct sim_adapter *adapter =
		container_of(nb, struct sim_adapter, deletion);
	struct device *dev = data;

	if (action != BUS_NOTIFY_DEL_DEVICE || dev != &adapter->card->dev)
		return NOTIFY_DONE;

	mutex_lock(&adapter->lock);
	if (adapter->capi)
		capi_adapter_gone(adapter->capi);
	mutex_unlock(&adapter->lock);
	return NOTIFY_OK;
}

/*
 * The driver of the card's function is released first and without the PCI
 * rescan lock: that waits until the consumers of its mediated devices have
 * closed them, and only this work item waits with it. A driver that is bound
 * again meanwhile finds no adapter.
 */
static void sim_adapter_remove(struct work_struct *work)
{
	struct sim_adapter *adapter =
		container_of(work, struct sim_adapter, removal);

	device_release_driver(&adapter->card->dev);
	sim_debugfs_remove(adapter);

	pci_lock_rescan_remove();
	capi_vphb_stop(adapter->vphb);
	mutex_lock(&adapter->link);
	mutex_lock(&adapter->lock);
	capi_adapter_unregister(adapter->capi);
	adapter->capi = NULL;
	mutex_unlock(&adapter->lock);
	mutex_unlock(&adapter->link);
	capi_vphb_destroy(adapter->vphb);
	pci_unlock_rescan_remove();

	bus_unregister_notifier(&pci_bus_type, &adapter->deletion);
}

/**
 * sim_adapter_drop() - pull an adapter
 * @adapter: the adapter
 *
 * Returns when everybody has been told; the removal itself goes on by itself.
 * Dropping it again does nothing.
 */
void sim_adapter_drop(struct sim_adapter *adapter)
{
	/* All at once; the core waits for one after the other. */
	stop_workers(adapter);
	mutex_lock(&adapter->lock);
	if (adapter->capi)
		capi_adapter_gone(adapter->capi);
	mutex_unlock(&adapter->lock);
	if (!test_and_set_bit(0, &adapter->dropped)) {
		capi_vphb_unplug(adapter->vphb);
		queue_work(system_unbound_wq, &adapter->removal);
	}
}

/* Waits until it is gone. */
void sim_adapter_destroy(struct sim_adapter *adapter)
{
	sim_adapter_drop(adapter);
	flush_work(&adapter->removal);
	remove_afus(adapter);
	kfree(adapter);
}

static int register_adapter(struct sim_adapter *adapter)
{
	struct cxl_afu *afu;
	unsigned int i;

	adapter->capi = capi_adapter_register(adapter->card,
					      &sim_adapter_desc,
					      &sim_backend_ops, adapter);
	if (IS_ERR(adapter->capi))
		return PTR_ERR(adapter->capi);

	for (i = 0; i < adapter->nr_afus; i++) {
		afu = capi_afu_add(adapter->capi,
				   capi_vphb_function(adapter->vphb, i + 1),
				   &adapter->afus[i].desc, &adapter->afus[i]);
		if (IS_ERR(afu)) {
			capi_adapter_unregister(adapter->capi);
			return PTR_ERR(afu);
		}
	}
	return 0;
}

static int create_vphb(struct sim_adapter *adapter)
{
	struct capi_function *functions = adapter->functions;
	int domain = capi_vphb_next_domain();
	unsigned int i;

	if (domain < 0)
		return domain;
	capi_function_init(&functions[0], PCI_VENDOR_ID_IBM, 0x0477);
	sim_vpd_init(adapter, domain);
	for (i = 0; i < adapter->nr_afus; i++)
		capi_function_init(&functions[i + 1],
				   adapter->afus[i].desc.vendor,
				   adapter->afus[i].desc.device);

	adapter->vphb = capi_vphb_create(functions, adapter->nr_afus + 1);
	if (IS_ERR(adapter->vphb))
		return PTR_ERR(adapter->vphb);
	adapter->card = capi_vphb_function(adapter->vphb, 0);
	return 0;
}

/*
 * Caller holds the PCI rescan lock: nobody else publishes the functions before
 * the core knows them, and a drop waits until all is there.
 */
static int plug_in(struct sim_adapter *adapter)
{
	int rc = create_vphb(adapter);

	if (rc)
		return rc;
	rc = register_adapter(adapter);
	if (rc)
		goto err_vphb;
	rc = bus_register_notifier(&pci_bus_type, &adapter->deletion);
	if (rc)
		goto err_capi;

	sim_debugfs_add(adapter);
	capi_vphb_publish(adapter->vphb);
	return 0;

err_capi:
	capi_adapter_unregister(adapter->capi);
err_vphb:
	capi_vphb_destroy(adapter->vphb);
	return rc;
}

/**
 * sim_adapter_create() - plug an adapter in
 * @afus: its AFUs
 * @nr_afus: how many
 *
 * Return: the adapter, or an ERR_PTR.
 */
struct sim_adapter *sim_adapter_create(const struct sim_afu *afus,
				       unsigned int nr_afus)
{
	struct sim_adapter *adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	int rc;

	if (!adapter)
		return ERR_PTR(-ENOMEM);
	INIT_WORK(&adapter->removal, sim_adapter_remove);
	adapter->deletion.notifier_call = sim_function_deleted;
	mutex_init(&adapter->link);
	mutex_init(&adapter->lock);
	adapter->link_up = true;
	rc = probe_afus(adapter, afus, nr_afus);
	if (rc)
		goto err_free;

	pci_lock_rescan_remove();
	rc = plug_in(adapter);
	pci_unlock_rescan_remove();
	if (rc)
		goto err_free;
	return adapter;

err_free:
	remove_afus(adapter);
	kfree(adapter);
	return ERR_PTR(rc);
}
