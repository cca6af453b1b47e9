/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_VPHB_H
#define _CAPI_VPHB_H

#include <linux/pci.h>
#include <linux/spinlock.h>

/* Functions of a bridge: one in each slot */
#define CAPI_VPHB_SLOTS		32

/**
 * struct capi_vphb - a virtual PCI host bridge
 * @bridge: as PCI knows it; this structure is in its private area
 * @lock: accesses to configuration space come one at a time; covers @functions
 * @functions: of the backend; NULL once they do not answer any more
 * @nr: how many
 * @pdevs: what PCI made of them, held
 *
 * It lives as long as somebody holds a function or the bus.
 */
struct capi_vphb {
	struct pci_host_bridge *bridge;
	raw_spinlock_t lock; /* functions */
	struct capi_function *functions;
	unsigned int nr;
	struct pci_dev *pdevs[CAPI_VPHB_SLOTS];
};

/* vphb_<architecture>.c */
struct capi_vphb *capi_vphb_alloc(int domain);
struct capi_vphb *capi_vphb_of_bus(struct pci_bus *bus);

#endif /* _CAPI_VPHB_H */
