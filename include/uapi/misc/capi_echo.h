/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The echo AFU of the software adapter: an AFU that does nothing but raise
 * the events that it is told to, for tests and for trying things out.
 *
 * Its problem state area has two parts: a page of registers, and memory that
 * can be mapped and means nothing to the AFU. The registers are 64 bits wide,
 * little endian, and start over when the context is started. A 32-bit store
 * to the lower half of a register stores the value extended with zeros.
 */
#ifndef _UAPI_MISC_CAPI_ECHO_H
#define _UAPI_MISC_CAPI_ECHO_H

#include <linux/types.h>

#define CAPI_ECHO_VENDOR	0x1014
#define CAPI_ECHO_DEVICE	0x4563

#define CAPI_ECHO_REG_ID	0x00	/* RO: CAPI_ECHO_ID */
#define CAPI_ECHO_REG_WED	0x08	/* RO: what the context was started with */
#define CAPI_ECHO_REG_PERIOD	0x10	/* RW: microseconds between driver events; 0: at once */
#define CAPI_ECHO_REG_SIZE	0x18	/* RW: payload bytes, at most CAPI_ECHO_MAX_SIZE */
#define CAPI_ECHO_REG_EMIT	0x20	/* WO: emit so many driver events, after those still due */
#define CAPI_ECHO_REG_DUE	0x28	/* RO: driver events still to be emitted */
#define CAPI_ECHO_REG_IRQ	0x30	/* WO: raise this AFU interrupt */
#define CAPI_ECHO_REG_FAULT	0x38	/* WO: fault at this address */
#define CAPI_ECHO_REG_ERROR	0x40	/* WO: report this AFU error */

/* What its driver events look like, for CAPI_IOCTL_DRIVER_EVENTS */
#define CAPI_ECHO_ABI		"echo-1"

#define CAPI_ECHO_ID		0x000000004f484345ULL	/* "ECHO" */

/*
 * The payload of a driver event: its number in the context's life since it was
 * opened, from 0, as 64 bits little endian, then bytes of CAPI_ECHO_FILL; cut
 * off at the size asked for.
 */
#define CAPI_ECHO_FILL		0xec
#define CAPI_ECHO_MIN_SIZE	0
#define CAPI_ECHO_DEFAULT_SIZE	16
#define CAPI_ECHO_MAX_SIZE	32

/* Why its data storage events say that the access failed: no translation */
#define CAPI_ECHO_DSISR		0x8000000000000000ULL

#endif /* _UAPI_MISC_CAPI_ECHO_H */
