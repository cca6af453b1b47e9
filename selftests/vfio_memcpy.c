// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU behind an mdev: it works in the memory that the consumer
 * mapped, by IOVA.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <misc/capi_memcpy.h>

#include "vfio_mdev.h"

#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define IOVA		0x123450000000ULL
#define DEPTH		2
#define SLOTS		(DEPTH * CAPI_MEMCPY_DEPTH_UNIT)

/* What is where in the memory of the test, each in pages of its own */
#define SIZE		0x100000
#define SRC		0x10000
#define DST		0x40000
/* A DMA mapping of its own, at the end */
#define OTHER		0x80000

FIXTURE(vfio_memcpy) {
	struct mdev mdev;
	struct capi_vfio *vfio;
	struct from events;
	unsigned char *memory;
	unsigned char *registers;
	unsigned int slots;
	unsigned int next;
	unsigned char phase;
};

/* Each returns 0 or a negative errno. */

static int map_dma(struct capi_vfio *vfio, void *at, __u64 iova, __u64 size,
		   __u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (__u64)(unsigned long)at,
		.iova = iova,
		.size = size,
	};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int unmap_dma(struct capi_vfio *vfio, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == size ? 0 : -ENOENT;
}

#define READ_WRITE (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

FIXTURE_SETUP(vfio_memcpy)
{
	ASSERT_EQ(0, mdev_create_kind(&self->mdev, "memcpy"));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	self->vfio = &self->mdev.vfio;
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &self->events));
	self->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, map_dma(self->vfio, self->memory, IOVA, OTHER, READ_WRITE));
	ASSERT_EQ(0, map_dma(self->vfio, self->memory + OTHER, IOVA + OTHER,
			     SIZE - OTHER, READ_WRITE));
	self->registers = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			       MAP_SHARED, self->vfio->device,
			       self->vfio->regions[BAR2].offset);
	ASSERT_NE(MAP_FAILED, self->registers);
	self->slots = SLOTS;
	ASSERT_EQ(0, capi_vfio_start(self->vfio, IOVA | DEPTH));
}

FIXTURE_TEARDOWN(vfio_memcpy)
{
	close(self->events.fd);
	munmap(self->registers, getpagesize());
	munmap(self->memory, SIZE);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

static __u64 mapped_get(FIXTURE_DATA(vfio_memcpy) * self, unsigned int reg)
{
	return be64toh(__atomic_load_n((__u64 *)(self->registers + reg),
				       __ATOMIC_RELAXED));
}

static void mapped_put(FIXTURE_DATA(vfio_memcpy) * self, unsigned int reg,
		       __u64 value)
{
	__atomic_store_n((__u64 *)(self->registers + reg), htobe64(value),
			 __ATOMIC_RELAXED);
}

static __u64 trapped_get(FIXTURE_DATA(vfio_memcpy) * self, unsigned int reg)
{
	__u64 bytes;

	if (capi_vfio_read(self->vfio, BAR2, reg, &bytes, sizeof(bytes)))
		return ~0ULL;
	return be64toh(bytes);
}

static int trapped_put(FIXTURE_DATA(vfio_memcpy) * self, unsigned int reg,
		       __u64 value)
{
	value = htobe64(value);
	return capi_vfio_write(self->vfio, BAR2, reg, &value, sizeof(value));
}

/* Adds @element to the queue; returns where its status will be. */
static __u8 *add(FIXTURE_DATA(vfio_memcpy) * self, struct capi_memcpy_element element)
{
	struct capi_memcpy_element *slot = (struct capi_memcpy_element *)self->memory + self->next;

	element.cmd |= CAPI_MEMCPY_VALID | self->phase;
	slot->status = 0;
	memcpy((char *)slot + 2, (char *)&element + 2, sizeof(element) - 2);
	__atomic_store_n(&slot->cmd, element.cmd, __ATOMIC_RELEASE);
	if (++self->next == self->slots) {
		self->next = 0;
		self->phase ^= CAPI_MEMCPY_WRAP;
	}
	return &slot->status;
}

static __u8 seen(const __u8 *status)
{
	return __atomic_load_n(status, __ATOMIC_ACQUIRE);
}

/* Adds it and waits; returns its status. */
static __u8 run(FIXTURE_DATA(vfio_memcpy) * self, struct capi_memcpy_element element)
{
	__u8 *status = add(self, element);

	WAIT_UNTIL(seen(status));
	return seen(status);
}

static bool stopped(FIXTURE_DATA(vfio_memcpy) * self)
{
	return WAIT_UNTIL(mapped_get(self, CAPI_MEMCPY_REG_STATUS) ==
			  CAPI_MEMCPY_STOPPED);
}

static void restart(FIXTURE_DATA(vfio_memcpy) * self)
{
	mapped_put(self, CAPI_MEMCPY_REG_PCTRL, CAPI_MEMCPY_RESTART);
}

static struct capi_memcpy_element copy(__u64 src, __u64 dst, unsigned int length)
{
	return (struct capi_memcpy_element){
		.cmd = CAPI_MEMCPY_COPY,
		.length = htobe16(length),
		.src = htobe64(src),
		.dst = htobe64(dst),
	};
}

static struct capi_memcpy_element swap(unsigned int extra, __u64 op1, __u64 op2, __u64 dst)
{
	return (struct capi_memcpy_element){
		.cmd = CAPI_MEMCPY_SWAP,
		.extra = extra,
		.op1 = htobe64(op1),
		.src = htobe64(op2),
		.dst = htobe64(dst),
	};
}

static struct capi_memcpy_element interrupt(unsigned int irq)
{
	return (struct capi_memcpy_element){ .cmd = CAPI_MEMCPY_IRQ, .length = htobe16(irq) };
}

static __u64 *at64(FIXTURE_DATA(vfio_memcpy) * self, unsigned int off)
{
	return (__u64 *)(self->memory + off);
}

/* It still works: the next element, whatever was before, is done. */
static bool works(FIXTURE_DATA(vfio_memcpy) * self)
{
	*at64(self, SRC) = ~*at64(self, DST);
	return run(self, copy(IOVA + SRC, IOVA + DST, 8)) ==
	       CAPI_MEMCPY_STATUS_COMPLETE &&
	       *at64(self, SRC) == *at64(self, DST);
}

TEST_F(vfio_memcpy, registers)
{
	__u64 wed = IOVA | DEPTH;
	__u64 pe = mdev_attr(&self->mdev, "process_element");

	EXPECT_EQ(wed, mapped_get(self, CAPI_MEMCPY_REG_WED));
	EXPECT_EQ(pe << 48, mapped_get(self, CAPI_MEMCPY_REG_HANDLE));
	EXPECT_EQ(0, mapped_get(self, CAPI_MEMCPY_REG_STATUS));
	EXPECT_EQ(wed, trapped_get(self, CAPI_MEMCPY_REG_WED));
	EXPECT_EQ(pe << 48, trapped_get(self, CAPI_MEMCPY_REG_HANDLE));
}

/* All bytes of the page are the same, whichever way they are reached. */
TEST_F(vfio_memcpy, trapped_and_mapped)
{
	unsigned int size = getpagesize(), i;
	__u64 bytes;

	for (i = 0x80; i < size; i += 16) {
		mapped_put(self, i, 0x0102030405060708 * (i + 1));
		ASSERT_EQ(0, trapped_put(self, i + 8, 0x1122334455667788 * i));
	}
	for (i = 0x80; i < size; i += 8) {
		ASSERT_EQ(0, capi_vfio_read(self->vfio, BAR2, i, &bytes, 8));
		ASSERT_EQ(0, memcmp(&bytes, self->registers + i, 8));
		ASSERT_EQ(be64toh(bytes), i % 16 ?
			  0x1122334455667788 * (i - 8) :
			  0x0102030405060708 * (i + 1));
		ASSERT_EQ(0, capi_vfio_read(self->vfio, BAR2, i + 4, &bytes, 4));
		ASSERT_EQ(0, memcmp(&bytes, self->registers + i + 4, 4));
	}
}

/* A page that was not used for long, too */
TEST_F(vfio_memcpy, timebase)
{
	__u64 last = 0, now = 0;
	unsigned int i;

	for (i = 0; i < 10; i++, last = now) {
		mapped_put(self, CAPI_MEMCPY_REG_TIMEBASE, 0);
		ASSERT_TRUE(WAIT_UNTIL(mapped_get(self,
						  CAPI_MEMCPY_REG_TIMEBASE)));
		now = mapped_get(self, CAPI_MEMCPY_REG_TIMEBASE);
		ASSERT_GT(now, last);
	}
	ASSERT_EQ(0, trapped_put(self, CAPI_MEMCPY_REG_TIMEBASE, 0));
	ASSERT_TRUE(WAIT_UNTIL(trapped_get(self, CAPI_MEMCPY_REG_TIMEBASE)));
	ASSERT_GT(trapped_get(self, CAPI_MEMCPY_REG_TIMEBASE), last);
}

/* Any length and alignment, over pages, and many times around the queue */
TEST_F(vfio_memcpy, copies)
{
	static const unsigned int lengths[] = {
		0, 1, 2, 7, 8, 127, 128, 4095, 4096, 4097, 65535
	};
	unsigned int i, k, length;
	__u64 dst;

	for (i = 0; i < SIZE - SRC; i++)
		self->memory[SRC + i] = i * 7 + (i >> 8);
	for (i = 0; i < ARRAY_SIZE(lengths) * 5; i++) {
		length = lengths[i % ARRAY_SIZE(lengths)];
		k = i / ARRAY_SIZE(lengths) * 3;
		dst = DST + 64 + k;
		memset(self->memory + DST, 0xee, 0x20000);
		ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
			  run(self, copy(IOVA + SRC + i, IOVA + dst, length)));
		ASSERT_EQ(0, memcmp(self->memory + SRC + i, self->memory + dst,
				    length));
		ASSERT_EQ(0xee, self->memory[dst - 1]);
		ASSERT_EQ(0xee, self->memory[dst + length]);
	}
	/* Every element so far was done, and the AFU goes on. */
	EXPECT_EQ(0, mapped_get(self, CAPI_MEMCPY_REG_STATUS));
}

/* What overlaps comes out as if there were a copy in between. */
TEST_F(vfio_memcpy, overlap)
{
	unsigned int i;

	for (i = 0; i < 10000; i++)
		self->memory[SRC + i] = i / 3;
	ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
		  run(self, copy(IOVA + SRC, IOVA + SRC + 5, 9995)));
	for (i = 0; i < 9995; i++)
		ASSERT_EQ((i / 3) & 0xff, self->memory[SRC + 5 + i]);
}

/* An element is taken only in its round. */
TEST_F(vfio_memcpy, wrap)
{
	struct capi_memcpy_element *queue = (struct capi_memcpy_element *)self->memory;
	__u8 *last = NULL;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		last = add(self, copy(IOVA + SRC, IOVA + DST, 1));
	ASSERT_TRUE(WAIT_UNTIL(seen(last)));
	/* All of them are valid still, and of the last round. */
	for (i = 0; i < SLOTS; i++)
		queue[i].status = 0;
	/* The one behind the next is done after it, and only then. */
	self->next = 1;
	last = add(self, copy(IOVA + SRC, IOVA + DST, 1));
	self->next = 0;
	*at64(self, DST) = 0;
	EXPECT_TRUE(works(self));
	EXPECT_TRUE(WAIT_UNTIL(seen(last)));
	for (i = 2; i < SLOTS; i++)
		EXPECT_EQ(0, queue[i].status);
}

TEST_F(vfio_memcpy, increments)
{
	__u32 *src = (__u32 *)(self->memory + SRC + 4);
	__u32 *dst = (__u32 *)(self->memory + DST + 1);
	static const __u32 values[] = { 0, 0xff, 0x0000ffff, 0xffffffff };
	unsigned int i;
	__u32 got;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		*src = htobe32(values[i]);
		ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE, run(self, (struct capi_memcpy_element){
			.cmd = CAPI_MEMCPY_INCREMENT,
			.src = htobe64(IOVA + SRC + 4),
			.dst = htobe64(IOVA + DST + 1),
		}));
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
		*at64(self, DST + 8) = htobe64(cases[i].there);
		ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
			  run(self, swap(cases[i].extra, cases[i].op1, b,
					 IOVA + DST + 8)));
		ASSERT_EQ(cases[i].after, be64toh(*at64(self, DST + 8))) {
			TH_LOG("case %u", i);
		}
		ASSERT_EQ(0, *at64(self, DST));
		ASSERT_EQ(0, *at64(self, DST + 16));
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
	struct adder adder = { .at = at64(self, DST), .n = 2000000 };
	__u64 mine = 0, now;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, add_up, &adder));
	/* Each swap that meets its value adds 2^32. */
	for (i = 0; i < 200; i++) {
		now = __atomic_load_n(adder.at, __ATOMIC_SEQ_CST);
		ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
			  run(self, swap(CAPI_MEMCPY_SWAP_EQUAL, be64toh(now),
					 be64toh(now + (1ULL << 32)),
					 IOVA + DST)));
		now = __atomic_load_n(adder.at, __ATOMIC_SEQ_CST) >> 32;
		ASSERT_LE(now - mine, 1);
		mine = now;
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(adder.n, *adder.at & 0xffffffff);
}

TEST_F(vfio_memcpy, interrupts)
{
	union event event;
	unsigned int irq;
	int fds[4];

	for (irq = 1; irq <= 4; irq++)
		fds[irq - 1] = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX,
					   irq);
	for (irq = 1; irq <= 4; irq++) {
		ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
			  run(self, interrupt(irq)));
		ASSERT_GT(event_read(self->events, &event), 0);
		EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event.header.type);
		EXPECT_EQ(irq, event.event.irq.irq);
		EXPECT_EQ(1, eventfd_count(fds[irq - 1]));
		/* It was stopped before the interrupt was raised. */
		EXPECT_EQ(CAPI_MEMCPY_STOPPED,
			  mapped_get(self, CAPI_MEMCPY_REG_STATUS));
		restart(self);
	}
	EXPECT_TRUE(works(self));
}

/* While it waits for a restart, nothing is done. */
TEST_F(vfio_memcpy, waits_for_restart)
{
	__u8 *status;

	ASSERT_EQ(CAPI_MEMCPY_STATUS_COMPLETE, run(self, interrupt(1)));
	ASSERT_TRUE(stopped(self));
	status = add(self, copy(IOVA + SRC, IOVA + DST, 8));
	/* The timebase says that it had the time. */
	mapped_put(self, CAPI_MEMCPY_REG_TIMEBASE, 0);
	ASSERT_TRUE(WAIT_UNTIL(mapped_get(self, CAPI_MEMCPY_REG_TIMEBASE)));
	EXPECT_EQ(0, seen(status));
	/* A trapped store does it as well as one to the mapping. */
	ASSERT_EQ(0, trapped_put(self, CAPI_MEMCPY_REG_PCTRL,
				 CAPI_MEMCPY_RESTART));
	EXPECT_TRUE(WAIT_UNTIL(seen(status) == CAPI_MEMCPY_STATUS_COMPLETE));
	EXPECT_EQ(0, mapped_get(self, CAPI_MEMCPY_REG_STATUS));
	EXPECT_EQ(0, mapped_get(self, CAPI_MEMCPY_REG_PCTRL));
}

/* These are refused, and the AFU goes on. */
TEST_F(vfio_memcpy, bad_elements)
{
	static const unsigned char undefined[] = { 2, 3, 6, 0x10, 0x3f };
	static const unsigned int irqs[] = { 0, 5, 2037, 65535 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(undefined); i++)
		EXPECT_EQ(CAPI_MEMCPY_STATUS_COMMAND,
			  run(self, (struct capi_memcpy_element){ .cmd = undefined[i] }));
	for (i = 0; i < 0x100; i++)
		if (i != CAPI_MEMCPY_SWAP_EQUAL &&
		    i != CAPI_MEMCPY_SWAP_NOT_EQUAL)
			EXPECT_EQ(CAPI_MEMCPY_STATUS_COMMAND,
				  run(self, swap(i, 0, 1, IOVA + DST)));
	for (i = 0; i < ARRAY_SIZE(irqs); i++)
		EXPECT_EQ(CAPI_MEMCPY_STATUS_SOURCE,
			  run(self, interrupt(irqs[i])));
	EXPECT_EQ(0, *at64(self, DST));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_raised"));
	EXPECT_TRUE(works(self));
}

/* After these it waits, without an event. */
TEST_F(vfio_memcpy, bad_addresses)
{
	const struct capi_memcpy_element elements[] = {
		copy(~0ULL, IOVA + DST, 2),
		copy(IOVA + SRC, 0ULL - 4, 5),
		swap(CAPI_MEMCPY_SWAP_EQUAL, 0, 1, IOVA + DST + 4),
		swap(CAPI_MEMCPY_SWAP_NOT_EQUAL, 1, 1, IOVA + DST + 1),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(elements); i++) {
		EXPECT_EQ(CAPI_MEMCPY_STATUS_ADDRESS, run(self, elements[i]));
		ASSERT_TRUE(stopped(self));
		restart(self);
	}
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_raised"));
	EXPECT_TRUE(works(self));
}

/* Runs @element, which faults at @addr: true if all says so. */
static bool faults(struct __test_metadata *_metadata,
		   FIXTURE_DATA(vfio_memcpy) * self, struct capi_memcpy_element element,
		   __u64 addr, bool store)
{
	union event event;

	EXPECT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, run(self, element));
	if (poll_for(self->events.fd, POLLIN) != POLLIN)
		return false;
	EXPECT_GT(event_read(self->events, &event), 0);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event.header.type);
	EXPECT_EQ(addr, event.event.fault.addr);
	EXPECT_EQ(CAPI_MEMCPY_DSISR | (store ? CAPI_MEMCPY_DSISR_STORE : 0),
		  event.event.fault.dsisr);
	EXPECT_EQ(CAPI_MEMCPY_STOPPED, mapped_get(self, CAPI_MEMCPY_REG_STATUS));
	restart(self);
	return true;
}

#define FAULTS(...) ASSERT_TRUE(faults(_metadata, self, __VA_ARGS__))

TEST_F(vfio_memcpy, fault)
{
	const __u64 hole = IOVA + SIZE;

	FAULTS(copy(0x1000, IOVA + DST, 8), 0x1000, false);
	FAULTS(copy(IOVA + SRC, hole + 12, 8), hole + 12, true);
	/* What begins well: the first byte that is not there */
	FAULTS(copy(hole - 100, IOVA + DST, 200), hole, false);
	FAULTS(copy(IOVA + SRC, hole - 0x2010, 0x4000), hole, true);
	FAULTS(swap(CAPI_MEMCPY_SWAP_EQUAL, 0, 1, hole + 8), hole + 8, true);
	FAULTS(swap(CAPI_MEMCPY_SWAP_NOT_EQUAL, 0, 1, hole), hole, false);
	EXPECT_TRUE(works(self));
}

TEST_F(vfio_memcpy, read_only_memory)
{
	const __u64 other = IOVA + OTHER;

	ASSERT_EQ(0, unmap_dma(self->vfio, other, SIZE - OTHER));
	ASSERT_EQ(0, map_dma(self->vfio, self->memory + OTHER, other, 0x1000,
			     VFIO_DMA_MAP_FLAG_READ));
	*at64(self, OTHER) = 0x55;
	EXPECT_EQ(CAPI_MEMCPY_STATUS_COMPLETE,
		  run(self, copy(other, IOVA + DST, 8)));
	EXPECT_EQ(0x55, *at64(self, DST));
	FAULTS(copy(IOVA + SRC, other, 8), other, true);
	FAULTS(swap(CAPI_MEMCPY_SWAP_EQUAL, 0x5500000000000000, 1, other),
	       other, true);
	EXPECT_EQ(0x55, *at64(self, OTHER));
}

/* The queue goes and comes back: no element is lost. */
TEST_F(vfio_memcpy, queue_unmapped)
{
	__u8 *status;
	union event event;

	ASSERT_TRUE(works(self));
	ASSERT_EQ(0, unmap_dma(self->vfio, IOVA, OTHER));
	ASSERT_EQ(POLLIN, poll_for(self->events.fd, POLLIN));
	ASSERT_GT(event_read(self->events, &event), 0);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, event.header.type);
	EXPECT_EQ(IOVA + sizeof(struct capi_memcpy_element), event.event.fault.addr);
	EXPECT_EQ(CAPI_MEMCPY_DSISR, event.event.fault.dsisr);
	ASSERT_TRUE(stopped(self));

	/* Again, if there is still none. */
	restart(self);
	ASSERT_EQ(POLLIN, poll_for(self->events.fd, POLLIN));
	ASSERT_GT(event_read(self->events, &event), 0);
	ASSERT_EQ(0, map_dma(self->vfio, self->memory, IOVA, OTHER, READ_WRITE));
	status = add(self, copy(IOVA + SRC, IOVA + DST, 8));
	restart(self);
	EXPECT_TRUE(WAIT_UNTIL(seen(status) == CAPI_MEMCPY_STATUS_COMPLETE));
}

/* A queue that can be read and not written: each element is done once. */
TEST_F(vfio_memcpy, queue_read_only)
{
	struct capi_memcpy_element increment = {
		.cmd = CAPI_MEMCPY_INCREMENT,
		.src = htobe64(IOVA + OTHER),
		.dst = htobe64(IOVA + OTHER),
	};
	unsigned int i;

	ASSERT_EQ(0, unmap_dma(self->vfio, IOVA, OTHER));
	ASSERT_EQ(0, map_dma(self->vfio, self->memory, IOVA, OTHER,
			     VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	ASSERT_EQ(0, capi_vfio_start(self->vfio, IOVA | DEPTH));
	for (i = 0; i < 3; i++) {
		union event event;

		add(self, increment);
		ASSERT_EQ(POLLIN, poll_for(self->events.fd, POLLIN));
		ASSERT_GT(event_read(self->events, &event), 0);
		EXPECT_EQ(IOVA + i * sizeof(struct capi_memcpy_element) + 1,
			  event.event.fault.addr);
		EXPECT_EQ(CAPI_MEMCPY_DSISR | CAPI_MEMCPY_DSISR_STORE,
			  event.event.fault.dsisr);
		restart(self);
	}
	EXPECT_EQ(htobe32(3), *(__u32 *)(self->memory + OTHER));
}

/* No address that a guest can choose does more than fault. */
TEST_F(vfio_memcpy, hostile_queue)
{
	static const __u64 weds[] = {
		0, 1, 0xfff, ~0ULL, ~0ULL << 12, 0xffffffffffff0fff,
		0xffff888000000fff, 0x7ffffffff001, 0x8000000000000001
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(weds); i++) {
		ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
		ASSERT_EQ(0, capi_vfio_start(self->vfio, weds[i]));
		EXPECT_EQ(weds[i], mapped_get(self, CAPI_MEMCPY_REG_WED));
		/* Without depth there is no element to look at. */
		if (weds[i] & CAPI_MEMCPY_WED_DEPTH)
			EXPECT_TRUE(stopped(self));
	}
}

/* Keeps the AFU busy with @element in all slots, always valid. */
static void *keep_busy(void *arg)
{
	FIXTURE_DATA(vfio_memcpy) * self = arg;
	struct capi_memcpy_element *queue = (struct capi_memcpy_element *)self->memory;
	unsigned int i;

	for (;;) {
		for (i = 0; i < SLOTS; i++)
			__atomic_fetch_xor(&queue[i].cmd, CAPI_MEMCPY_WRAP,
					   __ATOMIC_SEQ_CST);
		/* A fault is expected: whoever ends us has it go on. */
		restart(self);
		pthread_testcancel();
	}
	return NULL;
}

static void fill(FIXTURE_DATA(vfio_memcpy) * self, struct capi_memcpy_element element)
{
	struct capi_memcpy_element *queue = (struct capi_memcpy_element *)self->memory;
	unsigned int i;

	element.cmd |= CAPI_MEMCPY_VALID;
	for (i = 0; i < SLOTS; i++)
		queue[i] = element;
}

static unsigned int done(FIXTURE_DATA(vfio_memcpy) * self)
{
	struct capi_memcpy_element *queue = (struct capi_memcpy_element *)self->memory;

	return __atomic_exchange_n(&queue[SLOTS - 1].status, 0,
				   __ATOMIC_SEQ_CST);
}

FIXTURE(busy) {
	FIXTURE_DATA(vfio_memcpy) m;
	pthread_t thread;
	bool running;
};

static void leave_alone(FIXTURE_DATA(busy) * self)
{
	if (!self->running)
		return;
	pthread_cancel(self->thread);
	pthread_join(self->thread, NULL);
	self->running = false;
}

FIXTURE_VARIANT(busy) {
	bool swap;
};

FIXTURE_VARIANT_ADD(busy, copying) {
	.swap = false,
};

FIXTURE_VARIANT_ADD(busy, swapping) {
	.swap = true,
};

FIXTURE_SETUP(busy)
{
	FIXTURE_DATA(vfio_memcpy) * m = &self->m;
	const __u64 dst = IOVA + OTHER;

	vfio_memcpy_setup(_metadata, m, NULL);
	fill(m, variant->swap ?
	     swap(CAPI_MEMCPY_SWAP_NOT_EQUAL, 1, 2, dst) :
	     copy(IOVA + SRC, dst, 0x8000));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, keep_busy, m));
	self->running = true;
}

FIXTURE_TEARDOWN(busy)
{
	leave_alone(self);
	vfio_memcpy_teardown(_metadata, &self->m, NULL);
}

/* Memory is unmapped beneath the AFU: it faults, and works again when mapped. */
TEST_F(busy, unmap)
{
	FIXTURE_DATA(vfio_memcpy) * m = &self->m;
	unsigned int i, status;

	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(WAIT_UNTIL(done(m) == CAPI_MEMCPY_STATUS_COMPLETE));
		ASSERT_EQ(0, unmap_dma(m->vfio, IOVA + OTHER, SIZE - OTHER));
		ASSERT_TRUE(WAIT_UNTIL((status = done(m)) &&
				       status != CAPI_MEMCPY_STATUS_COMPLETE));
		ASSERT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, status);
		ASSERT_EQ(0, map_dma(m->vfio, m->memory + OTHER, IOVA + OTHER,
				     SIZE - OTHER, READ_WRITE));
	}
}

TEST_F(busy, reset)
{
	FIXTURE_DATA(vfio_memcpy) * m = &self->m;
	unsigned int i;

	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(WAIT_UNTIL(done(m)));
		ASSERT_EQ(0, ioctl(m->vfio->device, VFIO_DEVICE_RESET));
		/* Not a byte is written from here on. */
		memset(m->memory + OTHER, 0xee, 0x8000);
		done(m);
		ASSERT_EQ(0, capi_vfio_enable(m->vfio));
		ASSERT_EQ(0xee, m->memory[OTHER]);
		ASSERT_EQ(0, done(m));
		ASSERT_EQ(0, capi_vfio_start(m->vfio, IOVA | DEPTH));
	}
}

/* The device is closed while it works; its memory stays ours. */
TEST_F(busy, close)
{
	FIXTURE_DATA(vfio_memcpy) * m = &self->m;

	ASSERT_TRUE(WAIT_UNTIL(done(m)));
	leave_alone(self);
	/* What is mapped keeps the device open. */
	munmap(m->registers, getpagesize());
	mdev_close(&m->mdev);
	memset(m->memory + OTHER, 0xee, 0x8000);
	done(m);
	ASSERT_EQ(0, mdev_open(&m->mdev));
	EXPECT_EQ(0xee, m->memory[OTHER]);
	EXPECT_EQ(0, done(m));
}

/* The AFU has forgotten what it did, and is started again. */
TEST_F(vfio_memcpy, link_flap)
{
	__u8 *status;

	ASSERT_TRUE(works(self));
	ASSERT_EQ(0, card_link(&self->mdev, false));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	self->next = 0;
	memset(self->memory, 0, sizeof(struct capi_memcpy_element) * SLOTS);
	ASSERT_EQ(0, capi_vfio_start(self->vfio, IOVA | DEPTH));
	status = add(self, copy(IOVA + SRC, IOVA + DST, 8));
	EXPECT_TRUE(WAIT_UNTIL(seen(status) == CAPI_MEMCPY_STATUS_COMPLETE));
}

/* Interrupts of the adapter are shared by all, and so are its contexts. */
TEST_F(vfio_memcpy, more_interrupts)
{
	union event event;

	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	munmap(self->registers, getpagesize());
	close(self->events.fd);
	mdev_close(&self->mdev);
	ASSERT_EQ(0, mdev_set(&self->mdev, "irqs", "300"));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &self->events));
	ASSERT_EQ(0, map_dma(self->vfio, self->memory, IOVA, SIZE, READ_WRITE));
	self->registers = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			       MAP_SHARED, self->vfio->device,
			       self->vfio->regions[BAR2].offset);
	ASSERT_NE(MAP_FAILED, self->registers);
	ASSERT_EQ(0, capi_vfio_start(self->vfio, IOVA | DEPTH));
	EXPECT_EQ(CAPI_MEMCPY_STATUS_SOURCE, run(self, interrupt(301)));
	EXPECT_EQ(CAPI_MEMCPY_STATUS_COMPLETE, run(self, interrupt(300)));
	ASSERT_GT(event_read(self->events, &event), 0);
	EXPECT_EQ(300, event.event.irq.irq);
}

TEST_HARNESS_MAIN
