/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context of an AFU, used from a program through /dev/cxl.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _CAPI_CXL_H
#define _CAPI_CXL_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <misc/cxl.h>

/**
 * struct capi_cxl - an open context
 * @fd: its file
 * @psa: its problem state area, once that is mapped
 * @size: bytes of it
 * @error: why opening, starting or mapping failed: one sentence, with what to do
 *	about it
 */
struct capi_cxl {
	int fd;
	void *psa;
	size_t size;
	char error[512];
};

/* An event as it is read */
union capi_cxl_event {
	struct cxl_event event;
	struct cxl_event_header header;
	unsigned char bytes[CXL_READ_MIN_SIZE];
};

/*
 * The node, below /dev/cxl, of the first AFU that has this configuration
 * record: the slave's or that of dedicated mode. -ENOENT if there is none.
 */
int capi_cxl_find(__u16 vendor, __u16 device, char *node, size_t size);

/* On failure @cxl->error says what to do; that holds for the next four. */
int capi_cxl_open(struct capi_cxl *cxl, const char *node);
/* @irqs interrupts, or as many as the AFU needs if it is negative. */
int capi_cxl_start(struct capi_cxl *cxl, __u64 wed, int irqs);
/* The whole problem state area; of a master's node, the AFU's whole area. */
int capi_cxl_map(struct capi_cxl *cxl);
/* Is the adapter of an open context there, and its link up? -EIO if not. */
int capi_cxl_check(struct capi_cxl *cxl);
void capi_cxl_close(struct capi_cxl *cxl);

/* Does its AFU have this configuration record? */
bool capi_cxl_is(struct capi_cxl *cxl, __u16 vendor, __u16 device);

/*
 * The next event, for which it waits @timeout milliseconds: its type, or
 * -ETIMEDOUT.
 */
int capi_cxl_event(struct capi_cxl *cxl, union capi_cxl_event *event,
		   int timeout);

/* Big-endian 64-bit registers of the area that is mapped */
__u64 capi_cxl_get(struct capi_cxl *cxl, size_t reg);
void capi_cxl_put(struct capi_cxl *cxl, size_t reg, __u64 value);

#endif /* _CAPI_CXL_H */
