// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual PCI host bridge: a root bus whose functions have nothing but
 * configuration space, and that in software.
 */
#include "sim.h"

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

void sim_function_init(struct sim_function *function, u16 vendor, u16 device)
{
	u8 *config = function->config;

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

static struct sim_function *find_function(struct pci_bus *bus,
					  unsigned int devfn)
{
	struct sim_adapter *adapter = sim_vphb_adapter(bus);
	unsigned int slot = PCI_SLOT(devfn);

	if (PCI_FUNC(devfn) || slot > adapter->nr_afus ||
	    test_bit(0, &adapter->dropped))
		return NULL;
	return &adapter->functions[slot];
}

static int vphb_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *value)
{
	struct sim_function *function = find_function(bus, devfn);
	int i;

	*value = ~0U;
	if (!function || where + size > SIM_CONFIG_SIZE)
		return PCIBIOS_DEVICE_NOT_FOUND;

	*value = 0;
	for (i = 0; i < size; i++)
		*value |= (u32)function->config[where + i] << (8 * i);
	return PCIBIOS_SUCCESSFUL;
}

/* Writers of one register do not undo each other: x86 calls without a lock. */
static DEFINE_RAW_SPINLOCK(config_lock);

static int vphb_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 value)
{
	struct sim_function *function = find_function(bus, devfn);
	unsigned long flags;
	u8 mask;
	int i;

	if (!function || where + size > SIM_CONFIG_SIZE)
		return PCIBIOS_DEVICE_NOT_FOUND;

	raw_spin_lock_irqsave(&config_lock, flags);
	for (i = 0; i < size; i++) {
		mask = function->writable[where + i];
		function->config[where + i] &= ~mask;
		function->config[where + i] |= (value >> (8 * i)) & mask;
	}
	sim_vpd_written(function, where, size);
	raw_spin_unlock_irqrestore(&config_lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops vphb_ops = {
	.read = vphb_read,
	.write = vphb_write,
};

/* Caller holds the PCI rescan lock, so the domain found stays free. */
static int free_domain(void)
{
	int domain;

	for (domain = FIRST_DOMAIN; domain <= LAST_DOMAIN; domain++)
		if (!pci_find_bus(domain, 0))
			return domain;
	return -ENOSPC;
}

static int scan(struct sim_adapter *adapter)
{
	static struct resource busn = {
		.name = "capi_sim", .flags = IORESOURCE_BUS,
	};
	struct pci_host_bridge *bridge;
	int domain = free_domain();
	unsigned int i;
	int rc;

	if (domain < 0)
		return domain;
	sim_vpd_init(&adapter->functions[0], domain);
	bridge = sim_vphb_alloc(adapter, domain);
	if (!bridge)
		return -ENOMEM;
	bridge->ops = &vphb_ops;
	pci_add_resource(&bridge->windows, &busn);

	rc = pci_scan_root_bus_bridge(bridge);
	if (rc) {
		pci_free_host_bridge(bridge);
		return rc;
	}
	adapter->vphb = bridge;
	for (i = 0; i <= adapter->nr_afus; i++)
		adapter->pdevs[i] = pci_get_slot(bridge->bus, PCI_DEVFN(i, 0));
	return 0;
}

/**
 * sim_vphb_create() - make the bridge and find its functions
 * @adapter: the adapter, with its functions filled in
 *
 * No driver sees them before pci_bus_add_devices().
 *
 * Context: process; the caller holds the PCI rescan lock.
 * Return: 0, -ENOSPC if all domains are taken, -ENOMEM.
 */
int sim_vphb_create(struct sim_adapter *adapter)
{
	int rc = scan(adapter);
	unsigned int i;

	if (rc)
		return rc;

	for (i = 0; i <= adapter->nr_afus; i++) {
		if (!adapter->pdevs[i]) {
			sim_vphb_destroy(adapter);
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * sim_vphb_destroy() - the end of the bridge and its functions
 * @adapter: the adapter; the root bus is stopped, or was never published
 *
 * Context: process; the caller holds the PCI rescan lock.
 */
void sim_vphb_destroy(struct sim_adapter *adapter)
{
	unsigned int i;

	pci_remove_root_bus(adapter->vphb->bus);
	for (i = 0; i <= adapter->nr_afus; i++)
		pci_dev_put(adapter->pdevs[i]);
	pci_free_host_bridge(adapter->vphb);
}
