/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The memcpy AFU, IBM's well-known test AFU: it works through a queue of
 * elements in memory. Queue, elements and registers are big endian.
 *
 * The work element descriptor that a context is started with is the queue's
 * address, a multiple of 4096, and its depth in the lower 12 bits, in units of
 * CAPI_MEMCPY_DEPTH_UNIT elements. The AFU takes an element when it is valid and
 * its wrap bit is that of the AFU, which is 0 in the beginning and flips after
 * the last element of the queue. At the first element that is not for it, it
 * waits, and looks again now and then: there is no doorbell.
 */
#ifndef _UAPI_MISC_CAPI_MEMCPY_H
#define _UAPI_MISC_CAPI_MEMCPY_H

#include <linux/types.h>

#define CAPI_MEMCPY_VENDOR	0x1014
#define CAPI_MEMCPY_DEVICE	0x4350

/* Work element descriptor */
#define CAPI_MEMCPY_WED_DEPTH	0xfffULL
#define CAPI_MEMCPY_DEPTH_UNIT	4

/**
 * struct capi_memcpy_element - an element of the queue
 * @cmd: CAPI_MEMCPY_VALID, CAPI_MEMCPY_WRAP and the opcode; stored last
 * @status: written by the AFU when it is done, CAPI_MEMCPY_STATUS_*
 * @length: bytes to copy, or the number of the interrupt, from 1
 * @extra: which compare and swap, CAPI_MEMCPY_SWAP_*
 * @reserved: nothing
 * @op1: what a compare and swap compares with
 * @src: address; what a compare and swap stores
 * @dst: address
 */
struct capi_memcpy_element {
	__u8 cmd;
	__u8 status;
	__be16 length;
	__u8 extra;
	__u8 reserved[3];
	__be64 op1;
	__be64 src;
	__be64 dst;
};

#define CAPI_MEMCPY_VALID	0x80
#define CAPI_MEMCPY_WRAP	0x40
#define CAPI_MEMCPY_OPCODE	0x3f

/* Opcodes */
#define CAPI_MEMCPY_COPY	0	/* @length bytes from @src to @dst */
#define CAPI_MEMCPY_IRQ		1	/* raise AFU interrupt @length, then wait */
#define CAPI_MEMCPY_INCREMENT	4	/* the 32 bits at @dst = those at @src + 1 */
#define CAPI_MEMCPY_SWAP	5	/* the 64 bits at @dst = @src, if ... */

/* ... for an element's extra */
#define CAPI_MEMCPY_SWAP_NOT_EQUAL	0x10	/* ... they are not @op1 */
#define CAPI_MEMCPY_SWAP_EQUAL		0x11	/* ... they are @op1 */

/* After those marked *, and after an interrupt, the AFU waits for a restart. */
#define CAPI_MEMCPY_STATUS_COMPLETE	0x80
#define CAPI_MEMCPY_STATUS_TRANSLATION	0x40	/* * no such memory */
#define CAPI_MEMCPY_STATUS_ADDRESS	0x20	/* * wraps, or a swap is misaligned */
#define CAPI_MEMCPY_STATUS_DATA		0x10	/* * memory is broken */
#define CAPI_MEMCPY_STATUS_PSL		0x08	/* * no address space */
#define CAPI_MEMCPY_STATUS_SOURCE	0x04	/* no such interrupt */
#define CAPI_MEMCPY_STATUS_TERMINATED	0x02	/* the process is gone */
#define CAPI_MEMCPY_STATUS_COMMAND	0x01	/* undefined; see CAPI_MEMCPY_CFG_STOP */

/* Registers of a context, 64 bits each */
#define CAPI_MEMCPY_REG_WED	0x00	/* RO: what the context was started with */
#define CAPI_MEMCPY_REG_HANDLE	0x08	/* RO: process element << 48 */
#define CAPI_MEMCPY_REG_STATUS	0x10	/* RO: CAPI_MEMCPY_STOPPED or 0 */
#define CAPI_MEMCPY_REG_PCTRL	0x18	/* WO: CAPI_MEMCPY_RESTART */
#define CAPI_MEMCPY_REG_TIMEBASE 0x40	/* RW: store 0, load until it is not 0 */

#define CAPI_MEMCPY_STOPPED	0x0800000000000000ULL
#define CAPI_MEMCPY_RESTART	0x8000000000000000ULL

/* Registers for all, in the area of master contexts */
#define CAPI_MEMCPY_REG_CFG	0x00	/* RW */

/*
 * Wait for a restart also where the queue goes on with no valid command: with
 * one that is undefined, or with an element that is not for the AFU (yet). A
 * restart is a doorbell then, and the AFU polls no memory.
 */
#define CAPI_MEMCPY_CFG_STOP	0x2000000000000000ULL

/**
 * struct capi_memcpy_error - the error buffer: what failed last
 * @pe: process element
 * @status: of the element; 0 where the queue itself could not be reached
 * @reserved: nothing
 * @address: of the element
 * @fault: the first address that could not be reached, where that was it
 * @element: the element
 * @zero: nothing
 *
 * From @address on there are zeros for who has no CAP_SYS_ADMIN.
 */
struct capi_memcpy_error {
	__be16 pe;
	__u8 status;
	__u8 reserved[5];
	__be64 address;
	__be64 fault;
	struct capi_memcpy_element element;
	__u8 zero[72];
};

/* Why its data storage events say that the access failed */
#define CAPI_MEMCPY_DSISR	0x40000000ULL	/* no translation */
#define CAPI_MEMCPY_DSISR_STORE	0x02000000ULL	/* of a store */

#endif /* _UAPI_MISC_CAPI_MEMCPY_H */
