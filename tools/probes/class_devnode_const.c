// SPDX-License-Identifier: GPL-2.0-only
#include <linux/device/class.h>

char *devnode(const struct device *dev, umode_t *mode);

struct class probe;
struct class probe = { .devnode = devnode };
