/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel API for PCI devices that are CAPI adapters themselves, without a
 * service layer of IBM's design.
 *
 * Names and prototypes are those of Linux 6.1's header of the same name. What
 * puts a slot of a POWER9 machine into CAPI mode needs its firmware, and is not
 * supported: cxllib_slot_is_supported() says so, and drivers ask it first.
 */
#ifndef _MISC_CXLLIB_H
#define _MISC_CXLLIB_H

#include <linux/pci.h>
#include <linux/types.h>
#ifdef CONFIG_PPC
#include <asm/reg.h>
#endif

/* POWER's own name for a store that failed, in cxllib_handle_fault()'s flags */
#ifndef DSISR_ISSTORE
#define DSISR_ISSTORE			0x02000000
#endif

struct mm_struct;
struct task_struct;

bool cxllib_slot_is_supported(struct pci_dev *dev, unsigned long flags);

#define CXL_XSL_CONFIG_VERSION1		1

/**
 * struct cxllib_xsl_config - how a device is to be set up for its slot
 * @version: CXL_XSL_CONFIG_VERSION1
 * @log_bar_size: size of the CAPI window, as a power of 2
 * @bar_addr: its address
 * @dsnctl: for the device's data send control register
 * @dra: an address to read from when nothing is to be read
 */
struct cxllib_xsl_config {
	u32 version;
	u32 log_bar_size;
	u64 bar_addr;
	u64 dsnctl;
	u64 dra;
};

int cxllib_get_xsl_config(struct pci_dev *dev, struct cxllib_xsl_config *cfg);

enum cxllib_mode {
	CXL_MODE_CXL,
	CXL_MODE_PCI,
};

/* What a device may do while its slot is in CAPI mode */
#define CXL_MODE_NO_DMA			0
#define CXL_MODE_DMA_TVT0		1
#define CXL_MODE_DMA_TVT1		2

int cxllib_switch_phb_mode(struct pci_dev *dev, enum cxllib_mode mode,
			   unsigned long flags);
int cxllib_set_device_dma(struct pci_dev *dev, unsigned long flags);

/**
 * struct cxllib_pe_attributes - what a process element says of a thread
 * @sr: state register
 * @lpid: logical partition
 * @tid: thread
 * @pid: process, as the memory management knows it
 */
struct cxllib_pe_attributes {
	u64 sr;
	u32 lpid;
	u32 tid;
	u32 pid;
};

#define CXL_TRANSLATED_MODE		0
#define CXL_REAL_MODE			1

int cxllib_get_PE_attributes(struct task_struct *task,
			     unsigned long translation_mode,
			     struct cxllib_pe_attributes *attr);

int cxllib_handle_fault(struct mm_struct *mm, u64 addr, u64 size, u64 flags);

#endif /* _MISC_CXLLIB_H */
