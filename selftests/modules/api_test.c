// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel API of <misc/cxl.h> and <misc/cxllib.h>, from a driver of echo AFUs
 * and, for what those cannot show, of memcpy AFUs.
 * Loading fails with EINVAL when a check does; the log says which.
 */
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <misc/capi.h>
#include <misc/cxllib.h>
#include <uapi/misc/capi_echo.h>
#include <uapi/misc/capi_memcpy.h>

#include "api_test.h"

#define VPD_SIZE	256
#define PORT_NAME	16

static bool leave;
module_param(leave, bool, 0444);
MODULE_PARM_DESC(leave, "do not test, but leave everything behind when unbound");

int api_failures;

void api_raise(struct cxl_context *ctx, unsigned int num)
{
	CHECK(!capi_psa_write(ctx, CAPI_ECHO_REG_IRQ, 8, num));
}

irqreturn_t api_ignore_irq(int irq, void *cookie)
{
	return IRQ_HANDLED;
}

/* It is there while the function is enabled, one for all who ask. */
static void test_default(struct pci_dev *pdev)
{
	struct cxl_afu *afu = cxl_pci_to_afu(pdev);
	unsigned int free = capi_afu_free_contexts(afu);
	struct pci_dev *card = pci_get_slot(pdev->bus, 0);
	struct cxl_context *ctx;

	CHECK(!cxl_get_context(pdev));
	CHECK(!pci_enable_device(pdev));
	CHECK(capi_afu_free_contexts(afu) == free);
	ctx = cxl_get_context(pdev);
	CHECK(ctx && cxl_get_context(pdev) == ctx);
	CHECK(capi_afu_free_contexts(afu) == free - 1);
	CHECK(capi_context_afu(ctx) == afu);
	CHECK(capi_context_state(ctx) == CAPI_CONTEXT_OPENED);
	CHECK(!cxl_get_context(card));

	CHECK(!cxl_release_context(ctx));
	CHECK(capi_afu_free_contexts(afu) == free);
	CHECK(cxl_get_context(pdev));
	CHECK(!cxl_release_context(cxl_get_context(pdev)));
	pci_disable_device(pdev);
	CHECK(!cxl_get_context(pdev));
	pci_dev_put(card);
}

/* The first page of an echo AFU's area cannot be mapped, so nothing can. */
static void test_map(struct cxl_context *ctx)
{
	CHECK(!cxl_psa_map(ctx));
	CHECK(!cxl_start_context(ctx, 0, NULL));
	CHECK(!cxl_psa_map(ctx));
	CHECK(!capi_psa_pinned(ctx));
	cxl_psa_unmap(NULL);
	CHECK(!cxl_afu_reset(ctx));
	CHECK(capi_context_state(ctx) == CAPI_CONTEXT_STARTED);
	CHECK(!cxl_stop_context(ctx));
	CHECK(!cxl_psa_map(ctx));

	cxl_set_master(ctx);
	CHECK(!cxl_start_context(ctx, 0, NULL));
	CHECK(!cxl_psa_map(ctx));
	CHECK(!cxl_stop_context(ctx));
}

static void count_event(struct cxl_context *ctx, void *priv)
{
	atomic_inc(priv);
}

/* Whoever holds a context may announce events when its user is gone. */
static void test_released(struct pci_dev *pdev)
{
	static const struct capi_context_user user = { .event = count_event };
	atomic_t told = ATOMIC_INIT(0);
	struct cxl_context *ctx;

	ctx = capi_context_create(cxl_pci_to_afu(pdev), &user, &told);
	CHECK(!IS_ERR(ctx));
	if (IS_ERR(ctx))
		return;
	capi_context_get(ctx);
	cxl_context_events_pending(ctx, 1);
	CHECK(atomic_read(&told) == 1);
	CHECK(!cxl_release_context(ctx));
	atomic_set(&told, 0);
	cxl_context_events_pending(ctx, 1);
	CHECK(atomic_read(&told) == 0);
	capi_context_put(ctx);
}

/* One file stands for a context; it goes with the context. */
static void test_file(struct pci_dev *pdev)
{
	struct cxl_context *ctx = cxl_dev_context_init(pdev);
	struct file *file;
	int fd, other;

	CHECK(!IS_ERR(ctx));
	if (IS_ERR(ctx))
		return;
	file = cxl_get_fd(ctx, NULL, &fd);
	CHECK(!IS_ERR(file));
	if (IS_ERR(file)) {
		cxl_release_context(ctx);
		return;
	}
	CHECK(PTR_ERR(cxl_get_fd(ctx, NULL, &other)) == -EEXIST);
	CHECK(cxl_fops_get_context(file) == ctx);
	put_unused_fd(fd);
	fput(file);
}

static void test_contexts(struct pci_dev *pdev)
{
	struct cxl_context *ctx = cxl_dev_context_init(pdev);

	CHECK(!IS_ERR(ctx));
	if (IS_ERR(ctx))
		return;
	CHECK(cxl_set_priv(NULL, pdev) == -EINVAL);
	CHECK(PTR_ERR(cxl_get_priv(NULL)) == -EINVAL);
	CHECK(!cxl_set_priv(ctx, pdev) && cxl_get_priv(ctx) == pdev);
	CHECK(!cxl_start_context(ctx, 0, NULL));
	CHECK(!cxl_start_context(ctx, 0, NULL));
	CHECK(cxl_release_context(ctx) == -EBUSY);
	CHECK(!cxl_stop_context(ctx));
	CHECK(cxl_stop_context(ctx) == -EBUSY);
	CHECK(!cxl_start_context(ctx, 0, current));
	CHECK(!cxl_stop_context(ctx));
	test_map(ctx);
	CHECK(!cxl_release_context(ctx));
}

/* Takes a context, looks for what the last one left, and leaves something. */
static void leave_in_area(struct pci_dev *pdev, u64 off)
{
	struct cxl_context *ctx = cxl_dev_context_init(pdev);
	u64 value = 0;

	CHECK(!IS_ERR(ctx));
	if (IS_ERR(ctx))
		return;
	CHECK(cxl_process_element(ctx) == 0);
	CHECK(!cxl_start_context(ctx, 0, NULL));
	CHECK(!capi_psa_read(ctx, off, 8, &value) && !value);
	CHECK(!capi_psa_write(ctx, off, 8, 1));
	CHECK(!cxl_stop_context(ctx));
	CHECK(!cxl_release_context(ctx));
}

/* The area of a memcpy AFU stays when a context goes, what is in it does not. */
static void test_clear(void)
{
	struct pci_dev *pdev = pci_get_device(CAPI_MEMCPY_VENDOR,
					      CAPI_MEMCPY_DEVICE, NULL);

	CHECK(pdev);
	if (!pdev)
		return;
	leave_in_area(pdev, PAGE_SIZE / 2);
	leave_in_area(pdev, PAGE_SIZE / 2);
	pci_dev_put(pdev);
}

/* As a driver of a storage card looks for the names of its ports */
static bool has_port_name(u8 *vpd, int size, const char *keyword)
{
	char text[PORT_NAME + 1] = "";
	unsigned int length;
	u64 name;
	int at;

	at = pci_vpd_find_ro_info_keyword(vpd, size, keyword, &length);
	if (at < 0 || length != PORT_NAME)
		return false;
	memcpy(text, vpd + at, PORT_NAME);
	return !kstrtou64(text, 16, &name) && name;
}

static void test_vpd(struct pci_dev *pdev)
{
	struct pci_dev *card = pci_get_slot(pdev->bus, 0);
	u8 *vpd = kzalloc(VPD_SIZE, GFP_KERNEL);
	unsigned int length;
	int size;

	CHECK(vpd);
	if (!vpd)
		return;
	CHECK(cxl_read_adapter_vpd(card, vpd, VPD_SIZE) == -ENODEV);
	CHECK(cxl_read_adapter_vpd(pdev, vpd, 0) == 0);
	CHECK(cxl_read_adapter_vpd(pdev, vpd, 5) == 5);
	CHECK(vpd[0] == PCI_VPD_LRDT_ID_STRING && vpd[4] && !vpd[5]);

	size = cxl_read_adapter_vpd(pdev, vpd, VPD_SIZE);
	CHECK(size > 0 && size < VPD_SIZE && !vpd[size]);
	CHECK(!pci_vpd_check_csum(vpd, size));
	CHECK(pci_vpd_find_ro_info_keyword(vpd, size, "PN", &length) > 0);
	CHECK(pci_vpd_find_ro_info_keyword(vpd, size, "SN", &length) > 0);
	CHECK(has_port_name(vpd, size, "V5"));
	CHECK(has_port_name(vpd, size, "V6"));
	kfree(vpd);
	pci_dev_put(card);
}

static unsigned long map_memory(unsigned long at, size_t size, int prot)
{
	return vm_mmap(NULL, at, size, prot, MAP_ANONYMOUS | MAP_PRIVATE |
		       (at ? MAP_FIXED : 0), 0);
}

/* Can a byte be stored there without a page fault? */
static bool there(unsigned long addr)
{
	u8 byte = 1;

	return !copy_to_user_nofault((void __user *)addr, &byte, 1);
}

/* Two pages that can be written, two that cannot, and a hole */
static void test_fault(void)
{
	unsigned long addr = map_memory(0, 5 * PAGE_SIZE,
					PROT_READ | PROT_WRITE);
	struct mm_struct *mm = current->mm;

	CHECK(!IS_ERR_VALUE(addr));
	if (IS_ERR_VALUE(addr))
		return;
	map_memory(addr + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ);
	vm_munmap(addr + 4 * PAGE_SIZE, PAGE_SIZE);

	CHECK(cxllib_handle_fault(NULL, addr, 1, 0) == -EFAULT);
	CHECK(cxllib_handle_fault(mm, addr, 0, 0) == 0);
	CHECK(cxllib_handle_fault(mm, addr, ~0ULL, 0) == -EFAULT);
	CHECK(cxllib_handle_fault(mm, ~0ULL, 1, 0) == -EFAULT);
	CHECK(cxllib_handle_fault(mm, addr + 4 * PAGE_SIZE, 1, 0) == -EFAULT);

	CHECK(!there(addr) && !there(addr + PAGE_SIZE));
	CHECK(cxllib_handle_fault(mm, addr + PAGE_SIZE - 1, 2,
				  DSISR_ISSTORE) == 0);
	CHECK(there(addr) && there(addr + PAGE_SIZE));
	CHECK(cxllib_handle_fault(mm, addr, 4 * PAGE_SIZE, 0) == 0);
	CHECK(cxllib_handle_fault(mm, addr, 4 * PAGE_SIZE + 1, 0) == -EFAULT);
	CHECK(cxllib_handle_fault(mm, addr, 2 * PAGE_SIZE,
				  DSISR_ISSTORE) == 0);
	CHECK(cxllib_handle_fault(mm, addr, 2 * PAGE_SIZE + 1,
				  DSISR_ISSTORE) == -EFAULT);
	vm_munmap(addr, 4 * PAGE_SIZE);
}

static void test_cxllib(struct pci_dev *pdev)
{
	struct cxllib_pe_attributes attr;
	struct cxllib_xsl_config config;

	CHECK(!cxllib_slot_is_supported(pdev, 0));
	CHECK(cxllib_get_xsl_config(pdev, &config) == -EOPNOTSUPP);
	CHECK(cxllib_switch_phb_mode(pdev, CXL_MODE_CXL, 0) == -EOPNOTSUPP);
	CHECK(cxllib_set_device_dma(pdev, 0) == -EOPNOTSUPP);
	CHECK(cxllib_get_PE_attributes(current, CXL_TRANSLATED_MODE, &attr) ==
	      -EOPNOTSUPP);
	test_fault();
}

/* A driver that forgets everything */
static int leave_behind(struct pci_dev *pdev)
{
	struct cxl_context *ctx;

	CHECK(!pci_enable_device(pdev));
	ctx = cxl_get_context(pdev);
	if (!ctx)
		return -ENODEV;
	CHECK(!cxl_allocate_afu_irqs(ctx, 0));
	CHECK(cxl_map_afu_irq(ctx, 1, api_ignore_irq, ctx, "left") > 0);
	CHECK(cxl_map_afu_irq(ctx, 2, api_ignore_irq, ctx, "left") > 0);
	CHECK(!cxl_start_context(ctx, 0, NULL));
	return 0;
}

static int api_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	if (leave)
		return leave_behind(pdev);
	if (pdev->device == CAPI_MEMCPY_DEVICE) {
		api_test_memcpy(pdev);
		return 0;
	}

	CHECK(cxl_pci_to_cfg_record(pdev) == 0);
	test_default(pdev);
	test_contexts(pdev);
	test_released(pdev);
	test_file(pdev);
	test_clear();
	api_test_irqs(pdev);
	test_vpd(pdev);
	test_cxllib(pdev);
	return 0;
}

static void api_remove(struct pci_dev *pdev)
{
	if (leave)
		pci_disable_device(pdev);
	else
		cxl_perst_reloads_same_image(cxl_pci_to_afu(pdev), false);
}

static const struct pci_device_id api_ids[] = {
	{ PCI_DEVICE(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE) },
	{ PCI_DEVICE(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE) },
	{ }
};

static struct pci_driver api_driver = {
	.name = "capi_api_test",
	.id_table = api_ids,
	.probe = api_probe,
	.remove = api_remove,
};

static int __init api_init(void)
{
	int rc = pci_register_driver(&api_driver);

	if (rc)
		return rc;
	pr_info("capi_api_test: prototypes: %u of 32\n", api_prototypes());
	if (!api_failures)
		return 0;
	pci_unregister_driver(&api_driver);
	return -EINVAL;
}

static void __exit api_exit(void)
{
	pci_unregister_driver(&api_driver);
}

module_init(api_init);
module_exit(api_exit);

MODULE_DESCRIPTION("Test of the kernel API for AFU drivers");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
