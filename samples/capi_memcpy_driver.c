// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of the memcpy AFU, as an example of <misc/cxl.h>. For each AFU there
 * are
 *
 *  - a context of the kernel: what is written to "copy" in debugfs is copied by
 *    the AFU, which raises an interrupt when it is done, and can be read there;
 *  - files for programs: CXL_IOCTL_START_WORK on /dev/capi_memcpy-<PCI name>
 *    returns a file descriptor that behaves as one of /dev/cxl, except that it
 *    has events of this driver, as many as are written to "post" in debugfs;
 *  - error handlers, each of whose calls is a line in the log.
 *
 * Queue, elements and registers of the AFU are big endian. The driver is loaded
 * by hand: it takes a context of every AFU.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "capi_memcpy.h"

/* Elements are taken in the order of the queue, while their wrap bit fits. */
struct element {
	u8 cmd;
	u8 status;
	__be16 length;
	u8 reserved[12];
	__be64 src;
	__be64 dst;
};

#define CMD_VALID	0x80
#define CMD_WRAP	0x40
#define CMD_COPY	0
#define CMD_INTERRUPT	1
#define STATUS_COMPLETE	0x80
#define QUEUE_LENGTH	(4096 / sizeof(struct element))
#define ELEMENTS_PER_WED	4

#define REG_PCTRL	0x18
#define PCTRL_RESTART	0x8000000000000000ULL

#define DONE_IRQ	1
#define TIMEOUT		(10 * HZ)

static bool disconnect;
module_param(disconnect, bool, 0644);
MODULE_PARM_DESC(disconnect, "give an adapter up when it fails");

static void sample_free(struct kref *kref)
{
	struct sample *sample = container_of(kref, struct sample, kref);

	pci_dev_put(sample->pdev);
	free_page((unsigned long)sample->queue);
	kfree(sample->text);
	kfree(sample);
}

void sample_get(struct sample *sample)
{
	kref_get(&sample->kref);
}

void sample_put(struct sample *sample)
{
	kref_put(&sample->kref, sample_free);
}

static struct sample *sample_alloc(struct pci_dev *pdev)
{
	struct sample *sample = kzalloc(sizeof(*sample), GFP_KERNEL);

	if (!sample)
		return NULL;
	kref_init(&sample->kref);
	mutex_init(&sample->lock);
	init_waitqueue_head(&sample->wait);
	spin_lock_init(&sample->files_lock);
	INIT_LIST_HEAD(&sample->files);
	sample->pdev = pci_dev_get(pdev);
	sample->queue = (struct element *)get_zeroed_page(GFP_KERNEL);
	sample->text = kcalloc(2, sizeof(*sample->text), GFP_KERNEL);
	if (sample->queue && sample->text)
		return sample;
	sample_put(sample);
	return NULL;
}

/* The kernel's context */

static irqreturn_t sample_interrupt(int irq, void *cookie)
{
	struct sample *sample = cookie;

	atomic_inc(&sample->interrupts);
	wake_up(&sample->wait);
	return IRQ_HANDLED;
}

/* Caller holds sample->lock. */
static int start(struct sample *sample)
{
	struct cxl_context *ctx = cxl_get_context(sample->pdev);
	u64 wed = (unsigned long)sample->queue | QUEUE_LENGTH / ELEMENTS_PER_WED;
	int rc;

	if (!ctx)
		return -ENODEV;
	rc = cxl_allocate_afu_irqs(ctx, 0);
	if (rc)
		return rc;
	rc = cxl_map_afu_irq(ctx, DONE_IRQ, sample_interrupt, sample,
			     "capi_memcpy_sample");
	if (rc <= 0) {
		rc = -ENODEV;
		goto err_irqs;
	}

	memset(sample->queue, 0, QUEUE_LENGTH * sizeof(*sample->queue));
	sample->next = 0;
	sample->wrap = 0;
	cxl_set_priv(ctx, sample);
	rc = cxl_start_context(ctx, wed, NULL);
	if (rc)
		goto err_unmap;
	sample->psa = cxl_psa_map(ctx);
	if (!sample->psa) {
		rc = -ENOMEM;
		goto err_stop;
	}
	sample->ctx = ctx;
	WRITE_ONCE(sample->failed, false);
	return 0;

err_stop:
	cxl_stop_context(ctx);
err_unmap:
	cxl_unmap_afu_irq(ctx, DONE_IRQ, sample);
err_irqs:
	cxl_free_afu_irqs(ctx);
	return rc;
}

static int sample_start(struct sample *sample)
{
	int rc;

	mutex_lock(&sample->lock);
	rc = start(sample);
	mutex_unlock(&sample->lock);
	return rc;
}

/*
 * The context is not the driver's to release. Whoever waits for the AFU holds the
 * lock, and is told first.
 */
static void sample_stop(struct sample *sample)
{
	struct cxl_context *ctx;

	WRITE_ONCE(sample->failed, true);
	wake_up(&sample->wait);

	mutex_lock(&sample->lock);
	ctx = sample->ctx;
	if (!ctx)
		goto out;
	cxl_psa_unmap(sample->psa);
	cxl_stop_context(ctx);
	cxl_unmap_afu_irq(ctx, DONE_IRQ, sample);
	cxl_free_afu_irqs(ctx);
	sample->ctx = NULL;
	sample->psa = NULL;
out:
	mutex_unlock(&sample->lock);
}

/* The AFU takes the element as soon as its command is there. */
static struct element *queue_element(struct sample *sample, u8 cmd, u16 length)
{
	struct element *element = &sample->queue[sample->next];

	element->status = 0;
	element->length = cpu_to_be16(length);
	element->src = cpu_to_be64((unsigned long)sample->text[0]);
	element->dst = cpu_to_be64((unsigned long)sample->text[1]);
	/* It reads the rest after that. */
	smp_store_release(&element->cmd, CMD_VALID | sample->wrap | cmd);

	sample->next = (sample->next + 1) % QUEUE_LENGTH;
	if (!sample->next)
		sample->wrap ^= CMD_WRAP;
	return element;
}

/* After an interrupt the AFU waits for this. */
static void restart_afu(struct sample *sample)
{
	__raw_writeq((__force u64)cpu_to_be64(PCTRL_RESTART),
		     sample->psa + REG_PCTRL);
}

static int copy_text(struct sample *sample)
{
	int before = atomic_read(&sample->interrupts);
	struct element *element;

	if (!sample->ctx)
		return -EIO;
	element = queue_element(sample, CMD_COPY, TEXT_SIZE);
	queue_element(sample, CMD_INTERRUPT, DONE_IRQ);
	if (!wait_event_timeout(sample->wait,
				atomic_read(&sample->interrupts) != before ||
				READ_ONCE(sample->failed), TIMEOUT))
		return -ETIMEDOUT;
	if (atomic_read(&sample->interrupts) == before)
		return -EIO;
	restart_afu(sample);
	return READ_ONCE(element->status) == STATUS_COMPLETE ? 0 : -EIO;
}

static ssize_t copy_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct sample *sample = file->private_data;
	int rc = 0;

	if (count >= TEXT_SIZE)
		return -EINVAL;
	mutex_lock(&sample->lock);
	memset(sample->text[0], 0, TEXT_SIZE);
	if (copy_from_user(sample->text[0], buf, count))
		rc = -EFAULT;
	rc = rc ?: copy_text(sample);
	mutex_unlock(&sample->lock);
	return rc ?: count;
}

static ssize_t copy_read(struct file *file, char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct sample *sample = file->private_data;
	ssize_t rc;

	mutex_lock(&sample->lock);
	rc = simple_read_from_buffer(buf, count, ppos, sample->text[1],
				     strnlen(sample->text[1], TEXT_SIZE));
	mutex_unlock(&sample->lock);
	return rc;
}

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = copy_read,
	.write = copy_write,
	.llseek = default_llseek,
};

/* Errors */

static pci_ers_result_t sample_error_detected(struct pci_dev *pdev,
					      pci_channel_state_t state)
{
	pci_info(pdev, "error detected\n");
	sample_stop(pci_get_drvdata(pdev));
	return disconnect ? PCI_ERS_RESULT_DISCONNECT :
			    PCI_ERS_RESULT_NEED_RESET;
}

/* The default context is another one now. */
static pci_ers_result_t sample_slot_reset(struct pci_dev *pdev)
{
	pci_info(pdev, "slot reset\n");
	return sample_start(pci_get_drvdata(pdev)) ?
	       PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void sample_resume(struct pci_dev *pdev)
{
	pci_info(pdev, "resume\n");
}

static const struct pci_error_handlers sample_error_handlers = {
	.error_detected = sample_error_detected,
	.slot_reset = sample_slot_reset,
	.resume = sample_resume,
};

/* Binding */

static void add_debugfs(struct sample *sample)
{
	sample->dir = debugfs_create_dir(sample->name, NULL);
	debugfs_create_file("copy", 0600, sample->dir, sample, &copy_fops);
	debugfs_create_atomic_t("interrupts", 0400, sample->dir,
				&sample->interrupts);
	sample_files_add_debugfs(sample);
}

static int sample_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct sample *sample = sample_alloc(pdev);
	int rc;

	if (!sample)
		return -ENOMEM;
	rc = pci_enable_device(pdev);
	if (rc)
		goto err_free;
	rc = sample_start(sample);
	if (rc)
		goto err_disable;

	snprintf(sample->name, sizeof(sample->name), "capi_memcpy-%s",
		 pci_name(pdev));
	pci_set_drvdata(pdev, sample);
	rc = sample_files_add(sample);
	if (rc)
		goto err_stop;
	add_debugfs(sample);
	return 0;

err_stop:
	sample_stop(sample);
err_disable:
	pci_disable_device(pdev);
err_free:
	sample_put(sample);
	return rc;
}

static void sample_remove(struct pci_dev *pdev)
{
	struct sample *sample = pci_get_drvdata(pdev);

	sample_files_remove(sample);
	sample_stop(sample);
	/* Waits for whoever is in one of the files. */
	debugfs_remove(sample->dir);
	pci_disable_device(pdev);
	sample_put(sample);
}

static const struct pci_device_id sample_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_IBM, 0x4350) },
	{ }
};

static struct pci_driver sample_driver = {
	.name = "capi_memcpy_sample",
	.id_table = sample_ids,
	.probe = sample_probe,
	.remove = sample_remove,
	.err_handler = &sample_error_handlers,
};
module_pci_driver(sample_driver);

MODULE_DESCRIPTION("Sample driver of the memcpy AFU");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
