// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi-events: print the events of a CAPI mediated device.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <misc/capi_echo.h>

#include "capi-events.h"

/* What the main loop waits for */
enum {
	WAIT_EVENT,
	WAIT_SIGNAL,
	WAIT_REMOVAL,
	WAIT_ERROR,
	WAITS
};

struct session {
	struct options opt;
	struct capi_vfio dev;
	struct pollfd waits[WAITS];
	unsigned long long seen;
};

/* Says one sentence; the value is the exit status. */
#define complain(format, ...)						\
({									\
	fprintf(stderr, "capi-events: " format "\n", ##__VA_ARGS__);	\
	EXIT_ERROR;							\
})

static bool link_down(struct session *s)
{
	__u32 state = capi_vfio_get(&s->dev, VFIO_PCI_BAR0_REGION_INDEX,
				    CAPI_MDEV_REG_STATE, 4);

	/* All ones: nothing answers any more. */
	return state != UINT_MAX && (state & CAPI_MDEV_STATE_LINK_DOWN);
}

/* Has it come within so many milliseconds? */
static bool wait_for(struct session *s, int what, int timeout)
{
	return poll(&s->waits[what], 1, timeout) > 0;
}

/* A descriptor that says when an interrupt of the device came; -1 if none. */
static int watch_irq(struct session *s, unsigned int index)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd >= 0 && capi_vfio_set_irq(&s->dev, index, 0, fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int watch(struct session *s)
{
	sigset_t signals;
	int i;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	for (i = 0; i < WAITS; i++)
		s->waits[i].events = POLLIN;
	s->waits[WAIT_SIGNAL].fd = signalfd(-1, &signals, SFD_CLOEXEC);
	s->waits[WAIT_REMOVAL].fd = watch_irq(s, VFIO_PCI_REQ_IRQ_INDEX);
	s->waits[WAIT_ERROR].fd = watch_irq(s, VFIO_PCI_ERR_IRQ_INDEX);
	s->waits[WAIT_EVENT].fd = s->opt.via->open(&s->dev);

	if (s->waits[WAIT_EVENT].fd < 0)
		return complain("cannot read events by '%s': %s",
				s->opt.via->name,
				strerror(-s->waits[WAIT_EVENT].fd));
	return EXIT_OK;
}

/* Writes the registers of the echo AFU that have a wish; 0 or an errno. */
static int write_wishes(struct session *s)
{
	const struct options *opt = &s->opt;
	const struct {
		bool wanted;
		unsigned int reg;
		unsigned long long value;
	} wishes[] = {
		{ opt->has_size, CAPI_ECHO_REG_SIZE, opt->size },
		{ opt->has_period, CAPI_ECHO_REG_PERIOD, opt->period },
		{ opt->emit, CAPI_ECHO_REG_EMIT, opt->emit },
		{ opt->interrupt, CAPI_ECHO_REG_IRQ, opt->interrupt },
		{ opt->has_fault, CAPI_ECHO_REG_FAULT, opt->fault },
		{ opt->has_error, CAPI_ECHO_REG_ERROR, opt->error },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(wishes); i++)
		if (wishes[i].wanted)
			ret = capi_vfio_put(&s->dev, VFIO_PCI_BAR2_REGION_INDEX,
					    wishes[i].reg, 8, wishes[i].value);
	return ret;
}

static int removed(void)
{
	complain("the adapter goes away: create the mdev again when it is back");
	return EXIT_REMOVED;
}

static int failed_link(void)
{
	return complain("the link to the adapter is down: try again when it is up");
}

/* Says what failed, or that the adapter goes, or its link, where that is why. */
static int failed(struct session *s, int error, const char *what)
{
	if (error == EIO || error == ENODEV) {
		if (link_down(s))
			return failed_link();
		/* What removes it stops the context first, and tells us then. */
		if (wait_for(s, WAIT_REMOVAL, 5000))
			return removed();
	}
	return complain("cannot %s: %s", what, strerror(error));
}

static int trigger(struct session *s)
{
	const struct options *opt = &s->opt;
	unsigned int irqs;
	__u64 id;
	int ret;

	if (!opt->emit && !opt->interrupt && !opt->has_fault && !opt->has_error)
		return EXIT_OK;

	id = capi_vfio_get(&s->dev, VFIO_PCI_BAR2_REGION_INDEX,
			   CAPI_ECHO_REG_ID, 8);
	if (id == ~0ULL)
		return failed(s, EIO, "read the AFU's registers");
	if (id != CAPI_ECHO_ID)
		return complain("mdev %s is no echo AFU: only that raises events on request",
				opt->uuid);

	irqs = capi_vfio_get(&s->dev, VFIO_PCI_BAR0_REGION_INDEX,
			     CAPI_MDEV_REG_IRQS, 4);
	if (opt->interrupt > irqs)
		return complain("the AFU has no interrupt %llu, only 1 to %u",
				opt->interrupt, irqs);

	ret = write_wishes(s);
	return ret ? failed(s, -ret, "write to the AFU's registers") : EXIT_OK;
}

static int read_failed(struct session *s, int error)
{
	if (error == EFAULT) {
		complain("an event of the AFU driver was bad and is lost");
		return EXIT_OK;
	}
	return failed(s, error, "read events");
}

static bool enough(struct session *s)
{
	return s->opt.count && s->seen >= s->opt.count;
}

/* Prints what is there. */
static int drain(struct session *s)
{
	union {
		struct cxl_event event;
		char space[CXL_READ_MIN_SIZE];
	} u;
	int ret, status = EXIT_OK;

	while (!status && !enough(s) && !wait_for(s, WAIT_SIGNAL, 0)) {
		ret = s->opt.via->read(&s->dev, s->waits[WAIT_EVENT].fd, &u);
		if (ret == -EAGAIN)
			break;
		if (ret < 0) {
			status = read_failed(s, -ret);
			continue;
		}
		print_event(&u.event, s->opt.json);
		s->seen++;
	}
	return status;
}

static int print_events(struct session *s)
{
	int status = EXIT_OK;

	while (!status && !enough(s)) {
		if (poll(s->waits, WAITS, -1) < 0)
			return complain("cannot wait for events: %s",
					strerror(errno));
		if (s->waits[WAIT_REMOVAL].revents)
			return removed();
		if (s->waits[WAIT_ERROR].revents)
			return link_down(s) ? failed_link() :
			       complain("the link to the adapter was down: try again");
		if (s->waits[WAIT_SIGNAL].revents)
			return EXIT_OK;
		if (s->waits[WAIT_EVENT].revents)
			status = drain(s);
	}
	return status;
}

static int run(struct session *s)
{
	int ret, status;

	ret = capi_vfio_enable(&s->dev);
	if (ret)
		return complain("mdev %s: %s", s->opt.uuid, s->dev.error);

	status = watch(s);
	if (status)
		return status;

	ret = capi_vfio_start(&s->dev, s->opt.wed);
	if (ret) {
		status = failed(s, -ret, "start the context");
	} else {
		status = trigger(s);
		if (!status)
			status = print_events(s);
		capi_vfio_command(&s->dev, CAPI_MDEV_COMMAND_STOP);
		fprintf(stderr, "capi-events: %llu event%s\n", s->seen,
			s->seen == 1 ? "" : "s");
	}
	s->opt.via->close(&s->dev, s->waits[WAIT_EVENT].fd);
	return status;
}

int main(int argc, char **argv)
{
	struct session s = { };
	int status;

	parse_options(argc, argv, &s.opt);
	setvbuf(stdout, NULL, _IOLBF, 0);

	if (capi_vfio_open(&s.dev, s.opt.uuid))
		return complain("%s", s.dev.error);
	status = run(&s);
	capi_vfio_close(&s.dev);
	return status;
}
