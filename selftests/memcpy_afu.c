// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU with a process's addresses: what its elements and registers do.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define BUFFER	(20 * 4096)

FIXTURE(memcpy_afu) {
	struct capi_memcpy mc;
	unsigned char src[BUFFER];
	unsigned char dst[BUFFER];
	unsigned char expected[BUFFER];
};

FIXTURE_SETUP(memcpy_afu)
{
	size_t i;

	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	for (i = 0; i < BUFFER; i++)
		self->src[i] = i * 7 + i / 251;
}

FIXTURE_TEARDOWN(memcpy_afu)
{
	capi_memcpy_close(&self->mc);
}

/* The AFU works: it copies, and nothing but what it was told. */
static bool copies(struct capi_memcpy *mc)
{
	unsigned char src[16] = "does it go on?", dst[16] = { };
	struct capi_memcpy_element *element =
		capi_memcpy_copy(mc, dst, src, sizeof(src) - 1);

	return memcpy_status(element) == DONE &&
	       !memcmp(src, dst, sizeof(src));
}

TEST_F(memcpy_afu, copy)
{
	static const unsigned int sizes[] = {
		0, 1, 2, 3, 7, 8, 63, 64, 65, 511, 4095, 4096, 4097, 12289,
		65535,
	};
	static const unsigned int offsets[][2] = {
		{ 0, 0 }, { 0, 1 }, { 1, 0 }, { 3, 5 }, { 4095, 4095 },
		{ 4095, 4093 }, { 4096, 1 }, { 2048, 64 },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			unsigned char *src = self->src + offsets[j][0];
			unsigned int at = offsets[j][1];
			struct capi_memcpy_element *element;

			memset(self->dst, 0xa5, BUFFER);
			memset(self->expected, 0xa5, BUFFER);
			memcpy(self->expected + at, src, sizes[i]);
			element = capi_memcpy_copy(&self->mc, self->dst + at,
						   src, sizes[i]);
			ASSERT_EQ(DONE, memcpy_status(element));
			ASSERT_EQ(0, memcmp(self->expected, self->dst, BUFFER)) {
				TH_LOG("%u bytes from %u to %u", sizes[i],
				       offsets[j][0], at);
			}
		}
	}
}

TEST_F(memcpy_afu, increment)
{
	static const __u32 values[] = { 0, 1, 0xff, 0x7fffffff, 0xffffffff };
	__be32 words[4], *dst = &words[1], *src = &words[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		memset(words, 0xa5, sizeof(words));
		*src = htobe32(values[i]);
		EXPECT_STATUS(DONE, capi_memcpy_increment(&self->mc, dst, src));
		EXPECT_EQ(values[i] + 1, be32toh(*dst));
		EXPECT_EQ(values[i], be32toh(*src));
		EXPECT_EQ(0xa5a5a5a5, words[0]);
		EXPECT_EQ(0xa5a5a5a5, words[2]);
	}

	*dst = htobe32(41);
	EXPECT_STATUS(DONE, capi_memcpy_increment(&self->mc, dst, dst));
	EXPECT_EQ(42, be32toh(*dst));
}

TEST_F(memcpy_afu, compare_and_swap)
{
	static const struct {
		__u8 how;
		__u64 op1;
		__u64 after;
	} cases[] = {
		{ CAPI_MEMCPY_SWAP_EQUAL, 5, 7 },
		{ CAPI_MEMCPY_SWAP_EQUAL, 6, 5 },
		{ CAPI_MEMCPY_SWAP_EQUAL, 5ULL << 32 | 5, 5 },
		{ CAPI_MEMCPY_SWAP_NOT_EQUAL, 5, 5 },
		{ CAPI_MEMCPY_SWAP_NOT_EQUAL, 6, 7 },
		{ CAPI_MEMCPY_SWAP_NOT_EQUAL, 5ULL << 32 | 5, 7 },
	};
	__be64 words[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(words, 0xa5, sizeof(words));
		words[1] = htobe64(5);
		EXPECT_STATUS(DONE, capi_memcpy_swap(&self->mc, &words[1],
						     cases[i].how, cases[i].op1,
						     7));
		EXPECT_EQ(cases[i].after, be64toh(words[1])) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(0xa5a5a5a5a5a5a5a5, words[0]);
		EXPECT_EQ(0xa5a5a5a5a5a5a5a5, words[2]);
	}
}

TEST_F(memcpy_afu, compare_and_swap_refused)
{
	__be64 word;

	word = htobe64(5);
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND,
		      capi_memcpy_swap(&self->mc, &word, 0x12, 5, 7));
	EXPECT_TRUE(copies(&self->mc));

	EXPECT_STATUS(CAPI_MEMCPY_STATUS_ADDRESS,
		      capi_memcpy_swap(&self->mc, (char *)&word + 4,
				       CAPI_MEMCPY_SWAP_EQUAL, 5, 7));
	ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
	capi_memcpy_restart(&self->mc);
	EXPECT_TRUE(copies(&self->mc));
	EXPECT_EQ(5, be64toh(word));
}

TEST_F(memcpy_afu, interrupt)
{
	struct capi_memcpy_element *next;
	unsigned char byte;
	unsigned int irq;

	for (irq = 1; irq <= 4; irq++) {
		byte = 0;
		EXPECT_STATUS(DONE, capi_memcpy_interrupt(&self->mc, irq));
		next = capi_memcpy_copy(&self->mc, &byte, "x", 1);
		EXPECT_EQ(0, memcpy_expect_irq(&self->mc, irq));
		ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
		EXPECT_EQ(0, next->status);
		EXPECT_EQ(0, byte);

		capi_memcpy_restart(&self->mc);
		EXPECT_STATUS(DONE, next);
		EXPECT_EQ('x', byte);
		EXPECT_FALSE(capi_memcpy_stopped(&self->mc));
	}
}

TEST_F(memcpy_afu, bad_interrupt)
{
	static const __u16 sources[] = { 0, 5, 0xffff };
	union capi_cxl_event event;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		/* A VF has more than the context asks for. */
		if (in_guest() && sources[i] == 5)
			continue;
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_SOURCE,
			      capi_memcpy_interrupt(&self->mc, sources[i]));
		EXPECT_TRUE(copies(&self->mc));
	}
	EXPECT_EQ(-ETIMEDOUT, capi_cxl_event(&self->mc.cxl, &event, 0));
}

TEST_F(memcpy_afu, more_interrupts)
{
	struct capi_memcpy mc;

	/* A VF has one at work. */
	capi_memcpy_close(&self->mc);
	ASSERT_EQ(0, capi_memcpy_open(&mc, NULL));
	ASSERT_EQ(0, capi_memcpy_start(&mc, 1, 6));
	if (!in_guest())
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_SOURCE,
			      capi_memcpy_interrupt(&mc, 7));
	EXPECT_STATUS(DONE, capi_memcpy_interrupt(&mc, 6));
	EXPECT_EQ(0, memcpy_expect_irq(&mc, 6));
	capi_memcpy_close(&mc);
}

static struct capi_memcpy_element *undefined(struct capi_memcpy *mc, __u8 cmd)
{
	struct capi_memcpy_element element = { .cmd = cmd };

	return capi_memcpy_add(mc, &element);
}

TEST_F(memcpy_afu, undefined)
{
	static const __u8 commands[] = { 2, 3, 6, 0x20, 0x3f };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND,
			      undefined(&self->mc, commands[i]));
		EXPECT_TRUE(copies(&self->mc));
	}
}

static int open_master(struct capi_cxl *master)
{
	char node[64];
	int ret = memcpy_master_node(node, sizeof(node));

	if (!ret)
		ret = capi_cxl_open(master, node);
	if (!ret)
		ret = capi_cxl_start(master, 0, -1);
	if (!ret)
		ret = capi_cxl_map(master);
	return ret;
}

/* With CAPI_MEMCPY_CFG_STOP nothing is taken without a restart. */
TEST_F(memcpy_afu, stops_on_invalid)
{
	struct capi_memcpy_element *element;
	struct capi_cxl master;
	unsigned char byte = 0;

	NOT_IN_GUEST(return, "needs the registers of a master");
	ASSERT_EQ(0, open_master(&master)) {
		TH_LOG("%s", master.error);
	}
	capi_cxl_put(&master, CAPI_MEMCPY_REG_CFG, CAPI_MEMCPY_CFG_STOP);
	EXPECT_EQ(0, memcpy_wait_stopped(&self->mc));

	element = capi_memcpy_copy(&self->mc, &byte, "x", 1);
	ASSERT_EQ(0, memcpy_sync(&self->mc));
	EXPECT_EQ(0, element->status);
	capi_memcpy_restart(&self->mc);
	EXPECT_STATUS(DONE, element);
	EXPECT_EQ('x', byte);
	EXPECT_EQ(0, memcpy_wait_stopped(&self->mc));

	element = undefined(&self->mc, 0x3f);
	capi_memcpy_copy(&self->mc, &byte, "y", 1);
	capi_memcpy_restart(&self->mc);
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND, element);
	EXPECT_EQ(0, memcpy_wait_stopped(&self->mc));
	EXPECT_EQ('x', byte);

	capi_cxl_put(&master, CAPI_MEMCPY_REG_CFG, 0);
	capi_memcpy_restart(&self->mc);
	EXPECT_TRUE(copies(&self->mc));
	EXPECT_EQ('y', byte);
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND, undefined(&self->mc, 0x3f));
	EXPECT_TRUE(copies(&self->mc));
	capi_cxl_close(&master);
}

static int reset_card(void)
{
	char node[64], path[64];
	unsigned int card;
	int ret;

	ret = capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
			    sizeof(node));
	if (ret)
		return ret;
	if (sscanf(strstr(node, "afu"), "afu%u", &card) != 1)
		return -EINVAL;
	snprintf(path, sizeof(path), "/sys/class/cxl/card%u/reset", card);
	return write_file(path, "-1");
}

/* What a master stored does not outlive a reset of the card. */
TEST_F(memcpy_afu, card_reset)
{
	struct capi_cxl master;

	NOT_IN_GUEST(return, "needs the registers of a master");
	ASSERT_EQ(0, open_master(&master)) {
		TH_LOG("%s", master.error);
	}
	capi_cxl_put(&master, CAPI_MEMCPY_REG_CFG, CAPI_MEMCPY_CFG_STOP);
	EXPECT_EQ(0, memcpy_wait_stopped(&self->mc));
	EXPECT_EQ(0, reset_card());
	capi_cxl_close(&master);

	capi_memcpy_close(&self->mc);
	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND, undefined(&self->mc, 0x3f));
	EXPECT_TRUE(copies(&self->mc));
}

/* The queue */

TEST_F(memcpy_afu, in_order)
{
	struct capi_memcpy_element *queue = self->mc.queue;
	unsigned char byte = 0;

	/* The second element waits for the first. */
	queue[1] = (struct capi_memcpy_element) {
		.cmd = CAPI_MEMCPY_VALID | CAPI_MEMCPY_COPY,
		.length = htobe16(1),
		.src = htobe64((uintptr_t)"x"),
		.dst = htobe64((uintptr_t)&byte),
	};
	ASSERT_EQ(0, memcpy_sync(&self->mc));
	EXPECT_EQ(0, queue[1].status);
	EXPECT_EQ(0, byte);
	EXPECT_TRUE(copies(&self->mc));
	EXPECT_STATUS(DONE, &queue[1]);
	EXPECT_EQ('x', byte);
}

TEST_F(memcpy_afu, wrap_bit)
{
	struct capi_memcpy_element *queue = self->mc.queue;

	/* Of the other round, so not yet to be taken */
	queue[0] = (struct capi_memcpy_element) {
		.cmd = CAPI_MEMCPY_VALID | CAPI_MEMCPY_WRAP |
		       CAPI_MEMCPY_COPY,
	};
	ASSERT_EQ(0, memcpy_sync(&self->mc));
	EXPECT_EQ(0, queue[0].status);
	queue[0].cmd = CAPI_MEMCPY_VALID | CAPI_MEMCPY_COPY;
	EXPECT_STATUS(DONE, &queue[0]);
	/* What has been done is not done again. */
	queue[0].status = 0;
	ASSERT_EQ(0, memcpy_sync(&self->mc));
	EXPECT_EQ(0, queue[0].status);
}

FIXTURE(depth) {
	struct capi_memcpy mc;
	__be32 *counters;
};

FIXTURE_VARIANT(depth) {
	unsigned int units;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(depth, smallest) {
	.units = 1,
	.rounds = 101,
};

FIXTURE_VARIANT_ADD(depth, odd) {
	.units = 33,
	.rounds = 5,
};

FIXTURE_VARIANT_ADD(depth, largest) {
	.units = CAPI_MEMCPY_WED_DEPTH,
	.rounds = 2,
};

FIXTURE_SETUP(depth)
{
	size_t size = variant->units * CAPI_MEMCPY_DEPTH_UNIT * sizeof(__be32);

	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&self->mc, variant->units));
	self->counters = memcpy_pages((size + page_size()) / page_size());
	ASSERT_NE(NULL, self->counters);
}

FIXTURE_TEARDOWN(depth)
{
	capi_memcpy_close(&self->mc);
}

/* Fills the whole queue in each round; every element counts for itself. */
TEST_F(depth, rounds)
{
	struct capi_memcpy_element *last = NULL;
	unsigned int i, round;

	for (round = 0; round < variant->rounds; round++) {
		for (i = 0; i < self->mc.depth; i++) {
			last = capi_memcpy_increment(&self->mc,
						     &self->counters[i],
						     &self->counters[i]);
			ASSERT_NE(NULL, last);
		}
		ASSERT_EQ(DONE, memcpy_status(last));
		for (i = 0; i < self->mc.depth; i++)
			ASSERT_EQ(round + 1, be32toh(self->counters[i]));
	}
}

/* Elements come while others are done. */
TEST_F(depth, refill)
{
	unsigned int n = variant->rounds * self->mc.depth, i;
	struct capi_memcpy_element *last = NULL;

	for (i = 0; i < n; i++) {
		last = &self->mc.queue[self->mc.next];
		if (last->cmd & CAPI_MEMCPY_VALID)
			ASSERT_EQ(DONE, memcpy_status(last));
		last = capi_memcpy_increment(&self->mc, self->counters,
					     self->counters);
		ASSERT_NE(NULL, last);
	}
	ASSERT_EQ(DONE, memcpy_status(last));
	EXPECT_EQ(n, be32toh(*self->counters));
}

/* Registers */

TEST_F(memcpy_afu, registers)
{
	struct capi_cxl *cxl = &self->mc.cxl;
	__u32 pe;

	ASSERT_EQ(0, ioctl(cxl->fd, CXL_IOCTL_GET_PROCESS_ELEMENT, &pe));
	EXPECT_EQ((uintptr_t)self->mc.queue | 1,
		  capi_cxl_get(cxl, CAPI_MEMCPY_REG_WED));
	EXPECT_EQ((__u64)pe << 48, capi_cxl_get(cxl, CAPI_MEMCPY_REG_HANDLE));
	EXPECT_EQ(0, capi_cxl_get(cxl, CAPI_MEMCPY_REG_STATUS));
}

TEST_F(memcpy_afu, timebase)
{
	__u64 before;

	ASSERT_EQ(0, memcpy_sync(&self->mc));
	before = capi_cxl_get(&self->mc.cxl, CAPI_MEMCPY_REG_TIMEBASE);
	ASSERT_EQ(0, memcpy_sync(&self->mc));
	EXPECT_GT(capi_cxl_get(&self->mc.cxl, CAPI_MEMCPY_REG_TIMEBASE), before);
}

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/*
 * A stopped AFU unmaps its registers sooner or later, and must not miss the
 * restart that comes then. The time is what this is about, nothing is waited for:
 * it gets five, of which one is enough.
 */
TEST_F(memcpy_afu, restart_after_long)
{
	/* In a guest, nothing of that is to be seen. */
	bool unmapped = in_guest();
	unsigned int i;
	long before;

	for (i = 0; i < 5 && (!i || !unmapped); i++) {
		EXPECT_STATUS(DONE, capi_memcpy_interrupt(&self->mc, 1));
		ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
		sleep(2);
		before = page_faults();
		capi_memcpy_restart(&self->mc);
		unmapped |= before < page_faults();
		EXPECT_TRUE(copies(&self->mc));
	}
	EXPECT_TRUE(unmapped);
}

/* The same when it is a load that maps them first */
TEST_F(memcpy_afu, restart_after_look)
{
	EXPECT_STATUS(DONE, capi_memcpy_interrupt(&self->mc, 1));
	ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
	sleep(2);
	EXPECT_TRUE(capi_memcpy_stopped(&self->mc));
	capi_memcpy_restart(&self->mc);
	EXPECT_TRUE(copies(&self->mc));
}

TEST_HARNESS_MAIN
