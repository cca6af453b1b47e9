// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of /dev/cxl.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <misc/capi.h>
#include <misc/capi_echo.h>

#include "state.h"

static bool copen(struct state *state, const __u8 *arg)
{
	struct file *f = &state->files[arg[0]];

	if (arg[1])
		file_close(f);
	f->shut = false;
	return file(state, arg[0]);
}

static bool cclose(struct state *state, const __u8 *arg)
{
	struct file *f = &state->files[arg[0]];

	if (f->fd < 0)
		return false;
	f->shut = true;
	file_close(f);
	return true;
}

static const __u64 weds[] = {
	MEMORY | 2, MEMORY | 1, 0, MEMORY, (MEMORY + PAGE) | 2, MEMORY | 0xfff,
	(MEMORY + SIZE) | 2, ~0ULL, 0xffff888000000002, (MEMORY + SIZE - PAGE) | 100,
	2, MEMORY | 3,
};

static bool cstart(struct state *state, const __u8 *arg)
{
	struct cxl_ioctl_start_work work = {
		.flags = arg[2],
		.work_element_descriptor = weds[arg[1] % ARRAY_SIZE(weds)],
		.num_interrupts = value(arg[3]),
		.amr = value(arg[3]),
	};
	struct file *f = file(state, arg[0]);

	if (!f)
		return false;
	if (arg[2] >= 16)
		work.flags = value(arg[2]);
	if (arg[4] == 1)
		work.reserved3 = 1;
	memset(state->memory, 0, PAGE);
	f->next = 0;
	ioctl(f->fd, CXL_IOCTL_START_WORK, arg[4] < 2 ? &work :
	      user_address(state, arg[4]));
	return true;
}

static bool cioctl(struct state *state, const __u8 *arg)
{
	static const unsigned long numbers[] = {
		CXL_IOCTL_GET_PROCESS_ELEMENT, CXL_IOCTL_GET_AFU_ID,
		CXL_IOCTL_START_WORK, CXL_IOCTL_DOWNLOAD_IMAGE,
		CXL_IOCTL_VALIDATE_IMAGE, CAPI_IOCTL_DRIVER_EVENTS,
	};
	struct file *f = file(state, arg[0]);

	if (f)
		ioctl(f->fd, arg[1] < ARRAY_SIZE(numbers) ? numbers[arg[1]] :
		      _IOC(arg[1] / 64, CXL_MAGIC, arg[1] % 64, arg[3]),
		      user_address(state, arg[2]));
	return f;
}

static bool cevents(struct state *state, const __u8 *arg)
{
	static const char * const names[] = {
		CAPI_ECHO_ABI, "", "echo-2", "echo-1echo-1echo-1echo-1",
	};
	struct capi_ioctl_driver_events events = { .flags = arg[2] };
	struct file *f = file(state, arg[0]);

	if (!f)
		return false;
	memcpy(events.abi, names[arg[1]],
	       strnlen(names[arg[1]], sizeof(events.abi)));
	ioctl(f->fd, CAPI_IOCTL_DRIVER_EVENTS, &events);
	return true;
}

static bool cread(struct state *state, const __u8 *arg)
{
	struct file *f = file(state, arg[0]);
	struct iovec iov = {
		.iov_base = user_address(state, arg[2]),
		.iov_len = length(arg[1]),
	};

	if (f)
		preadv2(f->fd, &iov, 1, -1, arg[3] ? RWF_NOWAIT : 0);
	return f;
}

static bool cpoll(struct state *state, const __u8 *arg)
{
	struct file *f = file(state, arg[0]);
	struct pollfd pollfd = { .events = POLLIN | POLLOUT | POLLPRI };

	if (!f)
		return false;
	pollfd.fd = f->fd;
	poll(&pollfd, 1, arg[1]);
	return true;
}

/* Whether reads wait */
static bool cblock(struct state *state, const __u8 *arg)
{
	struct file *f = file(state, arg[0]);

	if (f)
		fcntl(f->fd, F_SETFL, arg[1] ? O_NONBLOCK : 0);
	return f;
}

static bool cmmap(struct state *state, const __u8 *arg)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	struct file *f = file(state, arg[0]);
	size_t size = PAGE << arg[3];

	if (f)
		keep_mapping(state, arg[1],
			     mmap(NULL, size, prots[arg[4] % 4],
				  arg[4] & 4 ? MAP_PRIVATE : MAP_SHARED, f->fd,
				  arg[2] * PAGE), size);
	return f;
}

/* A process that does nothing but read, until it is killed */
static void read_for_ever(int fd)
{
	char buf[CXL_READ_MIN_SIZE];

	fcntl(fd, F_SETFL, 0);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	for (;;)
		pause();
}

/* Starts it, stops it, lets it go on. It has all that we have: files stay open. */
static bool reader(struct state *state, const __u8 *arg)
{
	pid_t *pid = &state->readers[arg[0]], nobody = 0, child;
	int fd, signal;

	switch (arg[1]) {
	case 0:
		fd = arg[2] < EVENT_FDS ? state->event_fds[arg[2]] :
		     state->files[arg[2] - EVENT_FDS].fd;
		/* Of two threads one starts it. */
		if (fd < 0 || !__atomic_compare_exchange_n(pid, &nobody, -1,
							   false,
							   __ATOMIC_ACQ_REL,
							   __ATOMIC_RELAXED))
			return false;
		child = fork();
		if (!child)
			read_for_ever(fd);
		__atomic_store_n(pid, child > 0 ? child : 0, __ATOMIC_RELEASE);
		return true;
	case 1:
		signal = SIGSTOP;
		break;
	case 2:
		signal = SIGCONT;
		break;
	default:
		signal = SIGKILL;
	}
	child = __atomic_load_n(pid, __ATOMIC_ACQUIRE);
	return child > 0 && !kill(child, signal);
}

const struct op_kind cxl_ops[] = {
	{ "copen", 120, { CONTEXTS, 2 }, copen },
	{ "cclose", 80, { CONTEXTS }, cclose },
	{ "cstart", 400, { CONTEXTS, 12, 80, ALL, 16 }, cstart },
	{ "cioctl", 120, { CONTEXTS, ALL, 16, ALL }, cioctl },
	{ "cevents", 120, { CONTEXTS, 4, 2 }, cevents },
	{ "cread", 480, { CONTEXTS, 32, ALL, 2 }, cread },
	{ "cpoll", 120, { CONTEXTS, 3 }, cpoll },
	{ "cblock", 40, { CONTEXTS, 2 }, cblock },
	{ "cmmap", 240, { CONTEXTS, MAPPINGS, 16, 4, 8 }, cmmap },
	{ "reader", 50, { READERS, 4, EVENT_FDS + CONTEXTS }, reader },
	{ }
};
