// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU behind an mdev, when memory is not there, is taken away while it
 * works, or was never meant to be a queue.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vfio_queue.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define STORE	(CAPI_MEMCPY_DSISR | CAPI_MEMCPY_DSISR_STORE)

FIXTURE(vfio_memcpy_fault) {
	struct vfio_queue q;
	struct capi_memcpy *mc;
};

FIXTURE_SETUP(vfio_memcpy_fault)
{
	ASSERT_EQ(0, vfio_queue_open(&self->q));
	self->mc = &self->q.mc;
}

FIXTURE_TEARDOWN(vfio_memcpy_fault)
{
	EXPECT_EQ(0, vfio_queue_close(&self->q));
}

static __u64 status_register(struct capi_memcpy *mc)
{
	return capi_cxl_get(&mc->cxl, CAPI_MEMCPY_REG_STATUS);
}

/* The next event is this fault: true if there is an event at all. */
static bool expect_fault(struct __test_metadata *_metadata,
			 struct capi_memcpy *mc, __u64 addr, __u64 dsisr)
{
	union capi_cxl_event event;
	int type = capi_cxl_event(&mc->cxl, &event, PATIENCE);

	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, type);
	if (type != CXL_EVENT_DATA_STORAGE)
		return false;
	EXPECT_EQ(addr, event.event.fault.addr);
	EXPECT_EQ(dsisr, event.event.fault.dsisr);
	return true;
}

#define ASSERT_FAULT(addr, dsisr)					\
	ASSERT_TRUE(expect_fault(_metadata, self->mc, addr, dsisr))

/* @element faults at @addr, and the AFU is told to go on. */
static bool faults(struct __test_metadata *_metadata, struct capi_memcpy *mc,
		   struct capi_memcpy_element *element, void *addr, __u64 dsisr)
{
	EXPECT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, memcpy_status(element));
	if (!expect_fault(_metadata, mc, (uintptr_t)addr, dsisr))
		return false;
	EXPECT_EQ(CAPI_MEMCPY_STOPPED, status_register(mc));
	capi_memcpy_restart(mc);
	return true;
}

#define FAULTS(...) ASSERT_TRUE(faults(_metadata, self->mc, __VA_ARGS__))

TEST_F(vfio_memcpy_fault, fault)
{
	const __u64 load = CAPI_MEMCPY_DSISR;
	struct capi_memcpy *mc = self->mc;
	void *nowhere = (void *)0x1000;

	FAULTS(capi_memcpy_copy(mc, iova(DST), nowhere, 8), nowhere, load);
	FAULTS(capi_memcpy_copy(mc, iova(SIZE + 12), iova(SRC), 8),
	       iova(SIZE + 12), STORE);
	/* What begins well: the first byte that is not there */
	FAULTS(capi_memcpy_copy(mc, iova(DST), iova(SIZE - 100), 200),
	       iova(SIZE), load);
	FAULTS(capi_memcpy_copy(mc, iova(SIZE - 0x2010), iova(SRC), 0x4000),
	       iova(SIZE), STORE);
	FAULTS(capi_memcpy_swap(mc, iova(SIZE + 8), CAPI_MEMCPY_SWAP_EQUAL, 0, 1),
	       iova(SIZE + 8), STORE);
	FAULTS(capi_memcpy_swap(mc, iova(SIZE), CAPI_MEMCPY_SWAP_NOT_EQUAL, 0, 1),
	       iova(SIZE), load);
	EXPECT_TRUE(vfio_queue_works(&self->q));
}

TEST_F(vfio_memcpy_fault, read_only_memory)
{
	struct capi_memcpy *mc = self->mc;

	ASSERT_EQ(0, vfio_queue_unmap(&self->q, OTHER, SIZE - OTHER));
	ASSERT_EQ(0, vfio_queue_map(&self->q, OTHER, 0x1000,
				    VFIO_DMA_MAP_FLAG_READ));
	*at64(&self->q, OTHER) = 0x55;
	EXPECT_STATUS(DONE, capi_memcpy_copy(mc, iova(DST), iova(OTHER), 8));
	EXPECT_EQ(0x55, *at64(&self->q, DST));
	FAULTS(capi_memcpy_copy(mc, iova(OTHER), iova(SRC), 8), iova(OTHER),
	       STORE);
	FAULTS(capi_memcpy_swap(mc, iova(OTHER), CAPI_MEMCPY_SWAP_EQUAL,
				0x5500000000000000, 1),
	       iova(OTHER), STORE);
	EXPECT_EQ(0x55, *at64(&self->q, OTHER));
}

/* The queue goes and comes back: no element is lost. */
TEST_F(vfio_memcpy_fault, queue_unmapped)
{
	const __u64 second = IOVA + sizeof(struct capi_memcpy_element);
	struct capi_memcpy_element *element;

	ASSERT_TRUE(vfio_queue_works(&self->q));
	ASSERT_EQ(0, vfio_queue_unmap(&self->q, 0, OTHER));
	ASSERT_FAULT(second, CAPI_MEMCPY_DSISR);
	ASSERT_EQ(0, memcpy_wait_stopped(self->mc));

	/* Again, if there is still none. */
	capi_memcpy_restart(self->mc);
	ASSERT_FAULT(second, CAPI_MEMCPY_DSISR);
	ASSERT_EQ(0, vfio_queue_map(&self->q, 0, OTHER, READ_WRITE));
	element = capi_memcpy_copy(self->mc, iova(DST), iova(SRC), 8);
	capi_memcpy_restart(self->mc);
	EXPECT_STATUS(DONE, element);
}

/* Without bus master there is no memory; with it again, the AFU can go on. */
TEST_F(vfio_memcpy_fault, no_bus_master)
{
	const __u64 second = IOVA + sizeof(struct capi_memcpy_element);
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;
	struct capi_vfio *vfio = &self->q.mdev.vfio;
	struct capi_memcpy_element *element;

	ASSERT_TRUE(vfio_queue_works(&self->q));
	ASSERT_EQ(0, capi_vfio_put(vfio, config, PCI_COMMAND, 2,
				   PCI_COMMAND_MEMORY));
	element = capi_memcpy_copy(self->mc, iova(DST), iova(SRC), 8);
	ASSERT_FAULT(second, CAPI_MEMCPY_DSISR);
	ASSERT_EQ(0, memcpy_wait_stopped(self->mc));
	EXPECT_EQ(0, element->status);

	ASSERT_EQ(0, capi_vfio_enable(vfio));
	capi_memcpy_restart(self->mc);
	EXPECT_STATUS(DONE, element);
}

struct storer {
	struct vfio_queue *q;
	pid_t tid;
	int ret;
};

static void *end_bus_master(void *arg)
{
	struct storer *storer = arg;

	__atomic_store_n(&storer->tid, gettid(), __ATOMIC_RELEASE);
	storer->ret = capi_vfio_put(&storer->q->mdev.vfio,
				    VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
				    PCI_COMMAND_MEMORY);
	return NULL;
}

/* The store that ends it waits for the access that is going on. */
TEST_F(vfio_memcpy_fault, bus_master_drains)
{
	struct storer storer = { .q = &self->q };
	struct capi_memcpy_element *element;
	struct stall stall;
	pthread_t thread;

	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_EQ(0, vfio_queue_map_stall(&self->q, &stall));
	element = capi_memcpy_copy(self->mc, iova(SIZE), iova(SRC), 8);
	ASSERT_TRUE(stall_wait(&stall));
	ASSERT_EQ(0, pthread_create(&thread, NULL, end_bus_master, &storer));
	ASSERT_TRUE(WAIT_UNTIL(__atomic_load_n(&storer.tid, __ATOMIC_ACQUIRE)));
	EXPECT_TRUE(asleep_in(storer.tid, SYS_pwrite64));

	ASSERT_EQ(0, stall_release(&stall));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, storer.ret);
	/* What was done is not told any more. */
	ASSERT_FAULT(IOVA + 1, STORE);
	EXPECT_EQ(0, element->status);
	stall_destroy(&stall);
}

/* A queue that can be read and not written: each element is done once. */
TEST_F(vfio_memcpy_fault, queue_read_only)
{
	struct capi_vfio *vfio = &self->q.mdev.vfio;
	unsigned int i;

	ASSERT_EQ(0, vfio_queue_unmap(&self->q, 0, OTHER));
	ASSERT_EQ(0, vfio_queue_map(&self->q, 0, OTHER, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, ioctl(vfio->device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, capi_vfio_enable(vfio));
	ASSERT_EQ(0, capi_vfio_start(vfio, WED));
	for (i = 0; i < 3; i++) {
		capi_memcpy_increment(self->mc, iova(OTHER), iova(OTHER));
		ASSERT_FAULT(IOVA + i * sizeof(struct capi_memcpy_element) + 1,
			     STORE);
		capi_memcpy_restart(self->mc);
	}
	EXPECT_EQ(htobe32(3), *(__u32 *)(self->q.memory + OTHER));
}

/* No address that a guest can choose does more than fault. */
TEST_F(vfio_memcpy_fault, hostile_queue)
{
	static const __u64 weds[] = {
		0, 1, 0xfff, ~0ULL, ~0ULL << 12, 0xffffffffffff0fff,
		0xffff888000000fff, 0x7ffffffff001, 0x8000000000000001
	};
	struct mdev *mdev = &self->q.mdev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(weds); i++) {
		ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
		ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, weds[i]));
		EXPECT_EQ(weds[i], capi_cxl_get(&self->mc->cxl,
						CAPI_MEMCPY_REG_WED));
		/* Without depth there is no element to look at. */
		if (weds[i] & CAPI_MEMCPY_WED_DEPTH)
			EXPECT_EQ(0, memcpy_wait_stopped(self->mc));
	}
}

/* Where elements send the AFU: one place that is there, and some that are not */
static __u64 some_address(unsigned int *seed)
{
	static const __u64 wild[] = {
		0, 0x5a5a5a5a5a5a5a5a, ~0ULL, 0xffff888000000000,
	};

	if (rand_r(seed) % 2)
		return IOVA + OTHER + rand_r(seed) % OTHER;
	return wild[rand_r(seed) % ARRAY_SIZE(wild)];
}

struct scribbler {
	struct vfio_queue *q;
	pthread_t thread;
	bool stop;
};

/* As it is stored: from elsewhere, each word is seen as it was or as it is. */
union words {
	struct capi_memcpy_element element;
	__u64 word[sizeof(struct capi_memcpy_element) / sizeof(__u64)];
};

/* Nothing in an element is what it was a moment ago. */
static void *scribble(void *arg)
{
	struct scribbler *scribbler = arg;
	unsigned int i, k, seed = 1;
	union words new = { };
	__u64 *slot;

	for (i = 0; !__atomic_load_n(&scribbler->stop, __ATOMIC_SEQ_CST); i++) {
		new.element.cmd = CAPI_MEMCPY_VALID | rand_r(&seed);
		new.element.length = rand_r(&seed);
		new.element.extra = rand_r(&seed);
		new.element.op1 = rand_r(&seed);
		new.element.src = htobe64(some_address(&seed));
		new.element.dst = htobe64(some_address(&seed));
		slot = (__u64 *)&scribbler->q->mc.queue[i % SLOTS];
		for (k = ARRAY_SIZE(new.word); k--; )
			__atomic_store_n(slot + k, new.word[k], __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool is_filled(const unsigned char *memory, size_t size)
{
	return *memory == 0x5a && !memcmp(memory, memory + 1, size - 1);
}

/*
 * Elements change while the AFU reads them: it stores to no place that none of them
 * ever named, and works as before when that is over.
 */
TEST_F(vfio_memcpy_fault, queue_changes)
{
	struct scribbler scribbler = { .q = &self->q };
	struct capi_vfio *vfio = &self->q.mdev.vfio;
	unsigned char *kept = self->q.memory + SRC;
	unsigned int i;

	memset(kept, 0x5a, OTHER - SRC);
	ASSERT_EQ(0, pthread_create(&scribbler.thread, NULL, scribble, &scribbler));
	for (i = 0; i < 300; i++) {
		EXPECT_EQ(0, memcpy_wait_stopped(self->mc));
		capi_memcpy_restart(self->mc);
	}
	__atomic_store_n(&scribbler.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(scribbler.thread, NULL);
	EXPECT_TRUE(is_filled(kept, OTHER - SRC));

	ASSERT_EQ(0, mdev_command(&self->q.mdev, CAPI_MDEV_COMMAND_STOP));
	self->mc->next = 0;
	memset(self->mc->queue, 0, sizeof(*self->mc->queue) * SLOTS);
	ASSERT_EQ(0, capi_vfio_start(vfio, WED));
	EXPECT_TRUE(vfio_queue_works(&self->q));
}

/* The AFU has forgotten what it did, and is started again. */
TEST_F(vfio_memcpy_fault, link_flap)
{
	struct mdev *mdev = &self->q.mdev;

	ASSERT_TRUE(vfio_queue_works(&self->q));
	ASSERT_EQ(0, card_link(mdev, false));
	ASSERT_EQ(0, card_link(mdev, true));
	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_STOP));
	self->mc->next = 0;
	memset(self->mc->queue, 0, sizeof(struct capi_memcpy_element) * SLOTS);
	ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, WED));
	EXPECT_STATUS(DONE, capi_memcpy_copy(self->mc, iova(DST), iova(SRC), 8));
}

/* The status of the last slot, which is taken away */
static unsigned int done(struct vfio_queue *q)
{
	return __atomic_exchange_n(&q->mc.queue[SLOTS - 1].status, 0,
				   __ATOMIC_SEQ_CST);
}

FIXTURE(busy) {
	struct vfio_queue q;
	pthread_t thread;
	bool running;
	bool stop;
};

/* Keeps the AFU busy with what is in all slots, always valid. */
static void *keep_busy(void *arg)
{
	FIXTURE_DATA(busy) * self = arg;
	struct capi_memcpy *mc = &self->q.mc;
	unsigned int i;

	while (!__atomic_load_n(&self->stop, __ATOMIC_SEQ_CST)) {
		for (i = 0; i < SLOTS; i++)
			__atomic_fetch_xor(&mc->queue[i].cmd, CAPI_MEMCPY_WRAP,
					   __ATOMIC_SEQ_CST);
		/* A fault is expected: whoever ends us has it go on. */
		capi_memcpy_restart(mc);
	}
	return NULL;
}

static void leave_alone(FIXTURE_DATA(busy) * self)
{
	if (!self->running)
		return;
	__atomic_store_n(&self->stop, true, __ATOMIC_SEQ_CST);
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
	struct capi_memcpy *mc = &self->q.mc;
	unsigned int i;

	ASSERT_EQ(0, vfio_queue_open(&self->q));
	for (i = 0; i < SLOTS; i++)
		ASSERT_NE(NULL, variant->swap ?
			  capi_memcpy_swap(mc, iova(OTHER),
					   CAPI_MEMCPY_SWAP_NOT_EQUAL, 1, 2) :
			  capi_memcpy_copy(mc, iova(OTHER), iova(SRC), 0x8000));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, keep_busy, self));
	self->running = true;
}

FIXTURE_TEARDOWN(busy)
{
	leave_alone(self);
	EXPECT_EQ(0, vfio_queue_close(&self->q));
}

/* Memory is unmapped beneath the AFU: it faults, and works again when mapped. */
TEST_F(busy, unmap)
{
	struct vfio_queue *q = &self->q;
	unsigned int i, status;

	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(WAIT_UNTIL(done(q) == DONE));
		ASSERT_EQ(0, vfio_queue_unmap(q, OTHER, SIZE - OTHER));
		ASSERT_TRUE(WAIT_UNTIL((status = done(q)) && status != DONE));
		ASSERT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, status);
		ASSERT_EQ(0, vfio_queue_map(q, OTHER, SIZE - OTHER, READ_WRITE));
	}
}

struct unmapper {
	struct vfio_queue *q;
	pthread_barrier_t start;
};

static int unmap_other(struct unmapper *unmapper)
{
	pthread_barrier_wait(&unmapper->start);
	return vfio_queue_unmap(unmapper->q, OTHER, SIZE - OTHER);
}

static void *unmapper_thread(void *arg)
{
	return (void *)(intptr_t)unmap_other(arg);
}

/*
 * Two unmap the same memory at once, and both are told that it is pinned. The later
 * one finds nothing, or, through iommufd, that the first is at it.
 */
TEST_F(busy, unmap_twice)
{
	struct vfio_queue *q = &self->q;
	struct unmapper unmapper = { .q = q };
	pthread_t other;
	unsigned int i;
	int ours, later;
	void *theirs;
	/* Who has no group has iommufd. */
	bool iommufd = q->mdev.vfio.group < 0;

	ASSERT_EQ(0, pthread_barrier_init(&unmapper.start, NULL, 2));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, pthread_create(&other, NULL, unmapper_thread,
					    &unmapper));
		ASSERT_TRUE(WAIT_UNTIL(done(q) == DONE));
		ours = unmap_other(&unmapper);
		ASSERT_EQ(0, pthread_join(other, &theirs));
		ASSERT_TRUE(!ours || !theirs);
		later = ours + (int)(intptr_t)theirs;
		ASSERT_TRUE(later == -ENOENT || (iommufd && later == -EBUSY));
		ASSERT_EQ(0, vfio_queue_map(q, OTHER, SIZE - OTHER, READ_WRITE));
	}
}

TEST_F(busy, reset)
{
	struct vfio_queue *q = &self->q;
	struct capi_vfio *vfio = &q->mdev.vfio;
	unsigned int i;

	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(WAIT_UNTIL(done(q)));
		ASSERT_EQ(0, ioctl(vfio->device, VFIO_DEVICE_RESET));
		/* Not a byte is written from here on. */
		memset(q->memory + OTHER, 0xee, 0x8000);
		done(q);
		ASSERT_EQ(0, capi_vfio_enable(vfio));
		ASSERT_EQ(0xee, q->memory[OTHER]);
		ASSERT_EQ(0, done(q));
		ASSERT_EQ(0, capi_vfio_start(vfio, WED));
	}
}

/* The device is closed while it works; its memory stays ours. */
TEST_F(busy, close)
{
	struct vfio_queue *q = &self->q;

	ASSERT_TRUE(WAIT_UNTIL(done(q)));
	leave_alone(self);
	/* What is mapped keeps the device open. */
	vfio_queue_unmap_registers(q);
	mdev_close(&q->mdev);
	memset(q->memory + OTHER, 0xee, 0x8000);
	done(q);
	ASSERT_EQ(0, mdev_open(&q->mdev));
	EXPECT_EQ(0xee, q->memory[OTHER]);
	EXPECT_EQ(0, done(q));
}

TEST_HARNESS_MAIN
