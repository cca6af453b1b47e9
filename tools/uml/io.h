/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User Mode Linux reaches only the registers of devices that it emulates itself.
 * What cxl_psa_map() gives is memory.
 */
#ifndef _CAPI_UML_IO_H
#define _CAPI_UML_IO_H

#include <linux/io.h>

#undef __raw_readq
#define __raw_readq(addr) READ_ONCE(*(const u64 __force *)(addr))

#undef __raw_writeq
#define __raw_writeq(value, addr) WRITE_ONCE(*(u64 __force *)(addr), value)

#endif
