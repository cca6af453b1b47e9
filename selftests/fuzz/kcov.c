// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which code an operation reaches, as the kernel's KCOV tells it: a thread's own
 * system calls, and of them our modules only. An edge is two blocks run one after
 * the other, each by its module and where it is in that: modules move.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "fuzz.h"

#define ENTRIES		(256UL << 10)
#define OFFSET_BITS	24

static const char * const names[] = {
	"capi", "capi_sim", "capi_mdev", "capi_guest", "capi_memcpy_sample",
};

static struct {
	unsigned long start;
	unsigned long size;
} modules[ARRAY_SIZE(names)];

static __thread unsigned long *trace;

/* Where they are now */
int kcov_load_modules(void)
{
	FILE *file = fopen("/proc/modules", "re");
	unsigned long start, size;
	char name[64], line[512];
	unsigned int i;

	if (!file)
		return -errno;
	memset(modules, 0, sizeof(modules));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size,
			   &start) != 3)
			continue;
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			if (strcmp(names[i], name))
				continue;
			modules[i].start = start;
			modules[i].size = size;
		}
	}
	fclose(file);
	return 0;
}

/* Without KCOV nothing is ever new. */
void kcov_open(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return;
	map = ioctl(fd, KCOV_INIT_TRACE, ENTRIES) ? MAP_FAILED :
	      mmap(NULL, ENTRIES * sizeof(*trace), PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC)) {
		perror("# kcov");
		exit(1);
	}
	trace = map;
}

bool kcov_works(void)
{
	return !access("/sys/kernel/debug/kcov", F_OK);
}

void kcov_begin(void)
{
	if (trace)
		__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
}

/* A number for the block at @pc that stays as it is; 0 if it is nobody's. */
static __u64 block(unsigned long pc)
{
	__u64 found = 0;
	unsigned long start = 0;
	unsigned int i;

	/* What a module has besides its code may be anywhere. */
	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		if (modules[i].start <= start || pc < modules[i].start ||
		    pc - modules[i].start >= modules[i].size)
			continue;
		start = modules[i].start;
		found = (__u64)(i + 1) << OFFSET_BITS | (pc - start);
	}
	return found;
}

/* Returns whether it was not there. */
static bool add_edge(__u64 edge)
{
	unsigned int i = (edge * 0x9e3779b97f4a7c15ULL) >> 47, tries;
	__u64 there;

	for (tries = 0; tries < MAX_EDGES; tries++) {
		there = 0;
		if (__atomic_compare_exchange_n(&shared->edges[i % MAX_EDGES],
						&there, edge, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			__atomic_add_fetch(&shared->nr_edges, 1,
					   __ATOMIC_RELAXED);
			return true;
		}
		if (there == edge)
			return false;
		i++;
	}
	return false;
}

unsigned int kcov_end(void)
{
	unsigned long n, i;
	__u64 last = 0, now;
	unsigned int new = 0;

	if (!trace)
		return 0;
	n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < ENTRIES; i++) {
		now = block(trace[i]);
		if (now && add_edge(last << 32 | now))
			new++;
		last = now;
	}
	return new;
}
