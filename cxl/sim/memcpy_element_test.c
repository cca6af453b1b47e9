// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU's elements: what each does to memory, and its status. Memory is
 * an array here.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include "memcpy.h"

#define BASE	0xfedcba9876540000ULL
#define SIZE	SZ_128K
#define IRQS	4

/**
 * struct element_test - a context of the AFU, and its memory
 * @mc: the context
 * @memory: what is at BASE
 * @bad: an address that fails
 * @rc: how
 * @changes: how often somebody else changes what is to be swapped
 */
struct element_test {
	struct memcpy mc;
	u8 *memory;
	u64 bad;
	int rc;
	unsigned int changes;
};

static struct element_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

/* As the core: the first address that cannot be reached is told. */
static int test_reach(u64 addr, size_t len, u64 *bad)
{
	struct element_test *t = this_test();

	if (!len)
		return 0;
	if (t->rc && t->bad >= addr && t->bad - addr < len) {
		*bad = t->bad;
		return t->rc;
	}
	if (addr < BASE || addr - BASE > SIZE - len) {
		*bad = addr < BASE ? addr : max(addr, BASE + SIZE);
		return -EFAULT;
	}
	return 0;
}

static int test_read(struct cxl_context *ctx, u64 addr, void *buf, size_t len,
		     u64 *bad)
{
	int rc = test_reach(addr, len, bad);

	if (!rc && len)
		memcpy(buf, this_test()->memory + (addr - BASE), len);
	return rc;
}

static int test_write(struct cxl_context *ctx, u64 addr, const void *buf,
		      size_t len, u64 *bad)
{
	int rc = test_reach(addr, len, bad);

	if (!rc && len)
		memcpy(this_test()->memory + (addr - BASE), buf, len);
	return rc;
}

static int test_cmpxchg64(struct cxl_context *ctx, u64 addr, u64 *old, u64 new,
			  u64 *bad)
{
	struct element_test *t = this_test();
	int rc = test_reach(addr, sizeof(new), bad);
	u64 *at = (u64 *)(t->memory + (addr - BASE));
	u64 was;

	if (rc)
		return rc;
	if (t->changes) {
		t->changes--;
		++*at;
	}
	was = *at;
	if (was == *old)
		*at = new;
	*old = was;
	return 0;
}

static unsigned int test_irqs(struct cxl_context *ctx)
{
	return IRQS;
}

static bool test_ending(struct sim_worker *worker)
{
	return worker->ending;
}

#define capi_dma_read test_read
#define capi_dma_write test_write
#define capi_dma_cmpxchg64 test_cmpxchg64
#define capi_context_irqs test_irqs
#define sim_worker_ending test_ending
#include "memcpy_element.c"

#define COMPLETE	CAPI_MEMCPY_STATUS_COMPLETE
#define TRANSLATION	CAPI_MEMCPY_STATUS_TRANSLATION
#define ADDRESS		CAPI_MEMCPY_STATUS_ADDRESS
#define COMMAND		CAPI_MEMCPY_STATUS_COMMAND

static int element_init(struct kunit *test)
{
	struct element_test *t;
	unsigned int i;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->memory = kunit_kmalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->memory);
	/* Exactly what a started context has, for KASAN to watch */
	t->mc.buffer = kunit_kmalloc(test, MEMCPY_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->mc.buffer);
	for (i = 0; i < SIZE; i++)
		t->memory[i] = i % 251;
	test->priv = t;
	return 0;
}

static u8 execute(struct element_test *t, u8 cmd, unsigned int length, u64 src,
		  u64 dst, struct memcpy_fault *fault)
{
	const struct capi_memcpy_element element = {
		.cmd = cmd | CAPI_MEMCPY_VALID,
		.length = cpu_to_be16(length),
		.src = cpu_to_be64(src),
		.dst = cpu_to_be64(dst),
	};

	fault->address = 0;
	return memcpy_execute(&t->mc, &element, fault);
}

static u8 cas8(struct element_test *t, u8 extra, u64 op1, u64 new, u64 dst,
	       struct memcpy_fault *fault)
{
	const struct capi_memcpy_element element = {
		.cmd = CAPI_MEMCPY_SWAP | CAPI_MEMCPY_VALID,
		.extra = extra,
		.op1 = (__force __be64)op1,
		.src = (__force __be64)new,
		.dst = cpu_to_be64(dst),
	};

	fault->address = 0;
	return memcpy_execute(&t->mc, &element, fault);
}

static void copies(struct kunit *test)
{
	static const unsigned int lengths[] = { 1, 2, 127, 4096, U16_MAX };
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(t->memory + SZ_64K, 0xee, SZ_64K);
		KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, lengths[i],
					      BASE, BASE + SZ_64K, &fault),
				COMPLETE);
		KUNIT_EXPECT_MEMEQ(test, t->memory + SZ_64K, t->memory,
				   lengths[i]);
		KUNIT_EXPECT_EQ(test, t->memory[SZ_64K + lengths[i]], 0xee);
	}

	/* Nothing is copied from nowhere to nowhere. */
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, 0, 0, U64_MAX,
				      &fault), COMPLETE);
}

/* All of an element is read before anything is written. */
static void overlap(struct kunit *test)
{
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, 200, BASE, BASE + 1,
				      &fault), COMPLETE);
	for (i = 0; i < 200; i++)
		KUNIT_EXPECT_EQ(test, t->memory[1 + i], i);
}

static void copy_faults(struct kunit *test)
{
	struct element_test *t = test->priv;
	struct memcpy_fault fault;

	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, 8, BASE - 1, BASE,
				      &fault), TRANSLATION);
	KUNIT_EXPECT_EQ(test, fault.address, BASE - 1);
	KUNIT_EXPECT_FALSE(test, fault.store);
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, 8, BASE,
				      BASE + SIZE - 4, &fault), TRANSLATION);
	KUNIT_EXPECT_EQ(test, fault.address, BASE + SIZE);
	KUNIT_EXPECT_TRUE(test, fault.store);
}

struct wrapping {
	u8 cmd;
	unsigned int length;
	u64 src;
	u64 dst;
	u8 status;
};

static const struct wrapping wrappings[] = {
	{ CAPI_MEMCPY_COPY, 2, U64_MAX, BASE, ADDRESS },
	{ CAPI_MEMCPY_COPY, 2, BASE, U64_MAX, ADDRESS },
	{ CAPI_MEMCPY_COPY, U16_MAX, U64_MAX - U16_MAX + 2, BASE, ADDRESS },
	/* The last byte there is: no memory, but an address */
	{ CAPI_MEMCPY_COPY, 1, U64_MAX, BASE, TRANSLATION },
	{ CAPI_MEMCPY_COPY, U16_MAX, U64_MAX - U16_MAX + 1, BASE, TRANSLATION },
	{ CAPI_MEMCPY_INCREMENT, 0, U64_MAX - 2, BASE, ADDRESS },
	{ CAPI_MEMCPY_INCREMENT, 0, BASE, U64_MAX - 2, ADDRESS },
	{ CAPI_MEMCPY_INCREMENT, 0, U64_MAX - 3, BASE, TRANSLATION },
};

static void describe_wrapping(const struct wrapping *w, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "opcode %u, %u from 0x%llx",
		 w->cmd, w->length, w->src);
}

KUNIT_ARRAY_PARAM(wrappings, wrappings, describe_wrapping);

static void wrap(struct kunit *test)
{
	const struct wrapping *w = test->param_value;
	struct element_test *t = test->priv;
	struct memcpy_fault fault;

	KUNIT_EXPECT_EQ(test, execute(t, w->cmd, w->length, w->src, w->dst,
				      &fault), w->status);
}

/* Why memory cannot be reached becomes the status. */
static void reasons(struct kunit *test)
{
	static const struct {
		int rc;
		u8 status;
	} reasons[] = {
		{ -EFAULT, TRANSLATION },
		{ -EHWPOISON, CAPI_MEMCPY_STATUS_DATA },
		{ -ENODEV, CAPI_MEMCPY_STATUS_PSL },
		{ -EIO, CAPI_MEMCPY_STATUS_PSL },
	};
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		t->rc = reasons[i].rc;
		t->bad = BASE + 100;
		KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_COPY, 200, BASE,
					      BASE + 1024, &fault),
				reasons[i].status);
		KUNIT_EXPECT_EQ(test, fault.address, BASE + 100);
		KUNIT_EXPECT_FALSE(test, fault.store);
		KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_INCREMENT, 0,
					      BASE + 1024, BASE + 97, &fault),
				reasons[i].status);
		KUNIT_EXPECT_TRUE(test, fault.store);
		KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_INCREMENT, 0,
					      BASE + 97, BASE, &fault),
				reasons[i].status);
		KUNIT_EXPECT_FALSE(test, fault.store);
		t->bad = BASE + 96;
		KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_EQUAL, 0, 0,
					   BASE + 96, &fault),
				reasons[i].status);
		KUNIT_EXPECT_TRUE(test, fault.store);
		KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 0, 0,
					   BASE + 96, &fault),
				reasons[i].status);
	}
}

/* 32 bits, big endian, at any address */
static void increments(struct kunit *test)
{
	static const struct {
		u8 before[4];
		u8 after[4];
	} values[] = {
		{ { 0, 0, 0, 0 }, { 0, 0, 0, 1 } },
		{ { 0, 0, 0, 0xff }, { 0, 0, 1, 0 } },
		{ { 0x7f, 0xff, 0xff, 0xff }, { 0x80, 0, 0, 0 } },
		{ { 0xff, 0xff, 0xff, 0xff }, { 0, 0, 0, 0 } },
	};
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		memcpy(t->memory + 3, values[i].before, 4);
		KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_INCREMENT, 0,
					      BASE + 3, BASE + 21, &fault),
				COMPLETE);
		KUNIT_EXPECT_MEMEQ(test, t->memory + 3, values[i].before, 4);
		KUNIT_EXPECT_MEMEQ(test, t->memory + 21, values[i].after, 4);
		KUNIT_EXPECT_EQ(test, t->memory[25], 25);
	}
}

static void swaps(struct kunit *test)
{
	struct element_test *t = test->priv;
	u64 *word = (u64 *)(t->memory + 16);
	struct memcpy_fault fault;

	*word = 5;
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_EQUAL, 5, 6, BASE + 16,
				   &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 6);
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_EQUAL, 5, 7, BASE + 16,
				   &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 6);
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 6, 8,
				   BASE + 16, &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 6);
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 5, 8,
				   BASE + 16, &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 8);
}

/* Somebody else changes the word all the time. */
static void contended_swap(struct kunit *test)
{
	struct element_test *t = test->priv;
	u64 *word = (u64 *)t->memory;
	struct memcpy_fault fault;

	*word = 1;
	t->changes = 5;
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 100, 50, BASE,
				   &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 50);

	/* To what it must not be: then it stays. */
	*word = 1;
	t->changes = 5;
	KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 4, 50, BASE,
				   &fault), COMPLETE);
	KUNIT_EXPECT_EQ(test, *word, 4);

	/* It ends when the context does. */
	t->changes = UINT_MAX;
	t->mc.worker.ending = true;
	cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 100, 50, BASE, &fault);
	KUNIT_EXPECT_EQ(test, t->changes, UINT_MAX);
}

static void bad_swaps(struct kunit *test)
{
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int i;

	for (i = 0; i <= U8_MAX; i++) {
		if (i == CAPI_MEMCPY_SWAP_EQUAL ||
		    i == CAPI_MEMCPY_SWAP_NOT_EQUAL)
			continue;
		KUNIT_EXPECT_EQ(test, cas8(t, i, 0, 0, BASE, &fault), COMMAND);
	}
	for (i = 1; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_EQUAL, 0, 0,
					   BASE + i, &fault), ADDRESS);
		KUNIT_EXPECT_EQ(test, cas8(t, CAPI_MEMCPY_SWAP_NOT_EQUAL, 0, 0,
					   BASE + i, &fault), ADDRESS);
	}
}

static void interrupts(struct kunit *test)
{
	struct element_test *t = test->priv;
	struct memcpy_fault fault;

	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_IRQ, 0, 0, 0, &fault),
			CAPI_MEMCPY_STATUS_SOURCE);
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_IRQ, 1, 0, 0, &fault),
			COMPLETE);
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_IRQ, IRQS, 0, 0, &fault),
			COMPLETE);
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_IRQ, IRQS + 1, 0, 0,
				      &fault), CAPI_MEMCPY_STATUS_SOURCE);
	KUNIT_EXPECT_EQ(test, execute(t, CAPI_MEMCPY_IRQ, U16_MAX, 0, 0,
				      &fault), CAPI_MEMCPY_STATUS_SOURCE);
}

/* Every opcode, whatever the bit is that says in which round it is valid */
static void opcodes(struct kunit *test)
{
	struct element_test *t = test->priv;
	struct memcpy_fault fault;
	unsigned int cmd, opcode;
	u8 status;

	for (cmd = 0; cmd <= U8_MAX; cmd++) {
		status = execute(t, cmd, 1, BASE, BASE, &fault);
		opcode = cmd & CAPI_MEMCPY_OPCODE;
		if (opcode == CAPI_MEMCPY_COPY || opcode == CAPI_MEMCPY_IRQ ||
		    opcode == CAPI_MEMCPY_INCREMENT)
			KUNIT_EXPECT_EQ_MSG(test, status, COMPLETE, "%u", cmd);
		else
			KUNIT_EXPECT_EQ_MSG(test, status, COMMAND, "%u", cmd);
	}
}

static struct kunit_case element_cases[] = {
	KUNIT_CASE(copies),
	KUNIT_CASE(overlap),
	KUNIT_CASE(copy_faults),
	KUNIT_CASE_PARAM(wrap, wrappings_gen_params),
	KUNIT_CASE(reasons),
	KUNIT_CASE(increments),
	KUNIT_CASE(swaps),
	KUNIT_CASE(contended_swap),
	KUNIT_CASE(bad_swaps),
	KUNIT_CASE(interrupts),
	KUNIT_CASE(opcodes),
	{}
};

static struct kunit_suite element_suite = {
	.name = "sim_memcpy_element",
	.init = element_init,
	.test_cases = element_cases,
};

kunit_test_suite(element_suite);
