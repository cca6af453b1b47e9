// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of the cxl user ABI: those of /dev/cxl, and those that AFU drivers
 * make with cxl_get_fd(). The private data of such a file is its context.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <uapi/misc/capi.h>

#include "core.h"
#include "trace.h"

/* Makes a context one that a file stands for, unless one does. */
static int bind_file(struct cxl_context *ctx)
{
	struct capi_event_reader *reader = capi_event_reader_create(ctx);
	int rc = 0;

	if (!reader)
		return -ENOMEM;
	mutex_lock(&ctx->mutex);
	if (ctx->reader) {
		rc = -EEXIST;
	} else {
		swap(ctx->reader, reader);
		WRITE_ONCE(ctx->has_file, true);
	}
	mutex_unlock(&ctx->mutex);
	if (reader)
		capi_event_reader_put(reader);
	return rc;
}

static void unbind_file(struct cxl_context *ctx)
{
	capi_event_reader_end(ctx->reader);
	capi_event_reader_put(ctx->reader);
	ctx->reader = NULL;
}

/* Opens a context of @afu for @file; returns 0 or an error. */
int capi_file_open(struct cxl_afu *afu, bool master, struct file *file)
{
	struct cxl_context *ctx;
	int rc;

	if (!READ_ONCE(afu->adapter->link_up))
		return -EIO;
	ctx = capi_context_create_file(afu);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	if (master)
		cxl_set_master(ctx);

	rc = bind_file(ctx);
	if (rc)
		goto err_context;
	rc = capi_context_open_file(ctx);
	if (rc)
		goto err_reader;

	file->private_data = ctx;
	file->f_mode |= CAPI_EVENT_FMODE;
	return 0;

err_reader:
	unbind_file(ctx);
err_context:
	cxl_release_context(ctx);
	return rc;
}

/**
 * cxl_fd_release() - release of a file of the cxl user ABI
 * @inode: its inode
 * @file: the file
 *
 * Stops the context and gives it back.
 *
 * Context: process, may sleep.
 * Return: 0.
 */
int cxl_fd_release(struct inode *inode, struct file *file)
{
	struct cxl_context *ctx = file->private_data;

	cxl_stop_context(ctx);
	capi_context_close(ctx);
	unbind_file(ctx);
	cxl_release_context(ctx);
	return 0;
}
EXPORT_SYMBOL_GPL(cxl_fd_release);

static bool work_ok(const struct cxl_ioctl_start_work *work)
{
	return !work->reserved1 && !work->reserved2 && !work->reserved3 &&
	       !work->reserved4 && !work->reserved5 &&
	       !(work->flags & ~CXL_START_WORK_ALL);
}

/* Caller holds ctx->mutex. */
static int start_work(struct cxl_context *ctx,
		      const struct cxl_ioctl_start_work *work)
{
	struct cxl_afu *afu = ctx->afu;
	struct capi_work start = {
		.wed = work->work_element_descriptor,
		.task = current,
	};
	int irqs = afu->desc.irqs;

	if (work->flags & CXL_START_WORK_NUM_IRQS) {
		if (work->num_interrupts < irqs ||
		    work->num_interrupts > (int)READ_ONCE(afu->irqs_max))
			return -EINVAL;
		irqs = work->num_interrupts;
	}
	if (work->flags & CXL_START_WORK_AMR)
		start.amr = work->amr;

	if (!ctx->irqs_kept)
		WRITE_ONCE(ctx->irqs, irqs);
	return capi_context_start_locked(ctx, &start);
}

/**
 * cxl_start_work() - start a context as the cxl user ABI does
 * @ctx: the context
 * @work: what a user gave; its number of interrupts is filled in where it has
 *	none
 *
 * The AFU uses the addresses of the process that calls. Reserved fields are not
 * looked at.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a number of interrupts that cannot be, otherwise as
 * cxl_start_context().
 */
int cxl_start_work(struct cxl_context *ctx, struct cxl_ioctl_start_work *work)
{
	int rc = 0;

	if (!(work->flags & CXL_START_WORK_NUM_IRQS))
		work->num_interrupts = ctx->afu->desc.irqs;
	mutex_lock(&ctx->mutex);
	if (ctx->state != CAPI_CONTEXT_STARTED)
		rc = start_work(ctx, work);
	trace_capi_context_start(ctx, rc);
	mutex_unlock(&ctx->mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_start_work);

static long ioctl_start_work(struct cxl_context *ctx,
			     struct cxl_ioctl_start_work __user *arg)
{
	struct cxl_ioctl_start_work work;
	int rc;

	if (copy_from_user(&work, arg, sizeof(work)))
		return -EFAULT;

	mutex_lock(&ctx->mutex);
	if (ctx->state != CAPI_CONTEXT_OPENED)
		rc = -EIO;
	else if (!work_ok(&work))
		rc = -EINVAL;
	else
		rc = capi_psa_set_ones(ctx,
				       work.flags & CXL_START_WORK_ERR_FF);
	if (!rc)
		rc = start_work(ctx, &work);
	trace_capi_context_start(ctx, rc);
	mutex_unlock(&ctx->mutex);

	/* The architecture's first version has no thread ids. */
	if (!rc && work.flags & CXL_START_WORK_TID && put_user(0, &arg->tid))
		rc = -EFAULT;
	return rc;
}

static long ioctl_get_process_element(struct cxl_context *ctx,
				      __u32 __user *arg)
{
	return put_user((__u32)cxl_process_element(ctx), arg);
}

static long ioctl_get_afu_id(struct cxl_context *ctx,
			     struct cxl_afu_id __user *arg)
{
	struct cxl_afu *afu = ctx->afu;
	struct cxl_afu_id id = {
		.card_id = afu->adapter->num,
		.afu_offset = afu->index,
		.afu_mode = READ_ONCE(afu->mode),
	};

	if (id.afu_mode == CXL_MODE_DIRECTED && !capi_context_master(ctx))
		id.flags = CXL_AFUID_FLAG_SLAVE;
	return copy_to_user(arg, &id, sizeof(id)) ? -EFAULT : 0;
}

static long ioctl_driver_events(struct cxl_context *ctx, void __user *arg)
{
	struct capi_ioctl_driver_events ask;

	if (copy_from_user(&ask, arg, sizeof(ask)))
		return -EFAULT;
	if (ask.flags || ask.reserved || !ask.abi[0] ||
	    strnlen(ask.abi, sizeof(ask.abi)) == sizeof(ask.abi))
		return -EINVAL;
	return capi_context_ask_events(ctx, ask.abi);
}

/**
 * cxl_fd_ioctl() - ioctl of a file of the cxl user ABI
 * @file: the file
 * @cmd: which
 * @arg: its argument
 *
 * Context: process, may sleep.
 * Return: 0, -EIO if the context is closed or its link is down, -EINVAL for a
 * @cmd that is none, or the ioctl's own errors.
 */
long cxl_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct cxl_context *ctx = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (capi_context_state(ctx) == CAPI_CONTEXT_CLOSED ||
	    !capi_context_link_ok(ctx))
		return -EIO;

	switch (cmd) {
	case CXL_IOCTL_START_WORK:
		return ioctl_start_work(ctx, uarg);
	case CXL_IOCTL_GET_PROCESS_ELEMENT:
		return ioctl_get_process_element(ctx, uarg);
	case CXL_IOCTL_GET_AFU_ID:
		return ioctl_get_afu_id(ctx, uarg);
	case CAPI_IOCTL_DRIVER_EVENTS:
		return ioctl_driver_events(ctx, uarg);
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL_GPL(cxl_fd_ioctl);

/**
 * cxl_fd_mmap() - mmap of a file of the cxl user ABI
 * @file: the file
 * @vm: where to; shared, and not beyond what the node's mmio_size says
 *
 * Context: process, mmap lock held for writing.
 * Return: 0, -EIO if the context is not started or the link is down, -EINVAL
 * for a mapping that cannot be, -ENOMEM.
 */
int cxl_fd_mmap(struct file *file, struct vm_area_struct *vm)
{
	return capi_psa_mmap_file(file->private_data, vm);
}
EXPORT_SYMBOL_GPL(cxl_fd_mmap);

/**
 * cxl_fd_poll() - poll of a file of the cxl user ABI
 * @file: the file
 * @poll: as poll gives it
 *
 * Context: process.
 * Return: as capi_event_poll().
 */
__poll_t cxl_fd_poll(struct file *file, struct poll_table_struct *poll)
{
	struct cxl_context *ctx = file->private_data;

	return capi_event_poll(ctx->reader, file, poll);
}
EXPORT_SYMBOL_GPL(cxl_fd_poll);

static ssize_t read_event(struct file *file, struct iov_iter *to, bool nowait)
{
	struct cxl_context *ctx = file->private_data;

	return capi_event_read(ctx->reader, to,
			       nowait || file->f_flags & O_NONBLOCK);
}

/**
 * cxl_fd_read() - read of a file of the cxl user ABI
 * @file: the file
 * @buf: where to
 * @count: its size in bytes; at least CXL_READ_MIN_SIZE
 * @off: not used
 *
 * Context: process, may sleep.
 * Return: as capi_event_read().
 */
ssize_t cxl_fd_read(struct file *file, char __user *buf, size_t count,
		    loff_t *off)
{
	struct iov_iter to;
	int rc = import_ubuf(ITER_DEST, buf, count, &to);

	return rc ?: read_event(file, &to, false);
}
EXPORT_SYMBOL_GPL(cxl_fd_read);

static ssize_t file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return read_event(iocb->ki_filp, to, iocb->ki_flags & IOCB_NOWAIT);
}

/* Nothing opens a file of cxl_get_fd(). */
const struct file_operations capi_file_fops = {
	.owner = THIS_MODULE,
	.open = capi_node_open,
	.release = cxl_fd_release,
	.read_iter = file_read_iter,
	.poll = cxl_fd_poll,
	.unlocked_ioctl = cxl_fd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = cxl_fd_mmap,
};

static void fill_in(struct file_operations *fops)
{
	if (!fops->open)
		fops->open = cxl_fd_open;
	if (!fops->release)
		fops->release = cxl_fd_release;
	if (!fops->read && !fops->read_iter)
		fops->read = cxl_fd_read;
	if (!fops->poll)
		fops->poll = cxl_fd_poll;
	if (!fops->unlocked_ioctl)
		fops->unlocked_ioctl = cxl_fd_ioctl;
	if (!fops->compat_ioctl)
		fops->compat_ioctl = compat_ptr_ioctl;
	if (!fops->mmap)
		fops->mmap = cxl_fd_mmap;
}

/**
 * cxl_get_fd() - make a file for a context
 * @ctx: the context, made with cxl_dev_context_init()
 * @fops: what the driver does itself; what is NULL is filled in, so that the
 *	file is as one of /dev/cxl there. NULL for all.
 * @fd: filled with the number reserved for the file
 *
 * The caller installs the file with fd_install(), after which it must not fail;
 * before, it gives up with fput() and put_unused_fd(). Unless @fops has a
 * release of its own, that of the file stops the context and gives it back.
 *
 * Context: process, may sleep.
 * Return: the file, or an ERR_PTR: -EEXIST if the context has one, -EMFILE,
 * -ENOMEM, -ENOENT if the module that @fops belong to is about to go.
 */
struct file *cxl_get_fd(struct cxl_context *ctx, struct file_operations *fops,
			int *fd)
{
	const struct file_operations *ops = fops ?: &capi_file_fops;
	struct file *file;
	int rc;

	if (fops)
		fill_in(fops);

	rc = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (rc < 0)
		return ERR_PTR(rc);
	*fd = rc;
	rc = bind_file(ctx);
	if (rc)
		goto err_fd;
	file = anon_inode_getfile("[cxl]", ops, ctx, O_RDWR | O_CLOEXEC);
	if (!IS_ERR(file)) {
		if (file->f_op->read_iter == file_read_iter)
			file->f_mode |= CAPI_EVENT_FMODE;
		return file;
	}
	rc = PTR_ERR(file);
	unbind_file(ctx);
	WRITE_ONCE(ctx->has_file, false);
err_fd:
	put_unused_fd(*fd);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_GPL(cxl_get_fd);

/**
 * cxl_fops_get_context() - the context of a file of the cxl user ABI
 * @file: the file
 *
 * Context: any.
 */
struct cxl_context *cxl_fops_get_context(struct file *file)
{
	return file->private_data;
}
EXPORT_SYMBOL_GPL(cxl_fops_get_context);
