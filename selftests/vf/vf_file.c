// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest with capi_guest: vf_file COUNT reads so many driver events of an
 * echo AFU from its file in /dev/cxl, and what else is posted on the host, and
 * checks that none is lost, doubled or out of order. Says "ready" when they may be
 * posted.
 *
 * Of other events, those that come before the one before was read are one.
 */
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <misc/capi.h>
#include <misc/capi_echo.h>

#include "capi_cxl.h"

/* How long an event may take to come, in milliseconds */
#define TIMEOUT	60000
/* How long others may take that were posted before the last driver event */
#define LOOK	500

/**
 * struct counts - what was read so far
 * @driver: driver events
 * @irq: interrupts
 * @fault: faults
 * @error: AFU errors
 * @number: of the next driver event
 * @numbered: that is known
 */
struct counts {
	unsigned int driver;
	unsigned int irq;
	unsigned int fault;
	unsigned int error;
	__u64 number;
	int numbered;
};

/* The number is cut off where the payload is shorter than it. */
static void see_driver(struct counts *counts,
		       const union capi_cxl_event *event)
{
	const unsigned char *payload = &event->bytes[sizeof(event->header)];
	unsigned int size = event->header.size - sizeof(event->header);
	unsigned char expected[CAPI_ECHO_MAX_SIZE];
	__le64 number;

	if (size > sizeof(expected))
		errx(1, "driver event %u: %u bytes", counts->driver, size);
	if (!counts->numbered && size >= sizeof(number)) {
		memcpy(&number, payload, sizeof(number));
		counts->number = le64toh(number);
		counts->numbered = 1;
	}
	number = htole64(counts->number);
	memset(expected, CAPI_ECHO_FILL, sizeof(expected));
	memcpy(expected, &number, sizeof(number));
	if (counts->numbered && memcmp(expected, payload, size))
		errx(1, "driver event %u is not number %llu", counts->driver,
		     counts->number);
	counts->number++;
	counts->driver++;
}

static void see(struct counts *counts, const union capi_cxl_event *event,
		int type)
{
	switch (type) {
	case CXL_EVENT_AFU_DRIVER:
		see_driver(counts, event);
		break;
	case CXL_EVENT_AFU_INTERRUPT:
		counts->irq++;
		break;
	case CXL_EVENT_DATA_STORAGE:
		counts->fault++;
		break;
	case CXL_EVENT_AFU_ERROR:
		counts->error++;
		break;
	default:
		errx(1, "an event of type %d", type);
	}
}

static void read_events(struct capi_cxl *cxl, struct counts *counts,
			unsigned int count)
{
	union capi_cxl_event event;
	int type;

	while (counts->driver < count) {
		type = capi_cxl_event(cxl, &event, TIMEOUT);
		if (type < 0)
			errx(1, "after %u: read: %s", counts->driver,
			     strerror(-type));
		see(counts, &event, type);
	}
	while ((type = capi_cxl_event(cxl, &event, LOOK)) >= 0)
		see(counts, &event, type);
	if (type != -ETIMEDOUT)
		errx(1, "read: %s", strerror(-type));
}

int main(int argc, char **argv)
{
	struct capi_ioctl_driver_events ask = { .abi = CAPI_ECHO_ABI };
	struct counts counts = { };
	struct capi_cxl cxl;
	char node[64];

	if (argc != 2)
		errx(2, "usage: vf_file COUNT");
	if (capi_cxl_find(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE, node,
			  sizeof(node)))
		errx(1, "there is no echo AFU");
	if (capi_cxl_open(&cxl, node))
		errx(1, "%s", cxl.error);
	if (ioctl(cxl.fd, CAPI_IOCTL_DRIVER_EVENTS, &ask))
		err(1, "driver events");
	if (capi_cxl_start(&cxl, 0, -1))
		errx(1, "%s", cxl.error);

	setlinebuf(stdout);
	puts("ready");
	read_events(&cxl, &counts, strtoul(argv[1], NULL, 0));
	printf("driver=%u irq=%u fault=%u error=%u\n", counts.driver,
	       counts.irq, counts.fault, counts.error);
	return 0;
}
