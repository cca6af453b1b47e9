// SPDX-License-Identifier: GPL-2.0-only
/*
 * The administrator beside the consumer: attributes written while the device
 * is opened and closed, events posted to a context of somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

#define ROUNDS	100

FIXTURE(vfio_attrs) {
	struct mdev mdev;
	pid_t pid;
};

FIXTURE_SETUP(vfio_attrs)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
}

FIXTURE_TEARDOWN(vfio_attrs)
{
	if (self->pid) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* Writes the one and the other for ever; leaves at any other error. */
static void alternate(struct mdev *mdev)
{
	static const char * const values[] = { "4", "32" };
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret || ret == -EBUSY; i++)
		ret = mdev_set(mdev, "irqs", values[i % 2]);
	_exit(1);
}

/* How many vectors the device says it has; -1 if not always the same */
static int vectors(struct mdev *mdev)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};
	const unsigned int config = VFIO_PCI_CONFIG_REGION_INDEX;
	struct capi_vfio *vfio = &mdev->vfio;
	unsigned int cap = capi_vfio_get(vfio, config, PCI_CAPABILITY_LIST, 1);
	unsigned int n = 1 + bar0_get(mdev, CAPI_MDEV_REG_IRQS, 4);

	while (cap && capi_vfio_get(vfio, config, cap, 1) != PCI_CAP_ID_MSIX)
		cap = capi_vfio_get(vfio, config, cap + 1, 1);
	if (ioctl(vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &info) ||
	    info.count != n ||
	    1 + capi_vfio_get(vfio, config, cap + PCI_MSIX_FLAGS, 1) != n ||
	    1 + mdev_attr(mdev, "irqs") != n)
		return -1;
	return n;
}

TEST_F(vfio_attrs, number_of_interrupts_against_open)
{
	bool seen[2] = { };
	int i, n, fd;

	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (!self->pid)
		alternate(&self->mdev);

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, mdev_start(&self->mdev));
		n = vectors(&self->mdev);
		ASSERT_TRUE(n == 5 || n == 33) {
			TH_LOG("%d vectors", n);
		}
		seen[n == 33] = true;

		/* The last interrupt works and there is none behind it. */
		fd = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX, n - 1);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, n - 1));
		EXPECT_EQ(1, eventfd_count(fd));
		ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_IRQ, n));
		EXPECT_TRUE(mdev_balanced(&self->mdev, 1));
		close(fd);
		EXPECT_EQ(n, vectors(&self->mdev));
		mdev_close(&self->mdev);
		ASSERT_TRUE(WAIT_UNTIL(mdev_attr(&self->mdev, "irqs") != n - 1));
	}
	/* Otherwise nothing was tested. */
	EXPECT_TRUE(seen[0] && seen[1]);
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
}

TEST_F(vfio_attrs, post_in_each_state)
{
	struct mdev *mdev = &self->mdev;

	EXPECT_EQ(-EIO, echo_post(mdev, "irq 1"));
	ASSERT_EQ(0, mdev_open(mdev));
	EXPECT_EQ(-EIO, echo_post(mdev, "irq 1"));
	ASSERT_EQ(0, capi_vfio_start(&mdev->vfio, 0));
	EXPECT_EQ(0, echo_post(mdev, "irq 1"));

	ASSERT_EQ(0, card_link(mdev, false));
	EXPECT_EQ(-EIO, echo_post(mdev, "irq 1"));
	ASSERT_EQ(0, card_link(mdev, true));
	EXPECT_EQ(0, echo_post(mdev, "error 1"));

	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(-EIO, echo_post(mdev, "irq 1"));
	mdev_close(mdev);
	EXPECT_EQ(-EIO, echo_post(mdev, "irq 1"));
	EXPECT_EQ(2, mdev_attr(mdev, "events_raised"));
}

/* Posts for ever, whether there is somebody to post to or not. */
static void post(struct mdev *mdev)
{
	int ret;

	do {
		ret = echo_post(mdev, "emit 1");
	} while (!ret || ret == -EIO || ret == -ENOENT);
	_exit(1);
}

TEST_F(vfio_attrs, post_against_close)
{
	long long raised = 0;
	int i;

	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (!self->pid)
		post(&self->mdev);

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, mdev_start(&self->mdev));
		ASSERT_LT(raised, mdev_attr_wait(&self->mdev, "events_raised",
						 raised + 1));
		mdev_close(&self->mdev);
		raised = mdev_attr(&self->mdev, "events_raised");
		EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	}
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
}

TEST_HARNESS_MAIN
