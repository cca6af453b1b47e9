// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU. See <misc/capi_memcpy.h>.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timex.h>

#include <misc/cxl.h>

#include "memcpy.h"

/* A burst: what an exiting process may have to wait for */
#define BURST_NS	NSEC_PER_MSEC
/* Its master registers, before the problem state areas */
#define MASTER_SIZE	ALIGN(SZ_16K, PAGE_SIZE)

static __be64 *reg(struct memcpy *mc, unsigned int off)
{
	return mc->registers + off;
}

static void set_reg(struct memcpy *mc, unsigned int off, u64 value)
{
	WRITE_ONCE(*reg(mc, off), cpu_to_be64(value));
}

static void set_stopped(struct memcpy *mc, bool stopped)
{
	mc->stopped = stopped;
	set_reg(mc, CAPI_MEMCPY_REG_STATUS, stopped ? CAPI_MEMCPY_STOPPED : 0);
}

static bool restart_asked(struct memcpy *mc)
{
	return READ_ONCE(*reg(mc, CAPI_MEMCPY_REG_PCTRL)) &
	       cpu_to_be64(CAPI_MEMCPY_RESTART);
}

static bool timebase_asked(struct memcpy *mc)
{
	return !READ_ONCE(*reg(mc, CAPI_MEMCPY_REG_TIMEBASE));
}

/* Nobody sees 0 but who stored it. Not every processor counts cycles. */
static u64 timebase(void)
{
	return get_cycles() ?: ktime_get_ns();
}

static void look_at_registers(struct memcpy *mc)
{
	if (restart_asked(mc)) {
		set_reg(mc, CAPI_MEMCPY_REG_PCTRL, 0);
		set_stopped(mc, false);
	}
	if (timebase_asked(mc))
		set_reg(mc, CAPI_MEMCPY_REG_TIMEBASE, timebase());
}

/* Must it wait for a restart where the queue has no command for it? */
static bool stops_on_invalid(struct memcpy *mc)
{
	struct page *master = sim_area_page(mc->afu->afu, 0);
	const __be64 *cfg;

	if (!master)
		return false;
	cfg = page_address(master) + CAPI_MEMCPY_REG_CFG;
	return READ_ONCE(*cfg) & cpu_to_be64(CAPI_MEMCPY_CFG_STOP);
}

/* Whether the AFU waits for a restart after that element */
static bool stops(struct memcpy *mc, const struct capi_memcpy_element *element)
{
	switch (element->status) {
	case CAPI_MEMCPY_STATUS_COMPLETE:
		return (element->cmd & CAPI_MEMCPY_OPCODE) == CAPI_MEMCPY_IRQ;
	case CAPI_MEMCPY_STATUS_SOURCE:
		return false;
	case CAPI_MEMCPY_STATUS_COMMAND:
		return stops_on_invalid(mc);
	default:
		return true;
	}
}

static bool is_fault(u8 status)
{
	return status == CAPI_MEMCPY_STATUS_TRANSLATION ||
	       status == CAPI_MEMCPY_STATUS_DATA;
}

static void record(struct memcpy *mc, u64 at,
		   const struct capi_memcpy_element *element, u64 fault)
{
	struct capi_memcpy_error error = {
		.pe = cpu_to_be16(cxl_process_element(mc->worker.ctx)),
		.status = element->status,
		.address = cpu_to_be64(at),
		.fault = cpu_to_be64(fault),
		.element = *element,
	};

	spin_lock(&mc->afu->lock);
	mc->afu->error = error;
	spin_unlock(&mc->afu->lock);
}

static void raise_fault(struct memcpy *mc, const struct memcpy_fault *fault)
{
	capi_raise_fault(mc->worker.ctx, fault->address, CAPI_MEMCPY_DSISR |
			 (fault->store ? CAPI_MEMCPY_DSISR_STORE : 0));
}

/* The queue itself cannot be reached, for the element at @at. */
static enum sim_work lose_queue(struct memcpy *mc, u64 at, u64 bad, bool store)
{
	const struct capi_memcpy_element none = {};
	struct memcpy_fault fault = { .address = bad, .store = store };

	if (sim_worker_ending(&mc->worker))
		return SIM_WORK_NONE;
	record(mc, at, &none, bad);
	set_stopped(mc, true);
	raise_fault(mc, &fault);
	return SIM_WORK_HALTED;
}

static void advance(struct memcpy *mc)
{
	if (++mc->next == mc->slots) {
		mc->next = 0;
		mc->phase = !mc->phase;
	}
}

/*
 * Tells the user, in this order: the data, the element's status, that the AFU
 * waits, the event. Who is told by one finds what is before it.
 */
static enum sim_work finish(struct memcpy *mc, u64 at,
			    const struct capi_memcpy_element *element,
			    const struct memcpy_fault *fault)
{
	struct cxl_context *ctx = mc->worker.ctx;
	u8 status = element->status;
	u64 bad;

	advance(mc);
	smp_wmb(); /* data before status */
	if (capi_dma_write(ctx, at + offsetof(typeof(*element), status),
			   &status, sizeof(status), &bad))
		return lose_queue(mc, at, bad, true);

	if (status != CAPI_MEMCPY_STATUS_COMPLETE)
		record(mc, at, element, is_fault(status) ? fault->address : 0);
	if (!stops(mc, element))
		return SIM_WORK_DONE;

	set_stopped(mc, true);
	smp_wmb(); /* stopped before the event */
	if (is_fault(status))
		raise_fault(mc, fault);
	else if (status == CAPI_MEMCPY_STATUS_COMPLETE)
		capi_raise_afu_irq(ctx, be16_to_cpu(element->length));
	return SIM_WORK_HALTED;
}

static u64 next_element(struct memcpy *mc)
{
	return mc->queue + mc->next * sizeof(struct capi_memcpy_element);
}

static bool is_for_us(struct memcpy *mc, u8 cmd)
{
	return cmd & CAPI_MEMCPY_VALID &&
	       !(cmd & CAPI_MEMCPY_WRAP) == !mc->phase;
}

/* The element's first byte is read first: what follows is as old, or newer. */
static enum sim_work do_next(struct memcpy *mc)
{
	struct cxl_context *ctx = mc->worker.ctx;
	struct capi_memcpy_element element;
	struct memcpy_fault fault = {};
	u64 at = next_element(mc), bad;

	if (capi_dma_read(ctx, at, &element.cmd, sizeof(element.cmd), &bad))
		return lose_queue(mc, at, bad, false);
	if (!is_for_us(mc, element.cmd)) {
		if (!stops_on_invalid(mc))
			return SIM_WORK_NONE;
		set_stopped(mc, true);
		return SIM_WORK_HALTED;
	}

	smp_rmb(); /* valid before what it is about */
	if (capi_dma_read(ctx, at + 1, &element.status, sizeof(element) - 1,
			  &bad))
		return lose_queue(mc, at, bad, false);

	element.status = memcpy_execute(mc, &element, &fault);
	if (sim_worker_ending(&mc->worker))
		return SIM_WORK_NONE;
	return finish(mc, at, &element, &fault);
}

static enum sim_work memcpy_burst(struct sim_worker *worker)
{
	struct memcpy *mc = container_of(worker, struct memcpy, worker);
	enum sim_work first, work;
	u64 end;

	look_at_registers(mc);
	if (mc->stopped || !mc->slots || !capi_context_link_ok(worker->ctx))
		return SIM_WORK_HALTED;
	/* Who is left to be told when the process is gone? */
	if (capi_dma_begin(worker->ctx))
		return SIM_WORK_HALTED;

	end = ktime_get_ns() + BURST_NS;
	first = do_next(mc);
	work = first;
	while (work == SIM_WORK_DONE && ktime_get_ns() < end &&
	       !sim_worker_ending(worker))
		work = do_next(mc);
	capi_dma_end(worker->ctx);
	return first == SIM_WORK_DONE ? first : work;
}

static int memcpy_watch(struct sim_worker *worker)
{
	struct memcpy *mc = container_of(worker, struct memcpy, worker);

	return capi_dma_watch(worker->ctx, next_element(mc));
}

/* What cannot be seen, the worker is to look at. */
static bool memcpy_look(struct sim_worker *worker)
{
	struct memcpy *mc = container_of(worker, struct memcpy, worker);
	u8 cmd;
	int rc;

	if (restart_asked(mc) || timebase_asked(mc))
		return true;
	if (!worker->memory || mc->stopped || !mc->slots)
		return false;
	if (stops_on_invalid(mc))
		return true;
	rc = capi_dma_peek(worker->ctx, next_element(mc), &cmd);
	return rc ? rc != -EAGAIN : is_for_us(mc, cmd);
}

static int memcpy_probe(struct sim_afu *afu)
{
	struct memcpy_afu *mca = kzalloc(sizeof(*mca), GFP_KERNEL);

	if (!mca)
		return -ENOMEM;
	mca->afu = afu;
	spin_lock_init(&mca->lock);
	afu->priv = mca;
	return 0;
}

static void memcpy_remove(struct sim_afu *afu)
{
	kfree(afu->priv);
}

/* Registers of contexts that are started still say what they said. */
static void memcpy_reset(struct sim_afu *afu)
{
	struct memcpy_afu *mca = afu->priv;
	struct page *master = sim_area_page(afu, 0);

	if (master)
		clear_page(page_address(master));
	spin_lock(&mca->lock);
	memset(&mca->error, 0, sizeof(mca->error));
	spin_unlock(&mca->lock);
}

static void memcpy_err_read(struct sim_afu *afu, char *buf, u64 off,
			    size_t count, bool all)
{
	struct memcpy_afu *mca = afu->priv;
	struct capi_memcpy_error error;

	spin_lock(&mca->lock);
	error = mca->error;
	spin_unlock(&mca->lock);
	if (!all)
		memset_startat(&error, 0, address);
	memcpy(buf, (char *)&error + off, count);
}

static void *memcpy_init(struct cxl_context *ctx)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(ctx));
	unsigned long first = afu->desc.pp_offset >> PAGE_SHIFT;
	struct page *page = sim_area_page(afu, first + cxl_process_element(ctx));
	struct memcpy *mc;

	if (!page)
		return ERR_PTR(-ENOMEM);
	mc = kzalloc(sizeof(*mc), GFP_KERNEL_ACCOUNT);
	if (!mc)
		return ERR_PTR(-ENOMEM);
	mc->afu = afu->priv;
	mc->registers = page_address(page);
	mc->worker.burst = memcpy_burst;
	mc->worker.watch = memcpy_watch;
	mc->worker.look = memcpy_look;
	sim_worker_init(&mc->worker, ctx);
	return mc;
}

static void memcpy_release(void *afu)
{
	struct memcpy *mc = afu;

	sim_worker_release(&mc->worker);
	kfree(mc);
}

static void memcpy_clear(void *afu)
{
	struct memcpy *mc = afu;

	clear_page(mc->registers);
}

static int memcpy_start(void *afu, const struct capi_work *work)
{
	struct memcpy *mc = afu;
	u64 pe = cxl_process_element(mc->worker.ctx);
	int rc;

	mc->buffer = kvmalloc(MEMCPY_MAX, GFP_KERNEL_ACCOUNT);
	if (!mc->buffer)
		return -ENOMEM;
	mc->queue = work->wed & ~CAPI_MEMCPY_WED_DEPTH;
	mc->slots = (work->wed & CAPI_MEMCPY_WED_DEPTH) *
		    CAPI_MEMCPY_DEPTH_UNIT;
	mc->next = 0;
	mc->phase = false;
	set_reg(mc, CAPI_MEMCPY_REG_WED, work->wed);
	set_reg(mc, CAPI_MEMCPY_REG_HANDLE, pe << 48);
	set_reg(mc, CAPI_MEMCPY_REG_PCTRL, 0);
	set_stopped(mc, false);

	rc = sim_worker_start(&mc->worker);
	if (rc)
		kvfree(mc->buffer);
	return rc;
}

static void memcpy_stop(void *afu)
{
	struct memcpy *mc = afu;

	sim_worker_stop(&mc->worker);
	kvfree(mc->buffer);
}

/* What is loaded and stored through a trap is what a mapping shows. */

static u64 memcpy_read(void *afu, u64 off, unsigned int width)
{
	struct memcpy *mc = afu;

	return sim_load(mc->registers + off, width);
}

static void memcpy_write(void *afu, u64 off, unsigned int width, u64 value)
{
	struct memcpy *mc = afu;

	sim_store(mc->registers + off, width, value);
	sim_worker_kick(&mc->worker);
}

/* Somebody is about to use the registers. */
static int memcpy_pfn(void *afu, unsigned long page, unsigned long *pfn)
{
	struct memcpy *mc = afu;

	*pfn = page_to_pfn(virt_to_page(mc->registers));
	sim_worker_kick(&mc->worker);
	return 0;
}

const struct sim_afu_ops sim_memcpy_ops = {
	.desc = {
		.kind = "memcpy",
		.description = "copies memory: IBM's test AFU",
		.vendor = CAPI_MEMCPY_VENDOR,
		.device = CAPI_MEMCPY_DEVICE,
		.modes = CXL_MODE_DEDICATED | CXL_MODE_DIRECTED,
		.irqs = MEMCPY_IRQS,
		.irqs_max = CAPI_MAX_IRQS,
		.psa_size = PAGE_SIZE,
		.map_size = PAGE_SIZE,
		.pp_offset = MASTER_SIZE,
		.err_size = sizeof(struct capi_memcpy_error),
	},
	.probe = memcpy_probe,
	.remove = memcpy_remove,
	.reset = memcpy_reset,
	.err_read = memcpy_err_read,
	.init = memcpy_init,
	.release = memcpy_release,
	.clear = memcpy_clear,
	.start = memcpy_start,
	.stop = memcpy_stop,
	.read = memcpy_read,
	.write = memcpy_write,
	.pfn = memcpy_pfn,
};
