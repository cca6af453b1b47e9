// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fail.h"
#include "vfio_mdev.h"

#define DEBUGFS		"/sys/kernel/debug"
#define PRINTK		"/proc/sys/kernel/printk"

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

/* What the kernel takes to look after memory is not a caller's. */
static const char * const watchers[] = {
	"/kmemleak_object/", "/kmemleak_scan_area/", "/debug_objects_cache/",
	NULL
};

/* The kernel's trees take one now and then, when those they have are full. */
static const char * const nodes[] = { "/radix_tree_node/", "/maple_node/", NULL };

static bool one_of(const char *path, const char * const *names)
{
	for (; *names; names++)
		if (strstr(path, *names))
			return true;
	return false;
}

static bool fails(const char *path, enum fail_what what)
{
	if (one_of(path, watchers))
		return false;
	return what == FAIL_ALL || one_of(path, nodes) == (what == FAIL_REST);
}

/*
 * The watchers take about as much as all others: where each cache can be told from
 * theirs, only the others fail. Where not, the steady cannot be told either.
 */
static int choose_caches(struct fail *fail, enum fail_what what)
{
	glob_t caches;
	size_t i;

	fail->by_cache = false;
	if (glob("/sys/kernel/slab/*/failslab", 0, NULL, &caches))
		return 0;
	fail->by_cache = true;
	for (i = 0; i < caches.gl_pathc; i++)
		if (write_file(caches.gl_pathv[i],
			       fails(caches.gl_pathv[i], what) ? "1" : "0"))
			fail->by_cache = false;
	globfree(&caches);
	return write_file(DEBUGFS "/failslab/cache-filter",
			  fail->by_cache ? "Y" : "N");
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

int fail_choose(struct fail *fail, enum fail_what what)
{
	int ret = choose_caches(fail, what);

	write_file(DEBUGFS "/fail_page_alloc/min-order",
		   what == FAIL_STEADY ? "20" : "0");
	fail->what = what;
	return ret;
}

static int make_it_fail(pid_t tid, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", tid);
	return write_file(path, value);
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
	ret = fail_choose(fail, FAIL_ALL);
	if (ret)
		return ret;
	fail->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	fail->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fail->nth < 0 || fail->log < 0)
		return -errno;
	fail_keep(program_invocation_short_name);
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
		    !strncmp(comm, name, strlen(name)))
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

bool fail_is_due(struct fail *fail)
{
	char text[16] = "";

	if (fail->maker) {
		read_file(DEBUGFS "/failslab/times", text, sizeof(text));
		return atoi(text);
	}
	/* If that fails, nothing has before. */
	return pread(fail->nth, text, sizeof(text) - 1, 0) <= 0 ||
	       strtoul(text, NULL, 10);
}

void fail_disarm(struct fail *fail)
{
	if (fail->maker)
		set_slab("probability", 0);
	fail->injected = !fail_is_due(fail);
	if (!fail->maker)
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

static void start_pass(struct fail *fail)
{
	fail->n = fail->first[fail->what] ? fail->first[fail->what] : 1;
	fail->last[0] = '\0';
	fail->streak = 0;
	fail->step = 1;
	fail->halving = false;
}

void fail_begin(struct fail *fail)
{
	fail_choose(fail, FAIL_STEADY);
	start_pass(fail);
	fail->rounds = 0;
	fail->begun = false;
	fail->calls = 0;
	fail->tolerated = 0;
}

/* Where the last step has led to: on in the same place, steps become longer. */
static void set_step(struct fail *fail, bool same)
{
	if (!same) {
		snprintf(fail->last, sizeof(fail->last), "%s", fail->site);
		fail->streak = 0;
		fail->step = 1;
	} else if (fail->halving && fail->step > 1) {
		fail->step /= 2;
		return;
	} else if (++fail->streak >= FAIL_STREAK && fail->step < fail->coarse) {
		fail->step *= 2;
	}
	fail->halving = false;
}

/*
 * Where a long step has led to another place, or to the end, there may have been
 * more of them: the first is found by halves. Where places are guessed there would
 * be no end of that.
 */
static bool next_in_pass(struct fail *fail)
{
	bool same = fail->injected && fail->site[0] &&
		    !strcmp(fail->site, fail->last);
	bool back = !same && fail->step > 1 && fail->known;

	if (!fail->injected && !back)
		return false;
	if (back) {
		fail->n -= fail->step;
		fail->step /= 2;
		fail->halving = true;
	} else {
		set_step(fail, same);
	}
	fail->n += fail->step;
	return fail->n < FAIL_MAX;
}

/* Of the steady, each n is another; of the rest, one may be left out by chance. */
bool fail_next(struct fail *fail)
{
	if (next_in_pass(fail))
		return true;
	if (fail->n >= FAIL_MAX ||
	    fail->rounds == (fail->by_cache ? FAIL_ROUNDS : 1))
		return false;
	if (!fail->rounds++)
		fail_choose(fail, FAIL_REST);
	start_pass(fail);
	return true;
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
	state->contexts = sum("/sys/bus/pci/devices/*/mdev_supported_types/*/available_instances");
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

bool fail_steady(struct fail *fail)
{
	if (fail->begun)
		return fail_state_is(&fail->steady);
	fail->begun = true;
	fail_state(&fail->steady);
	return true;
}
