/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The CAPI mediated device: what its VFIO consumer finds.
 *
 * The device is a PCI Express function with device_api "vfio-pci":
 *
 *	VFIO region			what
 *	--------------------------	---------------------------------------
 *	VFIO_PCI_BAR0_REGION_INDEX	function registers and event window
 *	VFIO_PCI_BAR2_REGION_INDEX	problem state area of the context
 *	VFIO_PCI_BAR4_REGION_INDEX	MSI-X table and pending bits
 *	VFIO_PCI_CONFIG_REGION_INDEX	configuration space
 *	type CAPI_MDEV_REGION_TYPE	events
 *
 * As on any PCI function, BARs answer only while memory space is enabled in
 * the command register, and MSI-X messages leave only while bus mastering is.
 * What does not answer reads as all ones.
 */
#ifndef _UAPI_MISC_CAPI_MDEV_H
#define _UAPI_MISC_CAPI_MDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

/* Subsystem id of the function; the device id is that of the AFU. */
#define CAPI_MDEV_SUBSYSTEM		0xca9d

/*
 * The events region, by its VFIO_REGION_INFO_CAP_TYPE. pread() of at least
 * CXL_READ_MIN_SIZE bytes at its start returns one struct cxl_event, or fails
 * with EAGAIN where there is none.
 */
#define CAPI_MDEV_REGION_TYPE		(VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x1014)
#define CAPI_MDEV_REGION_SUBTYPE_EVENTS	1

/**
 * struct capi_mdev_event_fd - argument of CAPI_MDEV_GET_EVENT_FD
 * @argsz: size of this structure
 * @flags: any of CAPI_MDEV_EVENT_FD_*
 */
struct capi_mdev_event_fd {
	__u32 argsz;
	__u32 flags;
};

#define CAPI_MDEV_EVENT_FD_NONBLOCK	(1 << 0)

/*
 * An ioctl on the VFIO device. Returns a new file descriptor, close-on-exec,
 * whose read(), poll(), select() and epoll behave as those of /dev/cxl. It
 * lasts for this opening of the device: once the device is closed, reset by
 * its removal or revoked, read() fails with EIO and poll() says POLLERR.
 */
#define CAPI_MDEV_GET_EVENT_FD		_IOW(0xCA, 0x40, struct capi_mdev_event_fd)

/* MSI-X vector 0: an event is pending. Vectors 1..n: the AFU's interrupts. */
#define CAPI_MDEV_VECTOR_EVENT		0

/*
 * BAR0, little endian. A register is written by one aligned access of its
 * width (a 64-bit register also by two of 32 bits); other writes are ignored.
 * Reads have no side effects and may have any width and alignment.
 */
#define CAPI_MDEV_REG_ID		0x000	/* 32 RO: CAPI_MDEV_ID */
#define CAPI_MDEV_REG_VERSION		0x004	/* 32 RO: CAPI_MDEV_VERSION */
#define CAPI_MDEV_REG_STATE		0x008	/* 32 RO: CAPI_MDEV_STATE_* */
#define CAPI_MDEV_REG_COMMAND		0x00c	/* 32 WO: CAPI_MDEV_COMMAND_* */
#define CAPI_MDEV_REG_RESULT		0x010	/* 32 RO: of the last command: 0 or an errno */
#define CAPI_MDEV_REG_PE		0x014	/* 32 RO: process element */
#define CAPI_MDEV_REG_WED		0x018	/* 64 RW: work element descriptor */
#define CAPI_MDEV_REG_IRQS		0x020	/* 32 RO: AFU interrupts */
#define CAPI_MDEV_REG_AFU_ID		0x024	/* 32 RO: device << 16 | vendor */
#define CAPI_MDEV_REG_PSA_SIZE		0x028	/* 64 RO: bytes */
#define CAPI_MDEV_REG_IRQS_MIN		0x030	/* 32 RO: AFU interrupts that are needed */
#define CAPI_MDEV_REG_MAP_OFFSET	0x038	/* 64 RO: what of BAR2 user space may map */
#define CAPI_MDEV_REG_MAP_SIZE		0x058	/* 64 RO: bytes of that, 0 for none */

#define CAPI_MDEV_REG_EVENT_CONTROL	0x040	/* 32 RW: CAPI_MDEV_EVENT_* */
#define CAPI_MDEV_REG_EVENT_STATUS	0x044	/* 32 RO: CAPI_MDEV_EVENT_STATUS_* */
#define CAPI_MDEV_REG_EVENT_LOOK	0x048	/* 32 WO: any value: look at the next event */
#define CAPI_MDEV_REG_EVENT_TOKEN	0x04c	/* 32 RO: of the event shown; 0: none */
#define CAPI_MDEV_REG_EVENT_ACK		0x050	/* 32 WO: token: done with that event */
#define CAPI_MDEV_REG_EVENT_STALE	0x054	/* 32 RO: acknowledgements ignored since reset */

#define CAPI_MDEV_REG_TRANSLATION	0x060	/* 64 RW: IOVA of the block, 0 for none */
#define CAPI_MDEV_REG_TRANSLATION_ANSWER 0x068	/* 32 WO: token: the block has the answer */
#define CAPI_MDEV_REG_TRANSLATION_STALE	0x06c	/* 32 RO: answers ignored since reset */
#define CAPI_MDEV_REG_INVALIDATE	0x070	/* 64 WO: address | order of its size */

#define CAPI_MDEV_REG_ABI		0x100	/* name of the driver events' ABI */
#define CAPI_MDEV_ABI_SIZE		32
#define CAPI_MDEV_REG_EVENT_DATA	0x1000	/* the event shown, in CPU byte order */
#define CAPI_MDEV_BAR0_SIZE		0x2000

#define CAPI_MDEV_ID			0x49504143	/* "CAPI" */
#define CAPI_MDEV_VERSION		0x00010001	/* 1.1 */

#define CAPI_MDEV_STATE_OPENED		0
#define CAPI_MDEV_STATE_STARTED		1
#define CAPI_MDEV_STATE_CLOSED		2
#define CAPI_MDEV_STATE_MASK		0x0000000f
#define CAPI_MDEV_STATE_LINK_DOWN	0x80000000

#define CAPI_MDEV_COMMAND_START		1
#define CAPI_MDEV_COMMAND_STOP		2
#define CAPI_MDEV_COMMAND_RESET		3	/* configuration space stays */

/* While the window is enabled it is the only reader of the context's events */
#define CAPI_MDEV_EVENT_ENABLE		(1 << 0)
/* With it: interrupts are told by their vectors alone, where there is a message */
#define CAPI_MDEV_EVENT_NO_IRQS		(1 << 1)
/* With it: the driver looks at STATE, and ERR is not for a link that went down */
#define CAPI_MDEV_EVENT_LINK_AWARE	(1 << 2)

#define CAPI_MDEV_EVENT_STATUS_PENDING	(1 << 0)	/* there is an event to look at */
#define CAPI_MDEV_EVENT_STATUS_FAILED	(1 << 1)	/* the last look dropped a bad event */

/* Of the address in CAPI_MDEV_REG_INVALIDATE; 0 stands for all addresses */
#define CAPI_MDEV_INVALIDATE_ORDER	0x3f

#define CAPI_MDEV_TRANSLATION_ENTRIES	480

/**
 * struct capi_mdev_translation - the block with a request and its answer
 * @token: names the request; 0 until there was one
 * @pe: process element
 * @flags: CAPI_MDEV_TRANSLATE_*
 * @address: of the first page that is missing
 * @pages: how many the AFU's access needs from there on
 * @reserved: 0
 * @answer_pe: as @pe
 * @answer_flags: CAPI_MDEV_ANSWER_*
 * @answer_pages: how many entries there are; 0: the address is bad
 * @answer_address: of the page of the first entry
 * @reserved2: 0
 * @entry: IOVA of the page | CAPI_MDEV_ENTRY_*, or 0 for a page that is not there
 *
 * In a page of the driver's memory, little endian. The VF writes what comes
 * before @answer_pe and raises vector 0; the driver writes the rest, and then
 * @token to CAPI_MDEV_REG_TRANSLATION_ANSWER.
 */
struct capi_mdev_translation {
	__le32 token;
	__le16 pe;
	__le16 flags;
	__le64 address;
	__le32 pages;
	__le32 reserved[3];

	__le16 answer_pe;
	__le16 answer_flags;
	__le32 answer_pages;
	__le64 answer_address;
	__le64 reserved2[2];
	__le64 entry[CAPI_MDEV_TRANSLATION_ENTRIES];
};

#define CAPI_MDEV_TRANSLATE_STORE	(1 << 0)	/* it is to be stored to */
#define CAPI_MDEV_TRANSLATE_MAX		256		/* pages of one request, at most */
#define CAPI_MDEV_ANSWER_ONCE		(1 << 0)	/* for this access only */
#define CAPI_MDEV_ENTRY_LOAD		(1 << 0)
#define CAPI_MDEV_ENTRY_STORE		(1 << 1)

#endif /* _UAPI_MISC_CAPI_MDEV_H */
