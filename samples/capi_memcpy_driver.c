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
 *  - error handlers, whose calls "recovery" in debugfs lists.
 *
 * Queue, elements and registers of the AFU are big endian. The driver is loaded
 * by hand: it takes a context of every AFU.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <misc/cxl.h>

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
#define TEXT_SIZE	128
#define TIMEOUT		(10 * HZ)

static bool disconnect;
module_param(disconnect, bool, 0644);
MODULE_PARM_DESC(disconnect, "give an adapter up when it fails");

/**
 * struct sample - an AFU that the driver is bound to
 * @kref: the driver and every file that it made hold one
 * @pdev: its PCI function
 * @misc: what programs open
 * @name: its name
 * @dir: in debugfs
 * @lock: covers the next fields: the kernel's context and its queue
 * @ctx: the AFU's default context; NULL where it cannot be used
 * @psa: its registers
 * @queue: elements
 * @next: the next of them to be used
 * @wrap: their wrap bit
 * @text: what the AFU copies, and where to
 * @recovery: the error handlers called so far
 * @done: completed by the AFU's interrupt
 * @interrupts: how many it raised
 * @files_lock: covers @files; a spinlock
 * @files: what programs have open
 */
struct sample {
	struct kref kref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[32];
	struct dentry *dir;

	struct mutex lock; /* up to recovery */
	struct cxl_context *ctx;
	void __iomem *psa;
	struct element *queue;
	unsigned int next;
	u8 wrap;
	char (*text)[TEXT_SIZE];
	char recovery[256];

	struct completion done;
	atomic_t interrupts;

	spinlock_t files_lock; /* files */
	struct list_head files;
};

/**
 * struct sample_file - a file that a program has
 * @node: in the AFU's list
 * @sample: the AFU, held
 * @ctx: its context
 * @event: the driver event that is being read: its number, as the CPU has it
 * @next: the number of the next one
 */
struct sample_file {
	struct list_head node;
	struct sample *sample;
	struct cxl_context *ctx;
	struct cxl_event_afu_driver_reserved *event;
	u64 next;
};

static void sample_free(struct kref *kref)
{
	struct sample *sample = container_of(kref, struct sample, kref);

	pci_dev_put(sample->pdev);
	free_page((unsigned long)sample->queue);
	kfree(sample->text);
	kfree(sample);
}

static struct sample *sample_alloc(struct pci_dev *pdev)
{
	struct sample *sample = kzalloc(sizeof(*sample), GFP_KERNEL);

	if (!sample)
		return NULL;
	kref_init(&sample->kref);
	mutex_init(&sample->lock);
	init_completion(&sample->done);
	spin_lock_init(&sample->files_lock);
	INIT_LIST_HEAD(&sample->files);
	sample->pdev = pci_dev_get(pdev);
	sample->queue = (struct element *)get_zeroed_page(GFP_KERNEL);
	sample->text = kcalloc(2, sizeof(*sample->text), GFP_KERNEL);
	if (sample->queue && sample->text)
		return sample;
	kref_put(&sample->kref, sample_free);
	return NULL;
}

/* The kernel's context */

static irqreturn_t sample_interrupt(int irq, void *cookie)
{
	struct sample *sample = cookie;

	atomic_inc(&sample->interrupts);
	complete(&sample->done);
	return IRQ_HANDLED;
}

static int sample_start(struct sample *sample)
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
	return 0;

err_stop:
	cxl_stop_context(ctx);
err_unmap:
	cxl_unmap_afu_irq(ctx, DONE_IRQ, sample);
err_irqs:
	cxl_free_afu_irqs(ctx);
	return rc;
}

/* The context is not the driver's to release. */
static void sample_stop(struct sample *sample)
{
	struct cxl_context *ctx = sample->ctx;

	if (!ctx)
		return;
	cxl_psa_unmap(sample->psa);
	cxl_stop_context(ctx);
	cxl_unmap_afu_irq(ctx, DONE_IRQ, sample);
	cxl_free_afu_irqs(ctx);
	sample->ctx = NULL;
	sample->psa = NULL;
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
	struct element *element;

	if (!sample->ctx)
		return -EIO;
	reinit_completion(&sample->done);
	element = queue_element(sample, CMD_COPY, TEXT_SIZE);
	queue_element(sample, CMD_INTERRUPT, DONE_IRQ);
	if (!wait_for_completion_timeout(&sample->done, TIMEOUT))
		return -ETIMEDOUT;
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

/* Files for programs */

/* Under a spinlock: the event is there already. */
static struct cxl_event_afu_driver_reserved *
sample_fetch_event(struct cxl_context *ctx)
{
	struct sample_file *file = cxl_get_priv(ctx);

	memcpy(file->event->data, &file->next, sizeof(file->next));
	return file->event;
}

static void sample_event_delivered(struct cxl_context *ctx,
				   struct cxl_event_afu_driver_reserved *event,
				   int rc)
{
	struct sample_file *file = cxl_get_priv(ctx);

	/* Who could not read it gets it once more. */
	if (rc == -EFAULT)
		cxl_context_events_pending(ctx, 1);
	else
		file->next++;
}

static struct cxl_afu_driver_ops sample_driver_ops = {
	.fetch_event = sample_fetch_event,
	.event_delivered = sample_event_delivered,
};

static void sample_file_free(struct sample_file *file)
{
	kref_put(&file->sample->kref, sample_free);
	kfree(file->event);
	kfree(file);
}

static int sample_release(struct inode *inode, struct file *filp)
{
	struct sample_file *file = cxl_get_priv(cxl_fops_get_context(filp));
	struct sample *sample = file->sample;

	spin_lock(&sample->files_lock);
	list_del(&file->node);
	spin_unlock(&sample->files_lock);
	/* The last callback is over when this returns. */
	cxl_fd_release(inode, filp);
	sample_file_free(file);
	return 0;
}

/* The rest is filled in by cxl_get_fd(). */
static struct file_operations sample_file_fops = {
	.owner = THIS_MODULE,
	.release = sample_release,
};

static struct sample_file *sample_file_alloc(struct sample *sample)
{
	struct sample_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return NULL;
	file->event = kzalloc(sizeof(*file->event) + sizeof(file->next),
			      GFP_KERNEL);
	if (!file->event) {
		kfree(file);
		return NULL;
	}
	file->event->data_size = sizeof(file->next);
	INIT_LIST_HEAD(&file->node);
	kref_get(&sample->kref);
	file->sample = sample;
	return file;
}

/* Caller holds sample->lock. */
static int get_fd(struct sample *sample, struct cxl_ioctl_start_work *work)
{
	struct sample_file *file = sample_file_alloc(sample);
	struct cxl_context *ctx;
	struct file *filp;
	int fd, rc;

	if (!file)
		return -ENOMEM;
	ctx = cxl_dev_context_init(sample->pdev);
	if (IS_ERR(ctx)) {
		sample_file_free(file);
		return PTR_ERR(ctx);
	}
	file->ctx = ctx;
	cxl_set_priv(ctx, file);
	cxl_set_driver_ops(ctx, &sample_driver_ops);

	filp = cxl_get_fd(ctx, &sample_file_fops, &fd);
	if (IS_ERR_OR_NULL(filp)) {
		cxl_release_context(ctx);
		sample_file_free(file);
		return filp ? PTR_ERR(filp) : -ENOMEM;
	}
	rc = cxl_start_work(ctx, work);
	if (rc) {
		fput(filp);
		put_unused_fd(fd);
		return rc;
	}

	spin_lock(&sample->files_lock);
	list_add(&file->node, &sample->files);
	spin_unlock(&sample->files_lock);
	fd_install(fd, filp);
	return fd;
}

/* misc_deregister() waits for it, so the AFU is there. */
static int misc_open_sample(struct inode *inode, struct file *filp)
{
	struct sample *sample = container_of(filp->private_data, struct sample,
					     misc);

	kref_get(&sample->kref);
	return 0;
}

static int misc_release_sample(struct inode *inode, struct file *filp)
{
	struct sample *sample = container_of(filp->private_data, struct sample,
					     misc);

	kref_put(&sample->kref, sample_free);
	return 0;
}

static long misc_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct sample *sample = container_of(filp->private_data, struct sample,
					     misc);
	struct cxl_ioctl_start_work work;
	long rc = -ENODEV;

	if (cmd != CXL_IOCTL_START_WORK)
		return -ENOTTY;
	if (copy_from_user(&work, (void __user *)arg, sizeof(work)))
		return -EFAULT;
	mutex_lock(&sample->lock);
	if (sample->ctx)
		rc = get_fd(sample, &work);
	mutex_unlock(&sample->lock);
	return rc;
}

static const struct file_operations misc_fops = {
	.owner = THIS_MODULE,
	.open = misc_open_sample,
	.release = misc_release_sample,
	.unlocked_ioctl = misc_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static int post_set(void *data, u64 value)
{
	struct sample *sample = data;
	struct sample_file *file;

	if (value > UINT_MAX)
		return -EINVAL;
	spin_lock(&sample->files_lock);
	list_for_each_entry(file, &sample->files, node)
		cxl_context_events_pending(file->ctx, value);
	spin_unlock(&sample->files_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(post_fops, NULL, post_set, "%llu\n");

/* Errors */

/* Caller holds sample->lock. */
static void note(struct sample *sample, const char *handler)
{
	strlcat(sample->recovery, handler, sizeof(sample->recovery));
	strlcat(sample->recovery, "\n", sizeof(sample->recovery));
}

static pci_ers_result_t sample_error_detected(struct pci_dev *pdev,
					      pci_channel_state_t state)
{
	struct sample *sample = pci_get_drvdata(pdev);

	mutex_lock(&sample->lock);
	note(sample, "error_detected");
	sample_stop(sample);
	mutex_unlock(&sample->lock);
	return disconnect ? PCI_ERS_RESULT_DISCONNECT :
			    PCI_ERS_RESULT_NEED_RESET;
}

/* The default context is another one now. */
static pci_ers_result_t sample_slot_reset(struct pci_dev *pdev)
{
	struct sample *sample = pci_get_drvdata(pdev);
	int rc;

	mutex_lock(&sample->lock);
	note(sample, "slot_reset");
	rc = sample_start(sample);
	mutex_unlock(&sample->lock);
	return rc ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void sample_resume(struct pci_dev *pdev)
{
	struct sample *sample = pci_get_drvdata(pdev);

	mutex_lock(&sample->lock);
	note(sample, "resume");
	mutex_unlock(&sample->lock);
}

static const struct pci_error_handlers sample_error_handlers = {
	.error_detected = sample_error_detected,
	.slot_reset = sample_slot_reset,
	.resume = sample_resume,
};

static ssize_t recovery_read(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct sample *sample = file->private_data;
	ssize_t rc;

	mutex_lock(&sample->lock);
	rc = simple_read_from_buffer(buf, count, ppos, sample->recovery,
				     strlen(sample->recovery));
	mutex_unlock(&sample->lock);
	return rc;
}

static const struct file_operations recovery_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = recovery_read,
	.llseek = default_llseek,
};

/* Binding */

static void add_debugfs(struct sample *sample)
{
	sample->dir = debugfs_create_dir(sample->name, NULL);
	debugfs_create_file("copy", 0600, sample->dir, sample, &copy_fops);
	debugfs_create_file("post", 0200, sample->dir, sample, &post_fops);
	debugfs_create_file("recovery", 0400, sample->dir, sample,
			    &recovery_fops);
	debugfs_create_atomic_t("interrupts", 0400, sample->dir,
				&sample->interrupts);
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
	sample->misc.minor = MISC_DYNAMIC_MINOR;
	sample->misc.name = sample->name;
	sample->misc.fops = &misc_fops;
	sample->misc.parent = &pdev->dev;
	pci_set_drvdata(pdev, sample);
	rc = misc_register(&sample->misc);
	if (rc)
		goto err_stop;
	add_debugfs(sample);
	return 0;

err_stop:
	sample_stop(sample);
err_disable:
	pci_disable_device(pdev);
err_free:
	kref_put(&sample->kref, sample_free);
	return rc;
}

static void sample_remove(struct pci_dev *pdev)
{
	struct sample *sample = pci_get_drvdata(pdev);

	misc_deregister(&sample->misc);
	/* Waits for whoever is in one of the files. */
	debugfs_remove(sample->dir);
	mutex_lock(&sample->lock);
	sample_stop(sample);
	mutex_unlock(&sample->lock);
	pci_disable_device(pdev);
	kref_put(&sample->kref, sample_free);
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
