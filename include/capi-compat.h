/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between kernel versions. The code is written to the newest
 * kernel's API; what an older kernel lacks is made up for here, by features
 * found at build time (tools/probes), never by version numbers: distribution
 * kernels backport. The build includes this file before every source file.
 */
#ifndef _CAPI_COMPAT_H
#define _CAPI_COMPAT_H

#include "capi-probes.h"

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vfio.h>

#ifndef HAVE_EVENTFD_SIGNAL_ONE_ARG
#define eventfd_signal(ctx) ((void)eventfd_signal(ctx, 1))
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#ifndef HAVE_IMPORT_UBUF
static inline int import_ubuf(int rw, void __user *buf, size_t len,
			      struct iov_iter *to)
{
	if (unlikely(!access_ok(buf, len)))
		return -EFAULT;
	iov_iter_ubuf(to, rw, buf, len);
	return 0;
}
#endif

/* Whether what a class calls for the name of a node gets a const device */
#ifdef HAVE_CLASS_DEVNODE_CONST
#define CLASS_DEVNODE_CONST const
#else
#define CLASS_DEVNODE_CONST
#endif

#ifdef HAVE_CONST_BIN_ATTRIBUTE
#define const_bin_attribute const struct bin_attribute
#else
#define const_bin_attribute struct bin_attribute
#endif

#ifndef HAVE_GUP_REMOTE_NO_VMAS
#define get_user_pages_remote(mm, start, n, flags, pages, locked) \
	get_user_pages_remote(mm, start, n, flags, pages, NULL, locked)
#endif

/* Before the VFIO core freed devices itself, their release had to end so. */
#ifndef HAVE_VFIO_FREE_DEVICE
struct vfio_device;
static inline void vfio_free_device(struct vfio_device *vdev)
{
}
#endif

/*
 * The newest VFIO core copies the argument of VFIO_DEVICE_GET_REGION_INFO in
 * and out, and has an op for what comes between. Before, that was an ioctl like
 * the driver's others, so the driver's ioctl op ends with vfio_compat_ioctl().
 */
#ifdef HAVE_VFIO_GET_REGION_INFO_CAPS
#define VFIO_GET_REGION_INFO_OPS(fn)	.get_region_info_caps = fn,

static inline long
vfio_compat_ioctl(struct vfio_device *vdev, unsigned int cmd,
		  void __user *arg,
		  int (*fn)(struct vfio_device *vdev,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps))
{
	return -ENOTTY;
}
#else
#define VFIO_GET_REGION_INFO_OPS(fn)

static inline long vfio_compat_region_info(struct vfio_region_info __user *arg,
					   struct vfio_region_info *info,
					   struct vfio_info_cap *caps)
{
	if (caps->size) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info->argsz < sizeof(*info) + caps->size) {
			info->argsz = sizeof(*info) + caps->size;
			info->cap_offset = 0;
		} else {
			vfio_info_cap_shift(caps, sizeof(*info));
			if (copy_to_user(arg + 1, caps->buf, caps->size))
				return -EFAULT;
			info->cap_offset = sizeof(*info);
		}
	}
	return copy_to_user(arg, info, sizeof(*info)) ? -EFAULT : 0;
}

static inline long
vfio_compat_ioctl(struct vfio_device *vdev, unsigned int cmd,
		  void __user *arg,
		  int (*fn)(struct vfio_device *vdev,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps))
{
	struct vfio_info_cap caps = {};
	struct vfio_region_info info;
	long ret;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.argsz < sizeof(info))
		return -EINVAL;

	ret = fn(vdev, &info, &caps);
	if (!ret)
		ret = vfio_compat_region_info(arg, &info, &caps);
	kfree(caps.buf);
	return ret;
}
#endif

/* The iommufd callbacks of a vfio_device_ops for a device without an IOMMU */
#ifdef HAVE_VFIO_IOMMUFD_EMULATED
#ifdef HAVE_VFIO_IOMMUFD_DETACH
#define VFIO_IOMMUFD_EMULATED_DETACH \
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#else
#define VFIO_IOMMUFD_EMULATED_DETACH
#endif
#define VFIO_IOMMUFD_EMULATED_OPS \
	.bind_iommufd = vfio_iommufd_emulated_bind, \
	.unbind_iommufd = vfio_iommufd_emulated_unbind, \
	.attach_ioas = vfio_iommufd_emulated_attach_ioas, \
	VFIO_IOMMUFD_EMULATED_DETACH
#else
#define VFIO_IOMMUFD_EMULATED_OPS
#endif

#endif /* _CAPI_COMPAT_H */
