// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events for VFIO programs: the events region and the event fd, both thin
 * readers of the core's.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "mdev.h"

/* The reader of this opening of the device, held */
static struct capi_event_reader *get_reader(struct capi_mdev *m)
{
	struct capi_event_reader *reader;

	mutex_lock(&m->lock);
	reader = m->reader;
	if (reader)
		capi_event_reader_get(reader);
	mutex_unlock(&m->lock);
	return reader;
}

static u64 events_size(struct capi_mdev *m)
{
	return CXL_READ_MIN_SIZE;
}

static ssize_t events_read(struct capi_mdev *m, u64 off, char __user *buf,
			   size_t count)
{
	struct capi_event_reader *reader;
	struct iov_iter to;
	ssize_t rc;

	if (off)
		return -EINVAL;
	reader = get_reader(m);
	if (!reader)
		return -ENODEV;
	iov_iter_ubuf(&to, ITER_DEST, buf, count);
	rc = capi_event_read_pending(reader, &to);
	capi_event_reader_put(reader);
	return rc;
}

static int events_caps(struct capi_mdev *m, u32 *flags,
		       struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_type type = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.header.version = 1,
		.type = CAPI_MDEV_REGION_TYPE,
		.subtype = CAPI_MDEV_REGION_SUBTYPE_EVENTS,
	};

	return vfio_info_add_capability(caps, &type.header, sizeof(type));
}

const struct capi_mdev_region capi_mdev_events_region = {
	.size = events_size,
	.flags = VFIO_REGION_INFO_FLAG_READ,
	.read_user = events_read,
	.add_caps = events_caps,
};

static ssize_t event_fd_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;

	return capi_event_read(file->private_data, to,
			       (file->f_flags & O_NONBLOCK) ||
			       (iocb->ki_flags & IOCB_NOWAIT));
}

static __poll_t event_fd_poll(struct file *file,
			      struct poll_table_struct *wait)
{
	return capi_event_poll(file->private_data, file, wait);
}

static int event_fd_release(struct inode *inode, struct file *file)
{
	capi_event_reader_put(file->private_data);
	return 0;
}

static const struct file_operations event_fd_fops = {
	.owner = THIS_MODULE,
	.read_iter = event_fd_read,
	.poll = event_fd_poll,
	.release = event_fd_release,
	.llseek = noop_llseek,
};

static int install_event_fd(struct capi_event_reader *reader, int flags)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[capi-events]", &event_fd_fops, reader,
				  O_RDONLY | flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= CAPI_EVENT_FMODE;
	fd_install(fd, file);
	return fd;
}

long capi_mdev_get_event_fd(struct capi_mdev *m, void __user *arg)
{
	unsigned long minsz = offsetofend(struct capi_mdev_event_fd, flags);
	struct capi_event_reader *reader;
	struct capi_mdev_event_fd request;
	int fd;

	if (copy_from_user(&request, arg, minsz))
		return -EFAULT;
	if (request.argsz < minsz ||
	    request.flags & ~CAPI_MDEV_EVENT_FD_NONBLOCK)
		return -EINVAL;

	reader = READ_ONCE(m->revoked) ? NULL : get_reader(m);
	if (!reader)
		return -ENODEV;
	fd = install_event_fd(reader, request.flags ? O_NONBLOCK : 0);
	if (fd < 0)
		capi_event_reader_put(reader);
	return fd;
}
