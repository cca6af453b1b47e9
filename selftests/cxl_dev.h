/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AFUs in /sys/class/cxl and their nodes in /dev/cxl, found and used as a program
 * that was written for Linux's cxl driver does.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _CXL_DEV_H
#define _CXL_DEV_H

#include <stdbool.h>
#include <stddef.h>

#include <misc/capi.h>
#include <misc/capi_echo.h>
#include <misc/capi_memcpy.h>
#include <misc/cxl.h>

#include "context.h"
#include "guest.h"
#include "vfio_mdev.h"

/**
 * struct afu - an AFU
 * @name: afuN.M
 * @card: the PCI function of its adapter
 * @num: N
 * @slice: M
 */
struct afu {
	char name[24];
	char card[32];
	unsigned int num;
	unsigned int slice;
};

/* What the tests work on: one echo AFU with 4 contexts */
#define ECHO_AFU	"echo:4"
#define ECHO_CONTEXTS	4
#define ECHO_IRQS	4
#define ECHO_IRQS_MAX	32

/*
 * Loads capi_sim with these AFUs on one adapter, unless it is: then all of its
 * settings that tests change are as they were. Unloading it is 0 only where
 * nothing holds it.
 *
 * In a guest it loads capi_guest, and afu_find() finds AFUs of the first of these
 * kinds only.
 */
int cxl_load(const char *afus);
int cxl_unload(void);

/* The AFU that comes as number @index, by name; -ENOENT if there is none. */
int afu_find(struct afu *afu, unsigned int index);
/* One of its attributes: as text without the newline, as a number */
int afu_text(const struct afu *afu, const char *name, char *text, size_t size);
long long afu_number(const struct afu *afu, const char *name);
int afu_set(const struct afu *afu, const char *name, const char *value);
/* The same of its card */
int afu_card_text(const struct afu *afu, const char *name, char *text,
		  size_t size);
int afu_card_set(const struct afu *afu, const char *name, const char *value);

/* Node 'd', 'm' or 's': its path, whether it is there, a descriptor */
void node_path(const struct afu *afu, char node, char *path, size_t size);
bool node_exists(const struct afu *afu, char node);
long long node_number(const struct afu *afu, char node, const char *name);
int node_open(const struct afu *afu, char node, int flags);
/* The same again while it fails with @error: what was closed goes by and by. */
int node_open_patiently(const struct afu *afu, char node, int error);

/* ioctl(): 0 or a negative errno */
int cxl_ioctl(int fd, unsigned long request, void *argument);
int cxl_start(int fd);
int cxl_start_irqs(int fd, int irqs);
/* Starts it so that what cannot be reached reads ones. */
int cxl_start_ones(int fd);
int cxl_process_element(int fd);
int cxl_driver_events(int fd, const char *abi);

/* The context behind a descriptor of @afu */
int cxl_context(const struct afu *afu, int fd, struct context *context);

/* mmap() of a node's area, or MAP_FAILED with errno */
void *cxl_map(int fd, size_t size, off_t offset);
/*
 * Loads 32 bits: false if that raised SIGBUS, with BUS_ADRERR and that address.
 * Of any other SIGBUS the test dies, from here on.
 */
bool can_load(const void *address, __u32 *value);

/* The end of one page of stack, with nothing else far below it; or NULL */
char *new_stack(size_t page);

/* Whether a PCI function of the adapter's domain is there */
bool functions_left(const struct context *context);

#endif /* _CXL_DEV_H */
