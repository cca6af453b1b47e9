// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tools' command lines have in common.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

noreturn void usage(const char *what, const char *arg)
{
	const char *name = program_invocation_short_name;

	if (what)
		fprintf(stderr, "%s: %s: '%s'\n", name, what, arg);
	fprintf(stderr, "Try '%s --help'.\n", name);
	exit(EXIT_USAGE);
}

unsigned long long parse_number(const char *s, char **end)
{
	unsigned long long value;
	char *stop;

	errno = 0;
	value = strtoull(s, &stop, 0);
	if (errno || !isdigit((unsigned char)*s) || (!end && *stop))
		usage("not a number", s);
	if (end)
		*end = stop;
	return value;
}
