// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: which eventfd is signalled when, and what SET_IRQS takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define MAX_VECTORS	36
#define MSIX		VFIO_PCI_MSIX_IRQ_INDEX

FIXTURE(vfio_irq) {
	struct mdev mdev;
	struct capi_vfio *vfio;
	unsigned int vectors;
	int fds[MAX_VECTORS];
};

/* How many AFU interrupts the administrator chose */
FIXTURE_VARIANT(vfio_irq) {
	const char *irqs;
};

FIXTURE_VARIANT_ADD(vfio_irq, fewest) {
	.irqs = NULL,
};

FIXTURE_VARIANT_ADD(vfio_irq, most) {
	.irqs = "32",
};

FIXTURE_SETUP(vfio_irq)
{
	unsigned int i;

	ASSERT_EQ(0, mdev_create(&self->mdev));
	if (variant->irqs)
		ASSERT_EQ(0, mdev_set(&self->mdev, "irqs", variant->irqs));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	self->vfio = &self->mdev.vfio;
	self->vectors = 1 + bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4);
	ASSERT_LE(self->vectors, MAX_VECTORS);
	for (i = 0; i < self->vectors; i++) {
		self->fds[i] = irq_eventfd(&self->mdev, MSIX, i);
		ASSERT_GE(self->fds[i], 0);
		eventfd_count(self->fds[i]);
	}
}

FIXTURE_TEARDOWN(vfio_irq)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

struct irq_set {
	struct vfio_irq_set set;
	__s32 data[MAX_VECTORS];
};

/* SET_IRQS with @size bytes of data: 0 or a negative errno */
static int set_irqs(struct capi_vfio *vfio, struct irq_set *set, size_t size)
{
	set->set.argsz = sizeof(set->set) + size;
	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
}

#define EVENTFDS (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

TEST_F(vfio_irq, vector_of_each_interrupt)
{
	unsigned int irq, i;

	for (irq = 1; irq < self->vectors; irq++) {
		ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, irq));
		for (i = 0; i < self->vectors; i++) {
			/* Vector 0 tells of every event. */
			EXPECT_EQ(i == 0 || i == irq,
				  eventfd_count(self->fds[i])) {
				TH_LOG("interrupt %u, vector %u", irq, i);
			}
		}
	}
	/* An interrupt that is pending still has its vector signalled. */
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
}

TEST_F(vfio_irq, vector_of_other_events)
{
	static const unsigned int registers[] = {
		CAPI_ECHO_REG_EMIT, CAPI_ECHO_REG_FAULT, CAPI_ECHO_REG_ERROR
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		ASSERT_EQ(0, echo_raise(&self->mdev, registers[i], 1));
		EXPECT_EQ(POLLIN, poll_for(self->fds[0], POLLIN));
		EXPECT_EQ(1, eventfd_count(self->fds[0]));
		for (k = 1; k < self->vectors; k++)
			EXPECT_EQ(0, eventfd_count(self->fds[k]));
	}
}

TEST_F(vfio_irq, no_further_interrupt)
{
	long long raised = mdev_attr(&self->mdev, "events_raised");

	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, self->vectors));
	EXPECT_EQ(raised, mdev_attr(&self->mdev, "events_raised"));
	EXPECT_EQ(0, eventfd_count(self->fds[0]));
}

/* Where the MSI-X capability is */
static unsigned int msix_cap(struct capi_vfio *vfio)
{
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;
	unsigned int cap = capi_vfio_get(vfio, config, PCI_CAPABILITY_LIST, 1);

	while (cap && capi_vfio_get(vfio, config, cap, 1) != PCI_CAP_ID_MSIX)
		cap = capi_vfio_get(vfio, config, cap + 1, 1);
	return cap;
}

/* SET_IRQS enables and disables MSI-X, as in vfio-pci. */
static bool msix_enabled(struct capi_vfio *vfio)
{
	return capi_vfio_get(vfio, VFIO_PCI_CONFIG_REGION_INDEX,
			     msix_cap(vfio) + PCI_MSIX_FLAGS, 2) &
	       PCI_MSIX_FLAGS_ENABLE;
}

/* The pending bits of vectors 0 to 63 */
static __u64 pending(struct capi_vfio *vfio)
{
	__u32 pba = capi_vfio_get(vfio, VFIO_PCI_CONFIG_REGION_INDEX,
				  msix_cap(vfio) + PCI_MSIX_PBA, 4);

	return capi_vfio_get(vfio, VFIO_PCI_BAR4_REGION_INDEX,
			     pba & PCI_MSIX_PBA_OFFSET, 8);
}

TEST_F(vfio_irq, number)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = MSIX };
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;
	unsigned int flags = msix_cap(self->vfio) + PCI_MSIX_FLAGS;

	if (variant->irqs)
		EXPECT_EQ(1 + atoi(variant->irqs), self->vectors);
	EXPECT_EQ(self->vectors, 1 + mdev_attr(&self->mdev, "irqs"));
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &info));
	EXPECT_EQ(self->vectors, info.count);
	EXPECT_EQ(self->vectors - 1,
		  capi_vfio_get(self->vfio, config, flags, 2) &
		  PCI_MSIX_FLAGS_QSIZE);

	/* Neither a reset nor closing changes it. */
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	EXPECT_EQ(self->vectors, 1 + mdev_attr(&self->mdev, "irqs"));
	mdev_close(&self->mdev);
	ASSERT_EQ(0, mdev_open(&self->mdev));
	EXPECT_EQ(self->vectors,
		  1 + bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4));
}

static int command(struct capi_vfio *vfio, unsigned int value)
{
	return capi_vfio_put(vfio, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
			     value);
}

/* A message that may not leave is pending, and leaves when it may. */
TEST_F(vfio_irq, bus_master_off)
{
	ASSERT_EQ(0, command(self->vfio, PCI_COMMAND_MEMORY));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 2));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 2));
	EXPECT_EQ(0, eventfd_count(self->fds[0]));
	EXPECT_EQ(0, eventfd_count(self->fds[2]));
	EXPECT_EQ(1 << 0 | 1 << 2, pending(self->vfio));

	ASSERT_EQ(0, command(self->vfio,
			     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	EXPECT_EQ(1, eventfd_count(self->fds[0]));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
	EXPECT_EQ(1, eventfd_count(self->fds[2]));
	EXPECT_EQ(0, pending(self->vfio));
}

static int mask_function(struct capi_vfio *vfio, bool mask)
{
	return capi_vfio_put(vfio, VFIO_PCI_CONFIG_REGION_INDEX,
			     msix_cap(vfio) + PCI_MSIX_FLAGS, 2,
			     PCI_MSIX_FLAGS_ENABLE |
			     (mask ? PCI_MSIX_FLAGS_MASKALL : 0));
}

TEST_F(vfio_irq, function_masked)
{
	ASSERT_EQ(0, mask_function(self->vfio, true));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
	EXPECT_EQ(1 << 0 | 1 << 1, pending(self->vfio));

	ASSERT_EQ(0, mask_function(self->vfio, false));
	EXPECT_EQ(1, eventfd_count(self->fds[0]));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
	EXPECT_EQ(0, pending(self->vfio));
}

TEST_F(vfio_irq, reset_forgets_pending)
{
	ASSERT_EQ(0, command(self->vfio, PCI_COMMAND_MEMORY));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));

	/* The eventfds are still there. */
	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
}

TEST_F(vfio_irq, exchanged_and_removed)
{
	struct irq_set all = {
		.set.flags = EVENTFDS,
		.set.index = MSIX,
		.set.count = self->vectors,
	};
	int fd = eventfd(0, EFD_NONBLOCK);
	unsigned int i;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, capi_vfio_set_irq(self->vfio, MSIX, 1, fd));
	ASSERT_EQ(0, capi_vfio_set_irq(self->vfio, MSIX, 2, -1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 2));
	EXPECT_EQ(1, eventfd_count(fd));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
	EXPECT_EQ(0, eventfd_count(self->fds[2]));

	/* All at once */
	for (i = 0; i < self->vectors; i++)
		all.data[i] = fd;
	ASSERT_EQ(0, set_irqs(self->vfio, &all, self->vectors * sizeof(__s32)));
	eventfd_count(fd);
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 3));
	EXPECT_EQ(2, eventfd_count(fd));
	close(fd);
}

TEST_F(vfio_irq, all_disabled)
{
	struct irq_set none = {
		.set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = MSIX,
	};
	unsigned int i;

	EXPECT_TRUE(msix_enabled(self->vfio));
	ASSERT_EQ(0, set_irqs(self->vfio, &none, 0));
	EXPECT_FALSE(msix_enabled(self->vfio));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	for (i = 0; i < self->vectors; i++)
		EXPECT_EQ(0, eventfd_count(self->fds[i]));
}

TEST_F(vfio_irq, loop_back)
{
	struct irq_set set = {
		.set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = MSIX,
		.set.start = 1,
		.set.count = 2,
	};

	ASSERT_EQ(0, set_irqs(self->vfio, &set, 0));
	EXPECT_EQ(0, eventfd_count(self->fds[0]));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
	EXPECT_EQ(1, eventfd_count(self->fds[2]));

	set.set.flags = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
	((__u8 *)set.set.data)[0] = 0;
	((__u8 *)set.set.data)[1] = 1;
	ASSERT_EQ(0, set_irqs(self->vfio, &set, 2));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
	EXPECT_EQ(1, eventfd_count(self->fds[2]));
}

/* What SET_IRQS refuses, it refuses without changing anything. */
TEST_F(vfio_irq, bad_requests)
{
	const struct {
		struct vfio_irq_set set;
		size_t size;
		int error;
	} bad[] = {
		/* beyond the last vector */
		{ { .flags = EVENTFDS, .index = MSIX, .start = self->vectors,
		    .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS, .index = MSIX,
		    .count = self->vectors + 1 }, 4 * MAX_VECTORS, -EINVAL },
		{ { .flags = EVENTFDS, .index = MSIX, .start = 1,
		    .count = UINT_MAX }, 4 * MAX_VECTORS, -EINVAL },
		{ { .flags = EVENTFDS, .index = VFIO_PCI_REQ_IRQ_INDEX,
		    .start = 1, .count = 1 }, 4, -EINVAL },
		/* indices that have no interrupts, or do not exist */
		{ { .flags = EVENTFDS, .index = VFIO_PCI_INTX_IRQ_INDEX,
		    .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS, .index = VFIO_PCI_MSI_IRQ_INDEX,
		    .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS, .index = VFIO_PCI_NUM_IRQS,
		    .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS, .index = UINT_MAX,
		    .count = 1 }, 4, -EINVAL },
		/* less data than count says */
		{ { .flags = EVENTFDS, .index = MSIX, .count = 2 },
		  4, -EINVAL },
		/* flags that make no sense */
		{ { .flags = 0, .index = MSIX, .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS | VFIO_IRQ_SET_DATA_BOOL, .index = MSIX,
		    .count = 1 }, 4, -EINVAL },
		{ { .flags = EVENTFDS | 1 << 31, .index = MSIX,
		    .count = 1 }, 4, -EINVAL },
		/* actions that MSI-X does not have, as in vfio-pci */
		{ { .flags = EVENTFDS | VFIO_IRQ_SET_ACTION_MASK, .index = MSIX,
		    .count = 1 }, 4, -ENOTTY },
		{ { .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK,
		    .index = MSIX, .count = 1 }, 0, -ENOTTY },
	};
	struct irq_set set;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&set, 0xff, sizeof(set));
		set.set = bad[i].set;
		EXPECT_EQ(bad[i].error,
			  set_irqs(self->vfio, &set, bad[i].size)) {
			TH_LOG("request %u", i);
		}
	}
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(1, eventfd_count(self->fds[0]));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
}

TEST_F(vfio_irq, bad_descriptors)
{
	struct irq_set set = {
		.set.flags = EVENTFDS,
		.set.index = MSIX,
		.set.count = 3,
		.data = { self->fds[0], 1000, self->fds[2] },
	};
	int zero = open("/dev/zero", O_RDONLY);

	ASSERT_GE(zero, 0);
	EXPECT_EQ(-EBADF, set_irqs(self->vfio, &set, 12));
	set.data[1] = zero;
	EXPECT_EQ(-EINVAL, set_irqs(self->vfio, &set, 12));
	set.data[1] = -2;
	EXPECT_EQ(-EINVAL, set_irqs(self->vfio, &set, 12));

	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1));
	EXPECT_EQ(1, eventfd_count(self->fds[0]));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
	close(zero);
}

/* ERR and REQ work as in vfio-pci. */
TEST_F(vfio_irq, error)
{
	int fd = irq_eventfd(&self->mdev, VFIO_PCI_ERR_IRQ_INDEX, 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, poll_now(fd) & POLLIN);
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_EQ(1, eventfd_count(fd));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	close(fd);
}

/* What happened before nobody listened is not told to the next opener. */
TEST_F(vfio_irq, error_of_the_past)
{
	int fd;

	mdev_close(&self->mdev);
	ASSERT_EQ(0, card_link(&self->mdev, false));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	fd = irq_eventfd(&self->mdev, VFIO_PCI_ERR_IRQ_INDEX, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, poll_now(fd) & POLLIN);
	close(fd);
}

/* The consumer's own triggers need no bus master, and leave nothing behind. */
TEST_F(vfio_irq, own_trigger_without_bus_master)
{
	struct irq_set set = {
		.set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = MSIX,
		.set.start = 1,
		.set.count = 1,
	};
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;

	ASSERT_EQ(0, capi_vfio_put(self->vfio, config, PCI_COMMAND, 2,
				   PCI_COMMAND_MEMORY));
	EXPECT_EQ(0, set_irqs(self->vfio, &set, 0));
	EXPECT_EQ(1, eventfd_count(self->fds[1]));
	ASSERT_EQ(0, capi_vfio_put(self->vfio, config, PCI_COMMAND, 2,
				   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	EXPECT_EQ(0, eventfd_count(self->fds[1]));
}

TEST_F(vfio_irq, no_eventfds)
{
	struct irq_set set = {
		.set.flags = EVENTFDS,
		.set.index = MSIX,
	};

	EXPECT_EQ(-EINVAL, set_irqs(self->vfio, &set, 0));
	set.set.flags = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
	EXPECT_EQ(-EINVAL, set_irqs(self->vfio, &set, 0));
}

TEST_F(vfio_irq, request)
{
	int fd = irq_eventfd(&self->mdev, VFIO_PCI_REQ_IRQ_INDEX, 0);
	char path[128];
	int status;
	pid_t pid;

	ASSERT_GE(fd, 0);
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/remove",
		 self->mdev.uuid);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		mdev_close(&self->mdev);
		_exit(-write_file(path, "1"));
	}

	/* Whoever removes it waits until the consumer has closed it. */
	EXPECT_EQ(POLLIN, poll_for(fd, POLLIN));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	mdev_close(&self->mdev);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-ENOENT, mdev_attr(&self->mdev, "process_element"));
	ASSERT_EQ(0, mdev_create(&self->mdev));
	close(fd);
}

TEST_HARNESS_MAIN
