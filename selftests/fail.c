// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/klog.h>
#include <unistd.h>

#include "fail.h"
#include "vfio_mdev.h"

#define DEBUGFS		"/sys/kernel/debug"
#define PRINTK		"/proc/sys/kernel/printk"
#define CLEAR_LOG	5

/* What is to fail */
static const char * const kinds[] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

/* With stacks; whether memory could be waited for does not matter. */
static const struct {
	const char *name;
	const char *value;
	bool optional;
} settings[] = {
	{ "probability", "0", false },
	{ "interval", "1", false },
	{ "times", "-1", false },
	{ "space", "0", false },
	{ "verbose", "2", false },
	{ "task-filter", "N", false },
	{ "ignore-gfp-wait", "N", true },
	{ "ignore-gfp-highmem", "N", true },
	{ "cache-filter", "N", true },
	{ "min-order", "0", true },
};

static int set_up(const char *kind)
{
	char path[PATH_MAX];
	size_t i;
	int ret;

	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kind,
			 settings[i].name);
		ret = write_file(path, settings[i].value);
		if (ret && !(settings[i].optional && ret == -ENOENT))
			return ret == -ENOENT ? -EOPNOTSUPP : ret;
	}
	return 0;
}

/* Stacks, and warnings about which it is known, go to the log only. */
static int quiet(bool on)
{
	return write_file(PRINTK, on ? "4 7 1 7" : "7 4 1 7");
}

/* Threads inherit it from who makes them. */
static int set_slab(const char *name, unsigned int value)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), DEBUGFS "/failslab/%s", name);
	snprintf(text, sizeof(text), "%u", value);
	return write_file(path, text);
}

static int make_it_fail(pid_t tid, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", tid);
	return write_file(path, value);
}

/* What is kept from one program to the next, each line once */
static void keep(const char *what)
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

/* Does it work at all? */
static int try_it(struct fail *fail)
{
	int fd;

	fail->n = 1;
	fail_arm(fail);
	fd = eventfd(0, 0);
	fail_disarm(fail);
	if (fd >= 0)
		close(fd);
	return fail->injected && fd < 0 && fail_log_ok(fail) ? 0 : -EIO;
}

int fail_init(struct fail *fail)
{
	size_t i;
	int ret;

	memset(fail, 0, sizeof(*fail));
	fail->nth = -1;
	fail->log = -1;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		ret = set_up(kinds[i]);
		if (ret)
			return ret;
	}
	fail->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	fail->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fail->nth < 0 || fail->log < 0)
		return -errno;
	keep(program_invocation_short_name);
	lseek(fail->log, 0, SEEK_END);
	ret = quiet(true);
	return ret ? ret : try_it(fail);
}

void fail_exit(struct fail *fail)
{
	if (fail->log < 0)
		return;
	quiet(false);
	if (fail->maker)
		make_it_fail(fail->maker, "0");
	close(fail->nth);
	close(fail->log);
}

/* The log */

/* Up to this level, our modules say nothing where memory is short. */
#define NOTICE	5

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
	/* The address of a function itself is no place where it was. */
	guessed = at - text >= 2 && at[-2] == '?';
	if (strstr(at, "+0x0/") || (guessed ? fail->sure : fail->sure++))
		return;
	snprintf(site, sizeof(site), "%.*s %.*s",
		 (int)strcspn(module + 2, "]"), module + 2,
		 (int)(module - at), at);
	if (!fail->site[0] || !guessed)
		snprintf(fail->site, sizeof(fail->site), "%s", site);
	if (fail->injected)
		keep(site);
	if (!guessed) {
		fail->known = true;
		keep(FAIL_KNOWN);
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
	if (fail->injected && fail->site[0]) {
		fail->streak = strcmp(fail->site, fail->last) ? 0 :
			       fail->streak + 1;
		snprintf(fail->last, sizeof(fail->last), "%s", fail->site);
	}
	/* What was looked at need not be found by others: it has stacks. */
	if (!fail->complaint[0])
		klogctl(CLEAR_LOG, NULL, 0);
	return !fail->complaint[0];
}

/* Failing */

static void set_nth(int nth, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	/* To read what is written here is a copy that may fail, too. */
	while (pwrite(nth, text, strlen(text), 0) < 0 && errno == EFAULT)
		;
}

int fail_thread(struct fail *fail, pid_t tid)
{
	char path[64];
	int nth;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	nth = open(path, O_RDWR | O_CLOEXEC);
	if (nth < 0)
		return -errno;
	close(fail->nth);
	fail->nth = nth;
	return 0;
}

pid_t fail_find_thread(const char *name, pid_t after)
{
	char comm[32] = "";
	pid_t tid = -ESRCH, found;
	glob_t all;
	size_t i;

	if (glob("/proc/[0-9]*/comm", 0, NULL, &all))
		return -ESRCH;
	for (i = 0; i < all.gl_pathc; i++) {
		found = atoi(all.gl_pathv[i] + strlen("/proc/"));
		if (found > after && (tid < 0 || found < tid) &&
		    read_file(all.gl_pathv[i], comm, sizeof(comm)) > 0 &&
		    begins(comm, name))
			tid = found;
	}
	globfree(&all);
	return tid;
}

int fail_made_by(struct fail *fail, pid_t tid)
{
	int ret = set_slab("task-filter", 1);

	fail->maker = tid;
	return ret ? ret : make_it_fail(tid, "1");
}

void fail_arm(struct fail *fail)
{
	fail->site[0] = '\0';
	fail->sure = 0;
	if (!fail->maker) {
		set_nth(fail->nth, fail->n);
		return;
	}
	set_slab("space", fail->n * FAIL_PIECE);
	set_slab("times", 1);
	set_slab("probability", 100);
}

void fail_disarm(struct fail *fail)
{
	char text[16] = "";
	ssize_t len;

	if (fail->maker) {
		set_slab("probability", 0);
		read_file(DEBUGFS "/failslab/times", text, sizeof(text));
		fail->injected = !atoi(text);
		return;
	}
	len = pread(fail->nth, text, sizeof(text) - 1, 0);
	/* If that failed, nothing had before. */
	fail->injected = len > 0 && !strtoul(text, NULL, 10);
	set_nth(fail->nth, 0);
}

bool fail_sane(int ret)
{
	return !ret || ret == -ENOMEM || ret == -EFAULT;
}

bool fail_ret_ok(struct fail *fail, int ret)
{
	if (!fail->injected)
		return !ret;
	fail->calls++;
	if (!ret)
		fail->tolerated++;
	return fail_sane(ret);
}

void fail_begin(struct fail *fail)
{
	fail->n = fail->first ? fail->first : 1;
	fail->calls = 0;
	fail->tolerated = 0;
	fail->streak = 0;
	fail->before = 0;
	fail->fine = 0;
}

/*
 * In a long step to another place, or to the end, there may have been more of them.
 * Where places are guessed there would be no end of that.
 */
bool fail_next(struct fail *fail)
{
	if (fail->before && fail->known && !(fail->injected && fail->streak)) {
		fail->fine = fail->n;
		fail->n = fail->before;
	} else if (!fail->injected) {
		return false;
	}
	fail->before = 0;
	if (fail->coarse && fail->streak >= FAIL_STREAK && fail->n >= fail->fine) {
		fail->before = fail->n;
		fail->n += fail->coarse;
	} else {
		fail->n++;
	}
	return fail->n < FAIL_MAX;
}

/* What is there */

static unsigned int count(const char *pattern)
{
	unsigned int n = 0;
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		n = found.gl_pathc;
		globfree(&found);
	}
	return n;
}

static long long sum(const char *pattern)
{
	long long value = 0;
	char text[32];
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (i = 0; i < found.gl_pathc; i++)
		if (read_file(found.gl_pathv[i], text, sizeof(text)) > 0)
			value += atoll(text);
	globfree(&found);
	return value;
}

void fail_state(struct fail_state *state)
{
	state->contexts = sum("/sys/class/mdev_bus/*/mdev_supported_types/*/available_instances");
	state->mdevs = count("/sys/bus/mdev/devices/*");
	state->devices = count("/sys/class/cxl/*");
	state->references = sum("/sys/module/capi*/refcnt");
	state->fds = count("/proc/self/fd/*");
}

static bool state_is(const struct fail_state *state)
{
	struct fail_state now;

	fail_state(&now);
	return now.contexts == state->contexts && now.mdevs == state->mdevs &&
	       now.devices == state->devices &&
	       now.references == state->references && now.fds == state->fds;
}

static void print_state(const char *when, const struct fail_state *state)
{
	printf("# %s: %lld contexts free, %u mdevs, %u devices, %lld references, %u files\n",
	       when, state->contexts, state->mdevs, state->devices,
	       state->references, state->fds);
}

bool fail_state_is(const struct fail_state *state)
{
	struct fail_state now;

	if (WAIT_UNTIL(state_is(state)))
		return true;
	fail_state(&now);
	print_state("before", state);
	print_state("now", &now);
	return false;
}
