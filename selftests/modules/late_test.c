// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of echo AFUs that leaves a context behind, with a file in it. Who
 * reads the file holds up the adapter that goes: time enough to bind the driver
 * again by hand. As long as it is bound its AFU has to be there. If it is told
 * to, it takes its time over an error too.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
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

static bool slow;
module_param(slow, bool, 0644);
MODULE_PARM_DESC(slow, "an error is not handled as long as this is set");

static bool handling;
module_param(handling, bool, 0444);
MODULE_PARM_DESC(handling, "an error is being handled");

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

static pci_ers_result_t late_error_detected(struct pci_dev *pdev,
					    pci_channel_state_t state)
{
	WRITE_ONCE(handling, true);
	while (READ_ONCE(slow))
		msleep(20);
	return PCI_ERS_RESULT_NEED_RESET;
}

static const struct pci_error_handlers late_handlers = {
	.error_detected = late_error_detected,
};

static const struct pci_device_id late_ids[] = {
	{ PCI_DEVICE(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE) },
	{}
};

static struct pci_driver late_driver = {
	.name = KBUILD_MODNAME,
	.id_table = late_ids,
	.probe = late_probe,
	.remove = late_remove,
	.err_handler = &late_handlers,
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
