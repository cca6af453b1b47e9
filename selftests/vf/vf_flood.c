// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: vf_flood SECONDS raises as many events of all types as it
 * can, and reads none. Ends early on SIGTERM or SIGINT.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "vf.h"

#define CHUNK	1000

static int ended;

static void on_signal(int signal)
{
	__atomic_store_n(&ended, signal, __ATOMIC_RELAXED);
}

static bool is_over(long long end)
{
	return __atomic_load_n(&ended, __ATOMIC_RELAXED) || vf_now() >= end;
}

int main(int argc, char **argv)
{
	unsigned long long n;
	unsigned int irqs;
	long long end;
	struct vf vf;

	if (argc != 2)
		errx(2, "usage: vf_flood SECONDS");
	if (vf_open(&vf))
		return 1;
	if (vf_command(&vf, CAPI_MDEV_COMMAND_RESET) || vf_start(&vf, 0))
		errx(1, "the context does not start");

	irqs = vf_get(&vf, CAPI_MDEV_REG_IRQS);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	end = vf_now() + atoi(argv[1]) * 1000000LL;
	for (n = 0; !is_over(end); n++) {
		vf_echo_put(&vf, CAPI_ECHO_REG_EMIT, CHUNK);
		vf_echo_put(&vf, CAPI_ECHO_REG_IRQ, 1 + n % irqs);
		vf_echo_put(&vf, CAPI_ECHO_REG_FAULT, n << 12);
		vf_echo_put(&vf, CAPI_ECHO_REG_ERROR, n);
	}
	printf("driver=%llu irq=%llu fault=%llu error=%llu\n", n * CHUNK, n, n,
	       n);
	return 0;
}
