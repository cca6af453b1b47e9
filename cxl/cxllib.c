// SPDX-License-Identifier: GPL-2.0-only
/*
 * <misc/cxllib.h>: page faults of devices that translate addresses themselves.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include <misc/cxllib.h>

/**
 * cxllib_slot_is_supported() - can the slot of a device be put into CAPI mode?
 * @dev: the device
 * @flags: 0
 *
 * Context: any.
 * Return: false: that needs the firmware of a POWER9 machine.
 */
bool cxllib_slot_is_supported(struct pci_dev *dev, unsigned long flags)
{
	return false;
}
EXPORT_SYMBOL_GPL(cxllib_slot_is_supported);

/**
 * cxllib_get_xsl_config() - how a device is to be set up for its slot
 * @dev: the device
 * @cfg: would be filled
 *
 * Context: any.
 * Return: -EOPNOTSUPP; see cxllib_slot_is_supported().
 */
int cxllib_get_xsl_config(struct pci_dev *dev, struct cxllib_xsl_config *cfg)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(cxllib_get_xsl_config);

/**
 * cxllib_switch_phb_mode() - put the slot of a device into CAPI mode, or back
 * @dev: the device
 * @mode: which
 * @flags: CXL_MODE_NO_DMA, CXL_MODE_DMA_TVT0 or CXL_MODE_DMA_TVT1
 *
 * Context: any.
 * Return: -EOPNOTSUPP; see cxllib_slot_is_supported().
 */
int cxllib_switch_phb_mode(struct pci_dev *dev, enum cxllib_mode mode,
			   unsigned long flags)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(cxllib_switch_phb_mode);

/**
 * cxllib_set_device_dma() - set a device up for DMA in CAPI mode
 * @dev: the device
 * @flags: as cxllib_switch_phb_mode()
 *
 * Context: any.
 * Return: -EOPNOTSUPP; see cxllib_slot_is_supported().
 */
int cxllib_set_device_dma(struct pci_dev *dev, unsigned long flags)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(cxllib_set_device_dma);

/**
 * cxllib_get_PE_attributes() - what a process element is to say of a thread
 * @task: the thread; NULL for the kernel
 * @translation_mode: CXL_TRANSLATED_MODE or CXL_REAL_MODE
 * @attr: would be filled
 *
 * Context: any.
 * Return: -EOPNOTSUPP: the attributes are registers of a POWER processor.
 */
int cxllib_get_PE_attributes(struct task_struct *task,
			     unsigned long translation_mode,
			     struct cxllib_pe_attributes *attr)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(cxllib_get_PE_attributes);

/* Caller holds mm, which has users. */
static int fault_in(struct mm_struct *mm, unsigned long first,
		    unsigned long last, unsigned int flags)
{
	unsigned long addr = first & PAGE_MASK;
	bool unlocked;
	int rc;

	for (;;) {
		unlocked = false;
		mmap_read_lock(mm);
		rc = fixup_user_fault(mm, addr, flags, &unlocked);
		mmap_read_unlock(mm);
		if (rc)
			return rc == -EINTR ? rc : -EFAULT;
		if (last - addr < PAGE_SIZE)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		addr += PAGE_SIZE;
	}
}

/**
 * cxllib_handle_fault() - make a buffer of a process accessible
 * @mm: the process's memory; held
 * @addr: where the buffer begins
 * @size: its size in bytes; 0 does nothing
 * @flags: with DSISR_ISSTORE the device wants to write
 *
 * Faults every page of the buffer in. Any of them may be gone again afterwards:
 * the device tries again then, and faults again.
 *
 * Context: process, may sleep; the caller does not hold the mmap lock.
 * Return: 0, -EFAULT if @mm is NULL or has no users any more, or a part of the
 * buffer is not mapped or does not allow the access, -EINTR if the caller is
 * being killed.
 */
int cxllib_handle_fault(struct mm_struct *mm, u64 addr, u64 size, u64 flags)
{
	unsigned int fault_flags = FAULT_FLAG_REMOTE;
	u64 end;
	int rc;

	if (!mm || check_add_overflow(addr, size, &end) || end > ULONG_MAX)
		return -EFAULT;
	if (!size)
		return 0;
	if (flags & DSISR_ISSTORE)
		fault_flags |= FAULT_FLAG_WRITE;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	rc = fault_in(mm, addr, end - 1, fault_flags);
	mmput(mm);
	return rc;
}
EXPORT_SYMBOL_GPL(cxllib_handle_fault);
