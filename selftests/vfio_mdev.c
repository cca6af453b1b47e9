// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "vfio_cdev.h"
#include "vfio_mdev.h"

#define BUS		"/sys/class/mdev_bus"
#define DEVICES		"/sys/bus/mdev/devices"
#define DEBUGFS		"/sys/kernel/debug"

/* The first path that matches, or -ENOENT. */
static int find(const char *pattern, char *path, size_t size)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return -ENOENT;
	snprintf(path, size, "%s", found.gl_pathv[0]);
	globfree(&found);
	return 0;
}

/* Patience */

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Lets others run; the caller looks at what it waits for before and after. */
bool still_patient(long long *deadline)
{
	if (!*deadline)
		*deadline = now_ms() + PATIENCE;
	poll(NULL, 0, 1);
	return now_ms() < *deadline;
}

/* Modules */

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENODEV;
}

static int load_kind(const char *kind)
{
	char pattern[PATH_MAX], path[PATH_MAX];

	snprintf(pattern, sizeof(pattern), BUS "/*/mdev_supported_types/*-%s",
		 kind);
	if (!find(pattern, path, sizeof(path)))
		return 0;
	return capi_reload("");
}

int capi_load(void)
{
	return load_kind("echo");
}

int capi_reload(const char *parameters)
{
	char command[512];
	int ret;

	/* What a VF has is the host's business. */
	if (in_guest())
		return run("modprobe capi_guest");
	run("rmmod capi_mdev 2>/dev/null; rmmod capi_sim 2>/dev/null");
	snprintf(command, sizeof(command), "modprobe capi_sim %s", parameters);
	ret = run(command);
	if (!ret)
		ret = run("modprobe capi_mdev && modprobe vfio_iommu_type1");
	return ret;
}

/* Creating and removing */

static void mdev_init(struct mdev *mdev)
{
	memset(mdev, 0, sizeof(*mdev));
	mdev->vfio.device = -1;
	mdev->vfio.group = -1;
	mdev->vfio.container = -1;
}

static int create_kind_on(struct mdev *mdev, const char *card,
			  const char *kind)
{
	char pattern[PATH_MAX], path[PATH_MAX], *end;
	int ret;

	mdev_init(mdev);
	ret = read_file("/proc/sys/kernel/random/uuid", mdev->uuid,
			sizeof(mdev->uuid));
	if (ret < 0)
		return ret;

	snprintf(pattern, sizeof(pattern),
		 BUS "/%s/mdev_supported_types/*-%s/create", card, kind);
	ret = find(pattern, path, sizeof(path));
	if (ret)
		return ret;
	ret = write_file(path, mdev->uuid);
	if (ret)
		return ret;

	end = strstr(path, "/mdev_supported_types");
	*end = '\0';
	snprintf(mdev->card, sizeof(mdev->card), "%.31s", basename(path));
	return 0;
}

int mdev_create_on(struct mdev *mdev, const char *card)
{
	return create_kind_on(mdev, card, "echo");
}

int mdev_create_kind(struct mdev *mdev, const char *kind)
{
	int ret;

	mdev_init(mdev);
	ret = load_kind(kind);
	return ret ? ret : create_kind_on(mdev, "*", kind);
}

int mdev_create(struct mdev *mdev)
{
	return mdev_create_kind(mdev, "echo");
}

int mdev_remove(struct mdev *mdev)
{
	char path[PATH_MAX];

	mdev_close(mdev);
	snprintf(path, sizeof(path), DEVICES "/%s/remove", mdev->uuid);
	return write_file(path, "1");
}

/* Opening */

int vfio_open(struct capi_vfio *vfio, const char *uuid)
{
	const char *how = getenv("CAPI_VFIO");

	return how && !strcmp(how, "cdev") ? vfio_cdev_open(vfio, uuid) :
					     capi_vfio_open(vfio, uuid);
}

static int open_group(const char *uuid)
{
	char path[PATH_MAX], target[PATH_MAX] = "", node[64];
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", uuid);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	snprintf(node, sizeof(node), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
	fd = open(node, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int group_open_beside(struct capi_vfio *vfio, const char *uuid,
			     const struct capi_vfio *other)
{
	int ret = open_group(uuid);

	memset(vfio, 0, sizeof(*vfio));
	vfio->group = ret;
	vfio->device = -1;
	vfio->container = -1;
	if (ret < 0)
		return ret;
	vfio->container = dup(other->container);
	if (vfio->container < 0 ||
	    ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container)) {
		ret = -errno;
	} else {
		vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, uuid);
		ret = vfio->device < 0 ? -errno : capi_vfio_find_regions(vfio);
	}
	if (ret)
		capi_vfio_close(vfio);
	return ret;
}

int vfio_open_beside(struct capi_vfio *vfio, const char *uuid,
		     const struct capi_vfio *other)
{
	return other->group < 0 ? vfio_cdev_open_beside(vfio, uuid, other) :
				  group_open_beside(vfio, uuid, other);
}

int mdev_open(struct mdev *mdev)
{
	int ret = vfio_open(&mdev->vfio, mdev->uuid);

	if (ret)
		return ret;
	ret = capi_vfio_enable(&mdev->vfio);
	if (ret)
		mdev_close(mdev);
	return ret;
}

int mdev_start(struct mdev *mdev)
{
	int ret = mdev_open(mdev);

	return ret ? ret : capi_vfio_start(&mdev->vfio, 0);
}

void mdev_close(struct mdev *mdev)
{
	capi_vfio_close(&mdev->vfio);
}

/* Counters */

int mdev_attr_text(struct mdev *mdev, const char *name, char *text,
		   size_t size)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), DEVICES "/%s/capi/%s", mdev->uuid, name);
	ret = read_file(path, text, size);
	if (ret < 0)
		return ret;
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

long long mdev_attr(struct mdev *mdev, const char *name)
{
	char text[64];
	int ret = mdev_attr_text(mdev, name, text, sizeof(text));

	return ret ? ret : atoll(text);
}

int mdev_set(struct mdev *mdev, const char *name, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/capi/%s", mdev->uuid, name);
	return write_file(path, value);
}

long long mdev_attr_wait(struct mdev *mdev, const char *name, long long value)
{
	WAIT_UNTIL(mdev_attr(mdev, name) >= value);
	return mdev_attr(mdev, name);
}

bool mdev_balanced(struct mdev *mdev, long long pending)
{
	long long raised = mdev_attr(mdev, "events_raised");
	long long sum = mdev_attr(mdev, "events_delivered") +
			mdev_attr(mdev, "events_coalesced") +
			mdev_attr(mdev, "events_overrun") +
			mdev_attr(mdev, "events_failed") +
			mdev_attr(mdev, "events_cancelled");

	/* An event that failed meanwhile is raised again. */
	return raised == sum + pending &&
	       raised == mdev_attr(mdev, "events_raised");
}

/* The software adapter */

int echo_put(struct mdev *mdev, unsigned int reg, __u64 value)
{
	return capi_vfio_put(&mdev->vfio, VFIO_PCI_BAR2_REGION_INDEX, reg, 8,
			     value);
}

__u64 echo_get(struct mdev *mdev, unsigned int reg)
{
	return capi_vfio_get(&mdev->vfio, VFIO_PCI_BAR2_REGION_INDEX, reg, 8);
}

static int put_and_wait(struct mdev *mdev, unsigned int reg, __u64 value,
			unsigned int n)
{
	long long raised = mdev_attr(mdev, "events_raised");
	int ret = echo_put(mdev, reg, value);

	if (ret)
		return ret;
	return mdev_attr_wait(mdev, "events_raised", raised + n) == raised + n ?
	       0 : -ETIMEDOUT;
}

int echo_raise(struct mdev *mdev, unsigned int reg, __u64 value)
{
	return put_and_wait(mdev, reg, value, 1);
}

int echo_emit(struct mdev *mdev, unsigned int n)
{
	return put_and_wait(mdev, CAPI_ECHO_REG_EMIT, n, n);
}

/* Writes a file that the echo AFU's driver has in debugfs. */
static int echo_write(struct mdev *mdev, const char *name, const char *text)
{
	char path[PATH_MAX], afu[32];
	int ret;

	ret = mdev_attr_text(mdev, "afu", afu, sizeof(afu));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), DEBUGFS "/capi/%s/%lld/%s", afu,
		 mdev_attr(mdev, "process_element"), name);
	return write_file(path, text);
}

int echo_next_fetch(struct mdev *mdev, const char *what)
{
	return echo_write(mdev, "next_fetch", what);
}

int echo_post(struct mdev *mdev, const char *what)
{
	return echo_write(mdev, "post", what);
}

static int card_write(struct mdev *mdev, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEBUGFS "/capi_sim/%s/%s", mdev->card,
		 name);
	return write_file(path, text);
}

int card_link(struct mdev *mdev, bool up)
{
	return card_write(mdev, "link", up ? "1" : "0");
}

int card_drop(struct mdev *mdev)
{
	return card_write(mdev, "drop", "1");
}

/* Function registers */

__u64 bar0_get(struct mdev *mdev, unsigned int reg, unsigned int width)
{
	return capi_vfio_get(&mdev->vfio, VFIO_PCI_BAR0_REGION_INDEX, reg,
			     width);
}

int bar0_put(struct mdev *mdev, unsigned int reg, unsigned int width,
	     __u64 value)
{
	return capi_vfio_put(&mdev->vfio, VFIO_PCI_BAR0_REGION_INDEX, reg,
			     width, value);
}

int mdev_command(struct mdev *mdev, unsigned int command)
{
	return capi_vfio_command(&mdev->vfio, command);
}

/* Events */

int from_event_fd(struct mdev *mdev, unsigned int flags, struct from *from)
{
	from->fd = capi_vfio_event_fd(&mdev->vfio, flags);
	from->offset = -1;
	from->nowait = false;
	return from->fd < 0 ? from->fd : 0;
}

int from_region(struct mdev *mdev, struct from *from)
{
	int region = capi_vfio_find_region(&mdev->vfio, CAPI_MDEV_REGION_TYPE,
					   CAPI_MDEV_REGION_SUBTYPE_EVENTS);

	if (region < 0)
		return region;
	from->fd = mdev->vfio.device;
	from->offset = mdev->vfio.regions[region].offset;
	from->nowait = false;
	return 0;
}

ssize_t from_read(struct from from, void *buf, size_t size)
{
	struct iovec iov = { buf, size };
	ssize_t len;

	if (from.nowait)
		len = preadv2(from.fd, &iov, 1, from.offset, RWF_NOWAIT);
	else if (from.offset < 0)
		len = read(from.fd, buf, size);
	else
		len = pread(from.fd, buf, size, from.offset);
	return len < 0 ? -errno : len;
}

int event_read(struct from from, union event *event)
{
	int ret = from_read(from, event, sizeof(*event));

	/* Whoever does not look at the number may have read the first. */
	if (ret > 0 && event->header.type == CXL_EVENT_AFU_DRIVER &&
	    event->header.size > sizeof(event->header))
		event_seq(event);
	return ret;
}

int event_read_type(struct from from, union event *event)
{
	int ret = event_read(from, event);

	return ret < 0 ? ret : event->header.type;
}

__u64 event_seq(const union event *event)
{
	__u64 seq;

	memcpy(&seq, &event->bytes[sizeof(event->header)], sizeof(seq));
	return guest_number(le64toh(seq));
}

/* Waiting */

static int poll_one(int fd, int events, int timeout)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	if (poll(&pollfd, 1, timeout) < 0)
		return -errno;
	return pollfd.revents;
}

int poll_now(int fd)
{
	return poll_one(fd, POLLIN | POLLRDNORM | POLLOUT | POLLPRI, 0);
}

int poll_for(int fd, int events)
{
	return poll_one(fd, events, PATIENCE);
}

/* Interrupts */

int irq_eventfd(struct mdev *mdev, unsigned int index, unsigned int start)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret;

	if (fd < 0)
		return -errno;
	ret = capi_vfio_set_irq(&mdev->vfio, index, start, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

unsigned long long eventfd_count(int fd)
{
	eventfd_t count;

	return eventfd_read(fd, &count) ? 0 : count;
}
