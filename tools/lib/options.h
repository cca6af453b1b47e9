/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tools' command lines have in common.
 */
#ifndef _CAPI_OPTIONS_H
#define _CAPI_OPTIONS_H

#include <stdnoreturn.h>

/* The exit status of a tool whose command line is wrong */
#define EXIT_USAGE	2

/*
 * Ends the program: says what is wrong with @arg, or nothing of the kind if @what
 * is NULL, and where help is.
 */
noreturn void usage(const char *what, const char *arg);

/* The number at @s, which ends at *@end, or with the string if @end is NULL. */
unsigned long long parse_number(const char *s, char **end);

#endif /* _CAPI_OPTIONS_H */
