// SPDX-License-Identifier: GPL-2.0-only
/*
 * What x86 wants of a PCI host bridge: a struct pci_sysdata, which has the
 * domain. It lives and dies with the bridge.
 */
#include <linux/numa.h>

#include "sim.h"

/**
 * struct x86_vphb - private area of the bridge
 * @adapter: whose bridge it is
 * @sysdata: of its bus
 */
struct x86_vphb {
	struct sim_adapter *adapter;
	struct pci_sysdata sysdata;
};

struct pci_host_bridge *sim_vphb_alloc(struct sim_adapter *adapter, int domain)
{
	struct pci_host_bridge *bridge;
	struct x86_vphb *vphb;

	bridge = pci_alloc_host_bridge(sizeof(*vphb));
	if (!bridge)
		return NULL;
	vphb = pci_host_bridge_priv(bridge);
	vphb->adapter = adapter;
	vphb->sysdata.domain = domain;
	vphb->sysdata.node = NUMA_NO_NODE;
	bridge->sysdata = &vphb->sysdata;
	return bridge;
}

struct sim_adapter *sim_vphb_adapter(struct pci_bus *bus)
{
	struct x86_vphb *vphb =
		container_of(bus->sysdata, struct x86_vphb, sysdata);

	return vphb->adapter;
}
