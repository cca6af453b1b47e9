// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VFIO has: ioctls of device, group, container and iommufd, and event fds.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iommufd.h"
#include "state.h"

static bool open_op(struct state *state, const __u8 *arg)
{
	struct device *device = &state->devices[arg[0]];

	device->shut = false;
	if (device->vfio.device < 0)
		device_open(state, device);
	return true;
}

static bool close_op(struct state *state, const __u8 *arg)
{
	struct device *device = &state->devices[arg[0]];

	if (device->vfio.device < 0)
		return false;
	device->shut = true;
	device_close(state, device);
	return true;
}

/* Each of these begins with the size that it says it has. */
static __u32 argsz(__u8 code, __u32 right)
{
	return code ? length(code) : right;
}

static bool info(struct state *state, const __u8 *arg)
{
	struct vfio_device_info info = { .argsz = argsz(arg[1], sizeof(info)) };
	struct device *d = device(state, arg[0]);

	if (d)
		ioctl(d->vfio.device, VFIO_DEVICE_GET_INFO,
		      place(state, arg[2], &info, sizeof(info)));
	return d;
}

static bool region_info(struct state *state, const __u8 *arg)
{
	struct vfio_region_info info = {
		.argsz = argsz(arg[2], 256),
		.index = value(arg[1]),
	};
	struct device *d = device(state, arg[0]);

	if (d)
		ioctl(d->vfio.device, VFIO_DEVICE_GET_REGION_INFO,
		      place(state, arg[3], &info, sizeof(info)));
	return d;
}

static bool irq_info(struct state *state, const __u8 *arg)
{
	struct vfio_irq_info info = {
		.argsz = argsz(arg[2], sizeof(info)),
		.index = value(arg[1]),
	};
	struct device *d = device(state, arg[0]);

	if (d)
		ioctl(d->vfio.device, VFIO_DEVICE_GET_IRQ_INFO,
		      place(state, arg[3], &info, sizeof(info)));
	return d;
}

static const __u32 irq_flags[] = {
	VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER,
	VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK,
	VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
	VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_MASK,
	VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_ACTION_TRIGGER, ~0, 1 << 6,
};

/* Eventfds that there are, none, and what is none, by turns as @pattern says */
static void fill_fds(struct state *state, __s32 *fds, unsigned int n, __u8 pattern)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		switch (pattern % 4) {
		case 0:
			fds[i] = state->eventfds[i % EVENTFDS];
			break;
		case 1:
			fds[i] = i % 2 ? -1 : state->eventfds[0];
			break;
		case 2:
			fds[i] = i == 2 ? state->event_fds[0] :
				 state->eventfds[1];
			break;
		default:
			fds[i] = i ? (int)value(pattern) : state->eventfds[0];
		}
	}
}

static bool set_irqs(struct state *state, const __u8 *arg)
{
	static const unsigned int indexes[] = {
		VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_ERR_IRQ_INDEX,
		VFIO_PCI_REQ_IRQ_INDEX, VFIO_PCI_INTX_IRQ_INDEX,
		VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_NUM_IRQS, -1,
	};
	struct {
		struct vfio_irq_set set;
		__s32 fds[64];
	} set = {
		.set = {
			.argsz = sizeof(set) - (arg[2] / 16 ? arg[2] : 0),
			.flags = irq_flags[arg[2] % ARRAY_SIZE(irq_flags)],
			.index = indexes[arg[1] % ARRAY_SIZE(indexes)],
			.start = value(arg[3] % 64),
			.count = value(arg[4] % 64),
		},
	};
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	d->irqs_used = true;
	if (state->eventfds[0] < 0)
		keep_fd(state->eventfds, EVENTFDS, 0,
			eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	fill_fds(state, set.fds, ARRAY_SIZE(set.fds), arg[4] / 64);
	ioctl(d->vfio.device, VFIO_DEVICE_SET_IRQS, &set);
	return true;
}

static bool reset(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	ioctl(d->vfio.device, VFIO_DEVICE_RESET);
	if (arg[1])
		capi_vfio_enable(&d->vfio);
	d->next = 0;
	return true;
}

static bool feature(struct state *state, const __u8 *arg)
{
	struct {
		__u32 argsz;
		__u32 flags;
		__u64 data[4];
	} feature = {
		.argsz = argsz(arg[1], sizeof(feature)),
		.flags = arg[2] % 16 | (arg[2] / 16) << 16,
	};
	struct device *d = device(state, arg[0]);

	if (d)
		ioctl(d->vfio.device, VFIO_DEVICE_FEATURE,
		      place(state, arg[3], &feature, sizeof(feature)));
	return d;
}

/* Any number, to any of its files */
static bool any_ioctl(struct state *state, const __u8 *arg)
{
	struct device *d = device(state, arg[0]);
	int fd;

	if (!d)
		return false;
	switch (arg[1]) {
	case 0:
		fd = d->vfio.device;
		break;
	case 1:
		fd = d->vfio.group;
		break;
	case 2:
		fd = d->vfio.container;
		break;
	default:
		fd = d->iommufd;
	}
	ioctl(fd, arg[2] < 64 ? _IO(VFIO_TYPE, VFIO_BASE + arg[2]) :
	      _IOC(arg[2] / 64, 0xca, arg[2] % 64, arg[4]),
	      user_address(state, arg[3]));
	return true;
}

/* Event fds and eventfds */

static bool event_fd(struct state *state, const __u8 *arg)
{
	struct capi_mdev_event_fd request = {
		.argsz = argsz(arg[2], sizeof(request)),
		.flags = arg[3] ? value(arg[3]) : CAPI_MDEV_EVENT_FD_NONBLOCK,
	};
	struct device *d = device(state, arg[0]);
	int fd;

	if (!d)
		return false;
	fd = ioctl(d->vfio.device, CAPI_MDEV_GET_EVENT_FD,
		   place(state, arg[4], &request, sizeof(request)));
	if (fd >= 0)
		keep_fd(state->event_fds, EVENT_FDS, arg[1], fd);
	return true;
}

static bool event_read(struct state *state, const __u8 *arg)
{
	struct iovec iov = {
		.iov_base = user_address(state, arg[2]),
		.iov_len = length(arg[1]),
	};
	int fd = state->event_fds[arg[0]];

	if (fd < 0)
		return false;
	preadv2(fd, &iov, 1, -1, arg[3] ? RWF_NOWAIT : 0);
	return true;
}

static bool event_poll(struct state *state, const __u8 *arg)
{
	struct pollfd pollfd = {
		.fd = state->event_fds[arg[0]],
		.events = POLLIN | POLLOUT | POLLPRI,
	};

	if (pollfd.fd < 0)
		return false;
	poll(&pollfd, 1, arg[1]);
	return true;
}

static bool event_close(struct state *state, const __u8 *arg)
{
	if (state->event_fds[arg[0]] < 0)
		return false;
	close_fd(&state->event_fds[arg[0]]);
	return true;
}

static bool eventfd_op(struct state *state, const __u8 *arg)
{
	eventfd_t count;

	switch (arg[1]) {
	case 0:
		keep_fd(state->eventfds, EVENTFDS, arg[0],
			eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		return true;
	case 1:
		eventfd_read(state->eventfds[arg[0]], &count);
		break;
	case 2:
		eventfd_write(state->eventfds[arg[0]], value(arg[2]));
		break;
	default:
		close_fd(&state->eventfds[arg[0]]);
	}
	return true;
}

/* Event fds and files of /dev/cxl in an epoll set */
static bool epoll_op(struct state *state, const __u8 *arg)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLERR | (arg[1] ? EPOLLET : 0),
	};
	int fd = arg[0] < EVENT_FDS ? state->event_fds[arg[0]] :
		 state->files[arg[0] - EVENT_FDS].fd;

	if (state->epoll < 0)
		state->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0)
		epoll_ctl(state->epoll, arg[2] ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
			  fd, &event);
	epoll_wait(state->epoll, &event, 1, arg[3]);
	return true;
}

const struct op_kind vfio_ops[] = {
	{ "open", 200, { DEVICES }, open_op },
	{ "close", 80, { DEVICES }, close_op },
	{ "info", 120, { DEVICES, 32, 16 }, info },
	{ "region_info", 200, { DEVICES, ALL, 32, 16 }, region_info },
	{ "irq_info", 160, { DEVICES, ALL, 32, 16 }, irq_info },
	{ "set_irqs", 480, { DEVICES, 7, ALL, ALL, ALL }, set_irqs },
	{ "reset", 160, { DEVICES, 2 }, reset },
	{ "feature", 80, { DEVICES, 32, ALL, 16 }, feature },
	{ "ioctl", 120, { DEVICES, 4, ALL, 16, ALL }, any_ioctl },
	{ "event_fd", 160, { DEVICES, EVENT_FDS, 32, ALL, 16 }, event_fd },
	{ "event_read", 400, { EVENT_FDS, 32, ALL, 2 }, event_read },
	{ "event_poll", 160, { EVENT_FDS, 3 }, event_poll },
	{ "event_close", 40, { EVENT_FDS }, event_close },
	{ "eventfd", 160, { EVENTFDS, 4, ALL }, eventfd_op },
	{ "epoll", 80, { EVENT_FDS + CONTEXTS, 2, 2, 3 }, epoll_op },
	{ }
};
