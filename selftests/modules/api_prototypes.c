// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions of <misc/cxl.h> with the prototypes that they have in Linux 6.1,
 * and cxl_unset_driver_ops(): where one differs, this does not compile.
 */
#include <linux/kernel.h>

#include <misc/cxl.h>

#include "api_test.h"

static struct cxl_afu *(*pci_to_afu)(struct pci_dev *dev) = cxl_pci_to_afu;
static unsigned int (*pci_to_cfg_record)(struct pci_dev *dev) =
	cxl_pci_to_cfg_record;
static struct cxl_context *(*get_context)(struct pci_dev *dev) =
	cxl_get_context;
static struct cxl_context *(*dev_context_init)(struct pci_dev *dev) =
	cxl_dev_context_init;
static int (*release_context)(struct cxl_context *ctx) = cxl_release_context;
static int (*set_priv)(struct cxl_context *ctx, void *priv) = cxl_set_priv;
static void *(*get_priv)(struct cxl_context *ctx) = cxl_get_priv;
static int (*allocate_afu_irqs)(struct cxl_context *cxl, int num) =
	cxl_allocate_afu_irqs;
static void (*free_afu_irqs)(struct cxl_context *cxl) = cxl_free_afu_irqs;
static int (*map_afu_irq)(struct cxl_context *cxl, int num,
			  irq_handler_t handler, void *cookie, char *name) =
	cxl_map_afu_irq;
static void (*unmap_afu_irq)(struct cxl_context *cxl, int num, void *cookie) =
	cxl_unmap_afu_irq;
static int (*start_context)(struct cxl_context *ctx, u64 wed,
			    struct task_struct *task) = cxl_start_context;
static int (*stop_context)(struct cxl_context *ctx) = cxl_stop_context;
static int (*afu_reset)(struct cxl_context *ctx) = cxl_afu_reset;
static void (*set_master)(struct cxl_context *ctx) = cxl_set_master;
static void __iomem *(*psa_map)(struct cxl_context *ctx) = cxl_psa_map;
static void (*psa_unmap)(void __iomem *addr) = cxl_psa_unmap;
static int (*process_element)(struct cxl_context *ctx) = cxl_process_element;
static struct file *(*get_fd)(struct cxl_context *ctx,
			      struct file_operations *fops, int *fd) =
	cxl_get_fd;
static struct cxl_context *(*fops_get_context)(struct file *file) =
	cxl_fops_get_context;
static int (*start_work)(struct cxl_context *ctx,
			 struct cxl_ioctl_start_work *work) = cxl_start_work;
static int (*fd_open)(struct inode *inode, struct file *file) = cxl_fd_open;
static int (*fd_release)(struct inode *inode, struct file *file) =
	cxl_fd_release;
static long (*fd_ioctl)(struct file *file, unsigned int cmd,
			unsigned long arg) = cxl_fd_ioctl;
static int (*fd_mmap)(struct file *file, struct vm_area_struct *vm) =
	cxl_fd_mmap;
static __poll_t (*fd_poll)(struct file *file, struct poll_table_struct *poll) =
	cxl_fd_poll;
static ssize_t (*fd_read)(struct file *file, char __user *buf, size_t count,
			  loff_t *off) = cxl_fd_read;
static void (*perst_reloads_same_image)(struct cxl_afu *afu, bool same) =
	cxl_perst_reloads_same_image;
static ssize_t (*read_adapter_vpd)(struct pci_dev *dev, void *buf,
				   size_t count) = cxl_read_adapter_vpd;
static void (*set_driver_ops)(struct cxl_context *ctx,
			      struct cxl_afu_driver_ops *ops) =
	cxl_set_driver_ops;
static void (*context_events_pending)(struct cxl_context *ctx,
				      unsigned int new_events) =
	cxl_context_events_pending;
static int (*unset_driver_ops)(struct cxl_context *ctx) =
	cxl_unset_driver_ops;

static const void *const functions[] = {
	&pci_to_afu, &pci_to_cfg_record, &get_context, &dev_context_init,
	&release_context, &set_priv, &get_priv, &allocate_afu_irqs,
	&free_afu_irqs, &map_afu_irq, &unmap_afu_irq, &start_context,
	&stop_context, &afu_reset, &set_master, &psa_map, &psa_unmap,
	&process_element, &get_fd, &fops_get_context, &start_work, &fd_open,
	&fd_release, &fd_ioctl, &fd_mmap, &fd_poll, &fd_read,
	&perst_reloads_same_image, &read_adapter_vpd, &set_driver_ops,
	&context_events_pending, &unset_driver_ops,
};

unsigned int api_prototypes(void)
{
	unsigned int i, n = 0;

	/* Each is where a pointer to the function is. */
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		n += !!*(void *const *)functions[i];
	return n;
}
