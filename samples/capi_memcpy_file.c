// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that the sample driver gives to programs.
 */
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "capi_memcpy.h"

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
	sample_put(file->sample);
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
	sample_get(sample);
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

	sample_get(sample);
	return 0;
}

static int misc_release_sample(struct inode *inode, struct file *filp)
{
	struct sample *sample = container_of(filp->private_data, struct sample,
					     misc);

	sample_put(sample);
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

/* Caller has set the name. From here on programs can open it. */
int sample_files_add(struct sample *sample)
{
	sample->misc.minor = MISC_DYNAMIC_MINOR;
	sample->misc.name = sample->name;
	sample->misc.fops = &misc_fops;
	sample->misc.parent = &sample->pdev->dev;
	return misc_register(&sample->misc);
}

void sample_files_add_debugfs(struct sample *sample)
{
	debugfs_create_file("post", 0200, sample->dir, sample, &post_fops);
}

/* Nobody opens another; those that are open stay. */
void sample_files_remove(struct sample *sample)
{
	misc_deregister(&sample->misc);
}
