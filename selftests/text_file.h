/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that are a line or two of text, as those of sysfs are.
 */
#ifndef _TEXT_FILE_H_
#define _TEXT_FILE_H_

#include <stddef.h>

/* Return 0 and the length, or -errno. What does not fit is left out. */
int write_file(const char *path, const char *text);
int read_file(const char *path, char *text, size_t size);

#endif /* _TEXT_FILE_H_ */
