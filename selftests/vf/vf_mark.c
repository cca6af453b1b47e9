// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: "vf_mark put BYTE" fills the memory in the problem state area,
 * "vf_mark check BYTE" says whether nothing else is in it. Neither resets the
 * context.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vf.h"

static void put(struct vf *vf, __u8 byte)
{
	__u64 off;

	for (off = VF_MEMORY; off < vf->bars[VF_PSA].size; off++)
		vf_store(vf, VF_PSA, off, 1, byte);
}

static void check(struct vf *vf, __u8 byte)
{
	__u64 off, found;

	for (off = VF_MEMORY; off < vf->bars[VF_PSA].size; off++) {
		found = vf_load(vf, VF_PSA, off, 1);
		if (found != byte)
			errx(1, "0x%02llx at 0x%llx, 0x%02x expected", found,
			     off, byte);
	}
}

int main(int argc, char **argv)
{
	struct vf vf;
	bool puts;
	__u8 byte;

	puts = argc == 3 && !strcmp(argv[1], "put");
	if (!puts && (argc != 3 || strcmp(argv[1], "check")))
		errx(2, "usage: vf_mark put|check BYTE");
	byte = strtoul(argv[2], NULL, 0);

	if (vf_open(&vf))
		return 1;
	if (vf_get(&vf, CAPI_MDEV_REG_STATE) != CAPI_MDEV_STATE_STARTED &&
	    vf_start(&vf, 0))
		errx(1, "the context does not start");
	if (puts)
		put(&vf, byte);
	else
		check(&vf, byte);
	printf("%s 0x%02x\n", argv[1], byte);
	return 0;
}
