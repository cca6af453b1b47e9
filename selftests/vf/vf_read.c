// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: vf_read COUNT reads that many events through the event window,
 * posted on the host, and checks that none is lost, doubled or out of order.
 * Says "ready" when they may be posted. No interrupt may be raised again, no
 * fault or AFU error reported, before the one before was read: see post_events.
 */
#include <endian.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msix.h"

/* How long an event may take to come, in milliseconds */
#define TIMEOUT	60000

/**
 * struct reader - what was read so far
 * @vf: the function
 * @msix: its messages
 * @event: the event read last
 * @driver: driver events
 * @irqs: interrupts, by number
 * @faults: faults
 * @errors: AFU errors
 * @messages: by vector
 * @looks: how often the window was asked
 * @numbered: @number is known
 * @number: of the driver event that comes next
 * @address: of the fault that comes next
 * @code: of the AFU error that comes next
 */
struct reader {
	struct vf vf;
	struct msix msix;
	union vf_event event;
	unsigned int driver;
	unsigned int irqs[MSIX_MAX_VECTORS];
	unsigned int faults;
	unsigned int errors;
	unsigned long long messages[MSIX_MAX_VECTORS];
	unsigned int looks;
	bool numbered;
	__u64 number;
	__u64 address;
	__u64 code;
};

/* Events */

/* The number is cut off where the payload is shorter than it. */
static void see_driver(struct reader *r, unsigned int size)
{
	const unsigned char *payload = &r->event.bytes[VF_PAYLOAD];
	unsigned char expected[CAPI_ECHO_MAX_SIZE];
	__le64 number;

	if (size > CAPI_ECHO_MAX_SIZE)
		errx(1, "driver event %u: %u bytes", r->driver, size);
	if (!r->numbered && size >= sizeof(number)) {
		r->number = vf_number(&r->event);
		r->numbered = true;
	}
	number = htole64(r->number);
	memset(expected, CAPI_ECHO_FILL, sizeof(expected));
	memcpy(expected, &number, sizeof(number));
	if (r->numbered && memcmp(expected, payload, size))
		errx(1, "driver event %u: %llu expected, it says %llu",
		     r->driver, r->number, vf_number(&r->event));
	r->number++;
	r->driver++;
}

static void see_irq(struct reader *r)
{
	unsigned int irq = r->event.event.irq.irq;

	if (!irq || irq >= r->msix.vectors || r->event.event.irq.flags)
		errx(1, "interrupt %u", irq);
	r->irqs[irq]++;
}

static void see_fault(struct reader *r)
{
	__u64 address = r->event.event.fault.addr;

	if (r->faults++ && address != r->address)
		errx(1, "fault at 0x%llx, 0x%llx expected", address,
		     r->address);
	if (r->event.event.fault.dsisr != CAPI_ECHO_DSISR)
		errx(1, "fault with DSISR 0x%llx", r->event.event.fault.dsisr);
	r->address = address + 1;
}

static void see_error(struct reader *r)
{
	__u64 code = r->event.event.afu_error.error;

	if (r->errors++ && code != r->code)
		errx(1, "AFU error %llu, %llu expected", code, r->code);
	r->code = code + 1;
}

static void see(struct reader *r)
{
	static const unsigned int sizes[] = {
		[CXL_EVENT_AFU_INTERRUPT] = 16,
		[CXL_EVENT_DATA_STORAGE] = 40,
		[CXL_EVENT_AFU_ERROR] = 24,
	};
	const struct cxl_event_header *header = &r->event.header;

	if (header->process_element != vf_get(&r->vf, CAPI_MDEV_REG_PE) ||
	    header->reserved1 || header->size < sizeof(*header) ||
	    (header->type < CXL_EVENT_AFU_DRIVER &&
	     header->size != sizes[header->type]))
		errx(1, "event of type %u, %u bytes, process element %u",
		     header->type, header->size, header->process_element);

	switch (header->type) {
	case CXL_EVENT_AFU_DRIVER:
		see_driver(r, header->size - sizeof(*header));
		break;
	case CXL_EVENT_AFU_INTERRUPT:
		see_irq(r);
		break;
	case CXL_EVENT_DATA_STORAGE:
		see_fault(r);
		break;
	case CXL_EVENT_AFU_ERROR:
		see_error(r);
		break;
	default:
		errx(1, "event of type %u", header->type);
	}
}

static unsigned int sum_irqs(const struct reader *r)
{
	unsigned int i, sum = 0;

	for (i = 1; i < r->msix.vectors; i++)
		sum += r->irqs[i];
	return sum;
}

static unsigned int seen(const struct reader *r)
{
	return r->driver + sum_irqs(r) + r->faults + r->errors;
}

/* Reading */

static bool read_event(struct reader *r)
{
	__u32 token = vf_look(&r->vf, &r->event);

	r->looks++;
	if (!token)
		return false;
	see(r);
	vf_acknowledge(&r->vf, token);
	return true;
}

/* Vector 0 tells of every event: to wait for it is enough. */
static void read_events(struct reader *r, unsigned int count)
{
	unsigned long long messages;

	while (seen(r) < count) {
		messages = msix_wait(&r->msix, CAPI_MDEV_VECTOR_EVENT, TIMEOUT);
		if (!messages)
			errx(1, "no message for %d s after %u events",
			     TIMEOUT / 1000, seen(r));
		r->messages[CAPI_MDEV_VECTOR_EVENT] += messages;
		while (seen(r) < count && read_event(r))
			;
	}
	if (read_event(r))
		errx(1, "an event of type %u more than %u",
		     r->event.header.type, count);
}

/*
 * A message that comes before the one before was served adds nothing, so there
 * may be fewer than were sent; more than were sent there are never. One is sent
 * for each event, one for enabling the window, and vector n's for interrupt n.
 */
static void check_messages(struct reader *r)
{
	unsigned int i;

	r->messages[0] += msix_count(&r->msix, 0);
	if (r->messages[0] > seen(r) + 1)
		errx(1, "%llu messages of vector 0", r->messages[0]);
	for (i = 1; i < r->msix.vectors; i++) {
		r->messages[i] = r->irqs[i] ?
				 msix_wait(&r->msix, i, MSIX_PATIENCE) :
				 msix_count(&r->msix, i);
		if (!r->messages[i] != !r->irqs[i] ||
		    r->messages[i] > r->irqs[i])
			errx(1, "%llu messages of vector %u, %u interrupts",
			     r->messages[i], i, r->irqs[i]);
	}
}

static void print(const struct reader *r, unsigned int stale)
{
	unsigned long long afu = 0;
	unsigned int i;

	for (i = 1; i < r->msix.vectors; i++)
		afu += r->messages[i];
	printf("driver=%u irq=%u fault=%u error=%u msix0=%llu msixafu=%llu looks=%u stale=%u\n",
	       r->driver, sum_irqs(r), r->faults, r->errors, r->messages[0],
	       afu, r->looks, stale);
}

int main(int argc, char **argv)
{
	static struct reader reader;
	unsigned int stale;

	if (argc != 2)
		errx(2, "usage: vf_read COUNT");
	if (vf_open(&reader.vf) || msix_open(&reader.msix, &reader.vf))
		return 1;
	vf_window(&reader.vf, true);
	if (vf_start(&reader.vf, 0))
		errx(1, "the context does not start");

	setlinebuf(stdout);
	puts("ready");
	read_events(&reader, strtoul(argv[1], NULL, 0));
	check_messages(&reader);
	stale = vf_get(&reader.vf, CAPI_MDEV_REG_EVENT_STALE);
	print(&reader, stale);
	if (stale)
		errx(1, "acknowledgements were ignored");
	return 0;
}
