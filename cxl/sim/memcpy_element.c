// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memcpy AFU does with an element, which is in private memory. Each
 * function returns the element's status.
 */
#include "memcpy.h"

static u8 failed(struct memcpy_fault *fault, int rc, bool store)
{
	fault->store = store;
	switch (rc) {
	case -EFAULT:
		return CAPI_MEMCPY_STATUS_TRANSLATION;
	case -EHWPOISON:
		return CAPI_MEMCPY_STATUS_DATA;
	default:
		return CAPI_MEMCPY_STATUS_PSL;
	}
}

static bool wraps(u64 addr, unsigned int len)
{
	return len && addr + (len - 1) < addr;
}

static u8 load(struct memcpy *mc, u64 addr, void *buf, unsigned int len,
	       struct memcpy_fault *fault)
{
	int rc = capi_dma_read(mc->worker.ctx, addr, buf, len, &fault->address);

	return rc ? failed(fault, rc, false) : CAPI_MEMCPY_STATUS_COMPLETE;
}

static u8 store(struct memcpy *mc, u64 addr, const void *buf, unsigned int len,
		struct memcpy_fault *fault)
{
	int rc = capi_dma_write(mc->worker.ctx, addr, buf, len, &fault->address);

	return rc ? failed(fault, rc, true) : CAPI_MEMCPY_STATUS_COMPLETE;
}

static u8 copy(struct memcpy *mc, u64 src, u64 dst, unsigned int len,
	       struct memcpy_fault *fault)
{
	u8 status;

	if (wraps(src, len) || wraps(dst, len))
		return CAPI_MEMCPY_STATUS_ADDRESS;
	status = load(mc, src, mc->buffer, len, fault);
	if (status != CAPI_MEMCPY_STATUS_COMPLETE)
		return status;
	return store(mc, dst, mc->buffer, len, fault);
}

static u8 increment(struct memcpy *mc, u64 src, u64 dst,
		    struct memcpy_fault *fault)
{
	__be32 value;
	u8 status;

	if (wraps(src, sizeof(value)) || wraps(dst, sizeof(value)))
		return CAPI_MEMCPY_STATUS_ADDRESS;
	status = load(mc, src, &value, sizeof(value), fault);
	if (status != CAPI_MEMCPY_STATUS_COMPLETE)
		return status;
	be32_add_cpu(&value, 1);
	return store(mc, dst, &value, sizeof(value), fault);
}

static u8 swap_if_equal(struct memcpy *mc, u64 dst, u64 old, u64 new,
			struct memcpy_fault *fault)
{
	int rc = capi_dma_cmpxchg64(mc->worker.ctx, dst, &old, new,
				    &fault->address);

	return rc ? failed(fault, rc, true) : CAPI_MEMCPY_STATUS_COMPLETE;
}

static u8 swap_unless_equal(struct memcpy *mc, u64 dst, u64 other, u64 new,
			    struct memcpy_fault *fault)
{
	u64 was, seen;
	u8 status;

	status = load(mc, dst, &was, sizeof(was), fault);
	while (status == CAPI_MEMCPY_STATUS_COMPLETE && was != other &&
	       !sim_worker_ending(&mc->worker)) {
		int rc;

		seen = was;
		rc = capi_dma_cmpxchg64(mc->worker.ctx, dst, &was, new,
					&fault->address);
		if (rc)
			status = failed(fault, rc, true);
		else if (was == seen)
			break;
	}
	return status;
}

static u8 compare_and_swap(struct memcpy *mc,
			   const struct capi_memcpy_element *element,
			   struct memcpy_fault *fault)
{
	/* As they are in memory */
	u64 op1 = (__force u64)element->op1, op2 = (__force u64)element->src;
	u64 dst = be64_to_cpu(element->dst);

	if (element->extra != CAPI_MEMCPY_SWAP_EQUAL &&
	    element->extra != CAPI_MEMCPY_SWAP_NOT_EQUAL)
		return CAPI_MEMCPY_STATUS_COMMAND;
	if (!IS_ALIGNED(dst, 8))
		return CAPI_MEMCPY_STATUS_ADDRESS;
	if (element->extra == CAPI_MEMCPY_SWAP_EQUAL)
		return swap_if_equal(mc, dst, op1, op2, fault);
	return swap_unless_equal(mc, dst, op1, op2, fault);
}

static u8 check_irq(struct memcpy *mc, unsigned int irq)
{
	if (!irq || irq > capi_context_irqs(mc->worker.ctx))
		return CAPI_MEMCPY_STATUS_SOURCE;
	return CAPI_MEMCPY_STATUS_COMPLETE;
}

/**
 * memcpy_execute() - do what an element says, but for raising its interrupt
 * @mc: for which context; between capi_dma_begin() and capi_dma_end()
 * @element: the element
 * @fault: the address where it failed, for a status that says that one did
 *
 * Return: CAPI_MEMCPY_STATUS_*; it means nothing if the worker is ending.
 */
u8 memcpy_execute(struct memcpy *mc, const struct capi_memcpy_element *element,
		  struct memcpy_fault *fault)
{
	u64 src = be64_to_cpu(element->src), dst = be64_to_cpu(element->dst);
	unsigned int length = be16_to_cpu(element->length);

	switch (element->cmd & CAPI_MEMCPY_OPCODE) {
	case CAPI_MEMCPY_COPY:
		return copy(mc, src, dst, length, fault);
	case CAPI_MEMCPY_IRQ:
		return check_irq(mc, length);
	case CAPI_MEMCPY_INCREMENT:
		return increment(mc, src, dst, fault);
	case CAPI_MEMCPY_SWAP:
		return compare_and_swap(mc, element, fault);
	default:
		return CAPI_MEMCPY_STATUS_COMMAND;
	}
}
