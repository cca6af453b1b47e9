// SPDX-License-Identifier: GPL-2.0-only
/*
 * What architectures with generic PCI domains want of a host bridge: the domain
 * in the bridge itself. Its sysdata is ours.
 */
#include "vphb.h"

struct capi_vphb *capi_vphb_alloc(int domain)
{
	struct pci_host_bridge *bridge;
	struct capi_vphb *vphb;

	bridge = pci_alloc_host_bridge(sizeof(*vphb));
	if (!bridge)
		return NULL;
	vphb = pci_host_bridge_priv(bridge);
	bridge->domain_nr = domain;
	bridge->sysdata = vphb;
	vphb->bridge = bridge;
	return vphb;
}

struct capi_vphb *capi_vphb_of_bus(struct pci_bus *bus)
{
	return bus->sysdata;
}
