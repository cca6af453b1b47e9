// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual PCI host bridge: a root bus whose functions have nothing but
 * configuration space, and that in software. Backends put there what AFU
 * drivers find an AFU by.
 */
#include <linux/err.h>
#include <linux/module.h>

#include <misc/capi.h>

#include "vphb.h"

#define FIRST_DOMAIN	0xca00
#define LAST_DOMAIN	0xcaff

/* What a function without BARs has to set in its command register */
#define COMMAND_WRITABLE	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
				 PCI_COMMAND_INTX_DISABLE)

static void set_config16(u8 *config, u16 value)
{
	config[0] = value;
	config[1] = value >> 8;
}

/**
 * capi_function_init() - make a function that is a processing accelerator
 * @function: the function; nothing of what was in it is kept
 * @vendor: its PCI vendor id
 * @device: its PCI device id
 *
 * It has no BAR, no interrupt and no capability. The caller may add to it.
 *
 * Context: any; the function is not part of a bridge.
 */
void capi_function_init(struct capi_function *function, u16 vendor, u16 device)
{
	u8 *config = function->config;

	memset(function, 0, sizeof(*function));
	set_config16(config + PCI_VENDOR_ID, vendor);
	set_config16(config + PCI_DEVICE_ID, device);
	config[PCI_REVISION_ID] = 1;
	/* Class 0x12, processing accelerator */
	config[PCI_CLASS_DEVICE + 1] = 0x12;
	config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL;
	set_config16(config + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_IBM);
	set_config16(config + PCI_SUBSYSTEM_ID, device);
	set_config16(function->writable + PCI_COMMAND, COMMAND_WRITABLE);
}
EXPORT_SYMBOL_GPL(capi_function_init);

/* Caller holds the lock. */
static struct capi_function *find_function(struct capi_vphb *vphb,
					   unsigned int devfn)
{
	unsigned int slot = PCI_SLOT(devfn);

	if (!vphb->functions || PCI_FUNC(devfn) || slot >= vphb->nr)
		return NULL;
	return &vphb->functions[slot];
}

static u32 function_read(struct capi_function *function, int where, int size)
{
	u32 value = 0;
	int i;

	for (i = 0; i < size; i++)
		value |= (u32)function->config[where + i] << (8 * i);
	return value;
}

static void function_write(struct capi_function *function, int where, int size,
			   u32 value)
{
	u8 mask;
	int i;

	for (i = 0; i < size; i++) {
		mask = function->writable[where + i];
		function->config[where + i] &= ~mask;
		function->config[where + i] |= (value >> (8 * i)) & mask;
	}
	if (function->written)
		function->written(function, where, size);
}

static int vphb_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *value)
{
	struct capi_vphb *vphb = capi_vphb_of_bus(bus);
	struct capi_function *function;
	int rc = PCIBIOS_DEVICE_NOT_FOUND;
	unsigned long flags;

	*value = ~0U;
	if (where + size > PCI_CFG_SPACE_SIZE)
		return rc;

	raw_spin_lock_irqsave(&vphb->lock, flags);
	function = find_function(vphb, devfn);
	if (function) {
		*value = function_read(function, where, size);
		rc = PCIBIOS_SUCCESSFUL;
	}
	raw_spin_unlock_irqrestore(&vphb->lock, flags);
	return rc;
}

/* Writers of one register do not undo each other: x86 calls without a lock. */
static int vphb_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 value)
{
	struct capi_vphb *vphb = capi_vphb_of_bus(bus);
	struct capi_function *function;
	int rc = PCIBIOS_DEVICE_NOT_FOUND;
	unsigned long flags;

	if (where + size > PCI_CFG_SPACE_SIZE)
		return rc;

	raw_spin_lock_irqsave(&vphb->lock, flags);
	function = find_function(vphb, devfn);
	if (function) {
		function_write(function, where, size, value);
		rc = PCIBIOS_SUCCESSFUL;
	}
	raw_spin_unlock_irqrestore(&vphb->lock, flags);
	return rc;
}

static struct pci_ops vphb_ops = {
	.read = vphb_read,
	.write = vphb_write,
};

/**
 * capi_vphb_next_domain() - the PCI domain that the next bridge gets
 *
 * For what in a function differs by its domain.
 *
 * Context: process; the caller holds the PCI rescan lock, and the answer is
 * good until it is given up.
 * Return: the domain, or -ENOSPC if all are taken.
 */
int capi_vphb_next_domain(void)
{
	int domain;

	for (domain = FIRST_DOMAIN; domain <= LAST_DOMAIN; domain++)
		if (!pci_find_bus(domain, 0))
			return domain;
	return -ENOSPC;
}
EXPORT_SYMBOL_GPL(capi_vphb_next_domain);

/*
 * Where pci_register_host_bridge() of some kernels, 6.12 among them, cannot
 * register the bus, it puts the bridge once too often.
 */
static int scan_bridge(struct pci_host_bridge *bridge)
{
	int rc;

	get_device(&bridge->dev);
	rc = pci_scan_root_bus_bridge(bridge);
	if (rc && kref_read(&bridge->dev.kobj.kref) > 1)
		pci_free_host_bridge(bridge);
	put_device(&bridge->dev);
	return rc;
}

static struct capi_vphb *scan(struct capi_function *functions, unsigned int nr)
{
	static struct resource busn = {
		.name = "capi", .flags = IORESOURCE_BUS,
	};
	int rc, domain = capi_vphb_next_domain();
	struct capi_vphb *vphb;
	unsigned int i;

	if (domain < 0)
		return ERR_PTR(domain);
	vphb = capi_vphb_alloc(domain);
	if (!vphb)
		return ERR_PTR(-ENOMEM);
	vphb->bridge->ops = &vphb_ops;
	pci_add_resource(&vphb->bridge->windows, &busn);
	raw_spin_lock_init(&vphb->lock);
	vphb->functions = functions;
	vphb->nr = nr;

	rc = scan_bridge(vphb->bridge);
	if (rc)
		return ERR_PTR(rc);
	for (i = 0; i < nr; i++)
		vphb->pdevs[i] = pci_get_slot(vphb->bridge->bus,
					      PCI_DEVFN(i, 0));
	return vphb;
}

/* PCI's bus has those as well that it failed to add. */
static bool function_ok(struct pci_dev *pdev)
{
	return pdev && device_is_registered(&pdev->dev);
}

/**
 * capi_vphb_create() - make a bridge and find its functions
 * @functions: what is in its slots, from 00.0 on. The caller's memory: it is
 *	accessed until capi_vphb_unplug() or capi_vphb_destroy() has returned.
 * @nr: how many; 1 to 32
 *
 * No driver sees them before capi_vphb_publish(); configuration space can be
 * read and written from now on.
 *
 * Context: process; the caller holds the PCI rescan lock.
 * Return: the bridge, or an ERR_PTR: -ENOSPC if all domains are taken, -ENOMEM,
 * -EINVAL for a number that cannot be.
 */
struct capi_vphb *capi_vphb_create(struct capi_function *functions,
				   unsigned int nr)
{
	struct capi_vphb *vphb;
	unsigned int i;

	if (!nr || nr > CAPI_VPHB_SLOTS)
		return ERR_PTR(-EINVAL);
	vphb = scan(functions, nr);
	if (IS_ERR(vphb))
		return vphb;

	for (i = 0; i < nr; i++) {
		if (!function_ok(vphb->pdevs[i])) {
			capi_vphb_destroy(vphb);
			return ERR_PTR(-ENOMEM);
		}
	}
	return vphb;
}
EXPORT_SYMBOL_GPL(capi_vphb_create);

/**
 * capi_vphb_function() - the PCI function in a slot
 * @vphb: the bridge
 * @i: the slot, less than the number of functions
 *
 * Context: any.
 * Return: the function, held by the bridge until capi_vphb_destroy(), also
 * after somebody took it away through PCI's sysfs.
 */
struct pci_dev *capi_vphb_function(struct capi_vphb *vphb, unsigned int i)
{
	return vphb->pdevs[i];
}
EXPORT_SYMBOL_GPL(capi_vphb_function);

/**
 * capi_vphb_publish() - let drivers find the functions
 * @vphb: the bridge
 *
 * The core has to know the AFUs by now.
 *
 * Context: process; the caller holds the PCI rescan lock.
 */
void capi_vphb_publish(struct capi_vphb *vphb)
{
	pci_bus_add_devices(vphb->bridge->bus);
}
EXPORT_SYMBOL_GPL(capi_vphb_publish);

/**
 * capi_vphb_unplug() - the functions do not answer any more
 * @vphb: the bridge
 *
 * Their configuration space reads all ones and ignores writes from now on; no
 * access is under way when this returns. Drivers stay bound. Doing it again
 * does nothing.
 *
 * Context: any, under any lock that struct capi_function.written does not take.
 */
void capi_vphb_unplug(struct capi_vphb *vphb)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vphb->lock, flags);
	vphb->functions = NULL;
	raw_spin_unlock_irqrestore(&vphb->lock, flags);
}
EXPORT_SYMBOL_GPL(capi_vphb_unplug);

/**
 * capi_vphb_stop() - release the functions' drivers, for good
 * @vphb: the bridge
 *
 * The functions are taken off their bus: a driver could be bound by hand again to
 * one that is only stopped.
 *
 * Context: process; the caller holds the PCI rescan lock.
 */
void capi_vphb_stop(struct capi_vphb *vphb)
{
	struct pci_bus *bus = vphb->bridge->bus;

	pci_stop_root_bus(bus);
	pci_remove_root_bus(bus);
}
EXPORT_SYMBOL_GPL(capi_vphb_stop);

/**
 * capi_vphb_destroy() - the end of a bridge and its functions
 * @vphb: the bridge, stopped or never published
 *
 * Who still holds one of its functions reads all ones.
 *
 * Context: process; the caller holds the PCI rescan lock.
 */
void capi_vphb_destroy(struct capi_vphb *vphb)
{
	struct pci_host_bridge *bridge = vphb->bridge;
	unsigned int i;

	if (bridge->bus)
		pci_remove_root_bus(bridge->bus);
	capi_vphb_unplug(vphb);
	for (i = 0; i < vphb->nr; i++)
		pci_dev_put(vphb->pdevs[i]);
	pci_free_host_bridge(bridge);
}
EXPORT_SYMBOL_GPL(capi_vphb_destroy);
