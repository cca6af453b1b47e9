/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program works on: devices, contexts, memory and what there is of them,
 * in numbered places. All of it goes when the program ends.
 */
#ifndef _FUZZ_STATE_H
#define _FUZZ_STATE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../text_file.h"
#include "capi_vfio.h"
#include "fuzz.h"

/* Devices: echo and memcpy through a container, then both through iommufd */
#define DEVICES		4
/* Contexts: echo and memcpy, and their masters */
#define CONTEXTS	4
#define EVENT_FDS	4
#define EVENTFDS	4
#define MAPPINGS	8
#define READERS		2
#define CARDS		3

/* Memory: the AFU may reach it by these addresses, and as the process does. */
#define PAGE		4096
#define SIZE		0x80000UL
#define IOVA		0x123450000000ULL
#define EA		0x76543210000000ULL
/* Where it is: far from all else, as AFUs store to what they are told to */
#define MEMORY		0x2000000000UL
/* Two queues, then a translation block, then whatever */
#define QUEUE(memory, i) ((memory) + (i) * PAGE)
#define BLOCK		0x4000
#define SCRATCH		0x8000

/**
 * struct device - an mdev
 * @uuid: its name
 * @made: it was created
 * @shut: a program closed it, it is not opened by itself
 * @used: since it was reset
 * @irqs_used: of that, its interrupts
 * @dma_used: and DMA mappings
 * @iommufd: is used rather than a container; -1 if not
 * @ioas: its address space
 * @vfio: the rest
 * @next: element of the queue that is filled next
 */
struct device {
	char uuid[37];
	bool made;
	bool shut;
	bool used;
	bool irqs_used;
	bool dma_used;
	int iommufd;
	__u32 ioas;
	struct capi_vfio vfio;
	unsigned int next;
};

/**
 * struct file - of /dev/cxl
 * @fd: it
 * @shut: as in struct device
 * @next: as in struct device
 */
struct file {
	int fd;
	bool shut;
	unsigned int next;
};

struct mapping {
	unsigned char *start;
	size_t size;
};

/**
 * struct job - what may have to wait for somebody else
 * @path: file to be written; NULL: the module @text is to be loaded anew
 * @text: what
 */
struct job {
	char path[PATH_MAX];
	char text[64];
};

#define JOBS	8

struct state {
	unsigned int worker;
	unsigned int programs;
	pthread_barrier_t ready;
	unsigned char *memory;
	unsigned char *read_only;
	struct device devices[DEVICES];
	struct file files[CONTEXTS];
	int event_fds[EVENT_FDS];
	int eventfds[EVENTFDS];
	int epoll;
	struct mapping mappings[MAPPINGS];
	pid_t readers[READERS];
	atomic_bool host_changed;
	atomic_bool memory_changed;
	pthread_mutex_t opening;

	pthread_mutex_t lock;	/* the rest */
	pthread_cond_t changed;
	struct job jobs[JOBS];
	unsigned int first_job;
	unsigned int nr_jobs;
};

void state_init(struct state *state, unsigned int worker);
/* Resets what the program has used; the other takes all of it apart. */
void state_reset(struct state *state, struct pulse *pulse);
void state_release(struct state *state, struct pulse *pulse);

/* The device, opened unless the program closed it; NULL if it is not open. */
struct device *device(struct state *state, unsigned int number);
int device_open(struct state *state, struct device *device);
void device_close(struct state *state, struct device *device);
/* All memory, from IOVA on */
void map_all(struct state *state, struct device *device);
void device_reset(struct device *device);
void device_remove(struct device *device);
struct file *file(struct state *state, unsigned int number);
void file_close(struct file *file);
bool is_memcpy(unsigned int number);

/* Closes what is in @fd, and takes it out. */
void close_fd(int *fd);
void keep_fd(int *fds, unsigned int n, unsigned int where, int fd);
void keep_mapping(struct state *state, unsigned int where, void *start,
		  size_t size);
void drop_mapping(struct mapping *mapping);

/* Has the helper do it; waits for it, but not for long. */
bool later(struct state *state, const char *path, const char *text);
void *helper(void *state);
void wait_for_helper(struct state *state);

/* stack.c: modules, adapters and AFUs */
int stack_load(void);
int stack_unload(void);
bool is_uml(void);
/* Are all adapters there? */
bool stack_complete(void);
int module_load(const char *name, const char *parameters);
int module_unload(const char *name);
/* PCI function of the adapter, by number; NULL if it is gone */
const char *card_name(unsigned int number);
void afu_name(unsigned int card, bool memcpy, char *name, size_t size);

/* values.c: what numbers in programs stand for */
__u64 value(__u8 code);
__u64 length(__u8 code);
unsigned int width(__u8 code);
/* An address as the AFU has it */
__u64 afu_address(struct state *state, __u8 code);
/* One for system calls: in memory, read-only, or not there */
void *user_address(struct state *state, __u8 code);
/* That, with a copy of @data there where it can be written */
void *place(struct state *state, __u8 code, const void *data, size_t size);

/* Every op_kind table */
extern const struct op_kind vfio_ops[], dma_ops[], bars_ops[], cxl_ops[],
	memory_ops[], host_ops[];

#endif /* _FUZZ_STATE_H */
