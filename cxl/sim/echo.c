// SPDX-License-Identifier: GPL-2.0-only
/*
 * The echo AFU: it raises the events that its registers are told to. See
 * <misc/capi_echo.h>.
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include <uapi/misc/capi_echo.h>

#include "sim.h"

#define ECHO_IRQS		4
#define ECHO_MAX_PERIOD		(60 * USEC_PER_SEC)

/**
 * struct echo - the AFU's state for one context
 * @ctx: the context
 * @memory: the page that may be mapped
 * @emit: emits driver events
 * @lock: covers the registers
 * @working: the context is started
 * @wed: what it was started with
 * @period: microseconds between driver events
 * @size: payload of the driver events emitted from now on
 * @due: driver events still to be emitted
 */
struct echo {
	struct cxl_context *ctx;
	struct page *memory;
	struct delayed_work emit;

	spinlock_t lock; /* registers */
	bool working;
	u64 wed;
	u32 period;
	u32 size;
	u32 due;
};

/* Emits one driver event, or without a period all, and comes back for more. */
static void echo_emit(struct work_struct *work)
{
	struct echo *echo = container_of(work, struct echo, emit.work);
	u32 n, size;

	spin_lock(&echo->lock);
	n = echo->period ? min(echo->due, 1U) : echo->due;
	size = echo->size;
	spin_unlock(&echo->lock);

	/* A driver that cannot take it now is asked again. */
	if (!n || !sim_echo_driver_post(echo->ctx, n, size))
		n = 0;

	spin_lock(&echo->lock);
	echo->due -= n;
	if (echo->working && echo->due)
		schedule_delayed_work(&echo->emit,
				      max(usecs_to_jiffies(echo->period), 1UL));
	spin_unlock(&echo->lock);
}

static void *echo_init(struct cxl_context *ctx)
{
	struct echo *echo = kzalloc(sizeof(*echo), GFP_KERNEL);

	if (!echo)
		return ERR_PTR(-ENOMEM);
	echo->memory = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!echo->memory) {
		kfree(echo);
		return ERR_PTR(-ENOMEM);
	}
	echo->ctx = ctx;
	spin_lock_init(&echo->lock);
	INIT_DELAYED_WORK(&echo->emit, echo_emit);
	return echo;
}

static void echo_release(void *afu)
{
	struct echo *echo = afu;

	__free_page(echo->memory);
	kfree(echo);
}

static void echo_clear(void *afu)
{
	struct echo *echo = afu;

	clear_page(page_address(echo->memory));
}

static int echo_start(void *afu, const struct capi_work *work)
{
	struct echo *echo = afu;

	spin_lock(&echo->lock);
	echo->working = true;
	echo->wed = work->wed;
	echo->period = 0;
	echo->size = CAPI_ECHO_DEFAULT_SIZE;
	echo->due = 0;
	spin_unlock(&echo->lock);
	return 0;
}

static void echo_stop(void *afu)
{
	struct echo *echo = afu;

	spin_lock(&echo->lock);
	echo->working = false;
	spin_unlock(&echo->lock);
	cancel_delayed_work_sync(&echo->emit);
}

static u64 echo_register(struct echo *echo, u64 reg)
{
	switch (reg) {
	case CAPI_ECHO_REG_ID:
		return CAPI_ECHO_ID;
	case CAPI_ECHO_REG_WED:
		return echo->wed;
	case CAPI_ECHO_REG_PERIOD:
		return echo->period;
	case CAPI_ECHO_REG_SIZE:
		return echo->size;
	case CAPI_ECHO_REG_DUE:
		return echo->due;
	default:
		return 0;
	}
}

/* Where offset @off of the problem state area is, in the page of memory */
static void *echo_memory(struct echo *echo, u64 off)
{
	return page_address(echo->memory) + offset_in_page(off);
}

static u64 load_memory(void *at, unsigned int width)
{
	if (width == 8)
		return le64_to_cpu(READ_ONCE(*(__le64 *)at));
	return le32_to_cpu(READ_ONCE(*(__le32 *)at));
}

static void store_memory(void *at, unsigned int width, u64 value)
{
	if (width == 8)
		WRITE_ONCE(*(__le64 *)at, cpu_to_le64(value));
	else
		WRITE_ONCE(*(__le32 *)at, cpu_to_le32(value));
}

static u64 echo_read(void *afu, u64 off, unsigned int width)
{
	struct echo *echo = afu;
	u64 value;

	if (off >= PAGE_SIZE)
		return load_memory(echo_memory(echo, off), width);

	spin_lock(&echo->lock);
	value = echo_register(echo, off & ~7ULL);
	spin_unlock(&echo->lock);
	return width == 8 ? value : (u32)(value >> (8 * (off & 4)));
}

static void echo_due(struct echo *echo, u64 n)
{
	echo->due = min_t(u64, n, U32_MAX - echo->due) + echo->due;
	if (echo->due)
		mod_delayed_work(system_wq, &echo->emit, 0);
}

/* Caller holds echo->lock. Returns false for a register that raises events. */
static bool echo_store(struct echo *echo, u64 reg, u64 value)
{
	switch (reg) {
	case CAPI_ECHO_REG_PERIOD:
		if (value <= ECHO_MAX_PERIOD)
			echo->period = value;
		return true;
	case CAPI_ECHO_REG_SIZE:
		if (value <= CAPI_ECHO_MAX_SIZE)
			echo->size = value;
		return true;
	case CAPI_ECHO_REG_EMIT:
		echo_due(echo, value);
		return true;
	default:
		return false;
	}
}

static void echo_raise(struct echo *echo, u64 reg, u64 value)
{
	switch (reg) {
	case CAPI_ECHO_REG_IRQ:
		if (value <= ECHO_IRQS)
			capi_raise_afu_irq(echo->ctx, value);
		break;
	case CAPI_ECHO_REG_FAULT:
		capi_raise_fault(echo->ctx, value, CAPI_ECHO_DSISR);
		break;
	case CAPI_ECHO_REG_ERROR:
		capi_raise_afu_error(echo->ctx, value);
		break;
	}
}

static void echo_write(void *afu, u64 off, unsigned int width, u64 value)
{
	struct echo *echo = afu;
	bool stored;

	if (off >= PAGE_SIZE) {
		store_memory(echo_memory(echo, off), width, value);
		return;
	}
	if (!IS_ALIGNED(off, 8))
		return;

	spin_lock(&echo->lock);
	stored = echo_store(echo, off, value);
	spin_unlock(&echo->lock);
	if (!stored)
		echo_raise(echo, off, value);
}

static int echo_pfn(void *afu, unsigned long page, unsigned long *pfn)
{
	struct echo *echo = afu;

	if (page != 1)
		return -EINVAL;
	*pfn = page_to_pfn(echo->memory);
	return 0;
}

const struct sim_afu_ops sim_echo_ops = {
	.desc = {
		.kind = "echo",
		.description = "raises the events it is told to, for tests",
		.vendor = CAPI_ECHO_VENDOR,
		.device = CAPI_ECHO_DEVICE,
		.irqs = ECHO_IRQS,
		.psa_size = 2 * PAGE_SIZE,
		.map_offset = PAGE_SIZE,
		.map_size = PAGE_SIZE,
	},
	.init = echo_init,
	.release = echo_release,
	.clear = echo_clear,
	.start = echo_start,
	.stop = echo_stop,
	.read = echo_read,
	.write = echo_write,
	.pfn = echo_pfn,
};
