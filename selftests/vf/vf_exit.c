// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: vf_exit LOADS loads a register of BAR0 so many times, which the
 * guest leaves for each, and says how long one takes.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "vf.h"

int main(int argc, char **argv)
{
	unsigned long n, i;
	long long begin;
	struct vf vf;

	n = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	if (!n)
		errx(2, "usage: vf_exit LOADS");
	if (vf_open(&vf))
		return 1;
	begin = vf_now();
	for (i = 0; i < n; i++)
		if (vf_get(&vf, CAPI_MDEV_REG_ID) != CAPI_MDEV_ID)
			errx(1, "the function is gone");
	printf("loads=%lu ns=%lld\n", n, (vf_now() - begin) * 1000 / (long long)n);
	vf_close(&vf);
	return 0;
}
