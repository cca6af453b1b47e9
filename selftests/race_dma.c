// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a consumer that AFUs work on, while it is unmapped and while they may
 * not reach it: whoever took it away finds that nobody writes to it any more.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "race.h"
#include "vfio_cdev.h"
#include "vfio_queue.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
/* What a queue's AFU stores to: in memory that stays, and in what is unmapped */
#define LENGTH	0x8000
#define STAYS(q)	(DST + (q)->place)
#define GOES(q)		(OTHER + (q)->place)
#define MARK	0x5a5a5a5a5a5a5a5aULL
/* The place of the second */
#define SECOND	0x20000

/**
 * struct side - an AFU that works
 * @queue: its queue
 * @place: what it stores to is so far behind DST and OTHER, the queue behind IOVA
 */
struct side {
	struct vfio_queue queue;
	unsigned int place;
};

FIXTURE(race_dma) {
	struct race race;
	struct side side[2];
	pthread_mutex_t lock;	/* for n: while it is held, all of them are there */
	unsigned int n;
	pthread_t worker;
	bool over;
};

/* Each slot is valid. Some store to what is unmapped at times, by copy and by swap. */
static bool fill(struct side *side)
{
	struct capi_memcpy *mc = &side->queue.mc;
	struct capi_memcpy_element *element;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (i % 4 == 1)
			element = capi_memcpy_swap(mc, iova((i % 8 == 1 ?
						   GOES(side) : STAYS(side)) +
						   LENGTH - 8),
						   CAPI_MEMCPY_SWAP_NOT_EQUAL,
						   1, 2);
		else
			element = capi_memcpy_copy(mc, iova(i % 2 ? GOES(side) :
							    STAYS(side)),
						   iova(SRC), LENGTH);
		if (!element)
			return false;
	}
	return true;
}

/* All slots once more. What has stopped goes on. */
static void refill(struct side *side)
{
	struct capi_memcpy *mc = &side->queue.mc;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		__atomic_fetch_xor(&mc->queue[i].cmd, CAPI_MEMCPY_WRAP,
				   __ATOMIC_SEQ_CST);
	capi_memcpy_restart(mc);
}

static void set_sides(FIXTURE_DATA(race_dma) * self, unsigned int n)
{
	pthread_mutex_lock(&self->lock);
	self->n = n;
	pthread_mutex_unlock(&self->lock);
}

/* Keeps the AFUs busy, round after round. */
static void *work(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	unsigned int k;

	while (!__atomic_load_n(&self->over, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&self->lock);
		for (k = 0; k < self->n; k++)
			refill(&self->side[k]);
		pthread_mutex_unlock(&self->lock);
		sched_yield();
	}
	return NULL;
}

/* What a copy comes to last */
static __u64 *last_of(unsigned char *memory)
{
	return (__u64 *)(memory + LENGTH - sizeof(__u64));
}

static bool is_marked(unsigned char *memory)
{
	return __atomic_load_n(last_of(memory), __ATOMIC_SEQ_CST) == MARK;
}

/* An AFU has just stored there, and is about to do so again. */
static int is_worked_on(unsigned char *memory)
{
	__atomic_store_n(last_of(memory), MARK, __ATOMIC_SEQ_CST);
	return WAIT_UNTIL(!is_marked(memory)) ? 0 : -ETIMEDOUT;
}

/* Nobody stores there any more. */
static int is_left_alone(unsigned char *memory)
{
	unsigned int i;

	__atomic_store_n(last_of(memory), MARK, __ATOMIC_SEQ_CST);
	for (i = 0; i < 5000; i++)
		if (!is_marked(memory))
			return -EBADMSG;
	return 0;
}

static int command(struct side *side, unsigned int value)
{
	return capi_vfio_put(&side->queue.mdev.vfio,
			     VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2, value);
}

/* Ends and begins it; in between, where nobody else does, it has to be quiet. */
static int toggle_master(FIXTURE_DATA(race_dma) * self, bool alone)
{
	struct side *side = &self->side[self->n - 1];
	unsigned char *memory = side->queue.memory + STAYS(side);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 4 && !ret; i++) {
		if (alone)
			ret = is_worked_on(memory);
		if (!ret)
			ret = command(side, PCI_COMMAND_MEMORY);
		if (!ret && alone)
			ret = is_left_alone(memory);
		if (!ret)
			ret = command(side, PCI_COMMAND_MEMORY |
					    PCI_COMMAND_MASTER);
	}
	return ret;
}

static int bus_master(void *arg)
{
	return toggle_master(arg, true);
}

/* Another CPU of the guest does the same: nobody knows what it is in between. */
static int bus_master_too(void *arg)
{
	return toggle_master(arg, false);
}

/* What the first has mapped is the other's as well. */
static int unmap_for(FIXTURE_DATA(race_dma) * self, unsigned int n, bool alone)
{
	struct vfio_queue *q = &self->side[0].queue;
	unsigned int i, k;
	int ret = 0;

	for (i = 0; i < 3 && !ret; i++) {
		if (alone)
			ret = is_worked_on(q->memory + GOES(&self->side[i % n]));
		if (!ret)
			ret = vfio_queue_unmap(q, OTHER, SIZE - OTHER);
		for (k = 0; k < n && !ret; k++)
			ret = is_left_alone(q->memory + GOES(&self->side[k]));
		if (!ret)
			ret = vfio_queue_map(q, OTHER, SIZE - OTHER, READ_WRITE);
	}
	return ret;
}

static int unmap(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;

	return unmap_for(self, self->n, true);
}

/* The second one may be gone. */
static int unmap_of_first(void *arg)
{
	return unmap_for(arg, 1, true);
}

/* Nobody may be at work. */
static int unmap_in_silence(void *arg)
{
	return unmap_for(arg, 1, false);
}

/* And what is not OTHER, with the queue: whoever unmaps, the AFU goes on at last. */
static int unmap_rest(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	struct vfio_queue *q = &self->side[0].queue;
	int ret = vfio_queue_unmap(q, 0, OTHER);

	if (!ret)
		ret = is_left_alone(q->memory + STAYS(&self->side[0]));
	return ret ? ret : vfio_queue_map(q, 0, OTHER, READ_WRITE);
}

/* The device has no space of addresses for a while. */
static int leave_space(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	struct vfio_queue *q = &self->side[0].queue;
	unsigned char *memory = q->memory + STAYS(&self->side[0]);
	int ret = is_worked_on(memory);

	if (!ret)
		ret = vfio_cdev_detach(&q->mdev.vfio);
	if (!ret)
		ret = is_left_alone(memory);
	return ret ? ret : vfio_cdev_attach(&q->mdev.vfio);
}

/* The first AFU does not notice that the other is reset. */
static int reset(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	struct side *side = &self->side[self->n - 1];
	struct capi_vfio *vfio = &side->queue.mdev.vfio;
	unsigned char *memory = side->queue.memory + STAYS(side);
	int ret = is_worked_on(memory);

	if (ret)
		return ret;
	if (ioctl(vfio->device, VFIO_DEVICE_RESET))
		return -errno;
	ret = is_left_alone(memory);
	if (!ret)
		ret = capi_vfio_enable(vfio);
	return ret ? ret : capi_vfio_start(vfio, WED + side->place);
}

/* The last slot gets its status again, whatever was before. */
static bool works(struct side *side)
{
	struct capi_memcpy_element *last = &side->queue.mc.queue[SLOTS - 1];

	__atomic_store_n(&last->status, 0, __ATOMIC_SEQ_CST);
	return WAIT_UNTIL(__atomic_load_n(&last->status, __ATOMIC_SEQ_CST) ==
			  DONE);
}

/* A second one, with the memory of the first */
static int open_second(FIXTURE_DATA(race_dma) * self)
{
	struct vfio_queue *first = &self->side[0].queue;
	struct vfio_queue *q = &self->side[1].queue;
	int ret;

	self->side[1].place = SECOND;
	memset(q, 0, sizeof(*q));
	q->memory = first->memory;
	q->mc.cxl.fd = -1;
	q->mc.queue = (struct capi_memcpy_element *)(q->memory + SECOND);
	q->mc.depth = SLOTS;
	memset(q->mc.queue, 0, SLOTS * sizeof(*q->mc.queue));
	ret = mdev_create_kind(&q->mdev, "memcpy");
	if (ret)
		return ret;
	ret = vfio_open_beside(&q->mdev.vfio, q->mdev.uuid, &first->mdev.vfio);
	if (!ret)
		ret = capi_vfio_enable(&q->mdev.vfio);
	if (!ret)
		ret = vfio_queue_map_registers(q);
	if (!ret)
		ret = capi_vfio_start(&q->mdev.vfio, WED + SECOND);
	if (!ret && !fill(&self->side[1]))
		ret = -ENOSPC;
	if (ret) {
		vfio_queue_detach(q);
		mdev_remove(&q->mdev);
		return ret;
	}
	set_sides(self, 2);
	return 0;
}

static int remove_second(FIXTURE_DATA(race_dma) * self)
{
	set_sides(self, 1);
	vfio_queue_detach(&self->side[1].queue);
	return mdev_remove(&self->side[1].queue.mdev);
}

/* The second goes and comes again, while the first has its memory unmapped. */
static int leave(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	unsigned char *memory = self->side[1].queue.memory + STAYS(&self->side[1]);
	int ret = is_worked_on(memory);

	if (!ret)
		ret = remove_second(self);
	if (!ret)
		ret = is_left_alone(memory);
	return ret ? ret : open_second(self);
}

/* The adapter is lost, comes back, and the context is started anew. */
static int lose_adapter(void *arg)
{
	FIXTURE_DATA(race_dma) * self = arg;
	struct side *side = &self->side[0];
	struct mdev *mdev = &side->queue.mdev;
	unsigned char *memory = side->queue.memory + STAYS(side);
	int ret = is_worked_on(memory);

	if (!ret)
		ret = card_link(mdev, false);
	if (!ret)
		ret = is_left_alone(memory);
	if (!ret)
		ret = card_link(mdev, true);
	if (!ret)
		ret = mdev_command(mdev, CAPI_MDEV_COMMAND_STOP);
	return ret ? ret : capi_vfio_start(&mdev->vfio, WED);
}

FIXTURE_SETUP(race_dma)
{
	ASSERT_EQ(0, vfio_queue_open(&self->side[0].queue));
	ASSERT_TRUE(fill(&self->side[0]));
	self->n = 1;
	pthread_mutex_init(&self->lock, NULL);
	race_init(&self->race, self);
}

FIXTURE_TEARDOWN(race_dma)
{
	EXPECT_TRUE(race_end(&self->race));
	__atomic_store_n(&self->over, true, __ATOMIC_RELAXED);
	if (self->worker)
		pthread_join(self->worker, NULL);
	if (self->n > 1)
		EXPECT_EQ(0, remove_second(self));
	EXPECT_EQ(0, vfio_queue_close(&self->side[0].queue));
}

#define RUN(rounds)							\
do {									\
	unsigned int __i;						\
									\
	ASSERT_EQ(0, pthread_create(&self->worker, NULL, work, self));	\
	while (race_more(&self->race, rounds)) {			\
		race_run(&self->race);					\
		for (__i = 0; __i < self->race.n; __i++)		\
			ASSERT_EQ(0, self->race.racer[__i].ret);	\
		for (__i = 0; __i < self->n; __i++)			\
			ASSERT_TRUE(works(&self->side[__i]));		\
	}								\
} while (0)

TEST_F_TIMEOUT(race_dma, bus_master_against_unmapping, 3600)
{
	race_add(&self->race, "unmap", unmap);
	race_add(&self->race, "bus master", bus_master);
	RUN(20);
}

TEST_F_TIMEOUT(race_dma, bus_master_by_two, 3600)
{
	race_add(&self->race, "bus master", bus_master_too);
	race_add(&self->race, "bus master", bus_master_too);
	race_add(&self->race, "unmap", unmap);
	RUN(20);
}

/* One is through whenever the other begins: the AFU rests nearly always. */
TEST_F_TIMEOUT(race_dma, two_unmappings, 3600)
{
	race_add(&self->race, "unmap", unmap_in_silence);
	race_add(&self->race, "unmap the rest", unmap_rest);
	RUN(20);
}

TEST_F_TIMEOUT(race_dma, space_left, 3600)
{
	if (self->side[0].queue.mdev.vfio.group >= 0)
		SKIP(return, "a container is left when the device is closed");
	race_add(&self->race, "unmap", unmap_in_silence);
	race_add(&self->race, "leave the space", leave_space);
	RUN(20);
}

/* Two devices in one container, of which one is reset */
TEST_F_TIMEOUT(race_dma, two_devices, 3600)
{
	ASSERT_EQ(0, open_second(self));
	race_add(&self->race, "unmap", unmap);
	race_add(&self->race, "reset", reset);
	RUN(20);
}

TEST_F_TIMEOUT(race_dma, neighbour_removed, 3600)
{
	/* It waits for what unmaps as if no signal could end that, and is woken so. */
	if (self->side[0].queue.mdev.vfio.group < 0)
		SKIP(return, "iommufd misses a wake-up, and waits for a minute");
	ASSERT_EQ(0, open_second(self));
	race_add(&self->race, "unmap", unmap_of_first);
	race_add(&self->race, "remove", leave);
	RUN(20);
}

TEST_F_TIMEOUT(race_dma, adapter_lost, 3600)
{
	race_add(&self->race, "unmap", unmap_in_silence);
	race_add(&self->race, "lose adapter", lose_adapter);
	RUN(20);
}

TEST_HARNESS_MAIN
