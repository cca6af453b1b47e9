// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel's log says where something was made to fail */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "fail.h"

#define CLEAR_LOG	5

/* Up to this level, our modules say nothing where memory is short. */
#define NOTICE		5

void fail_keep(const char *what)
{
	char line[160];
	FILE *sites = fopen(FAIL_SITES, "a+");

	if (!sites)
		return;
	while (fscanf(sites, " %159[^\n]", line) == 1) {
		if (!strcmp(line, what)) {
			fclose(sites);
			return;
		}
	}
	fprintf(sites, "%s\n", what);
	fclose(sites);
}

/* Never right, whoever does it */
static const char * const fatal[] = {
	"BUG:", "Oops", "KASAN", "UBSAN", "refcount_t:", "general protection",
	"scheduling while atomic", "ODEBUG", "possible circular",
	"possible recursive",
};

/* The kernel's own, about what it did itself where we had called it */
static const char * const excused[] = {
	/* vfio_create_group() puts a group that it was not done with. */
	" vfio_group_release+",
	/* pci_register_host_bridge() frees a domain that it did not take. */
	" ida_free+",
	/* It cannot fail, and says so. */
	" pci_device_add+",
};

static bool any_of(const char * const *words, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Said by our modules, and not by the kernel about them */
static bool is_ours(const char *text)
{
	return begins(text, "cxl card") || begins(text, "cxl afu") ||
	       begins(text, "capi_sim: adapters");
}

/* What fails before any of our code runs is not ours to judge. */
static bool is_complaint(struct fail *fail, unsigned int level,
			 const char *text)
{
	if (any_of(fatal, sizeof(fatal) / sizeof(*fatal), text))
		return true;
	if (!fail->site[0] ||
	    any_of(excused, sizeof(excused) / sizeof(*excused), text))
		return false;
	return strstr(text, "WARNING:") || (level <= NOTICE && is_ours(text));
}

static void look_for_complaint(struct fail *fail, unsigned int level,
			       const char *text)
{
	if (!fail->complaint[0] && is_complaint(fail, level, text))
		snprintf(fail->complaint, sizeof(fail->complaint), "%s", text);
}

/* The address of a function is no place where it was: also seen as the last one's end. */
static bool is_address(const char *at)
{
	const char *offset = strchr(at, '+');
	char *size;

	return !offset || !strtoul(offset + 1, &size, 16) ||
	       (*size == '/' &&
		strtoul(offset + 1, NULL, 16) == strtoul(size + 1, NULL, 16));
}

/*
 * A frame: "[<address>] function+offset/size [module]". Where a "?" says that it
 * was guessed, it may have been left by a call before, and all are kept; where
 * the kernel knows, the first of ours is the place.
 */
static void look_at_frame(struct fail *fail, const char *text)
{
	const char *module = strstr(text, " [capi");
	const char *at = module;
	char site[160];
	bool guessed;

	if (!module)
		return;
	while (at > text && at[-1] != ' ')
		at--;
	guessed = at - text >= 2 && at[-2] == '?';
	if (is_address(at) || (guessed ? fail->sure : fail->sure++))
		return;
	snprintf(site, sizeof(site), "%.*s %.*s",
		 (int)strcspn(module + 2, "]"), module + 2,
		 (int)(module - at), at);
	if (!fail->site[0] || !guessed)
		snprintf(fail->site, sizeof(fail->site), "%s", site);
	if (fail->injected)
		fail_keep(site);
	if (!guessed) {
		fail->known = true;
		fail_keep(FAIL_KNOWN);
	}
}

/* One record: "level,number,time,flags;text" */
static void look_at(struct fail *fail, char *record)
{
	char *text = strchr(record, ';');
	unsigned int level = strtoul(record, NULL, 10) & 7;

	if (!text)
		return;
	text++;
	text[strcspn(text, "\n")] = '\0';
	if (level > NOTICE)
		look_at_frame(fail, text);
	look_for_complaint(fail, level, text);
}

bool fail_log_ok(struct fail *fail)
{
	char record[8192];
	ssize_t len;

	fail->complaint[0] = '\0';
	for (;;) {
		len = read(fail->log, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		look_at(fail, record);
	}
	/* What was looked at need not be found by others: it has stacks. */
	if (!fail->complaint[0])
		klogctl(CLEAR_LOG, NULL, 0);
	return !fail->complaint[0];
}
