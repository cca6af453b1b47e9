// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of adapters, AFUs and master nodes in /sys/class/cxl, as
 * Documentation/ABI/testing/sysfs-class-cxl describes them.
 *
 * What they look at stays: an attribute is removed, which waits for whoever is
 * in it, before its adapter or AFU is.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include "core.h"

#define CXL_API_VERSION			3
#define CXL_API_VERSION_COMPATIBLE	1

/* In any base that C has, as the cxl driver took them */
static int parse_int(const char *buf, int *value)
{
	return kstrtoint(skip_spaces(buf), 0, value) ? -EINVAL : 0;
}

/* Adapters */

static ssize_t caia_version_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	const struct capi_adapter_desc *desc = &to_cxl_adapter(dev)->desc;

	return sysfs_emit(buf, "%u.%u\n", desc->caia_major, desc->caia_minor);
}
static DEVICE_ATTR_RO(caia_version);

static ssize_t psl_revision_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_cxl_adapter(dev)->desc.psl_revision);
}
static DEVICE_ATTR_RO(psl_revision);

static ssize_t base_image_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_cxl_adapter(dev)->desc.base_image);
}
static DEVICE_ATTR_RO(base_image);

static ssize_t image_loaded_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_cxl_adapter(dev)->desc.user_image ?
			  "user" : "factory");
}
static DEVICE_ATTR_RO(image_loaded);

static ssize_t psl_timebase_synced_show(struct device *dev,
					struct device_attribute *attr,
					char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  to_cxl_adapter(dev)->desc.timebase_synced);
}
static DEVICE_ATTR_RO(psl_timebase_synced);

static ssize_t tunneled_ops_supported_show(struct device *dev,
					   struct device_attribute *attr,
					   char *buf)
{
	return sysfs_emit(buf, "%d\n", to_cxl_adapter(dev)->desc.tunneled_ops);
}
static DEVICE_ATTR_RO(tunneled_ops_supported);

static ssize_t load_image_on_perst_show(struct device *dev,
					struct device_attribute *attr,
					char *buf)
{
	struct cxl_adapter *adapter = to_cxl_adapter(dev);

	if (!READ_ONCE(adapter->perst_loads))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%s\n", READ_ONCE(adapter->perst_user) ?
			  "user" : "factory");
}

static ssize_t load_image_on_perst_store(struct device *dev,
					 struct device_attribute *attr,
					 const char *buf, size_t count)
{
	struct cxl_adapter *adapter = to_cxl_adapter(dev);

	if (sysfs_streq(buf, "none")) {
		WRITE_ONCE(adapter->perst_loads, false);
	} else if (sysfs_streq(buf, "user")) {
		WRITE_ONCE(adapter->perst_user, true);
		WRITE_ONCE(adapter->perst_loads, true);
	} else if (sysfs_streq(buf, "factory")) {
		WRITE_ONCE(adapter->perst_user, false);
		WRITE_ONCE(adapter->perst_loads, true);
	} else {
		return -EINVAL;
	}
	return count;
}
static DEVICE_ATTR_RW(load_image_on_perst);

static ssize_t perst_reloads_same_image_show(struct device *dev,
					     struct device_attribute *attr,
					     char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  READ_ONCE(to_cxl_adapter(dev)->perst_same));
}

static ssize_t perst_reloads_same_image_store(struct device *dev,
					      struct device_attribute *attr,
					      const char *buf, size_t count)
{
	int value;

	if (parse_int(buf, &value) || (value != 0 && value != 1))
		return -EINVAL;
	WRITE_ONCE(to_cxl_adapter(dev)->perst_same, value);
	return count;
}
static DEVICE_ATTR_RW(perst_reloads_same_image);

static ssize_t adapter_reset_store(struct device *dev,
				   struct device_attribute *attr,
				   const char *buf, size_t count)
{
	int value, rc;

	if (parse_int(buf, &value) || (value != 1 && value != -1))
		return -EINVAL;
	rc = capi_adapter_reset(to_cxl_adapter(dev), value == -1);
	return rc ?: count;
}

static struct device_attribute adapter_reset =
	__ATTR(reset, 0200, NULL, adapter_reset_store);

static struct attribute *capi_adapter_attrs[] = {
	&dev_attr_caia_version.attr,
	&dev_attr_psl_revision.attr,
	&dev_attr_base_image.attr,
	&dev_attr_image_loaded.attr,
	&dev_attr_psl_timebase_synced.attr,
	&dev_attr_tunneled_ops_supported.attr,
	&dev_attr_load_image_on_perst.attr,
	&dev_attr_perst_reloads_same_image.attr,
	&adapter_reset.attr,
	NULL
};

static const struct attribute_group capi_adapter_group = {
	.attrs = capi_adapter_attrs,
};

const struct attribute_group *capi_adapter_groups[] = {
	&capi_adapter_group,
	NULL
};

/* AFUs */

static ssize_t mmio_size_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", to_cxl_afu(dev)->desc.psa_size);
}
static DEVICE_ATTR_RO(mmio_size);

static ssize_t irqs_min_show(struct device *dev,
			     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_cxl_afu(dev)->desc.irqs);
}
static DEVICE_ATTR_RO(irqs_min);

static ssize_t irqs_max_show(struct device *dev,
			     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_cxl_afu(dev)->irqs_max));
}

static ssize_t irqs_max_store(struct device *dev,
			      struct device_attribute *attr, const char *buf,
			      size_t count)
{
	struct cxl_afu *afu = to_cxl_afu(dev);
	int value;

	if (parse_int(buf, &value) || value < (int)afu->desc.irqs ||
	    value > (int)afu->desc.irqs_max)
		return -EINVAL;
	WRITE_ONCE(afu->irqs_max, value);
	return count;
}
static DEVICE_ATTR_RW(irqs_max);

static const struct {
	const char *name;
	unsigned int mode;
} modes[] = {
	{ "dedicated_process", CXL_MODE_DEDICATED },
	{ "afu_directed", CXL_MODE_DIRECTED },
	{ "none", 0 },
};

static ssize_t modes_supported_show(struct device *dev,
				    struct device_attribute *attr, char *buf)
{
	struct cxl_afu *afu = to_cxl_afu(dev);
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (afu->desc.modes & modes[i].mode)
			len += sysfs_emit_at(buf, len, "%s\n", modes[i].name);
	return len;
}
static DEVICE_ATTR_RO(modes_supported);

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	unsigned int mode = READ_ONCE(to_cxl_afu(dev)->mode);
	int i = 0;

	while (modes[i].mode != mode)
		i++;
	return sysfs_emit(buf, "%s\n", modes[i].name);
}

static ssize_t mode_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	int i, rc = -EINVAL;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (sysfs_streq(buf, modes[i].name))
			rc = capi_afu_set_mode(to_cxl_afu(dev), modes[i].mode);
	return rc ?: count;
}
static DEVICE_ATTR_RW(mode);

static const char * const prefault_modes[] = {
	[CAPI_PREFAULT_NONE] = "none",
	[CAPI_PREFAULT_WED] = "work_element_descriptor",
	[CAPI_PREFAULT_ALL] = "all",
};

static ssize_t prefault_mode_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	enum capi_prefault mode = READ_ONCE(to_cxl_afu(dev)->prefault);

	return sysfs_emit(buf, "%s\n", prefault_modes[mode]);
}

static ssize_t prefault_mode_store(struct device *dev,
				   struct device_attribute *attr,
				   const char *buf, size_t count)
{
	int mode = sysfs_match_string(prefault_modes, buf);

	if (mode < 0)
		return mode;
	WRITE_ONCE(to_cxl_afu(dev)->prefault, mode);
	return count;
}
static DEVICE_ATTR_RW(prefault_mode);

static ssize_t api_version_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", CXL_API_VERSION);
}
static DEVICE_ATTR_RO(api_version);

static ssize_t api_version_compatible_show(struct device *dev,
					   struct device_attribute *attr,
					   char *buf)
{
	return sysfs_emit(buf, "%d\n", CXL_API_VERSION_COMPATIBLE);
}
static DEVICE_ATTR_RO(api_version_compatible);

/* Whatever is written, as the cxl driver had it */
static ssize_t afu_reset_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t count)
{
	return capi_afu_reset(to_cxl_afu(dev)) ?: count;
}

static struct device_attribute afu_reset =
	__ATTR(reset, 0200, NULL, afu_reset_store);

static struct attribute *capi_afu_attrs[] = {
	&dev_attr_mmio_size.attr,
	&dev_attr_irqs_min.attr,
	&dev_attr_irqs_max.attr,
	&dev_attr_modes_supported.attr,
	&dev_attr_mode.attr,
	&dev_attr_prefault_mode.attr,
	&dev_attr_api_version.attr,
	&dev_attr_api_version_compatible.attr,
	&afu_reset.attr,
	NULL
};

static const struct attribute_group capi_afu_group = {
	.attrs = capi_afu_attrs,
};

/* AFUs' configuration records: each has one, its PCI function's */

static ssize_t vendor_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "0x%.4x\n", to_cxl_afu(dev)->pdev->vendor);
}
static DEVICE_ATTR_RO(vendor);

static ssize_t device_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "0x%.4x\n", to_cxl_afu(dev)->pdev->device);
}
static DEVICE_ATTR_RO(device);

static ssize_t class_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "0x%.6x\n", to_cxl_afu(dev)->pdev->class);
}
static DEVICE_ATTR_RO(class);

/* All ones where nothing answers */
static ssize_t config_read(struct file *file, struct kobject *kobj,
			   const_bin_attribute *attr, char *buf, loff_t off,
			   size_t count)
{
	struct cxl_afu *afu = to_cxl_afu(kobj_to_dev(kobj));
	size_t i;

	memset(buf, 0xff, count);
	if (READ_ONCE(afu->adapter->link_up))
		for (i = 0; i < count; i++)
			pci_read_config_byte(afu->pdev, off + i, buf + i);
	return count;
}

static const_bin_attribute bin_attr_config =
	__BIN_ATTR(config, 0400, config_read, NULL, PCI_CFG_SPACE_SIZE);

static struct attribute *capi_config_attrs[] = {
	&dev_attr_vendor.attr,
	&dev_attr_device.attr,
	&dev_attr_class.attr,
	NULL
};

static const_bin_attribute *capi_config_bin_attrs[] = {
	&bin_attr_config,
	NULL
};

static const struct attribute_group capi_config_group = {
	.name = "cr0",
	.attrs = capi_config_attrs,
	.bin_attrs = capi_config_bin_attrs,
};

const struct attribute_group *capi_afu_groups[] = {
	&capi_afu_group,
	&capi_config_group,
	NULL
};

/* AFUs' error buffers: anybody may read them, but not all that is in them */

static ssize_t err_buff_read(struct file *file, struct kobject *kobj,
			     const_bin_attribute *attr, char *buf, loff_t off,
			     size_t count)
{
	struct cxl_afu *afu = to_cxl_afu(kobj_to_dev(kobj));
	struct cxl_adapter *adapter = afu->adapter;
	bool all = file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	int rc = 0;

	if (READ_ONCE(adapter->link_up))
		rc = adapter->ops->err_read(afu, buf, off, count, all);
	else
		memset(buf, 0xff, count);
	return rc ?: count;
}

/*
 * Programs learn the size from the file, so each AFU has an attribute of its
 * own. It goes with the AFU's folder.
 */
int capi_sysfs_add_err_buff(struct cxl_afu *afu)
{
	struct bin_attribute *attr = &afu->err_buff;

	if (!afu->desc.err_size)
		return 0;
	sysfs_bin_attr_init(attr);
	attr->attr.name = "afu_err_buff";
	attr->attr.mode = 0444;
	attr->size = afu->desc.err_size;
	attr->read = err_buff_read;
	return device_create_bin_file(&afu->dev, attr);
}

/* Master nodes, whose driver data is their AFU */

static ssize_t master_mmio_size_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	struct cxl_afu *afu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", afu->desc.area_size);
}

static struct device_attribute master_mmio_size =
	__ATTR(mmio_size, 0444, master_mmio_size_show, NULL);

static ssize_t pp_mmio_off_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct cxl_afu *afu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", afu->desc.pp_offset);
}
static DEVICE_ATTR_RO(pp_mmio_off);

static ssize_t pp_mmio_len_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct cxl_afu *afu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", afu->desc.psa_size);
}
static DEVICE_ATTR_RO(pp_mmio_len);

static struct attribute *capi_master_attrs[] = {
	&master_mmio_size.attr,
	&dev_attr_pp_mmio_off.attr,
	&dev_attr_pp_mmio_len.attr,
	NULL
};

static const struct attribute_group capi_master_group = {
	.attrs = capi_master_attrs,
};

const struct attribute_group *capi_master_groups[] = {
	&capi_master_group,
	NULL
};
