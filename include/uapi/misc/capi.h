/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Additions to the cxl user interface, on the files of /dev/cxl.
 */
#ifndef _UAPI_MISC_CAPI_H
#define _UAPI_MISC_CAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include <misc/cxl.h>

#define CAPI_ABI_SIZE	24

/**
 * struct capi_ioctl_driver_events - ask for the events of the AFU's driver
 * @flags: 0
 * @reserved: 0
 * @abi: names what the events look like, as the AFU driver's documentation says;
 *	a string with its end
 */
struct capi_ioctl_driver_events {
	__u32 flags;
	__u32 reserved;
	char abi[CAPI_ABI_SIZE];
};

/*
 * From here on the file's context carries the events of the AFU's driver, and
 * read() returns them as CXL_EVENT_AFU_DRIVER. EINVAL for fields that cannot be,
 * ENODEV if no AFU driver serves the AFU, EPROTONOSUPPORT if it does and its
 * events look different, EBUSY if that was asked for before.
 */
#define CAPI_IOCTL_DRIVER_EVENTS \
	_IOW(CXL_MAGIC, 0x40, struct capi_ioctl_driver_events)

#endif /* _UAPI_MISC_CAPI_H */
