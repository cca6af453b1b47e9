// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of adapters, AFUs and master nodes in /sys/class/cxl.
 */
#include "core.h"

const struct attribute_group *capi_adapter_groups[] = { NULL };
const struct attribute_group *capi_afu_groups[] = { NULL };
const struct attribute_group *capi_master_groups[] = { NULL };
