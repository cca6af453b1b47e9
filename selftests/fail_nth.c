// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a consumer does with a mediated device, and an administrator with it,
 * where the kernel runs out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "fail.h"
#include "vfio_mdev.h"

#define MSIX		VFIO_PCI_MSIX_IRQ_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define BAR4		VFIO_PCI_BAR4_REGION_INDEX
#define EVENTFDS	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* What the administrator does */

FIXTURE(admin) {
	struct fail fail;
	struct fail_state before;
	struct mdev mdev;
	char create[PATH_MAX];
	char remove[PATH_MAX];
};

FIXTURE_SETUP(admin)
{
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, mdev_create(&self->mdev));
	snprintf(self->create, sizeof(self->create),
		 "/sys/class/mdev_bus/%s/mdev_supported_types/capi_mdev-echo/create",
		 self->mdev.card);
	snprintf(self->remove, sizeof(self->remove),
		 "/sys/bus/mdev/devices/%s/remove", self->mdev.uuid);
	ASSERT_EQ(0, mdev_remove(&self->mdev));
	fail_state(&self->before);
}

FIXTURE_TEARDOWN(admin)
{
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

/* Twice: caches that are filled now and then move what comes after. */
FAIL_TEST(admin, create)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		FAIL_EACH(&self->fail, NOTHING,
			  write_file(self->create, self->mdev.uuid),
			  ASSERT_EQ(0, write_file(self->remove, "1")));
}

FAIL_TEST(admin, remove)
{
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, write_file(self->create, self->mdev.uuid)),
		  write_file(self->remove, "1"), NOTHING);
}

FAIL_TEST(admin, unbind_and_bind_parent)
{
	const char *bind = "/sys/bus/pci/drivers/capi_mdev/bind";
	const char *unbind = "/sys/bus/pci/drivers/capi_mdev/unbind";

	FAIL_EACH(&self->fail, ASSERT_EQ(0, write_file(unbind, self->mdev.card)),
		  write_file(bind, self->mdev.card), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, write_file(unbind, self->mdev.card),
		  ASSERT_EQ(0, write_file(bind, self->mdev.card)));
}

FAIL_TEST(admin, attributes)
{
	static const char * const shown[] = {
		"afu", "process_element", "state", "stale_acknowledgements",
		"irqs", "label", "max_events", "events_raised",
	};
	static const char * const stored[] = { "irqs", "label", "max_events" };
	char text[64];
	size_t i;

	ASSERT_EQ(0, write_file(self->create, self->mdev.uuid));
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		FAIL_EACH(&self->fail, NOTHING,
			  mdev_attr_text(&self->mdev, shown[i], text,
					 sizeof(text)), NOTHING);
	for (i = 0; i < ARRAY_SIZE(stored); i++)
		FAIL_EACH(&self->fail, NOTHING,
			  mdev_set(&self->mdev, stored[i], "5"), NOTHING);
	ASSERT_EQ(0, write_file(self->remove, "1"));
}

/* The consumer's device */

FIXTURE(device) {
	struct fail fail;
	struct fail_state before;
	struct mdev mdev;
	struct capi_vfio *vfio;
	struct from from;
};

FIXTURE_SETUP(device)
{
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, capi_load());
	fail_state(&self->before);
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	self->vfio = &self->mdev.vfio;
}

FIXTURE_TEARDOWN(device)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

static int close_one(int *fd)
{
	int ret = close(*fd) ? -errno : 0;

	*fd = -1;
	return ret;
}

static int open_device(struct mdev *mdev)
{
	int fd = ioctl(mdev->vfio.group, VFIO_GROUP_GET_DEVICE_FD, mdev->uuid);

	if (fd < 0)
		return -errno;
	mdev->vfio.device = fd;
	return 0;
}

FAIL_TEST(device, open)
{
	ASSERT_EQ(0, close_one(&self->vfio->device));
	FAIL_EACH(&self->fail, NOTHING, open_device(&self->mdev),
		  ASSERT_EQ(0, close_one(&self->vfio->device)));
}

FAIL_TEST(device, close)
{
	ASSERT_EQ(0, close_one(&self->vfio->device));
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, open_device(&self->mdev));
		  ASSERT_EQ(0, capi_vfio_enable(self->vfio));
		  ASSERT_EQ(0, capi_vfio_start(self->vfio, 0)),
		  close_one(&self->vfio->device), NOTHING);
}

/* VFIO_DEVICE_BIND_IOMMUFD and what it takes; headers may be older. */
struct bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};

#define BIND_IOMMUFD	_IO(VFIO_TYPE, VFIO_BASE + 18)

static int open_cdev(struct mdev *mdev)
{
	char pattern[PATH_MAX], path[PATH_MAX];
	glob_t found;
	int fd;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/mdev/devices/%s/vfio-dev/vfio*", mdev->uuid);
	if (glob(pattern, 0, NULL, &found))
		return -ENOENT;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
		 basename(found.gl_pathv[0]));
	globfree(&found);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

FAIL_TEST(device, open_as_character_device)
{
	struct bind_iommufd bind = { .argsz = sizeof(bind) };
	int fd = -1;

	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (bind.iommufd < 0)
		SKIP(return, "this kernel has no iommufd");
	mdev_close(&self->mdev);
	FAIL_EACH(&self->fail, ASSERT_LE(0, (fd = open_cdev(&self->mdev))),
		  call(fd, BIND_IOMMUFD, &bind), ASSERT_EQ(0, close_one(&fd)));
	close(bind.iommufd);
}

FAIL_TEST(device, describe)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	union {
		struct vfio_region_info info;
		char space[256];
	} region;
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };

	FAIL_EACH(&self->fail, NOTHING,
		  call(self->vfio->device, VFIO_DEVICE_GET_INFO, &info), NOTHING);
	for (region.info.index = 0;
	     region.info.index < self->vfio->num_regions; region.info.index++) {
		region.info.argsz = sizeof(region);
		FAIL_EACH(&self->fail, NOTHING,
			  call(self->vfio->device, VFIO_DEVICE_GET_REGION_INFO,
			       &region), NOTHING);
	}
	irq.index = MSIX;
	FAIL_EACH(&self->fail, NOTHING,
		  call(self->vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &irq), NOTHING);
}

FAIL_TEST(device, reset)
{
	FAIL_EACH(&self->fail, ASSERT_EQ(0, capi_vfio_start(self->vfio, 0)),
		  call(self->vfio->device, VFIO_DEVICE_RESET, NULL),
		  ASSERT_EQ(0, capi_vfio_enable(self->vfio)));
}

/* The second page of BAR2, which an echo AFU lets be mapped */
static int map_area(const struct capi_vfio *vfio, __u32 **map)
{
	size_t page = sysconf(_SC_PAGESIZE);
	off_t at = vfio->regions[VFIO_PCI_BAR2_REGION_INDEX].offset + page;

	*map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device,
		    at);
	return *map == MAP_FAILED ? -errno : 0;
}

static int unmap_area(__u32 *map)
{
	return munmap(map, sysconf(_SC_PAGESIZE)) ? -errno : 0;
}

FAIL_TEST(device, map)
{
	__u32 *map;

	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	FAIL_EACH(&self->fail, NOTHING, map_area(self->vfio, &map),
		  ASSERT_EQ(0, unmap_area(map)));
}

struct irq_set {
	struct vfio_irq_set set;
	__s32 data[5];
};

static int set_irqs(struct capi_vfio *vfio, __u32 flags, __u32 index,
		    __u32 count, const void *data, size_t size)
{
	struct irq_set set = {
		.set.argsz = sizeof(set.set) + size,
		.set.flags = flags,
		.set.index = index,
		.set.count = count,
	};

	memcpy(set.data, data, size);
	return call(vfio->device, VFIO_DEVICE_SET_IRQS, &set);
}

/* Each eventfd is held once by the device, if at all, whatever failed. */
FAIL_TEST(device, set_irqs)
{
	const __u32 none = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	const __u32 some = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
	const __u8 wanted[5] = { 0, 1, 0, 1, 0 };
	struct capi_vfio *vfio = self->vfio;
	__s32 fds[5];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
	}
	FAIL_EACH(&self->fail, ASSERT_EQ(0, set_irqs(vfio, none, MSIX, 0, NULL, 0)),
		  set_irqs(vfio, EVENTFDS, MSIX, 5, fds, sizeof(fds)),
		  ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_COMMAND, 4, 0)));
	FAIL_EACH(&self->fail, NOTHING, set_irqs(vfio, some, MSIX, 5, wanted, 5), NOTHING);
	EXPECT_EQ(0, eventfd_count(fds[0]));
	EXPECT_LT(0, eventfd_count(fds[1]));
	FAIL_EACH(&self->fail, NOTHING, set_irqs(vfio, none, MSIX, 5, NULL, 0), NOTHING);
	EXPECT_LT(0, eventfd_count(fds[0]));
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, set_irqs(vfio, EVENTFDS, MSIX, 5, fds, sizeof(fds))),
		  set_irqs(vfio, none, MSIX, 0, NULL, 0), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  set_irqs(vfio, EVENTFDS, VFIO_PCI_ERR_IRQ_INDEX, 1, fds, 4), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  set_irqs(vfio, EVENTFDS, VFIO_PCI_REQ_IRQ_INDEX, 1, fds, 4), NOTHING);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

FAIL_TEST(device, event_fd)
{
	FAIL_EACH(&self->fail, NOTHING,
		  from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				&self->from),
		  ASSERT_EQ(0, close_one(&self->from.fd)));
}

static int read_all(struct from from, union event *event)
{
	int ret = event_read(from, event);

	return ret < 0 ? ret : 0;
}

/* What could not be copied is there for the next reader. */
FAIL_TEST(device, read_event)
{
	union event event;

	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	ASSERT_EQ(0, from_event_fd(&self->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				   &self->from));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, echo_emit(&self->mdev, 1)),
		  read_all(self->from, &event), NOTHING);
	EXPECT_EQ(-EAGAIN, event_read(self->from, &event));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	ASSERT_EQ(0, close_one(&self->from.fd));

	ASSERT_EQ(0, from_region(&self->mdev, &self->from));
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, echo_raise(&self->mdev, CAPI_ECHO_REG_IRQ, 1)),
		  read_all(self->from, &event), NOTHING);
	EXPECT_EQ(-EAGAIN, event_read(self->from, &event));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

FAIL_TEST(device, access_regions)
{
	unsigned char buf[300];

	FAIL_EACH(&self->fail, NOTHING, capi_vfio_read(self->vfio, CONFIG, 0, buf, 64), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, capi_vfio_read(self->vfio, BAR0, 0, buf, 300), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, capi_vfio_read(self->vfio, BAR2, 0, buf, 64), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, capi_vfio_read(self->vfio, BAR4, 0, buf, 300), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, capi_vfio_write(self->vfio, BAR4, 0, buf, 64), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  capi_vfio_put(self->vfio, CONFIG, PCI_INTERRUPT_LINE, 1, 5), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, bar0_put(&self->mdev, CAPI_MDEV_REG_WED, 8, 1), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, echo_put(&self->mdev, CAPI_ECHO_REG_SIZE, 8), NOTHING);
}

TEST_HARNESS_MAIN
