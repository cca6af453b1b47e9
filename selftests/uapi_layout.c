// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is our <misc/cxl.h> the one that programs for /dev/cxl were compiled with?
 * The distribution's was compiled into this test, where it has one.
 */
#include <stdio.h>
#include <string.h>

#include <kselftest.h>

#include "uapi_layout.h"

static void print(const char *whose, const struct layout_row *row)
{
	printf("# %6s %-30s %#10llx, %2zu bytes%s\n", whose, row->name,
	       row->value, row->size, row->is_signed ? ", signed" : "");
}

static int same(const struct layout_row *a, const struct layout_row *b)
{
	return a->value == b->value && a->size == b->size &&
	       a->is_signed == b->is_signed;
}

/* How many rows from here on belong together */
static size_t group_size(const struct layout_row *row)
{
	size_t n = 1;

	while (row[n].name && !strcmp(row[n].group, row->group))
		n++;
	return n;
}

static void compare_group(size_t first, size_t n)
{
	size_t i, differ = 0;

	for (i = first; i < first + n; i++) {
		if (same(&ours[i], &theirs[i])) {
			print("", &ours[i]);
		} else {
			print("ours", &ours[i]);
			print("theirs", &theirs[i]);
			differ++;
		}
	}
	ksft_test_result(!differ, "%s: %zu of %zu as the distribution has it\n",
			 ours[first].group, n - differ, n);
}

int main(void)
{
	unsigned int groups = 0;
	size_t i;

	ksft_print_header();
	if (!theirs[0].name)
		ksft_exit_skip("the distribution has no <misc/cxl.h>\n");

	for (i = 0; ours[i].name; i += group_size(&ours[i]))
		groups++;
	ksft_set_plan(groups);
	for (i = 0; ours[i].name; i += group_size(&ours[i]))
		compare_group(i, group_size(&ours[i]));
	ksft_finished();
}
