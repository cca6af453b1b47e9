// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an echo AFU cannot show: contexts of a memcpy AFU that work in the
 * kernel's memory, their registers mapped into the kernel, and resets.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/vmalloc.h>

#include <misc/capi.h>
#include <uapi/misc/capi_memcpy.h>

#include "api_test.h"

#define UNITS	1
#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define NO_MEMORY CAPI_MEMCPY_STATUS_TRANSLATION
/* Where processes have their memory */
#define USER	PAGE_SIZE
#define BYTES	64
/* When an AFU that works has seen what is new, and more, in ms */
#define LATENCY	100

/**
 * struct worker - a context with a queue that does not wrap
 * @ctx: the context
 * @queue: a page: the elements, and the memory that they are about
 * @next: element that comes next
 */
struct worker {
	struct cxl_context *ctx;
	struct capi_memcpy_element *queue;
	unsigned int next;
};

static char *memory_of(struct worker *worker)
{
	return (char *)worker->queue + PAGE_SIZE / 2;
}

/* Begins with an empty queue. */
static int start(struct worker *worker)
{
	clear_page(worker->queue);
	worker->next = 0;
	return cxl_start_context(worker->ctx,
				 (unsigned long)worker->queue | UNITS, NULL);
}

static struct capi_memcpy_element *add(struct worker *worker, u8 opcode,
				       u16 length)
{
	struct capi_memcpy_element *element = &worker->queue[worker->next++];
	char *memory = memory_of(worker);

	element->length = cpu_to_be16(length);
	element->src = cpu_to_be64((unsigned long)memory);
	element->dst = cpu_to_be64((unsigned long)memory + 1);
	/* The AFU takes it as soon as it sees this. */
	smp_store_release(&element->cmd, CAPI_MEMCPY_VALID | opcode);
	return element;
}

static bool happens(u8 *byte)
{
	int wait;

	for (wait = 0; wait < 5000 && !READ_ONCE(*byte); wait++)
		usleep_range(1000, 2000);
	return READ_ONCE(*byte);
}

/* The next element copies a byte. */
static bool copies(struct worker *worker)
{
	char *memory = memory_of(worker);
	struct capi_memcpy_element *element;

	memory[0]++;
	element = add(worker, CAPI_MEMCPY_COPY, 1);
	return happens(&element->status) && element->status == DONE &&
	       READ_ONCE(memory[1]) == memory[0];
}

/* The AFU forgets a context, which stays started until it is stopped. */
static void test_reset(struct worker *worker)
{
	struct capi_memcpy_element *element;

	CHECK(!start(worker));
	CHECK(copies(worker));
	CHECK(!cxl_afu_reset(worker->ctx));
	CHECK(capi_context_state(worker->ctx) == CAPI_CONTEXT_STARTED);
	element = add(worker, CAPI_MEMCPY_COPY, 1);
	msleep(LATENCY);
	CHECK(!READ_ONCE(element->status));
	CHECK(!cxl_stop_context(worker->ctx));

	CHECK(!start(worker));
	CHECK(copies(worker));
	CHECK(!cxl_stop_context(worker->ctx));
}

/* What becomes of an element that has the queue for itself */
static u8 run(struct worker *worker, struct capi_memcpy_element what)
{
	struct capi_memcpy_element *element = worker->queue;
	u8 cmd = CAPI_MEMCPY_VALID | what.cmd, status;

	CHECK(!start(worker));
	what.cmd = 0;
	*element = what;
	/* The AFU takes it as soon as it sees this. */
	smp_store_release(&element->cmd, cmd);
	status = happens(&element->status) ? element->status : 0;
	CHECK(!cxl_stop_context(worker->ctx));
	return status;
}

static u8 copy(struct worker *worker, unsigned long src, unsigned long dst)
{
	return run(worker, (struct capi_memcpy_element) {
		.cmd = CAPI_MEMCPY_COPY,
		.length = cpu_to_be16(BYTES),
		.src = cpu_to_be64(src),
		.dst = cpu_to_be64(dst),
	});
}

static u8 swap_if_equal(struct worker *worker, unsigned long dst, u64 old,
			u64 new)
{
	return run(worker, (struct capi_memcpy_element) {
		.cmd = CAPI_MEMCPY_SWAP,
		.extra = CAPI_MEMCPY_SWAP_EQUAL,
		.op1 = (__force __be64)old,
		.src = (__force __be64)new,
		.dst = cpu_to_be64(dst),
	});
}

/* All of the kernel's own memory, whole pages or not; nobody else's. */
static void test_memory(struct worker *worker)
{
	u8 *pages = vzalloc(2 * PAGE_SIZE);
	u8 *middle = pages + PAGE_SIZE - BYTES / 2;
	u64 *word = (u64 *)pages;

	CHECK(pages);
	if (!pages)
		return;
	memset(middle, 0x5a, BYTES);
	CHECK(copy(worker, (unsigned long)middle,
		   (unsigned long)(pages + PAGE_SIZE + BYTES)) == DONE);
	CHECK(!memcmp(middle, pages + PAGE_SIZE + BYTES, BYTES));

	*word = 1;
	CHECK(swap_if_equal(worker, (unsigned long)word, 1, 2) == DONE && *word == 2);
	CHECK(swap_if_equal(worker, (unsigned long)word, 1, 3) == DONE && *word == 2);

	CHECK(copy(worker, USER, (unsigned long)pages) == NO_MEMORY);
	CHECK(copy(worker, (unsigned long)pages, USER) == NO_MEMORY);
	CHECK(swap_if_equal(worker, USER, 0, 1) == NO_MEMORY);
	vfree(pages);
}

static u64 get(void __iomem *area, u64 off)
{
	return be64_to_cpu((__force __be64)__raw_readq(area + off));
}

static void put(void __iomem *area, u64 off, u64 value)
{
	__raw_writeq((__force u64)cpu_to_be64(value), area + off);
}

static bool stops(void __iomem *area, u64 slave)
{
	int wait;

	for (wait = 0; wait < 5000; wait++) {
		if (get(area, slave + CAPI_MEMCPY_REG_STATUS) ==
		    CAPI_MEMCPY_STOPPED)
			return true;
		usleep_range(1000, 2000);
	}
	return false;
}

/* Registers of another context, which the master lets go on */
static void check_slave(struct worker *worker, void __iomem *area, u64 slave)
{
	u64 pe = cxl_process_element(worker->ctx);

	CHECK(get(area, slave + CAPI_MEMCPY_REG_WED) ==
	      ((unsigned long)worker->queue | UNITS));
	CHECK(get(area, slave + CAPI_MEMCPY_REG_HANDLE) == pe << 48);
	CHECK(get(area, slave + CAPI_MEMCPY_REG_STATUS) == 0);

	add(worker, CAPI_MEMCPY_IRQ, 1);
	CHECK(stops(area, slave));
	put(area, slave + CAPI_MEMCPY_REG_PCTRL, CAPI_MEMCPY_RESTART);
	CHECK(copies(worker));
}

static void test_master(struct worker *worker, struct worker *master)
{
	const struct capi_afu_desc *desc;
	void __iomem *area, *psa;

	desc = capi_afu_desc(capi_context_afu(master->ctx));
	cxl_set_master(master->ctx);
	CHECK(!start(worker));
	CHECK(!cxl_psa_map(master->ctx));
	CHECK(!start(master));

	area = cxl_psa_map(master->ctx);
	CHECK(area);
	if (area)
		check_slave(worker, area, desc->pp_offset + desc->psa_size *
			    cxl_process_element(worker->ctx));
	/* A slave's mapping is its own registers. */
	psa = cxl_psa_map(worker->ctx);
	CHECK(psa);
	if (psa)
		CHECK(get(psa, CAPI_MEMCPY_REG_WED) ==
		      ((unsigned long)worker->queue | UNITS));
	CHECK(capi_psa_pinned(worker->ctx));
	cxl_psa_unmap(psa);
	cxl_psa_unmap(area);
	CHECK(!capi_psa_pinned(worker->ctx));

	CHECK(!cxl_stop_context(master->ctx));
	CHECK(!cxl_stop_context(worker->ctx));
}

static bool worker_init(struct worker *worker, struct pci_dev *pdev)
{
	worker->queue = (void *)get_zeroed_page(GFP_KERNEL);
	worker->ctx = cxl_dev_context_init(pdev);
	return worker->queue && !IS_ERR(worker->ctx);
}

static void worker_release(struct worker *worker)
{
	if (!IS_ERR(worker->ctx))
		CHECK(!cxl_release_context(worker->ctx));
	free_page((unsigned long)worker->queue);
}

/* What sysfs says of the card, which is checked there, is the last of this. */
void api_test_memcpy(struct pci_dev *pdev)
{
	struct worker worker, master;
	bool ok = worker_init(&worker, pdev);

	ok = worker_init(&master, pdev) && ok;
	CHECK(ok);
	if (ok) {
		test_reset(&worker);
		test_memory(&worker);
		test_master(&worker, &master);
	}
	worker_release(&master);
	worker_release(&worker);
	cxl_perst_reloads_same_image(cxl_pci_to_afu(pdev), true);
}
