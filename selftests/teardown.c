// SPDX-License-Identifier: GPL-2.0-only
/*
 * An adapter goes away while its mdev is in use: the consumer is told and loses
 * all access at once, and only the adapter's own removal waits for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "vfio_mdev.h"

FIXTURE(teardown) {
	struct mdev mdev;
	struct from from;
	struct from region;
	union event event;
	int request;
};

FIXTURE_SETUP(teardown)
{
	ASSERT_EQ(0, capi_reload("adapters=2"));
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, from_event_fd(&self->mdev, 0, &self->from));
	ASSERT_EQ(0, from_region(&self->mdev, &self->region));
	self->request = irq_eventfd(&self->mdev, VFIO_PCI_REQ_IRQ_INDEX, 0);
	ASSERT_GE(self->request, 0);
}

FIXTURE_TEARDOWN(teardown)
{
	close(self->from.fd);
	mdev_close(&self->mdev);
	/* Fails where something is still held. */
	EXPECT_EQ(0, capi_reload(""));
}

/* Whether a PCI function of the card's domain is there */
static bool functions_left(struct mdev *mdev)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	bool left = false;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, mdev->card, 5))
			left = true;
	if (dir)
		closedir(dir);
	return left;
}

/* The other adapter's PCI function */
static int other_card(struct mdev *mdev, char *card, size_t size)
{
	DIR *dir = opendir("/sys/class/mdev_bus");
	struct dirent *entry;
	int ret = -ENOENT;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, mdev->card))
			continue;
		snprintf(card, size, "%s", entry->d_name);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

TEST_F(teardown, consumer_is_told)
{
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_GE(eventfd_count(self->request), 1);

	EXPECT_EQ(POLLERR, poll_now(self->from.fd));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(-EIO, event_read(self->region, &self->event));
	EXPECT_EQ(0xffffffff, bar0_get(&self->mdev, CAPI_MDEV_REG_ID, 4));
	EXPECT_EQ(~0ULL, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
	EXPECT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_COMMAND, 4,
			      CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(-ENODEV, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(-ENODEV, capi_vfio_event_fd(&self->mdev.vfio, 0));
	EXPECT_NE(0, ioctl(self->mdev.vfio.device, VFIO_DEVICE_RESET));
	/* Its memory space does not come back either. */
	EXPECT_EQ(-ENODEV, capi_vfio_enable(&self->mdev.vfio));
	EXPECT_TRUE(functions_left(&self->mdev));
}

/* Once when the context is closed, and again when nothing answers any more. */
TEST_F(teardown, vector_tells_twice)
{
	int fd = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX, 0);

	ASSERT_GE(fd, 0);
	eventfd_count(fd);
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_GE(eventfd_count(fd), 2);
	close(fd);
}

/* The card's device and vendor, as lspci reads them */
static __u32 card_id(struct mdev *mdev)
{
	char path[256];
	__u32 id = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", mdev->card);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &id, sizeof(id), 0) != sizeof(id))
		id = 0;
	close(fd);
	return id;
}

TEST_F(teardown, functions_go_when_closed)
{
	EXPECT_EQ(0x04771014, card_id(&self->mdev));
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_EQ(0xffffffff, card_id(&self->mdev));
	EXPECT_TRUE(functions_left(&self->mdev));
	mdev_close(&self->mdev);
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&self->mdev)));
	EXPECT_EQ(-ENOENT, mdev_attr(&self->mdev, "process_element"));
	/* The event fd outlives even that. */
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
	EXPECT_EQ(POLLERR, poll_now(self->from.fd));
}

TEST_F(teardown, functions_go_when_unused)
{
	mdev_close(&self->mdev);
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&self->mdev)));
	EXPECT_EQ(-ENOENT, mdev_attr(&self->mdev, "process_element"));
}

TEST_F(teardown, blocked_reader_wakes)
{
	struct reader reader;

	ASSERT_EQ(0, reader_start(&reader, self->from, &self->event,
				  sizeof(self->event)));
	ASSERT_TRUE(reader_asleep(&reader));
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_EQ(-EIO, reader_join(&reader));
}

/* No user memory, however slow, keeps an adapter from going. */
TEST_F(teardown, stalled_reader_stops_nothing)
{
	struct reader reader;
	struct stall stall;

	ASSERT_EQ(0, stall_init(&stall));
	ASSERT_EQ(0, echo_emit(&self->mdev, 1));
	ASSERT_EQ(0, reader_start(&reader, self->from,
				  stall.memory + stall.page - 8,
				  CXL_READ_MIN_SIZE));
	ASSERT_TRUE(stall_wait(&stall));
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_FALSE(reader_done(&reader, 0));

	/* Nor from being gone. */
	mdev_close(&self->mdev);
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&self->mdev)));
	ASSERT_EQ(0, stall_release(&stall));
	EXPECT_EQ(-EIO, reader_join(&reader));
	stall_destroy(&stall);
}

/* As of any PCI device that is gone; a hypervisor would die of a SIGBUS. */
TEST_F(teardown, mapping_reads_ones)
{
	__u64 begin = self->mdev.vfio.regions[VFIO_PCI_BAR2_REGION_INDEX].offset;
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int *memory = mmap(NULL, page, PROT_READ | PROT_WRITE,
				    MAP_SHARED, self->mdev.vfio.device,
				    begin + page);

	ASSERT_NE(MAP_FAILED, memory);
	__atomic_store_n(memory, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_EQ(~0U, __atomic_load_n(memory, __ATOMIC_RELAXED));
	__atomic_store_n(memory, 2, __ATOMIC_RELAXED);
	munmap(memory, page);
}

TEST_F(teardown, nothing_new_on_it)
{
	struct mdev second, third;
	int ret;

	ASSERT_EQ(0, mdev_create_on(&second, self->mdev.card));
	ASSERT_EQ(0, card_drop(&self->mdev));
	ret = mdev_open(&second);
	EXPECT_TRUE(ret == -ENODEV || ret == -ENOENT);
	EXPECT_NE(0, mdev_create_on(&third, self->mdev.card));
	/* Twice makes no difference. */
	card_drop(&self->mdev);
	EXPECT_TRUE(functions_left(&self->mdev));
}

/* Whether @text can be written to @path while nobody is waited for */
static bool writes_at_once(const char *path, const char *text)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(-write_file(path, text));
	if (!WAIT_UNTIL(waitpid(pid, &status, WNOHANG) == pid)) {
		kill(pid, SIGKILL);
		return false;
	}
	return !status;
}

TEST_F(teardown, only_the_adapter_waits)
{
	struct mdev other;
	struct from from;
	char card[32];

	ASSERT_EQ(0, other_card(&self->mdev, card, sizeof(card)));
	ASSERT_EQ(0, card_drop(&self->mdev));
	EXPECT_TRUE(writes_at_once("/sys/bus/pci/rescan", "1"));

	/* The other adapter works on. */
	ASSERT_EQ(0, mdev_create_on(&other, card));
	ASSERT_EQ(0, mdev_start(&other));
	ASSERT_EQ(0, from_event_fd(&other, CAPI_MDEV_EVENT_FD_NONBLOCK, &from));
	ASSERT_EQ(0, echo_emit(&other, 1));
	EXPECT_EQ(24, event_read(from, &self->event));
	close(from.fd);
	EXPECT_EQ(0, mdev_remove(&other));

	/* It goes while the first one still waits. */
	ASSERT_EQ(0, card_drop(&other));
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&other)));
	EXPECT_TRUE(functions_left(&self->mdev));
}

/* The code behind an event fd stays as long as the fd does. */
TEST_F(teardown, event_fd_holds_the_module)
{
	ASSERT_EQ(0, mdev_remove(&self->mdev));
	EXPECT_NE(0, system("rmmod capi_mdev 2>/dev/null"));
	EXPECT_EQ(POLLERR, poll_now(self->from.fd));
	EXPECT_EQ(-EIO, event_read(self->from, &self->event));
}

/* Unbinding the driver asks the consumer as well, and waits. */
TEST_F(teardown, unbind)
{
	char path[128], card[32];
	int status;
	pid_t pid;

	snprintf(card, sizeof(card), "%s", self->mdev.card);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 card);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		mdev_close(&self->mdev);
		_exit(-write_file(path, card));
	}
	EXPECT_EQ(POLLIN, poll_for(self->request, POLLIN));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	/* The adapter is there, so the device works until it is closed. */
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_EMIT, 1));
	EXPECT_EQ(24, event_read(self->from, &self->event));
	mdev_close(&self->mdev);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	/* The function stays, and can be bound again. */
	EXPECT_TRUE(functions_left(&self->mdev));
	EXPECT_EQ(0, write_file("/sys/bus/pci/drivers/capi_mdev/bind", card));
	ASSERT_EQ(0, mdev_create_on(&self->mdev, card));
	EXPECT_EQ(0, mdev_start(&self->mdev));
}

TEST_HARNESS_MAIN
