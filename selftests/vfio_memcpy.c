// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU behind an mdev: it works in the memory that the consumer
 * mapped, by IOVA.
 */
#include <endian.h>
#include <pthread.h>

#include <kselftest_harness.h>

#include "vfio_queue.h"

#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define DONE		CAPI_MEMCPY_STATUS_COMPLETE
/* No status that the AFU writes */
#define UNTOUCHED	0xff

FIXTURE(vfio_memcpy) {
	struct vfio_queue q;
	struct capi_memcpy *mc;
};

FIXTURE_SETUP(vfio_memcpy)
{
	ASSERT_EQ(0, vfio_queue_open(&self->q));
	self->mc = &self->q.mc;
}

FIXTURE_TEARDOWN(vfio_memcpy)
{
	EXPECT_EQ(0, vfio_queue_close(&self->q));
}

static __u64 mapped_get(struct vfio_queue *q, unsigned int reg)
{
	return capi_cxl_get(&q->mc.cxl, reg);
}

static void mapped_put(struct vfio_queue *q, unsigned int reg, __u64 value)
{
	capi_cxl_put(&q->mc.cxl, reg, value);
}

static __u64 trapped_get(struct vfio_queue *q, unsigned int reg)
{
	__u64 bytes;

	if (capi_vfio_read(&q->mdev.vfio, BAR2, reg, &bytes, sizeof(bytes)))
		return ~0ULL;
	return be64toh(bytes);
}

static int trapped_put(struct vfio_queue *q, unsigned int reg, __u64 value)
{
	value = htobe64(value);
	return capi_vfio_write(&q->mdev.vfio, BAR2, reg, &value, sizeof(value));
}

TEST_F(vfio_memcpy, registers)
{
	__u64 pe = mdev_attr(&self->q.mdev, "process_element");

	EXPECT_EQ(WED, mapped_get(&self->q, CAPI_MEMCPY_REG_WED));
	EXPECT_EQ(pe << 48, mapped_get(&self->q, CAPI_MEMCPY_REG_HANDLE));
	EXPECT_EQ(0, mapped_get(&self->q, CAPI_MEMCPY_REG_STATUS));
	EXPECT_EQ(WED, trapped_get(&self->q, CAPI_MEMCPY_REG_WED));
	EXPECT_EQ(pe << 48, trapped_get(&self->q, CAPI_MEMCPY_REG_HANDLE));
}

/* All bytes of the page are the same, whichever way they are reached. */
TEST_F(vfio_memcpy, trapped_and_mapped)
{
	unsigned char *registers = self->mc->cxl.psa;
	unsigned int size = self->mc->cxl.size, i;
	__u64 bytes;

	for (i = 0x80; i < size; i += 16) {
		mapped_put(&self->q, i, 0x0102030405060708 * (i + 1));
		ASSERT_EQ(0, trapped_put(&self->q, i + 8, 0x1122334455667788 * i));
	}
	for (i = 0x80; i < size; i += 8) {
		ASSERT_EQ(0, capi_vfio_read(&self->q.mdev.vfio, BAR2, i, &bytes, 8));
		ASSERT_EQ(0, memcmp(&bytes, registers + i, 8));
		ASSERT_EQ(be64toh(bytes), i % 16 ?
			  0x1122334455667788 * (i - 8) :
			  0x0102030405060708 * (i + 1));
		ASSERT_EQ(0, capi_vfio_read(&self->q.mdev.vfio, BAR2, i + 4, &bytes, 4));
		ASSERT_EQ(0, memcmp(&bytes, registers + i + 4, 4));
	}
}

/* A page that was not used for long, too */
TEST_F(vfio_memcpy, timebase)
{
	__u64 last = 0, now = 0;
	unsigned int i;

	for (i = 0; i < 10; i++, last = now) {
		mapped_put(&self->q, CAPI_MEMCPY_REG_TIMEBASE, 0);
		ASSERT_TRUE(WAIT_UNTIL(mapped_get(&self->q,
						  CAPI_MEMCPY_REG_TIMEBASE)));
		now = mapped_get(&self->q, CAPI_MEMCPY_REG_TIMEBASE);
		ASSERT_GT(now, last);
	}
	ASSERT_EQ(0, trapped_put(&self->q, CAPI_MEMCPY_REG_TIMEBASE, 0));
	ASSERT_TRUE(WAIT_UNTIL(trapped_get(&self->q, CAPI_MEMCPY_REG_TIMEBASE)));
	ASSERT_GT(trapped_get(&self->q, CAPI_MEMCPY_REG_TIMEBASE), last);
}

/* Any length and alignment, over pages, and many times around the queue */
TEST_F(vfio_memcpy, copies)
{
	static const unsigned int lengths[] = {
		0, 1, 2, 7, 8, 127, 128, 4095, 4096, 4097, 65535
	};
	unsigned int i, k, length, dst;

	for (i = 0; i < SIZE - SRC; i++)
		self->q.memory[SRC + i] = i * 7 + (i >> 8);
	for (i = 0; i < ARRAY_SIZE(lengths) * 5; i++) {
		length = lengths[i % ARRAY_SIZE(lengths)];
		k = i / ARRAY_SIZE(lengths) * 3;
		dst = DST + 64 + k;
		memset(self->q.memory + DST, 0xee, 0x20000);
		ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, iova(dst),
						     iova(SRC + i), length));
		ASSERT_EQ(0, memcmp(self->q.memory + SRC + i, self->q.memory + dst,
				    length));
		ASSERT_EQ(0xee, self->q.memory[dst - 1]);
		ASSERT_EQ(0xee, self->q.memory[dst + length]);
	}
	/* Every element so far was done, and the AFU goes on. */
	EXPECT_EQ(0, mapped_get(&self->q, CAPI_MEMCPY_REG_STATUS));
}

/* What overlaps comes out as if there were a copy in between. */
TEST_F(vfio_memcpy, overlap)
{
	unsigned int i;

	for (i = 0; i < 10000; i++)
		self->q.memory[SRC + i] = i / 3;
	ASSERT_STATUS(DONE, capi_memcpy_copy(self->mc, iova(SRC + 5), iova(SRC),
					     9995));
	for (i = 0; i < 9995; i++)
		ASSERT_EQ((i / 3) & 0xff, self->q.memory[SRC + 5 + i]);
}

/* An element is taken only in its round. */
TEST_F(vfio_memcpy, wrap)
{
	struct capi_memcpy *mc = self->mc;
	struct capi_memcpy_element *last = NULL;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		last = capi_memcpy_copy(mc, iova(DST), iova(SRC), 1);
	ASSERT_STATUS(DONE, last);
	/* All of them are valid still, and of the last round. */
	for (i = 0; i < SLOTS; i++)
		mc->queue[i].status = UNTOUCHED;
	/* The one behind the next is done after it, and only then. */
	mc->next = 1;
	last = capi_memcpy_copy(mc, iova(DST), iova(SRC), 1);
	mc->next = 0;
	*at64(&self->q, DST) = 0;
	EXPECT_TRUE(vfio_queue_works(&self->q));
	EXPECT_STATUS(DONE, last);
	for (i = 2; i < SLOTS; i++)
		EXPECT_EQ(UNTOUCHED, mc->queue[i].status);
}

TEST_F(vfio_memcpy, increments)
{
	__u32 *src = (__u32 *)(self->q.memory + SRC + 4);
	__u32 *dst = (__u32 *)(self->q.memory + DST + 1);
	static const __u32 values[] = { 0, 0xff, 0x0000ffff, 0xffffffff };
	unsigned int i;
	__u32 got;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		*src = htobe32(values[i]);
		ASSERT_STATUS(DONE, capi_memcpy_increment(self->mc, iova(DST + 1),
							  iova(SRC + 4)));
		memcpy(&got, dst, sizeof(got));
		ASSERT_EQ(values[i] + 1, be32toh(got));
		ASSERT_EQ(htobe32(values[i]), *src);
	}
}

TEST_F(vfio_memcpy, compare_and_swap)
{
	const __u64 a = 0x0123456789abcdef, b = 0xfedcba9876543210, c = 5;
	const struct {
		unsigned int extra;
		__u64 there;
		__u64 op1;
		__u64 after;
	} cases[] = {
		{ CAPI_MEMCPY_SWAP_EQUAL, a, a, b },
		{ CAPI_MEMCPY_SWAP_EQUAL, a, c, a },
		{ CAPI_MEMCPY_SWAP_NOT_EQUAL, a, a, a },
		{ CAPI_MEMCPY_SWAP_NOT_EQUAL, a, c, b },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		*at64(&self->q, DST + 8) = htobe64(cases[i].there);
		ASSERT_STATUS(DONE, capi_memcpy_swap(self->mc, iova(DST + 8),
						     cases[i].extra,
						     cases[i].op1, b));
		ASSERT_EQ(cases[i].after, be64toh(*at64(&self->q, DST + 8))) {
			TH_LOG("case %u", i);
		}
		ASSERT_EQ(0, *at64(&self->q, DST));
		ASSERT_EQ(0, *at64(&self->q, DST + 16));
	}
}

/* Another processor's atomic additions are not lost among the AFU's swaps. */
struct adder {
	__u64 *at;
	unsigned int n;
};

static void *add_up(void *arg)
{
	struct adder *adder = arg;
	unsigned int i;

	for (i = 0; i < adder->n; i++)
		__atomic_add_fetch(adder->at, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST_F(vfio_memcpy, swaps_are_atomic)
{
	struct adder adder = { .at = at64(&self->q, DST), .n = 2000000 };
	__u64 mine = 0, now;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, add_up, &adder));
	/* Each swap that meets its value adds 2^32. */
	for (i = 0; i < 200; i++) {
		now = __atomic_load_n(adder.at, __ATOMIC_SEQ_CST);
		ASSERT_STATUS(DONE, capi_memcpy_swap(self->mc, iova(DST),
						     CAPI_MEMCPY_SWAP_EQUAL,
						     be64toh(now),
						     be64toh(now + (1ULL << 32))));
		now = __atomic_load_n(adder.at, __ATOMIC_SEQ_CST) >> 32;
		ASSERT_LE(now - mine, 1);
		mine = now;
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(adder.n, *adder.at & 0xffffffff);
}

TEST_F(vfio_memcpy, interrupts)
{
	unsigned int irq;
	int fds[4];

	for (irq = 1; irq <= 4; irq++)
		fds[irq - 1] = irq_eventfd(&self->q.mdev, VFIO_PCI_MSIX_IRQ_INDEX,
					   irq);
	for (irq = 1; irq <= 4; irq++) {
		ASSERT_STATUS(DONE, capi_memcpy_interrupt(self->mc, irq));
		ASSERT_EQ(0, memcpy_expect_irq(self->mc, irq));
		EXPECT_EQ(1, eventfd_count(fds[irq - 1]));
		/* It was stopped before the interrupt was raised. */
		EXPECT_EQ(CAPI_MEMCPY_STOPPED,
			  mapped_get(&self->q, CAPI_MEMCPY_REG_STATUS));
		capi_memcpy_restart(self->mc);
	}
	EXPECT_TRUE(vfio_queue_works(&self->q));
}

/* While it waits for a restart, nothing is done. */
TEST_F(vfio_memcpy, waits_for_restart)
{
	struct capi_memcpy_element *element;

	ASSERT_STATUS(DONE, capi_memcpy_interrupt(self->mc, 1));
	ASSERT_EQ(0, memcpy_wait_stopped(self->mc));
	element = capi_memcpy_copy(self->mc, iova(DST), iova(SRC), 8);
	/* It has the time. */
	ASSERT_EQ(0, memcpy_sync(self->mc));
	EXPECT_EQ(0, element->status);
	/* A trapped store does it as well as one to the mapping. */
	ASSERT_EQ(0, trapped_put(&self->q, CAPI_MEMCPY_REG_PCTRL,
				 CAPI_MEMCPY_RESTART));
	EXPECT_STATUS(DONE, element);
	EXPECT_EQ(0, mapped_get(&self->q, CAPI_MEMCPY_REG_STATUS));
	EXPECT_EQ(0, mapped_get(&self->q, CAPI_MEMCPY_REG_PCTRL));
}

/* These are refused, and the AFU goes on. */
TEST_F(vfio_memcpy, bad_elements)
{
	static const struct capi_memcpy_element undefined[] = {
		{ .cmd = 2 }, { .cmd = 3 }, { .cmd = 6 }, { .cmd = 0x10 },
		{ .cmd = 0x3f },
	};
	static const unsigned int irqs[] = { 0, 5, 2037, 65535 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(undefined); i++)
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND,
			      capi_memcpy_add(self->mc, &undefined[i]));
	for (i = 0; i < 0x100; i++)
		if (i != CAPI_MEMCPY_SWAP_EQUAL &&
		    i != CAPI_MEMCPY_SWAP_NOT_EQUAL)
			EXPECT_STATUS(CAPI_MEMCPY_STATUS_COMMAND,
				      capi_memcpy_swap(self->mc, iova(DST), i,
						       0, 1));
	for (i = 0; i < ARRAY_SIZE(irqs); i++)
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_SOURCE,
			      capi_memcpy_interrupt(self->mc, irqs[i]));
	EXPECT_EQ(0, *at64(&self->q, DST));
	EXPECT_EQ(0, mdev_attr(&self->q.mdev, "events_raised"));
	EXPECT_TRUE(vfio_queue_works(&self->q));
}

/* After these it waits, without an event. */
TEST_F(vfio_memcpy, bad_addresses)
{
	struct capi_memcpy *mc = self->mc;
	unsigned int i;

	capi_memcpy_copy(mc, iova(DST), (void *)~0UL, 2);
	capi_memcpy_copy(mc, (void *)-4UL, iova(SRC), 5);
	capi_memcpy_swap(mc, iova(DST + 4), CAPI_MEMCPY_SWAP_EQUAL, 0, 1);
	capi_memcpy_swap(mc, iova(DST + 1), CAPI_MEMCPY_SWAP_NOT_EQUAL, 1, 1);
	for (i = 0; i < 4; i++) {
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_ADDRESS, &mc->queue[i]);
		ASSERT_EQ(0, memcpy_wait_stopped(mc));
		capi_memcpy_restart(mc);
	}
	EXPECT_EQ(0, mdev_attr(&self->q.mdev, "events_raised"));
	EXPECT_TRUE(vfio_queue_works(&self->q));
}

/* Interrupts of the adapter are shared by all, and so are its contexts. */
TEST_F(vfio_memcpy, more_interrupts)
{
	struct mdev *mdev = &self->q.mdev;

	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_STOP));
	vfio_queue_detach(&self->q);
	ASSERT_EQ(0, mdev_set(mdev, "irqs", "300"));
	ASSERT_EQ(0, vfio_queue_attach(&self->q));
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_SOURCE,
		      capi_memcpy_interrupt(self->mc, 301));
	EXPECT_STATUS(DONE, capi_memcpy_interrupt(self->mc, 300));
	EXPECT_EQ(0, memcpy_expect_irq(self->mc, 300));
}

TEST_HARNESS_MAIN
