// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi.ko: the core of CAPI, below AFU drivers and mediated devices, above
 * whatever brings adapters.
 */
#include <linux/module.h>

#include "core.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init capi_init(void)
{
	int rc = capi_adapter_init();

	if (rc)
		return rc;
	rc = capi_default_context_init();
	if (rc) {
		capi_adapter_exit();
		return rc;
	}
	capi_debugfs_init();
	return 0;
}

static void __exit capi_exit(void)
{
	capi_debugfs_exit();
	capi_default_context_exit();
	capi_adapter_exit();
}

module_init(capi_init);
module_exit(capi_exit);

MODULE_DESCRIPTION("Coherent Accelerator Processor Interface core");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
