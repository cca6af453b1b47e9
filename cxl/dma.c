// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an AFU reads and writes: the memory of a process, of the kernel, or of
 * the context's user.
 */
#include <linux/module.h>

#include "core.h"
