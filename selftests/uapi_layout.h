/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _UAPI_LAYOUT_H
#define _UAPI_LAYOUT_H

#include <stddef.h>

/**
 * struct layout_row - one thing that a header defines
 * @group: what it belongs to
 * @name: its name; NULL at the end of a table
 * @value: a constant's value, a member's offset, a structure's alignment
 * @size: bytes
 * @is_signed: it is a number that can be negative
 */
struct layout_row {
	const char *group;
	const char *name;
	unsigned long long value;
	size_t size;
	int is_signed;
};

/* By our header, and by the distribution's; nothing where it has none */
extern const struct layout_row ours[];
extern const struct layout_row theirs[];

#endif /* _UAPI_LAYOUT_H */
