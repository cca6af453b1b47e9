// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi_guest.ko: binds to VFs.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "guest.h"

/* What a VF has; functions without it are other cards, or on a vPHB. */
static bool looks_like_vf(struct pci_dev *pdev)
{
	u64 psa_size = pci_resource_len(pdev, 2);

	return pci_is_pcie(pdev) && pdev->msix_cap &&
	       pci_resource_flags(pdev, 0) & IORESOURCE_MEM &&
	       pci_resource_len(pdev, 0) == CAPI_MDEV_BAR0_SIZE &&
	       pci_resource_flags(pdev, 2) & IORESOURCE_MEM &&
	       psa_size >= PAGE_SIZE && is_power_of_2(psa_size) &&
	       pci_resource_flags(pdev, 4) & IORESOURCE_MEM;
}

/* A minor version adds to those before it. */
static bool version_ok(struct guest_card *card)
{
	u32 version;

	if (guest_load(card, CAPI_MDEV_REG_ID) != CAPI_MDEV_ID)
		return false;
	version = guest_load(card, CAPI_MDEV_REG_VERSION);
	if (version >> 16 == CAPI_MDEV_VERSION >> 16 &&
	    version >= CAPI_MDEV_VERSION)
		return true;
	pci_err(card->vf, "version %u.%u of the VF, %u.%u is needed\n",
		version >> 16, version & 0xffff,
		CAPI_MDEV_VERSION >> 16, CAPI_MDEV_VERSION & 0xffff);
	return false;
}

static void read_abi(struct guest_card *card)
{
	memcpy_fromio(card->abi, card->regs + CAPI_MDEV_REG_ABI,
		      sizeof(card->abi) - 1);
	if (!card->abi[0])
		return;
	card->driver.name = KBUILD_MODNAME;
	card->driver.owner = THIS_MODULE;
	card->driver.abi = card->abi;
	card->driver.attach = guest_driver_attach;
	card->driver.detach = guest_driver_detach;
	INIT_LIST_HEAD(&card->driver.contexts);
	card->desc.driver = &card->driver;
}

/* What the core does not check itself */
static bool desc_ok(struct guest_card *card)
{
	if (card->desc.psa_size == pci_resource_len(card->vf, 2) &&
	    card->irqs <= CAPI_MAX_IRQS && card->pe < CAPI_MAX_CONTEXTS)
		return true;
	pci_err(card->vf, "registers that cannot be: size 0x%llx, %u interrupts, process element %u\n",
		card->desc.psa_size, card->irqs, card->pe);
	return false;
}

static int read_desc(struct guest_card *card)
{
	u32 id = guest_load(card, CAPI_MDEV_REG_AFU_ID);
	void __iomem *regs = card->regs;

	card->irqs = guest_load(card, CAPI_MDEV_REG_IRQS);
	card->pe = guest_load(card, CAPI_MDEV_REG_PE);
	card->desc = (struct capi_afu_desc) {
		.kind = "vf",
		.description = "one context of an AFU",
		.vendor = id,
		.device = id >> 16,
		.modes = CXL_MODE_DIRECTED,
		.contexts = CAPI_MAX_CONTEXTS,
		.irqs = guest_load(card, CAPI_MDEV_REG_IRQS_MIN),
		.irqs_max = card->irqs,
		.psa_size = readq(regs + CAPI_MDEV_REG_PSA_SIZE),
		.map_offset = readq(regs + CAPI_MDEV_REG_MAP_OFFSET),
		.map_size = readq(regs + CAPI_MDEV_REG_MAP_SIZE),
	};
	if (!desc_ok(card))
		return -ENODEV;
	capi_function_init(&card->function, card->desc.vendor,
			   card->desc.device);
	read_abi(card);
	return 0;
}

/* What was left by a driver that died is not for us; what waits is. */
static int clean_up(struct guest_card *card)
{
	u32 state = guest_load(card, CAPI_MDEV_REG_STATE);

	if ((state & CAPI_MDEV_STATE_MASK) == CAPI_MDEV_STATE_OPENED &&
	    !(guest_load(card, CAPI_MDEV_REG_EVENT_CONTROL) &
	      CAPI_MDEV_EVENT_ENABLE))
		return 0;
	return guest_command(card, CAPI_MDEV_COMMAND_RESET);
}

/*
 * The AFU works in the pages themselves, as long as it likes. Copies of them, as
 * encrypted memory needs, are of no use.
 */
static int set_dma(struct pci_dev *vf)
{
	int rc = dma_set_mask_and_coherent(&vf->dev, DMA_BIT_MASK(64));

	if (rc || dma_max_mapping_size(&vf->dev) == SIZE_MAX)
		return rc;
	pci_err(vf, "memory can be reached through bounce buffers only\n");
	return -ENODEV;
}

static int map(struct guest_card *card)
{
	struct pci_dev *vf = card->vf;
	int rc;

	rc = pci_enable_device_mem(vf);
	if (rc)
		return rc;
	rc = pci_request_regions(vf, KBUILD_MODNAME);
	if (rc)
		goto err_disable;
	rc = -ENOMEM;
	card->regs = pci_iomap(vf, 0, 0);
	card->psa = pci_iomap(vf, 2, 0);
	if (!card->regs || !card->psa)
		goto err_unmap;
	rc = set_dma(vf);
	if (rc)
		goto err_unmap;
	return 0;

err_unmap:
	if (card->psa)
		pci_iounmap(vf, card->psa);
	if (card->regs)
		pci_iounmap(vf, card->regs);
	pci_release_regions(vf);
err_disable:
	pci_disable_device(vf);
	return rc;
}

static void unmap(struct guest_card *card)
{
	struct pci_dev *vf = card->vf;

	pci_clear_master(vf);
	pci_iounmap(vf, card->psa);
	pci_iounmap(vf, card->regs);
	pci_release_regions(vf);
	pci_disable_device(vf);
}

static int start(struct guest_card *card)
{
	int rc = -ENODEV;

	if (!version_ok(card))
		return rc;
	rc = clean_up(card);
	if (rc)
		return rc;
	/* No sooner: what it worked for before is not there any more. */
	pci_set_master(card->vf);
	rc = read_desc(card);
	if (!rc)
		rc = guest_window_init(card);
	if (rc)
		return rc;
	guest_window_listen(card);
	rc = guest_translator_init(card);
	if (rc)
		goto err_window;
	rc = guest_irqs_init(card);
	if (rc)
		goto err_translator;
	guest_debugfs_add(card);
	return 0;

err_translator:
	/* Of an interrupt that came before the next could be had */
	cancel_work_sync(&card->change);
	guest_translator_exit(card);
err_window:
	guest_window_exit(card);
	return rc;
}

static int guest_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct guest_card *card;
	int rc;

	if (!looks_like_vf(pdev))
		return -ENODEV;
	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	guest_card_init(card, pdev);

	rc = map(card);
	if (rc)
		goto err_put;
	rc = start(card);
	if (rc)
		goto err_unmap;
	pci_set_drvdata(pdev, card);
	guest_card_plug(card);
	return 0;

err_unmap:
	unmap(card);
err_put:
	guest_card_put(card);
	return rc;
}

/* When it returns, nothing of the VF is used any more. */
static void guest_remove(struct pci_dev *pdev)
{
	struct guest_card *card = pci_get_drvdata(pdev);

	guest_card_unplug(card);
	guest_irqs_exit(card);
	cancel_work_sync(&card->change);
	guest_window_leave(card);
	guest_debugfs_remove(card);
	guest_translator_exit(card);
	guest_window_exit(card);
	unmap(card);
	guest_card_put(card);
}

/* A kernel that follows this one finds the VF at rest. */
static void guest_shutdown(struct pci_dev *pdev)
{
	struct guest_card *card = pci_get_drvdata(pdev);

	mutex_lock(&card->window.lock);
	guest_command(card, CAPI_MDEV_COMMAND_RESET);
	guest_window_leave(card);
	mutex_unlock(&card->window.lock);
	pci_clear_master(pdev);
}

/*
 * Somebody resets the function through PCI. Until that is over it answers
 * nothing, and it knows nothing of what was before: as if the link were down.
 */
static void guest_reset_prepare(struct pci_dev *pdev)
{
	guest_card_set_resetting(pci_get_drvdata(pdev), true);
}

static void guest_reset_done(struct pci_dev *pdev)
{
	guest_card_set_resetting(pci_get_drvdata(pdev), false);
}

/* The machine sleeps, and may wake up with a function that was reset. */
static int guest_suspend(struct device *dev)
{
	guest_card_set_resetting(dev_get_drvdata(dev), true);
	return 0;
}

static int guest_resume(struct device *dev)
{
	guest_card_set_resetting(dev_get_drvdata(dev), false);
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(guest_pm_ops, guest_suspend, guest_resume);

static const struct pci_error_handlers guest_error_handlers = {
	.reset_prepare = guest_reset_prepare,
	.reset_done = guest_reset_done,
};

static const struct pci_device_id guest_ids[] = {
	{
		.vendor = PCI_VENDOR_ID_IBM,
		.device = PCI_ANY_ID,
		.subvendor = PCI_VENDOR_ID_IBM,
		.subdevice = CAPI_MDEV_SUBSYSTEM,
		.class = 0x120000, /* processing accelerator */
		.class_mask = ~0,
	},
	{}
};
MODULE_DEVICE_TABLE(pci, guest_ids);

static struct pci_driver guest_driver = {
	.name = KBUILD_MODNAME,
	.id_table = guest_ids,
	.probe = guest_probe,
	.remove = guest_remove,
	.shutdown = guest_shutdown,
	.err_handler = &guest_error_handlers,
	.driver.pm = pm_sleep_ptr(&guest_pm_ops),
};

static int __init capi_guest_init(void)
{
	int rc = guest_cards_init();

	if (rc)
		return rc;
	guest_debugfs_init();
	rc = pci_register_driver(&guest_driver);
	if (rc) {
		guest_debugfs_exit();
		guest_cards_exit();
		return rc;
	}
	/* Who loaded the module finds the cards that there are. */
	guest_cards_flush();
	return 0;
}

static void __exit capi_guest_exit(void)
{
	pci_unregister_driver(&guest_driver);
	guest_cards_exit();
	guest_debugfs_exit();
}

module_init(capi_guest_init);
module_exit(capi_guest_exit);

MODULE_DESCRIPTION("CAPI accelerators inside a virtual machine");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
