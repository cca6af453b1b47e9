// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people see while it runs.
 */
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "capi-memcpy.h"

#define WIDTH	40

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

const char *readable(double bytes, char *text, size_t size)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;

	while (bytes >= 1024 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%.*f %s", unit && bytes < 100 ? 1 : 0, bytes,
		 units[unit]);
	return text;
}

void progress_show(uint64_t done, uint64_t total, double time)
{
	static const char bar[] = "########################################";
	char rate[32];
	int filled = total ? (double)done / total * WIDTH : WIDTH;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r[%-*.*s] %3d%%  %s/s\033[K", WIDTH, filled, bar,
		filled * 100 / WIDTH,
		readable(time > 0 ? done / time : 0, rate, sizeof(rate)));
}

void progress_clear(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}
