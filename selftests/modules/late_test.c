// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of echo AFUs that leaves a context behind, with a file in it. Who
 * reads the file holds up the adapter that goes: time enough to bind the driver
 * again by hand. As long as it is bound its AFU has to be there.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/wait.h>

#include <misc/capi.h>
#include <misc/cxl.h>
#include <uapi/misc/capi_echo.h>

static uint reading;
module_param(reading, uint, 0444);
MODULE_PARM_DESC(reading, "how many began to read the file");

static uint early;
module_param(early, uint, 0444);
MODULE_PARM_DESC(early, "how many AFUs went before their driver");

static struct cxl_context *left;
static DECLARE_WAIT_QUEUE_HEAD(wait);

/* Until it is killed */
static ssize_t held_read(struct file *file, char __user *buf, size_t count,
			 loff_t *ppos)
{
	WRITE_ONCE(reading, reading + 1);
	return wait_event_killable(wait, false);
}

static const struct file_operations held_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = held_read,
};

static int late_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct cxl_afu *afu = cxl_pci_to_afu(pdev);
	struct cxl_context *ctx;

	if (IS_ERR(afu))
		return PTR_ERR(afu);
	pci_set_drvdata(pdev, afu);
	if (left)
		return 0;

	ctx = cxl_dev_context_init(pdev);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	debugfs_create_file("held", 0400, capi_context_debugfs(ctx), NULL,
			    &held_fops);
	left = ctx;
	return 0;
}

static void late_remove(struct pci_dev *pdev)
{
	if (cxl_pci_to_afu(pdev) != pci_get_drvdata(pdev))
		WRITE_ONCE(early, early + 1);
}

static const struct pci_device_id late_ids[] = {
	{ PCI_DEVICE(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE) },
	{}
};

static struct pci_driver late_driver = {
	.name = KBUILD_MODNAME,
	.id_table = late_ids,
	.probe = late_probe,
	.remove = late_remove,
};

static int __init late_init(void)
{
	return pci_register_driver(&late_driver);
}

static void __exit late_exit(void)
{
	pci_unregister_driver(&late_driver);
	if (left)
		cxl_release_context(left);
}

module_init(late_init);
module_exit(late_exit);

MODULE_DESCRIPTION("Test of AFU drivers that are bound late");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
