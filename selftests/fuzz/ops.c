// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kinds of operations, by number, name and chance.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define MAX_KINDS	128

static const struct op_kind * const tables[] = {
	vfio_ops, dma_ops, bars_ops, cxl_ops, memory_ops, host_ops,
};

static const struct op_kind *kinds[MAX_KINDS];
static unsigned int nr_kinds, weights;

void ops_init(void)
{
	const struct op_kind *kind;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (kind = tables[i]; kind->name; kind++) {
			if (nr_kinds == MAX_KINDS)
				abort();
			kinds[nr_kinds++] = kind;
			weights += kind->weight;
		}
	}
}

const struct op_kind *op_kind(unsigned int nr)
{
	return kinds[nr];
}

unsigned int op_args(const struct op_kind *kind)
{
	unsigned int n = 0;

	while (n < MAX_ARGS && kind->limit[n])
		n++;
	return n;
}

int op_find(const char *name, size_t length)
{
	unsigned int i;

	for (i = 0; i < nr_kinds; i++)
		if (strlen(kinds[i]->name) == length &&
		    !strncmp(kinds[i]->name, name, length))
			return i;
	return -EINVAL;
}

unsigned int op_random(__u64 *random)
{
	unsigned int left = below(random, weights), i = 0;

	while (left >= kinds[i]->weight)
		left -= kinds[i++]->weight;
	return i;
}
