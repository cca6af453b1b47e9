// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose events they are: several readers, resets, openers one after another.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "vfio_mdev.h"

FIXTURE(event_life) {
	struct mdev mdev;
	struct from from;
	union event event;
};

FIXTURE_SETUP(event_life)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &self->from));
}

FIXTURE_TEARDOWN(event_life)
{
	close(self->from.fd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* Leaves six events, one of them looked at in the window. */
static int leave_events(struct mdev *mdev)
{
	int ret = echo_emit(mdev, 3);

	if (!ret)
		ret = echo_raise(mdev, CAPI_ECHO_REG_IRQ, 1);
	if (!ret)
		ret = echo_raise(mdev, CAPI_ECHO_REG_FAULT, 0x1000);
	if (!ret)
		ret = echo_raise(mdev, CAPI_ECHO_REG_ERROR, 1);
	if (!ret)
		ret = bar0_put(mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			       CAPI_MDEV_EVENT_ENABLE);
	if (!ret)
		ret = bar0_put(mdev, CAPI_MDEV_REG_EVENT_LOOK, 4, 1);
	return ret;
}

static int reset_command(struct mdev *mdev)
{
	return mdev_command(mdev, CAPI_MDEV_COMMAND_RESET);
}

static int reset_ioctl(struct mdev *mdev)
{
	return ioctl(mdev->vfio.device, VFIO_DEVICE_RESET) ? -errno : 0;
}

/* Closes the device and opens it again. */
static int reset_reopen(struct mdev *mdev)
{
	mdev_close(mdev);
	return mdev_open(mdev);
}

FIXTURE_VARIANT(event_life) {
	int (*reset)(struct mdev *mdev);
};

FIXTURE_VARIANT_ADD(event_life, command) {
	.reset = reset_command,
};

FIXTURE_VARIANT_ADD(event_life, ioctl) {
	.reset = reset_ioctl,
};

FIXTURE_VARIANT_ADD(event_life, reopen) {
	.reset = reset_reopen,
};

TEST_F(event_life, events_do_not_survive)
{
	struct from from;

	ASSERT_EQ(0, leave_events(&self->mdev));
	ASSERT_EQ(0, variant->reset(&self->mdev));
	EXPECT_EQ(6, mdev_attr(&self->mdev, "events_cancelled"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));

	ASSERT_EQ(0, capi_vfio_enable(&self->mdev.vfio));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &from));
	EXPECT_EQ(-EAGAIN, event_read(from, &self->event));

	ASSERT_EQ(0, capi_vfio_start(&self->mdev.vfio, 0));
	EXPECT_EQ(-EAGAIN, event_read(from, &self->event));
	ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 2));
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, event_read_type(from, &self->event));
	EXPECT_EQ(2, self->event.event.irq.irq);
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(24, event_read(from, &self->event));
	close(from.fd);
}

/* Events still due when the context is reset do not come later. */
TEST_F(event_life, due_events_do_not_survive)
{
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_PERIOD, 1000000));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 1000));
	ASSERT_EQ(0, variant->reset(&self->mdev));
	ASSERT_EQ(0, capi_vfio_enable(&self->mdev.vfio));
	ASSERT_EQ(0, capi_vfio_start(&self->mdev.vfio, 0));
	EXPECT_EQ(0, echo_get(&self->mdev, CAPI_ECHO_REG_DUE));
	EXPECT_EQ(0, echo_get(&self->mdev, CAPI_ECHO_REG_PERIOD));
}

FIXTURE(event_share) {
	struct mdev mdev;
	union event event;
	int sockets[2];
};

FIXTURE_SETUP(event_share)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->sockets));
}

FIXTURE_TEARDOWN(event_share)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* An event fd ends with the opening of the device that it came from. */
TEST_F(event_share, event_fd_ends_with_close)
{
	struct from old, new;

	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &old));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	mdev_close(&self->mdev);
	EXPECT_EQ(POLLERR, poll_now(old.fd));
	EXPECT_EQ(-EIO, event_read(old, &self->event));

	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &new));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	EXPECT_EQ(POLLERR, poll_now(old.fd));
	EXPECT_EQ(-EIO, event_read(old, &self->event));
	EXPECT_EQ(24, event_read(new, &self->event));
	EXPECT_EQ(0, event_seq(&self->event));

	/* It may outlive the mdev. */
	ASSERT_EQ(0, mdev_remove(&self->mdev));
	EXPECT_EQ(-EIO, event_read(old, &self->event));
	EXPECT_EQ(-EIO, event_read(new, &self->event));
	EXPECT_EQ(POLLERR, poll_now(new.fd));
	close(old.fd);
	close(new.fd);
	ASSERT_EQ(0, mdev_create(&self->mdev));
}

/* Reads twice from the event fd it is sent, and tells what it got. */
static void read_in_child(int sock)
{
	struct from from = { .offset = -1 };
	union event event;
	int i, ret;

	from.fd = receive_fd(sock);
	for (i = 0; i < 2; i++) {
		ret = event_read(from, &event);
		if (write(sock, &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
	}
	_exit(0);
}

TEST_F(event_share, event_fd_passed_on)
{
	struct from from;
	pid_t pid;
	int ret;

	/* Before the device is opened: the child must not hold it open. */
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		read_in_child(self->sockets[1]);

	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &from));
	ASSERT_EQ(0, send_fd(self->sockets[0], from.fd));
	close(from.fd);

	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(POLLIN, poll_for(self->sockets[0], POLLIN));
	ASSERT_EQ(sizeof(ret), read(self->sockets[0], &ret, sizeof(ret)));
	EXPECT_EQ(24, ret);

	/* It waits for the second event when the device is closed. */
	mdev_close(&self->mdev);
	ASSERT_EQ(POLLIN, poll_for(self->sockets[0], POLLIN));
	ASSERT_EQ(sizeof(ret), read(self->sockets[0], &ret, sizeof(ret)));
	EXPECT_EQ(-EIO, ret);
	ASSERT_EQ(pid, waitpid(pid, &ret, 0));
	EXPECT_EQ(0, ret);
}

TEST_HARNESS_MAIN
