// SPDX-License-Identifier: GPL-2.0-only
/*
 * When all programs have ended nothing of them is left.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

#define MDEVS		"/sys/bus/mdev/devices"
#define CONTEXTS_DIR	"/sys/kernel/debug/capi"

/* What was closed goes by and by, on other processors. */
#define TRIES		1000

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			n++;
	if (dir)
		closedir(dir);
	return n;
}

unsigned int count_fds(void)
{
	return count_entries("/proc/self/fd");
}

/* Memory that is pinned is accounted to who has it. */
static long pinned(void)
{
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmLck:", 6) || !strncmp(line, "VmPin:", 6))
			kib += atol(line + 6);
	if (file)
		fclose(file);
	return kib;
}

static void show_fds(void)
{
	char path[32], what[PATH_MAX];
	ssize_t len;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, what, sizeof(what) - 1);
		if (len > 0)
			printf("# %d: %.*s\n", fd, (int)len, what);
	}
}

int check_own(unsigned int fds)
{
	if (count_fds() != fds) {
		failure("%u files are left open", count_fds() - fds);
		show_fds();
		return -1;
	}
	if (pinned()) {
		failure("%ld KiB are still pinned", pinned());
		return -1;
	}
	return 0;
}

/* Of AFUs: each has a folder, with a folder for each context. */
static unsigned int count_contexts(void)
{
	char path[PATH_MAX], afu[24];
	unsigned int i, n = 0;

	for (i = 0; i < 2 * CARDS; i++) {
		afu_name(i / 2, i % 2, afu, sizeof(afu));
		snprintf(path, sizeof(path), CONTEXTS_DIR "/%s", afu);
		n += count_entries(path);
	}
	return n;
}

/* Who may have them */
static void show_processes(void)
{
	char path[64], text[64];
	unsigned int pid;

	for (pid = 2; pid < 32768; pid++) {
		snprintf(path, sizeof(path), "/proc/%u/comm", pid);
		if (read_file(path, text, sizeof(text)) > 0 && text[0] == 'f')
			printf("# process %u: %s", pid, text);
	}
}

static void show_modules(void)
{
	char line[512];
	FILE *file = fopen("/proc/modules", "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "capi", 4))
			printf("# %s", line);
	if (file)
		fclose(file);
}

int check_everything(bool load_again)
{
	unsigned int i;
	int ret = 0;

	/* Has contexts of its own */
	module_unload("capi_memcpy_sample");
	for (i = 0; i < TRIES && (count_contexts() || count_entries(MDEVS)); i++)
		usleep(10000);
	if (count_entries(MDEVS)) {
		failure("%u mdevs are left", count_entries(MDEVS));
		return -1;
	}
	if (count_contexts()) {
		failure("%u contexts are left", count_contexts());
		show_processes();
		return -1;
	}
	for (i = 0; i < TRIES; i++) {
		ret = stack_unload();
		if (!ret)
			break;
		usleep(10000);
	}
	if (ret) {
		failure("modules are in use: %s", strerror(-ret));
		show_modules();
		return -1;
	}
	if (!load_again)
		return 0;
	ret = stack_load();
	if (ret)
		failure("modules cannot be loaded again: %s", strerror(-ret));
	return ret;
}
