/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs inside a guest share: the PCI function that a mediated
 * device is there, with an echo AFU behind it, driven through sysfs.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _VF_H
#define _VF_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/pci_regs.h>
#include <linux/types.h>

#include <misc/capi_echo.h>
#include <misc/capi_mdev.h>
#include <misc/cxl.h>

#define VF_DEVICES	"/sys/bus/pci/devices"

/* The BARs that there are */
#define VF_REGISTERS	0
#define VF_PSA		2
#define VF_MSIX		4
#define VF_NUM_BARS	6

/* Where the part of the problem state area begins that is memory */
#define VF_MEMORY	0x1000

/**
 * struct vf_bar - a BAR, mapped
 * @base: where
 * @size: bytes
 */
struct vf_bar {
	void *base;
	size_t size;
};

/**
 * struct vf - the function
 * @bdf: its name
 * @config: its configuration space, a file
 * @bars: by number; not there where the size is 0
 */
struct vf {
	char bdf[16];
	int config;
	struct vf_bar bars[VF_NUM_BARS];
};

/* An event as the window shows it */
union vf_event {
	struct cxl_event event;
	struct cxl_event_header header;
	unsigned char bytes[CXL_READ_MIN_SIZE];
};

/* What precedes the payload of a driver event */
#define VF_PAYLOAD	sizeof(struct cxl_event_header)

/*
 * Opens and enables the first function of vendor 1014, or the one after as many
 * as the environment's VF says. Says what went wrong on stderr.
 */
int vf_open(struct vf *vf);
void vf_close(struct vf *vf);
/* Lets BARs answer and messages leave. */
int vf_enable(struct vf *vf);

/* Writes an attribute of the function. */
int vf_write(struct vf *vf, const char *name, const char *text);

/* One load or store of 1, 2, 4 or 8 bytes; little endian. */
__u64 vf_load(const struct vf *vf, unsigned int bar, __u64 off,
	      unsigned int width);
void vf_store(struct vf *vf, unsigned int bar, __u64 off, unsigned int width,
	      __u64 value);

/* The same of configuration space, 1, 2 or 4 bytes; all ones on failure. */
__u32 vf_config_get(const struct vf *vf, unsigned int off, unsigned int width);
int vf_config_put(struct vf *vf, unsigned int off, unsigned int width,
		  __u32 value);
/* Where a capability is; 0 if there is none, or the list is broken. */
unsigned int vf_find_cap(const struct vf *vf, unsigned int id);

/* Function registers of 32 bits, echo registers of 64 */
__u32 vf_get(const struct vf *vf, unsigned int reg);
void vf_put(struct vf *vf, unsigned int reg, __u32 value);
__u64 vf_echo_get(const struct vf *vf, unsigned int reg);
void vf_echo_put(struct vf *vf, unsigned int reg, __u64 value);

/* Runs a CAPI_MDEV_COMMAND_*. */
int vf_command(struct vf *vf, __u32 command);
int vf_start(struct vf *vf, __u64 wed);

/* The event window */
void vf_window(struct vf *vf, bool enable);
/* Returns the token of the event that is next, 0 if there is none. */
__u32 vf_look(struct vf *vf, union vf_event *event);
void vf_acknowledge(struct vf *vf, __u32 token);
/* The number of a driver event of at least 8 bytes */
__u64 vf_number(const union vf_event *event);

/* Microseconds, from some time on */
long long vf_now(void);

#endif /* _VF_H */
