/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the echo AFU and its AFU driver. Both serve the same contexts; the
 * driver listens from its attach to its detach.
 */
#ifndef _CAPI_SIM_ECHO_H
#define _CAPI_SIM_ECHO_H

#include <linux/types.h>

struct cxl_context;

/* echo.c, for the driver */
bool echo_is_ours(struct cxl_context *ctx);
void echo_listen(struct cxl_context *ctx, bool listen);
bool echo_take(struct cxl_context *ctx, u32 *size);
unsigned int echo_forget(struct cxl_context *ctx);

/* echo_driver.c, for the AFU */
int echo_driver_load(void);
void echo_driver_unload(void);
void echo_driver_announce(struct cxl_context *ctx, unsigned int events);

#endif /* _CAPI_SIM_ECHO_H */
