// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modules, and where the adapters are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "state.h"

#define CARDS_DIR	"/sys/kernel/debug/capi_sim"
#define PARAMETERS	"adapters=3 afus=echo:6,memcpy:12"

static char cards[CARDS][32];

int module_load(const char *name, const char *parameters)
{
	struct utsname uts;
	char path[256];
	int fd, ret = 0;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/%s.ko",
		 uts.release, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, 0) && errno != EEXIST)
		ret = -errno;
	close(fd);
	return ret;
}

int module_unload(const char *name)
{
	if (syscall(SYS_delete_module, name, O_NONBLOCK) && errno != ENOENT)
		return -errno;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void find_cards(void)
{
	DIR *dir = opendir(CARDS_DIR);
	struct dirent *entry;
	unsigned int n = 0;

	memset(cards, 0, sizeof(cards));
	while (dir && n < CARDS && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(cards[n++], sizeof(cards[0]), "%.31s",
				 entry->d_name);
	if (dir)
		closedir(dir);
	qsort(cards, n, sizeof(cards[0]), by_name);
}

bool is_uml(void)
{
	return !access("/proc/exitcode", F_OK);
}

int stack_load(void)
{
	int ret = module_load("capi", "");

	if (!ret)
		ret = module_load("capi_sim", PARAMETERS);
	if (!ret)
		ret = module_load("capi_mdev", "");
	/* A driver of AFUs, where it was built */
	if (!ret)
		module_load("capi_memcpy_sample", "");
	if (ret)
		return ret;
	find_cards();
	return cards[CARDS - 1][0] ? 0 : -ENODEV;
}

int stack_unload(void)
{
	int ret = module_unload("capi_memcpy_sample");

	if (!ret)
		ret = module_unload("capi_mdev");
	if (!ret)
		ret = module_unload("capi_sim");
	return ret ? ret : module_unload("capi");
}

bool stack_complete(void)
{
	char path[128];
	unsigned int i;

	for (i = 0; i < CARDS; i++) {
		snprintf(path, sizeof(path), CARDS_DIR "/%s", cards[i]);
		if (!cards[i][0] || access(path, F_OK))
			return false;
	}
	return true;
}

const char *card_name(unsigned int number)
{
	return cards[number % CARDS];
}

/* They are numbered as they are made, from 0 when the module is loaded. */
void afu_name(unsigned int card, bool memcpy, char *name, size_t size)
{
	snprintf(name, size, "afu%u.%u", card % CARDS, memcpy);
}
