// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parent: an adapter's PCI function, and the types that it offers.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "mdev.h"

/**
 * struct capi_mdev_parent - an adapter that is bound to us
 * @parent: what the mdev core knows of it
 * @list: the types, as the mdev core wants them
 * @nr_types: how many
 * @types: the types
 */
struct capi_mdev_parent {
	struct mdev_parent parent;
	struct mdev_type **list;
	unsigned int nr_types;
	struct capi_mdev_type types[];
};

static bool same_kind(const struct capi_afu_desc *a,
		      const struct capi_afu_desc *b)
{
	return a->vendor == b->vendor && a->device == b->device;
}

static struct capi_mdev_type *to_type(struct mdev_type *mtype)
{
	return container_of(mtype, struct capi_mdev_type, type);
}

unsigned int capi_mdev_get_available(struct mdev_type *mtype)
{
	struct capi_mdev_type *type = to_type(mtype);
	struct cxl_afu *afu = NULL;
	unsigned int n = 0;

	while ((afu = capi_adapter_next_afu(type->adapter, afu)))
		if (same_kind(capi_afu_desc(afu), type->desc))
			n += capi_afu_free_contexts(afu);
	return n;
}

ssize_t capi_mdev_show_description(struct mdev_type *mtype, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_type(mtype)->desc->description);
}

/*
 * Takes a context from the first AFU of the kind that has one. An AFU in no mode has
 * none, and says ENODEV, as one that is gone does.
 */
struct cxl_context *capi_mdev_take_context(struct mdev_type *mtype,
					   const struct capi_context_user *user,
					   struct capi_mdev *m)
{
	struct capi_mdev_type *type = to_type(mtype);
	struct cxl_afu *afu = NULL;
	struct cxl_context *ctx;

	while ((afu = capi_adapter_next_afu(type->adapter, afu))) {
		if (!same_kind(capi_afu_desc(afu), type->desc))
			continue;
		ctx = capi_context_create(afu, user, m);
		if (!IS_ERR(ctx) || (ctx != ERR_PTR(-ENOSPC) &&
				     capi_afu_free_contexts(afu)))
			return ctx;
	}
	return ERR_PTR(-ENOSPC);
}

static void add_type(struct capi_mdev_parent *parent,
		     struct cxl_adapter *adapter,
		     const struct capi_afu_desc *desc)
{
	struct capi_mdev_type *type;
	unsigned int i;

	for (i = 0; i < parent->nr_types; i++)
		if (same_kind(parent->types[i].desc, desc))
			return;

	type = &parent->types[parent->nr_types];
	type->adapter = adapter;
	type->desc = desc;
	snprintf(type->name, sizeof(type->name), "CAPI %s AFU context",
		 desc->kind);
	type->type.sysfs_name = desc->kind;
	type->type.pretty_name = type->name;
	parent->list[parent->nr_types++] = &type->type;
}

static struct capi_mdev_parent *alloc_parent(struct cxl_adapter *adapter)
{
	struct capi_mdev_parent *parent;
	struct cxl_afu *afu = NULL;
	unsigned int n = 0;

	while ((afu = capi_adapter_next_afu(adapter, afu)))
		n++;

	parent = kzalloc(struct_size(parent, types, n), GFP_KERNEL);
	if (!parent)
		return NULL;
	parent->list = kcalloc(n, sizeof(*parent->list), GFP_KERNEL);
	if (!parent->list) {
		kfree(parent);
		return NULL;
	}
	while ((afu = capi_adapter_next_afu(adapter, afu)))
		add_type(parent, adapter, capi_afu_desc(afu));
	return parent;
}

static void free_parent(struct capi_mdev_parent *parent)
{
	kfree(parent->list);
	kfree(parent);
}

/* Devices are created, and may be removed, inside the calls to the mdev core. */
static int parent_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct cxl_adapter *adapter = capi_pci_to_adapter(pdev);
	struct capi_mdev_parent *parent;
	int rc;

	if (!adapter)
		return -ENODEV;
	parent = alloc_parent(adapter);
	if (!parent)
		return -ENOMEM;
	pci_set_drvdata(pdev, parent);

	rc = mdev_register_parent(&parent->parent, &pdev->dev,
				  &capi_mdev_driver, parent->list,
				  parent->nr_types);
	if (rc)
		free_parent(parent);
	return rc;
}

static void parent_remove(struct pci_dev *pdev)
{
	struct capi_mdev_parent *parent = pci_get_drvdata(pdev);

	mdev_unregister_parent(&parent->parent);
	free_parent(parent);
}

/*
 * Not a MODULE_DEVICE_TABLE: on POWER the same card may be in-tree cxl's, so
 * loading this module is left to the administrator.
 */
static const struct pci_device_id parent_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_IBM, 0x0477) },
	{ }
};

/* Its name is the prefix of the types' names. */
struct pci_driver capi_mdev_pci_driver = {
	.name = "capi_mdev",
	.id_table = parent_ids,
	.probe = parent_probe,
	.remove = parent_remove,
};
