// SPDX-License-Identifier: GPL-2.0-only
/*
 * An mdev in use: eventfds that change while interrupts are raised, mappings that
 * come and go while they are used.
 */
#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "race.h"

#define MSIX		VFIO_PCI_MSIX_IRQ_INDEX
#define VECTORS		(1 + ECHO_IRQS)
#define EXCHANGES	6

FIXTURE(race_device) {
	struct race race;
	struct mdev mdev;
	struct capi_vfio *vfio;
	unsigned int cap;
	unsigned int shape;
	unsigned int irq;
	int fds[EXCHANGES];
	int nr_fds;
	__u32 *memory;
	size_t page;
	int (*change)(FIXTURE_DATA(race_device) * self, bool away);
};

static unsigned int config_get(FIXTURE_DATA(race_device) * self,
			       unsigned int off, unsigned int width)
{
	return capi_vfio_get(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, off,
			     width);
}

static int config_put(FIXTURE_DATA(race_device) * self, unsigned int off,
		      unsigned int value)
{
	return capi_vfio_put(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, off, 2,
			     value);
}

FIXTURE_SETUP(race_device)
{
	off_t area;

	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	self->vfio = &self->mdev.vfio;
	self->cap = config_get(self, PCI_CAPABILITY_LIST, 1);
	while (self->cap &&
	       config_get(self, self->cap, 1) != PCI_CAP_ID_MSIX)
		self->cap = config_get(self, self->cap + 1, 1);
	ASSERT_NE(0, self->cap);
	self->page = sysconf(_SC_PAGESIZE);
	area = self->vfio->regions[VFIO_PCI_BAR2_REGION_INDEX].offset;
	self->memory = cxl_map(self->vfio->device, self->page,
			       area + self->page);
	ASSERT_NE(MAP_FAILED, self->memory);
	race_init(&self->race, self);
}

FIXTURE_TEARDOWN(race_device)
{
	EXPECT_TRUE(race_end(&self->race));
	munmap(self->memory, self->page);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* Interrupts */

static int raise_once(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;

	return echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, self->irq);
}

static int set_eventfds(FIXTURE_DATA(race_device) * self, unsigned int start,
			unsigned int count, const int *fds)
{
	struct {
		struct vfio_irq_set set;
		__s32 fds[VECTORS];
	} request = {
		.set.argsz = sizeof(request.set) + count * sizeof(*fds),
		.set.flags = VFIO_IRQ_SET_DATA_EVENTFD |
			     VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = MSIX,
		.set.start = start,
		.set.count = count,
	};

	memcpy(request.fds, fds, count * sizeof(*fds));
	return ioctl(self->vfio->device, VFIO_DEVICE_SET_IRQS, &request) ?
	       -errno : 0;
}

/* The ways in which a vector's eventfd can be taken away; each may fail. */

static int take_away(FIXTURE_DATA(race_device) * self, unsigned int way)
{
	const int none[VECTORS] = { -1, -1, -1, -1, -1 };
	struct vfio_irq_set disable = {
		.argsz = sizeof(disable),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = MSIX,
	};

	switch (way % 3) {
	case 0:
		return set_eventfds(self, self->irq, 1, none);
	case 1:
		return set_eventfds(self, 0, VECTORS, none);
	default:
		return ioctl(self->vfio->device, VFIO_DEVICE_SET_IRQS,
			     &disable) ? -errno : 0;
	}
}

/* One eventfd after another, now and then with none in between */
static int exchange(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	int fds[VECTORS] = { -1, -1, -1, -1, -1 };
	int i, ret = 0;

	for (i = 0; i < EXCHANGES && !ret; i++) {
		self->fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		fds[self->irq] = self->fds[i];
		if (i % 2)
			ret = set_eventfds(self, 0, VECTORS, fds);
		else
			ret = set_eventfds(self, self->irq, 1, &self->fds[i]);
		if (!ret && self->shape++ % 3)
			ret = take_away(self, self->shape);
	}
	return ret;
}

/* Nothing leaves while the function is no bus master, or masked. */
static int hold_back(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	unsigned int flags = self->cap + PCI_MSIX_FLAGS;
	int i, ret = 0;

	for (i = 0; i < 3 && !ret; i++) {
		ret = config_put(self, PCI_COMMAND, PCI_COMMAND_MEMORY);
		if (!ret)
			ret = config_put(self, flags, PCI_MSIX_FLAGS_ENABLE |
					 PCI_MSIX_FLAGS_MASKALL);
		if (!ret)
			ret = config_put(self, PCI_COMMAND, PCI_COMMAND_MEMORY |
					 PCI_COMMAND_MASTER);
		if (!ret)
			ret = config_put(self, flags, PCI_MSIX_FLAGS_ENABLE);
	}
	return ret;
}

/* How often any of the eventfds was signalled; closes them. */
static unsigned int signalled(FIXTURE_DATA(race_device) * self)
{
	unsigned int i, n = 0;

	for (i = 0; i < EXCHANGES; i++) {
		n += eventfd_count(self->fds[i]);
		close(self->fds[i]);
	}
	return n;
}

/* Whatever is exchanged meanwhile: who is raised once is signalled once. */
TEST_F_TIMEOUT(race_device, interrupt_against_set_irqs, 3600)
{
	struct racer *racer = self->race.racer;
	struct from from;
	union event event;
	unsigned int i;
	int last;

	race_add(&self->race, "interrupt", raise_once);
	race_add(&self->race, "SET_IRQS", exchange);
	race_add(&self->race, "bus master and mask", hold_back);
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &from));
	for (i = 0; race_more(&self->race, 30); i++) {
		self->irq = 1 + i % ECHO_IRQS;
		race_run(&self->race);
		ASSERT_EQ(0, racer[0].ret);
		ASSERT_EQ(0, racer[1].ret);
		ASSERT_EQ(0, racer[2].ret);
		last = irq_eventfd(&self->mdev, MSIX, self->irq);
		ASSERT_GE(last, 0);
		EXPECT_EQ(1, eventfd_count(last) + signalled(self));
		close(last);
		/* It is an event, too. */
		EXPECT_EQ(16, event_read(from, &event));
		EXPECT_EQ(self->irq, event.event.irq.irq);
		EXPECT_EQ(-EAGAIN, event_read(from, &event));
	}
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	EXPECT_EQ(i, mdev_attr(&self->mdev, "events_delivered"));
	close(from.fd);
}

/* Others who are signalled: by the consumer itself, by a driver event, by ERR */
static int raise_others(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	struct {
		struct vfio_irq_set set;
		__u8 wanted[VECTORS];
	} loop_back = {
		.set.argsz = sizeof(loop_back),
		.set.flags = VFIO_IRQ_SET_DATA_BOOL |
			     VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = MSIX,
		.set.count = VECTORS,
		.wanted = { 1, 0, 1, 0, 1 },
	};
	int ret = echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 1);

	if (!ret && ioctl(self->vfio->device, VFIO_DEVICE_SET_IRQS, &loop_back))
		ret = -errno;
	if (!ret)
		ret = card_link(&self->mdev, false);
	return ret ? ret : card_link(&self->mdev, true);
}

/* Eventfds of ERR and REQ come and go as well. */
static int exchange_all(void *arg)
{
	static const unsigned int indices[] = {
		MSIX, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
	};
	FIXTURE_DATA(race_device) * self = arg;
	int i, fd, ret = 0;

	for (i = 0; i < 9 && !ret; i++) {
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ret = capi_vfio_set_irq(self->vfio, indices[i % 3], 0, fd);
		close(fd);
		if (!ret && self->shape++ % 2)
			ret = capi_vfio_set_irq(self->vfio, indices[i % 3], 0,
						-1);
	}
	return ret;
}

TEST_F_TIMEOUT(race_device, events_against_set_irqs, 3600)
{
	struct racer *racer = self->race.racer;
	struct from from;
	union event event;
	unsigned int i;
	int vector, error;

	race_add(&self->race, "event, loopback and link", raise_others);
	race_add(&self->race, "SET_IRQS", exchange_all);
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &from));
	for (i = 0; race_more(&self->race, 20); i++) {
		race_run(&self->race);
		ASSERT_EQ(0, racer[0].ret);
		ASSERT_EQ(0, racer[1].ret);
		EXPECT_EQ(24, event_read(from, &event));
		EXPECT_EQ(i, event_seq(&event));

		/* All of them work. */
		vector = irq_eventfd(&self->mdev, MSIX, 0);
		error = irq_eventfd(&self->mdev, VFIO_PCI_ERR_IRQ_INDEX, 0);
		ASSERT_EQ(0, card_link(&self->mdev, false));
		EXPECT_GE(eventfd_count(vector), 1);
		EXPECT_EQ(1, eventfd_count(error));
		ASSERT_EQ(0, card_link(&self->mdev, true));
		close(vector);
		close(error);
	}
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	close(from.fd);
}

/* Mappings */

#define MARK	0x5a5a5a5a

static int by_memory_space(FIXTURE_DATA(race_device) * self, bool away)
{
	return config_put(self, PCI_COMMAND, PCI_COMMAND_MASTER |
			  (away ? 0 : PCI_COMMAND_MEMORY));
}

static int by_link(FIXTURE_DATA(race_device) * self, bool away)
{
	return card_link(&self->mdev, !away);
}

static int by_stop(FIXTURE_DATA(race_device) * self, bool away)
{
	return mdev_command(&self->mdev, away ? CAPI_MDEV_COMMAND_STOP :
			    CAPI_MDEV_COMMAND_START);
}

static int by_reset(FIXTURE_DATA(race_device) * self, bool away)
{
	if (away)
		return ioctl(self->vfio->device, VFIO_DEVICE_RESET) ? -errno : 0;
	return capi_vfio_enable(self->vfio) ?:
	       capi_vfio_start(self->vfio, 0);
}

static const struct {
	const char *what;
	int (*change)(FIXTURE_DATA(race_device) * self, bool away);
} changes[] = {
	{ "memory space off and on", by_memory_space },
	{ "link down and up", by_link },
	{ "stop and start", by_stop },
	{ "reset and start", by_reset },
};

static int change(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	int i, ret = 0;

	for (i = 0; i < 6 && !ret; i++)
		ret = self->change(self, i % 2 == 0);
	return ret;
}

/* Loads with a page fault each: what was stored, what is cleared, or ones */
static int load(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	__u32 value;
	int i;

	for (i = 0; i < 40; i++) {
		if (!can_load(self->memory, &value))
			return -EFAULT;
		if (value != MARK && value && value != ~0U)
			return -EBADMSG;
		madvise(self->memory, self->page, MADV_DONTNEED);
	}
	return 0;
}

static int read_registers(void *arg)
{
	FIXTURE_DATA(race_device) * self = arg;
	__u64 value;
	int i;

	for (i = 0; i < 20; i++) {
		value = echo_get(&self->mdev, CAPI_ECHO_REG_ID);
		if (value != CAPI_ECHO_ID && value != ~0ULL)
			return -EBADMSG;
	}
	return 0;
}

TEST_F_TIMEOUT(race_device, mapping_against_changes, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i, k;
	__u32 value;

	for (k = 0; k < sizeof(changes) / sizeof(*changes); k++) {
		self->change = changes[k].change;
		if (k) {
			EXPECT_TRUE(race_end(&self->race));
			race_init(&self->race, self);
		}
		race_add(&self->race, "load", load);
		race_add(&self->race, changes[k].what, change);
		race_add(&self->race, "read registers", read_registers);
		for (i = 0; race_more(&self->race, 15); i++) {
			__atomic_store_n(self->memory, MARK, __ATOMIC_RELAXED);
			race_run(&self->race);
			EXPECT_EQ(0, racer[0].ret);
			ASSERT_EQ(0, racer[1].ret);
			EXPECT_EQ(0, racer[2].ret);
			/* The AFU's memory, and not the page of ones */
			EXPECT_TRUE(can_load(self->memory, &value));
			EXPECT_EQ(self->change == by_reset ? 0 : MARK, value);
			ASSERT_EQ(0, echo_put(&self->mdev, self->page, i));
			EXPECT_TRUE(can_load(self->memory, &value));
			EXPECT_EQ(i, value);
		}
	}
}

TEST_HARNESS_MAIN
