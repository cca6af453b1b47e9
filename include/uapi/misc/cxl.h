/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user ABI of IBM's Coherent Accelerator Processor Interface (CAPI).
 *
 * Binary compatible with the header of the same name that Linux carried up to
 * 6.14: ioctl numbers, structures and event layouts are the same bit for bit.
 * All fields are in the byte order of the CPU.
 */
#ifndef _UAPI_MISC_CXL_H
#define _UAPI_MISC_CXL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct cxl_ioctl_start_work - argument of CXL_IOCTL_START_WORK
 * @flags: any of CXL_START_WORK_*; unknown flags are refused
 * @work_element_descriptor: what the AFU is started with; its meaning is the
 *	AFU's own
 * @amr: authority mask register, looked at with CXL_START_WORK_AMR
 * @num_interrupts: AFU interrupts wanted, looked at with
 *	CXL_START_WORK_NUM_IRQS; otherwise the AFU's minimum
 * @tid: thread to wake by wait/notify, set with CXL_START_WORK_TID
 * @reserved1: must be 0
 * @reserved2: must be 0
 * @reserved3: must be 0
 * @reserved4: must be 0
 * @reserved5: must be 0
 */
struct cxl_ioctl_start_work {
	__u64 flags;
	__u64 work_element_descriptor;
	__u64 amr;
	__s16 num_interrupts;
	__u16 tid;
	__s32 reserved1;
	__u64 reserved2;
	__u64 reserved3;
	__u64 reserved4;
	__u64 reserved5;
};

#define CXL_START_WORK_AMR		0x0000000000000001ULL
#define CXL_START_WORK_NUM_IRQS		0x0000000000000002ULL
#define CXL_START_WORK_ERR_FF		0x0000000000000004ULL
#define CXL_START_WORK_TID		0x0000000000000008ULL
#define CXL_START_WORK_ALL		(CXL_START_WORK_AMR | \
					 CXL_START_WORK_NUM_IRQS | \
					 CXL_START_WORK_ERR_FF | \
					 CXL_START_WORK_TID)

/* Programming models, as in cxl_afu_id.afu_mode */
#define CXL_MODE_DEDICATED		0x1
#define CXL_MODE_DIRECTED		0x2

/* cxl_afu_id.flags: the node opened is a slave of a directed-mode AFU */
#define CXL_AFUID_FLAG_SLAVE		0x1

/**
 * struct cxl_afu_id - result of CXL_IOCTL_GET_AFU_ID
 * @flags: any of CXL_AFUID_FLAG_*
 * @card_id: number of the card
 * @afu_offset: number of the AFU on its card
 * @afu_mode: one of CXL_MODE_*
 * @reserved1: 0
 * @reserved2: 0
 * @reserved3: 0
 * @reserved4: 0
 * @reserved5: 0
 * @reserved6: 0
 */
struct cxl_afu_id {
	__u64 flags;
	__u32 card_id;
	__u32 afu_offset;
	__u32 afu_mode;
	__u32 reserved1;
	__u64 reserved2;
	__u64 reserved3;
	__u64 reserved4;
	__u64 reserved5;
	__u64 reserved6;
};

/* Adapter images, for the card node that only PowerVM has */
#define CXL_AI_NEED_HEADER		0x0000000000000001ULL
#define CXL_AI_ALL			CXL_AI_NEED_HEADER

#define CXL_AI_HEADER_SIZE		128
#define CXL_AI_BUFFER_SIZE		4096
#define CXL_AI_MAX_ENTRIES		256
#define CXL_AI_MAX_CHUNK_SIZE		(CXL_AI_BUFFER_SIZE * CXL_AI_MAX_ENTRIES)

struct cxl_adapter_image {
	__u64 flags;
	__u64 data;
	__u64 len_data;
	__u64 len_image;
	__u64 reserved1;
	__u64 reserved2;
	__u64 reserved3;
	__u64 reserved4;
};

#define CXL_MAGIC			0xCA
/* On AFU nodes */
#define CXL_IOCTL_START_WORK		_IOW(CXL_MAGIC, 0x00, struct cxl_ioctl_start_work)
#define CXL_IOCTL_GET_PROCESS_ELEMENT	_IOR(CXL_MAGIC, 0x01, __u32)
#define CXL_IOCTL_GET_AFU_ID		_IOR(CXL_MAGIC, 0x02, struct cxl_afu_id)
/* On card nodes */
#define CXL_IOCTL_DOWNLOAD_IMAGE	_IOW(CXL_MAGIC, 0x0A, struct cxl_adapter_image)
#define CXL_IOCTL_VALIDATE_IMAGE	_IOW(CXL_MAGIC, 0x0B, struct cxl_adapter_image)

/* The smallest buffer that read() of events takes; no event is larger */
#define CXL_READ_MIN_SIZE		0x1000

enum cxl_event_type {
	CXL_EVENT_RESERVED	= 0,
	CXL_EVENT_AFU_INTERRUPT	= 1,
	CXL_EVENT_DATA_STORAGE	= 2,
	CXL_EVENT_AFU_ERROR	= 3,
	CXL_EVENT_AFU_DRIVER	= 4,
};

/**
 * struct cxl_event_header - how every event begins
 * @type: one of enum cxl_event_type
 * @size: bytes of the whole event, this header included
 * @process_element: the context that the event belongs to
 * @reserved1: 0
 */
struct cxl_event_header {
	__u16 type;
	__u16 size;
	__u16 process_element;
	__u16 reserved1;
};

/**
 * struct cxl_event_afu_interrupt - an AFU interrupt was raised
 * @flags: 0
 * @irq: its number, from 1
 * @reserved1: 0
 */
struct cxl_event_afu_interrupt {
	__u16 flags;
	__u16 irq;
	__u32 reserved1;
};

/**
 * struct cxl_event_data_storage - the AFU used an address that it may not use
 * @flags: 0
 * @reserved1: 0
 * @reserved2: 0
 * @addr: the address
 * @dsisr: why, in the bits of the PSL's DSISR register
 * @reserved3: 0
 */
struct cxl_event_data_storage {
	__u16 flags;
	__u16 reserved1;
	__u32 reserved2;
	__u64 addr;
	__u64 dsisr;
	__u64 reserved3;
};

/**
 * struct cxl_event_afu_error - the AFU reports an error of its own
 * @flags: 0
 * @reserved1: 0
 * @reserved2: 0
 * @error: the AFU's code for it
 */
struct cxl_event_afu_error {
	__u16 flags;
	__u16 reserved1;
	__u32 reserved2;
	__u64 error;
};

/**
 * struct cxl_event_afu_driver_reserved - an event of the AFU driver's own
 * @data_size: bytes of @data
 * @data: the payload; its meaning is the AFU driver's ABI
 *
 * This is what an AFU driver hands to the kernel. It does not describe what
 * read() returns: there the header is followed by the payload directly, and
 * header.size is the size of both.
 */
struct cxl_event_afu_driver_reserved {
	__u32 data_size;
	__u8 data[];
};

/**
 * struct cxl_event - what read() returns, one at a time
 * @header: which member of the union follows, and its size
 * @irq: for CXL_EVENT_AFU_INTERRUPT
 * @fault: for CXL_EVENT_DATA_STORAGE
 * @afu_error: for CXL_EVENT_AFU_ERROR
 * @afu_driver_event: kept for source compatibility, see the structure's note
 */
struct cxl_event {
	struct cxl_event_header header;
	union {
		struct cxl_event_afu_interrupt irq;
		struct cxl_event_data_storage fault;
		struct cxl_event_afu_error afu_error;
		struct cxl_event_afu_driver_reserved afu_driver_event;
	};
};

#endif /* _UAPI_MISC_CXL_H */
