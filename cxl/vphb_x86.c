// SPDX-License-Identifier: GPL-2.0-only
/*
 * What x86 wants of a PCI host bridge: a struct pci_sysdata, which has the
 * domain. It lives and dies with the bridge.
 */
#include <linux/numa.h>

#include "vphb.h"

/**
 * struct x86_vphb - private area of the bridge
 * @vphb: what all architectures have
 * @sysdata: of its bus
 */
struct x86_vphb {
	struct capi_vphb vphb;
	struct pci_sysdata sysdata;
};

struct capi_vphb *capi_vphb_alloc(int domain)
{
	struct pci_host_bridge *bridge;
	struct x86_vphb *x86;

	bridge = pci_alloc_host_bridge(sizeof(*x86));
	if (!bridge)
		return NULL;
	x86 = pci_host_bridge_priv(bridge);
	x86->sysdata.domain = domain;
	x86->sysdata.node = NUMA_NO_NODE;
	bridge->sysdata = &x86->sysdata;
	x86->vphb.bridge = bridge;
	return &x86->vphb;
}

struct capi_vphb *capi_vphb_of_bus(struct pci_bus *bus)
{
	struct x86_vphb *x86 =
		container_of(bus->sysdata, struct x86_vphb, sysdata);

	return &x86->vphb;
}
