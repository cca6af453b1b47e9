/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X inside a guest: the stock vfio-pci driver turns the function's messages
 * into eventfds. Everything else still goes through sysfs. VFIO wants the guest
 * to have an IOMMU: -device intel-iommu,caching-mode=on.
 */
#ifndef _VF_MSIX_H
#define _VF_MSIX_H

#include "vf.h"

#define MSIX_MAX_VECTORS	64

/* How long what must come may take, in milliseconds */
#define MSIX_PATIENCE		60000

/* And a test, in seconds */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

/**
 * struct msix - the function's messages
 * @container: its IOMMU domain
 * @group: the function's group
 * @device: the function
 * @vectors: how many there are
 * @fds: an eventfd for each
 */
struct msix {
	int container;
	int group;
	int device;
	unsigned int vectors;
	int fds[MSIX_MAX_VECTORS];
};

/*
 * Enables all vectors. The function is reset by that, and enabled again. Says
 * what went wrong on stderr.
 */
int msix_open(struct msix *msix, struct vf *vf);
void msix_close(struct msix *msix);

/* Messages of a vector since the last call */
unsigned long long msix_count(struct msix *msix, unsigned int vector);
/* The same; waits for the first, until @timeout milliseconds are over. */
unsigned long long msix_wait(struct msix *msix, unsigned int vector,
			     int timeout);

/* The bit of a vector in the pending bit array */
bool msix_pending(const struct vf *vf, unsigned int vector);
/* Masks a vector in the table, or unmasks it. */
void msix_mask(struct vf *vf, unsigned int vector, bool mask);

#endif /* _VF_MSIX_H */
