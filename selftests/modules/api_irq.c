// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU interrupts that a kernel driver handles, on contexts of an echo AFU.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/workqueue.h>

#include <misc/capi.h>

#include "api_test.h"

/**
 * struct handled - what a handler saw
 * @ctx: whose interrupt
 * @runs: how often it ran
 * @irq: the last interrupt it was called for
 * @hard: it was in hard interrupt context each time
 * @again: how often it raises the interrupt once more
 * @slow: takes its time
 * @running: it runs
 */
struct handled {
	struct cxl_context *ctx;
	atomic_t runs;
	int irq;
	bool hard;
	int again;
	bool slow;
	bool running;
};

static irqreturn_t handler(int irq, void *cookie)
{
	struct handled *handled = cookie;

	WRITE_ONCE(handled->running, true);
	if (!in_hardirq())
		handled->hard = false;
	handled->irq = irq;
	if (handled->again) {
		handled->again--;
		capi_raise_afu_irq(handled->ctx, 1);
	}
	if (handled->slow)
		mdelay(50);
	WRITE_ONCE(handled->running, false);
	atomic_inc(&handled->runs);
	return IRQ_HANDLED;
}

/* On x86 it is delivered as soon as interrupts are on; elsewhere by a tick. */
static bool ran(struct handled *handled, int times)
{
	int wait;

	for (wait = 0; wait < 1000; wait++) {
		if (atomic_read(&handled->runs) >= times)
			break;
		usleep_range(1000, 2000);
	}
	return atomic_read(&handled->runs) == times;
}

static int map(struct handled *handled, int num)
{
	return cxl_map_afu_irq(handled->ctx, num, handler, handled,
			       "capi_api_test");
}

static void test_allocate(struct cxl_context *ctx)
{
	struct handled handled = { .ctx = ctx };
	int n = capi_afu_desc(capi_context_afu(ctx))->irqs;

	CHECK(cxl_allocate_afu_irqs(ctx, -1) == -EINVAL);
	CHECK(cxl_allocate_afu_irqs(ctx, CAPI_MAX_IRQS + 1) == -ENOSPC);
	CHECK(map(&handled, 1) == -ENOENT);
	cxl_unmap_afu_irq(ctx, 1, &handled);
	cxl_free_afu_irqs(ctx);
	CHECK(capi_context_irqs(ctx) == n);

	CHECK(cxl_allocate_afu_irqs(ctx, 0) == 0);
	CHECK(capi_context_irqs(ctx) == n);
	CHECK(cxl_allocate_afu_irqs(ctx, 0) == -EBUSY);
	CHECK(map(&handled, -1) == -ENOENT);
	CHECK(map(&handled, 0) == -ENOENT);
	CHECK(map(&handled, n + 1) == -ENOENT);
	CHECK(map(&handled, n) > 0);
	CHECK(map(&handled, n) == 0);
	CHECK(cxl_map_afu_irq(ctx, 1, NULL, &handled, "none") == 0);
	cxl_unmap_afu_irq(ctx, n, &handled);
	CHECK(map(&handled, n) > 0);
	cxl_unmap_afu_irq(ctx, n, &handled);
	cxl_free_afu_irqs(ctx);
}

/* What a handler takes is no event, and the counters add up. */
static void test_handle(struct cxl_context *ctx)
{
	u64 raised = capi_event_count(ctx, CAPI_EVENTS_RAISED);
	u64 delivered = capi_event_count(ctx, CAPI_EVENTS_DELIVERED);
	struct handled handled = { .ctx = ctx, .hard = true };
	int virq;

	CHECK(cxl_allocate_afu_irqs(ctx, 0) == 0);
	virq = map(&handled, 1);
	CHECK(virq > 0);
	CHECK(cxl_start_context(ctx, 0, NULL) == 0);

	api_raise(ctx, 1);
	CHECK(ran(&handled, 1));
	CHECK(handled.hard && handled.irq == virq);
	CHECK(!capi_events_available(ctx));
	CHECK(capi_event_count(ctx, CAPI_EVENTS_RAISED) == raised + 1);
	CHECK(capi_event_count(ctx, CAPI_EVENTS_DELIVERED) == delivered + 1);

	/* Somebody else's cookie unmaps nothing. */
	cxl_unmap_afu_irq(ctx, 1, ctx);
	api_raise(ctx, 1);
	CHECK(ran(&handled, 2));

	/* What comes while the handler runs is not lost. */
	handled.again = 2;
	api_raise(ctx, 1);
	CHECK(ran(&handled, 5));

	/* A number without a handler, and one that has none any more */
	api_raise(ctx, 2);
	CHECK(capi_events_available(ctx));
	cxl_unmap_afu_irq(ctx, 1, &handled);
	api_raise(ctx, 1);
	CHECK(ran(&handled, 5));

	CHECK(cxl_stop_context(ctx) == 0);
	cxl_free_afu_irqs(ctx);
}

/**
 * struct elsewhere - an interrupt raised on another processor
 * @work: does it
 * @ctx: whose
 */
struct elsewhere {
	struct work_struct work;
	struct cxl_context *ctx;
};

static void raise_elsewhere(struct work_struct *work)
{
	struct elsewhere *elsewhere =
		container_of(work, struct elsewhere, work);

	api_raise(elsewhere->ctx, 1);
}

/* Returns while the handler runs on another processor; false if it came too late. */
static bool run_elsewhere(struct elsewhere *elsewhere, struct handled *handled)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, get_cpu());
	int runs = atomic_read(&handled->runs);

	put_cpu();
	elsewhere->ctx = handled->ctx;
	INIT_WORK_ONSTACK(&elsewhere->work, raise_elsewhere);
	queue_work_on(cpu, system_wq, &elsewhere->work);
	while (!READ_ONCE(handled->running) &&
	       atomic_read(&handled->runs) == runs)
		cpu_relax();
	return READ_ONCE(handled->running);
}

/* Was a handler running when it was unmapped, or the context stopped? */
static bool end_running(struct cxl_context *ctx, bool unmap)
{
	struct handled handled = { .ctx = ctx, .slow = true };
	struct elsewhere elsewhere;
	bool running;

	CHECK(map(&handled, 1) > 0);
	CHECK(cxl_start_context(ctx, 0, NULL) == 0);
	running = run_elsewhere(&elsewhere, &handled);
	if (unmap)
		cxl_unmap_afu_irq(ctx, 1, &handled);
	else
		CHECK(cxl_stop_context(ctx) == 0);
	CHECK(!READ_ONCE(handled.running));
	flush_work(&elsewhere.work);
	CHECK(atomic_read(&handled.runs) == 1);

	if (unmap)
		CHECK(cxl_stop_context(ctx) == 0);
	else
		cxl_unmap_afu_irq(ctx, 1, &handled);
	return running;
}

/* Neither unmapping nor stopping returns while a handler runs. */
static void test_wait(struct cxl_context *ctx)
{
	int unmap, tries;

	if (num_online_cpus() < 2) {
		pr_info("capi_api_test: one processor: no handler to wait for\n");
		return;
	}
	CHECK(cxl_allocate_afu_irqs(ctx, 0) == 0);
	for (unmap = 0; unmap < 2; unmap++) {
		for (tries = 0; tries < 10; tries++)
			if (end_running(ctx, unmap))
				break;
		CHECK(tries < 10);
	}
	cxl_free_afu_irqs(ctx);
}

/* The number of a context changes while it is started. */
static void test_while_started(struct cxl_context *ctx)
{
	int n = capi_afu_desc(capi_context_afu(ctx))->irqs;
	struct handled handled = { .ctx = ctx, .hard = true };

	CHECK(cxl_start_context(ctx, 0, NULL) == 0);
	CHECK(capi_raise_afu_irq(ctx, n + 1) == -EINVAL);
	CHECK(cxl_allocate_afu_irqs(ctx, n + 1) == 0);
	CHECK(map(&handled, n + 1) > 0);
	api_raise(ctx, n + 1);
	CHECK(ran(&handled, 1));
	cxl_unmap_afu_irq(ctx, n + 1, &handled);
	cxl_free_afu_irqs(ctx);
	CHECK(capi_context_irqs(ctx) == n);
	CHECK(capi_raise_afu_irq(ctx, n + 1) == -EINVAL);
	CHECK(cxl_stop_context(ctx) == 0);
}

/* An adapter's interrupts are for all its contexts together. */
static void test_exhaust(struct cxl_context *ctx, struct cxl_context *other)
{
	int n = capi_afu_desc(capi_context_afu(ctx))->irqs;

	CHECK(cxl_allocate_afu_irqs(ctx, CAPI_MAX_IRQS - n + 1) == 0);
	CHECK(cxl_allocate_afu_irqs(other, 0) == -ENOSPC);
	CHECK(cxl_start_context(other, 0, NULL) == -ENOSPC);
	/* They stay while it is stopped. */
	CHECK(cxl_start_context(ctx, 0, NULL) == 0);
	CHECK(cxl_stop_context(ctx) == 0);
	CHECK(cxl_start_context(other, 0, NULL) == -ENOSPC);

	cxl_free_afu_irqs(ctx);
	CHECK(cxl_start_context(other, 0, NULL) == 0);
	CHECK(cxl_allocate_afu_irqs(ctx, CAPI_MAX_IRQS - n + 1) == -ENOSPC);
	CHECK(cxl_stop_context(other) == 0);
	CHECK(cxl_allocate_afu_irqs(ctx, CAPI_MAX_IRQS) == 0);
	cxl_free_afu_irqs(ctx);
}

void api_test_irqs(struct pci_dev *pdev)
{
	struct cxl_context *ctx = cxl_dev_context_init(pdev);
	struct cxl_context *other = cxl_dev_context_init(pdev);

	CHECK(!IS_ERR(ctx) && !IS_ERR(other));
	if (IS_ERR(ctx) || IS_ERR(other))
		return;
	test_allocate(ctx);
	test_handle(ctx);
	test_wait(ctx);
	test_while_started(ctx);
	test_exhaust(ctx, other);
	CHECK(cxl_release_context(ctx) == 0);
	CHECK(cxl_release_context(other) == 0);
}
