// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/bus/mdev/devices/<UUID>/capi: what the administrator chooses before the
 * device is opened, and what became of the context. Described in
 * Documentation/ABI/testing/sysfs-bus-mdev-capi.
 */
#include <linux/ctype.h>
#include <linux/sysfs.h>

#include "mdev.h"

static struct cxl_context *to_context(struct device *dev)
{
	struct capi_mdev *m = dev_get_drvdata(dev);

	return m->ctx;
}

static ssize_t afu_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct cxl_afu *afu = capi_context_afu(to_context(dev));

	return sysfs_emit(buf, "%s\n", capi_afu_name(afu));
}
static DEVICE_ATTR_RO(afu);

static ssize_t process_element_show(struct device *dev,
				    struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", cxl_process_element(to_context(dev)));
}
static DEVICE_ATTR_RO(process_element);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  capi_context_state_name(to_context(dev)));
}
static DEVICE_ATTR_RO(state);

static ssize_t stale_acknowledgements_show(struct device *dev,
					   struct device_attribute *attr,
					   char *buf)
{
	struct capi_mdev *m = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", atomic_read(&m->stale));
}
static DEVICE_ATTR_RO(stale_acknowledgements);

/*
 * What can be chosen does not change while the device is open. A consumer may hold
 * the lock for as long as his memory does not come: who asks here can give up.
 */
static int lock_closed(struct capi_mdev *m)
{
	if (mutex_lock_interruptible(&m->lock))
		return -ERESTARTSYS;
	if (!m->reader)
		return 0;
	mutex_unlock(&m->lock);
	return -EBUSY;
}

static ssize_t irqs_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%u\n", capi_context_irqs(to_context(dev)));
}

static ssize_t irqs_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct capi_mdev *m = dev_get_drvdata(dev);
	unsigned int irqs;
	int rc;

	rc = kstrtouint(buf, 0, &irqs);
	if (rc)
		return rc;
	rc = lock_closed(m);
	if (rc)
		return rc;
	rc = capi_mdev_irqs_set_number(m, irqs);
	mutex_unlock(&m->lock);
	return rc ?: count;
}
static DEVICE_ATTR_RW(irqs);

static ssize_t label_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct capi_mdev *m = dev_get_drvdata(dev);
	ssize_t len;

	if (mutex_lock_interruptible(&m->lock))
		return -ERESTARTSYS;
	len = sysfs_emit(buf, "%s\n", m->label);
	mutex_unlock(&m->lock);
	return len;
}

static ssize_t label_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct capi_mdev *m = dev_get_drvdata(dev);
	size_t i, len = count;
	int rc;

	if (len && buf[len - 1] == '\n')
		len--;
	if (len >= sizeof(m->label))
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isascii(buf[i]) || !isprint(buf[i]))
			return -EINVAL;

	rc = lock_closed(m);
	if (rc)
		return rc;
	memcpy(m->label, buf, len);
	m->label[len] = '\0';
	mutex_unlock(&m->lock);
	return count;
}
static DEVICE_ATTR_RW(label);

static ssize_t max_events_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", capi_event_limit(to_context(dev)));
}

static ssize_t max_events_store(struct device *dev,
				struct device_attribute *attr, const char *buf,
				size_t count)
{
	struct capi_mdev *m = dev_get_drvdata(dev);
	unsigned int limit;
	int rc;

	rc = kstrtouint(buf, 0, &limit);
	if (rc)
		return rc;
	rc = lock_closed(m);
	if (rc)
		return rc;
	capi_event_set_limit(m->ctx, limit);
	mutex_unlock(&m->lock);
	return count;
}
static DEVICE_ATTR_RW(max_events);

struct counter_attribute {
	struct device_attribute attr;
	enum capi_event_counter which;
};

static ssize_t counter_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct counter_attribute *counter =
		container_of(attr, struct counter_attribute, attr);

	return sysfs_emit(buf, "%llu\n",
			  capi_event_count(to_context(dev), counter->which));
}

#define COUNTER(_name, _which)						\
static struct counter_attribute counter_##_name = {			\
	.attr = __ATTR(events_##_name, 0444, counter_show, NULL),	\
	.which = _which,						\
}

COUNTER(raised, CAPI_EVENTS_RAISED);
COUNTER(delivered, CAPI_EVENTS_DELIVERED);
COUNTER(coalesced, CAPI_EVENTS_COALESCED);
COUNTER(overrun, CAPI_EVENTS_OVERRUN);
COUNTER(failed, CAPI_EVENTS_FAILED);
COUNTER(cancelled, CAPI_EVENTS_CANCELLED);

static struct attribute *capi_attrs[] = {
	&dev_attr_afu.attr,
	&dev_attr_process_element.attr,
	&dev_attr_state.attr,
	&dev_attr_stale_acknowledgements.attr,
	&dev_attr_irqs.attr,
	&dev_attr_label.attr,
	&dev_attr_max_events.attr,
	&counter_raised.attr.attr,
	&counter_delivered.attr.attr,
	&counter_coalesced.attr.attr,
	&counter_overrun.attr.attr,
	&counter_failed.attr.attr,
	&counter_cancelled.attr.attr,
	NULL
};

static const struct attribute_group capi_group = {
	.name = "capi",
	.attrs = capi_attrs,
};

const struct attribute_group *capi_mdev_groups[] = {
	&capi_group,
	NULL
};
