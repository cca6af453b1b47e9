// SPDX-License-Identifier: GPL-2.0-only
#include <linux/uio.h>

int probe(void __user *buf, struct iov_iter *to);
int probe(void __user *buf, struct iov_iter *to)
{
	return import_ubuf(ITER_DEST, buf, 1, to);
}
