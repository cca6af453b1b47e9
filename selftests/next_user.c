// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing of what a user of a context leaves behind is there for the next one,
 * whichever way each came to it.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "vfio_queue.h"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define BAR2	VFIO_PCI_BAR2_REGION_INDEX
#define BAR4	VFIO_PCI_BAR4_REGION_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

/* One consumer after another */

#define ROOM	8192

/* All that a consumer can read of an echo AFU, as it begins */
struct sight {
	unsigned char config[ROOM];
	unsigned char bar0[ROOM];
	unsigned char bar4[ROOM];
	unsigned char bar2[ROOM];
	int event;
};

FIXTURE(next_consumer) {
	struct mdev mdev;
	struct sight first, second;
	bool dropped;
};

FIXTURE_SETUP(next_consumer)
{
	NOT_IN_GUEST(return, "needs mdevs");
	ASSERT_EQ(0, mdev_create(&self->mdev));
}

FIXTURE_TEARDOWN(next_consumer)
{
	if (self->dropped) {
		mdev_close(&self->mdev);
		EXPECT_EQ(0, capi_reload(""));
	} else {
		EXPECT_EQ(0, mdev_remove(&self->mdev));
	}
}

static int see_region(struct mdev *mdev, unsigned int region, void *room)
{
	size_t size = mdev->vfio.regions[region].size;

	return size > ROOM ? -ENOSPC :
	       capi_vfio_read(&mdev->vfio, region, 0, room, size);
}

/* The registers of the function before it is started, those of the AFU after */
static int see(struct mdev *mdev, struct sight *sight)
{
	struct from from;
	union event event;
	int ret;

	memset(sight, 0, sizeof(*sight));
	ret = see_region(mdev, CONFIG, sight->config);
	if (!ret)
		ret = see_region(mdev, BAR0, sight->bar0);
	if (!ret)
		ret = see_region(mdev, BAR4, sight->bar4);
	if (!ret)
		ret = mdev_command(mdev, CAPI_MDEV_COMMAND_START);
	if (!ret)
		ret = see_region(mdev, BAR2, sight->bar2);
	if (!ret)
		ret = from_event_fd(mdev, CAPI_MDEV_EVENT_FD_NONBLOCK, &from);
	if (!ret) {
		sight->event = event_read(from, &event);
		close(from.fd);
	}
	return ret;
}

static int fill(struct mdev *mdev, unsigned int region, size_t from, size_t to)
{
	int ret = 0;

	for (; !ret && from < to; from += 8)
		ret = capi_vfio_put(&mdev->vfio, region, from, 8,
				    0x5a5a5a5a5a5a5a5a);
	return ret;
}

static int config_put(struct mdev *mdev, unsigned int off, __u64 value)
{
	return capi_vfio_put(&mdev->vfio, CONFIG, off, 4, value);
}

/* Leaves something wherever something can be left: state, memory, events. */
static int mess_up(struct mdev *mdev)
{
	struct capi_vfio *vfio = &mdev->vfio;
	size_t page = page_size();
	unsigned int irq;
	int ret = 0;

	ret |= fill(mdev, BAR2, page, 2 * page);
	ret |= fill(mdev, BAR4, 0, vfio->regions[BAR4].size);
	for (irq = 1; irq <= 4; irq++)
		ret |= echo_raise(mdev, CAPI_ECHO_REG_IRQ, irq);
	ret |= echo_emit(mdev, 5);
	ret |= echo_raise(mdev, CAPI_ECHO_REG_FAULT, 0x123456789000);
	ret |= echo_raise(mdev, CAPI_ECHO_REG_ERROR, 0x5a);
	ret |= echo_put(mdev, CAPI_ECHO_REG_PERIOD, 1000000);
	ret |= echo_put(mdev, CAPI_ECHO_REG_EMIT, 10);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			CAPI_MDEV_EVENT_ENABLE | CAPI_MDEV_EVENT_NO_IRQS |
			CAPI_MDEV_EVENT_LINK_AWARE);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_EVENT_LOOK, 4, 1);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_EVENT_ACK, 4, 0x5a);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION_ANSWER, 4, 0x5a);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_WED, 8, 0x5a5a5a5a);
	ret |= bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8, 0x5a000);
	bar0_put(mdev, CAPI_MDEV_REG_COMMAND, 4, 0x5a);
	ret |= config_put(mdev, PCI_CACHE_LINE_SIZE, 0x5a);
	ret |= config_put(mdev, PCI_BASE_ADDRESS_0, 0x5a000000);
	ret |= config_put(mdev, PCI_INTERRUPT_LINE, 0x5a);
	ret |= config_put(mdev, PCI_COMMAND, PCI_COMMAND_MEMORY |
			  PCI_COMMAND_PARITY | PCI_COMMAND_SERR);
	return ret;
}

TEST_F(next_consumer, finds_nothing)
{
	ASSERT_EQ(0, mdev_open(&self->mdev));
	ASSERT_EQ(0, see(&self->mdev, &self->first));
	EXPECT_EQ(-EAGAIN, self->first.event);
	ASSERT_EQ(0, mess_up(&self->mdev));
	mdev_close(&self->mdev);

	ASSERT_EQ(0, mdev_open(&self->mdev));
	ASSERT_EQ(0, see(&self->mdev, &self->second));
	EXPECT_EQ(0, memcmp(self->first.config, self->second.config, ROOM));
	EXPECT_EQ(0, memcmp(self->first.bar0, self->second.bar0, ROOM));
	EXPECT_EQ(0, memcmp(self->first.bar4, self->second.bar4, ROOM));
	EXPECT_EQ(0, memcmp(self->first.bar2, self->second.bar2, ROOM));
	EXPECT_EQ(-EAGAIN, self->second.event);
}

/* What is raised for the next is not signalled to the one before. */
TEST_F(next_consumer, has_its_own_eventfds)
{
	int before[3], after;

	ASSERT_EQ(0, mdev_start(&self->mdev));
	before[0] = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX, 1);
	before[1] = irq_eventfd(&self->mdev, VFIO_PCI_ERR_IRQ_INDEX, 0);
	before[2] = irq_eventfd(&self->mdev, VFIO_PCI_REQ_IRQ_INDEX, 0);
	ASSERT_GE(before[0], 0);
	ASSERT_GE(before[1], 0);
	ASSERT_GE(before[2], 0);
	mdev_close(&self->mdev);

	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	after = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX, 1);
	ASSERT_GE(after, 0);
	EXPECT_EQ(1, eventfd_count(after));
	ASSERT_EQ(0, card_link(&self->mdev, false));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	/* Whoever has the device is asked for it before this returns. */
	ASSERT_EQ(0, card_drop(&self->mdev));
	self->dropped = true;
	EXPECT_EQ(0, eventfd_count(before[0]));
	EXPECT_EQ(0, eventfd_count(before[1]));
	EXPECT_EQ(0, eventfd_count(before[2]));
}

/* Problem state areas, which processes and consumers take from the same AFU */

/* Behind the registers */
#define MEMORY	0x48

static unsigned int number(struct capi_memcpy *mc)
{
	return capi_cxl_get(&mc->cxl, CAPI_MEMCPY_REG_HANDLE) >> 48;
}

static void leave_mark(struct capi_memcpy *mc)
{
	memset((char *)mc->cxl.psa + MEMORY, 0x5a, mc->cxl.size - MEMORY);
}

static bool is_clear(struct capi_memcpy *mc)
{
	const char *psa = mc->cxl.psa;
	size_t i = MEMORY;

	while (i < mc->cxl.size && !psa[i])
		i++;
	return i == mc->cxl.size;
}

TEST(area_of_a_process)
{
	struct capi_memcpy mc;
	unsigned int before;

	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&mc, 1));
	EXPECT_TRUE(is_clear(&mc));
	leave_mark(&mc);
	before = number(&mc);
	capi_memcpy_close(&mc);

	ASSERT_EQ(0, memcpy_start(&mc, 1));
	EXPECT_EQ(before, number(&mc));
	EXPECT_TRUE(is_clear(&mc));
	capi_memcpy_close(&mc);
}

TEST(area_of_a_process_and_a_consumer)
{
	struct capi_memcpy mc;
	struct vfio_queue q;
	unsigned int before;

	NOT_IN_GUEST(return, "needs mdevs");
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&mc, 1));
	leave_mark(&mc);
	before = number(&mc);
	capi_memcpy_close(&mc);

	ASSERT_EQ(0, vfio_queue_open(&q));
	EXPECT_EQ(before, number(&q.mc));
	EXPECT_TRUE(is_clear(&q.mc));
	leave_mark(&q.mc);
	ASSERT_EQ(0, vfio_queue_close(&q));

	ASSERT_EQ(0, memcpy_start(&mc, 1));
	EXPECT_EQ(before, number(&mc));
	EXPECT_TRUE(is_clear(&mc));
	capi_memcpy_close(&mc);
}

TEST_HARNESS_MAIN
