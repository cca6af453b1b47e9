// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi_mdev.ko: CAPI adapters as parents of mediated devices.
 */
#include <linux/module.h>

#include "mdev.h"

static int __init capi_mdev_init(void)
{
	int rc;

	rc = mdev_register_driver(&capi_mdev_driver);
	if (rc)
		return rc;
	rc = pci_register_driver(&capi_mdev_pci_driver);
	if (rc)
		mdev_unregister_driver(&capi_mdev_driver);
	return rc;
}

static void __exit capi_mdev_exit(void)
{
	pci_unregister_driver(&capi_mdev_pci_driver);
	mdev_unregister_driver(&capi_mdev_driver);
}

module_init(capi_mdev_init);
module_exit(capi_mdev_exit);

MODULE_DESCRIPTION("CAPI AFU contexts as mediated devices");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
