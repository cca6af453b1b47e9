// SPDX-License-Identifier: GPL-2.0-only
/* The file that a binary attribute is does not change: since 6.16 */
#include <linux/sysfs.h>

ssize_t probe_read(struct file *file, struct kobject *kobj,
		   const struct bin_attribute *attr, char *buf, loff_t off,
		   size_t count);

const struct bin_attribute probe = { .read = probe_read };
