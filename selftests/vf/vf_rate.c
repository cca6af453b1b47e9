// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: vf_rate SECONDS emits a driver event, waits for its message,
 * reads and acknowledges it, and so on. Says how many there were in a second,
 * and how long the slowest took.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "msix.h"

/* How long an event may take to come, in milliseconds */
#define TIMEOUT	60000

/* A message may be left of what was before: nothing is to be seen then. */
static __u32 wait_and_look(struct vf *vf, struct msix *msix,
			   union vf_event *event)
{
	__u32 token;

	do {
		if (!msix_wait(msix, CAPI_MDEV_VECTOR_EVENT, TIMEOUT))
			errx(1, "no message for %d s", TIMEOUT / 1000);
		token = vf_look(vf, event);
	} while (!token);
	return token;
}

/* Returns how long it took, in microseconds. */
static long long one_event(struct vf *vf, struct msix *msix, __u64 *number)
{
	long long begin = vf_now(), took;
	union vf_event event;
	__u32 token;

	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 1);
	token = wait_and_look(vf, msix, &event);
	took = vf_now() - begin;
	if (event.header.type != CXL_EVENT_AFU_DRIVER)
		errx(1, "an event of type %u", event.header.type);
	if (*number && vf_number(&event) != *number)
		errx(1, "event %llu, %llu expected", vf_number(&event),
		     *number);
	*number = vf_number(&event) + 1;
	vf_acknowledge(vf, token);
	return took;
}

int main(int argc, char **argv)
{
	long long begin, end, now, took, longest = 0;
	unsigned long long n = 0;
	struct msix msix;
	__u64 number = 0;
	struct vf vf;

	if (argc != 2)
		errx(2, "usage: vf_rate SECONDS");
	if (vf_open(&vf) || msix_open(&msix, &vf))
		return 1;
	vf_window(&vf, true);
	if (vf_start(&vf, 0))
		errx(1, "the context does not start");

	begin = vf_now();
	end = begin + atoi(argv[1]) * 1000000LL;
	do {
		took = one_event(&vf, &msix, &number);
		if (took > longest)
			longest = took;
		n++;
		now = vf_now();
	} while (now < end);
	printf("events=%llu rate=%llu longest=%lld\n", n,
	       n * 1000000 / (now - begin), longest);
	return 0;
}
