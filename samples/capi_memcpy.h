/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SAMPLE_CAPI_MEMCPY_H
#define _SAMPLE_CAPI_MEMCPY_H

#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <misc/cxl.h>

#define TEXT_SIZE	128

struct element;

/**
 * struct sample - an AFU that the driver is bound to
 * @kref: the driver and every file that it made hold one
 * @pdev: its PCI function
 * @name: its name
 * @dir: in debugfs
 * @lock: covers the next fields: the kernel's context and its queue
 * @ctx: the AFU's default context; NULL where it cannot be used
 * @psa: its registers
 * @queue: elements
 * @next: the next of them to be used
 * @wrap: their wrap bit
 * @text: what the AFU copies, and where to
 * @interrupts: how many the AFU raised
 * @failed: the AFU does not work: nobody is to wait for it
 * @wait: who waits for either
 * @misc: what programs open
 * @files_lock: covers @files; a spinlock
 * @files: what programs have open
 */
struct sample {
	struct kref kref;
	struct pci_dev *pdev;
	char name[32];
	struct dentry *dir;

	struct mutex lock; /* up to text */
	struct cxl_context *ctx;
	void __iomem *psa;
	struct element *queue;
	unsigned int next;
	u8 wrap;
	char (*text)[TEXT_SIZE];

	atomic_t interrupts;
	bool failed;
	wait_queue_head_t wait;

	struct miscdevice misc;
	spinlock_t files_lock; /* files */
	struct list_head files;
};

/* capi_memcpy_driver.c */
void sample_get(struct sample *sample);
void sample_put(struct sample *sample);

/* capi_memcpy_file.c */
int sample_files_add(struct sample *sample);
void sample_files_add_debugfs(struct sample *sample);
void sample_files_remove(struct sample *sample);

#endif /* _SAMPLE_CAPI_MEMCPY_H */
