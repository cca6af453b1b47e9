// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memcpy AFU costs while it has nothing to do, how soon it sees that it
 * has, and whether all contexts get their share when it has much.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <kselftest_harness.h>

#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE		CAPI_MEMCPY_STATUS_COMPLETE
#define CONTEXTS	100
#define IDLE		10	/* seconds */
#define BUSY		8	/* contexts */

FIXTURE(memcpy_cost) {
	struct capi_memcpy mc[CONTEXTS];
	unsigned int started;
};

FIXTURE_SETUP(memcpy_cost)
{
	ASSERT_EQ(0, memcpy_load());
}

FIXTURE_TEARDOWN(memcpy_cost)
{
	while (self->started)
		capi_memcpy_close(&self->mc[--self->started]);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Seconds that all CPUs together were idle; the kernel counts them exactly. */
static double idle_time(void)
{
	unsigned long long idle = 0, iowait = 0;
	FILE *file = fopen("/proc/stat", "re");

	if (!file || fscanf(file, "cpu %*u %*u %*u %llu %llu", &idle,
			    &iowait) != 2)
		idle = 0;
	if (file)
		fclose(file);
	return (double)(idle + iowait) / sysconf(_SC_CLK_TCK);
}

/* Seconds that a thread of the AFU has run; 0 for all others */
static double run_time(const char *pid)
{
	char path[300], name[64];
	unsigned long long ns;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (read_file(path, name, sizeof(name)) < 0 ||
	    strncmp(name, "capi-afu", 8))
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	if (read_file(path, name, sizeof(name)) < 0)
		return 0;
	ns = strtoull(name, NULL, 10);
	return ns / 1e9;
}

static double thread_time(unsigned int *threads)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	double time, sum = 0;

	*threads = 0;
	while (proc && (entry = readdir(proc))) {
		time = run_time(entry->d_name);
		*threads += time > 0;
		sum += time;
	}
	if (proc)
		closedir(proc);
	return sum;
}

/* What part of one CPU all of them were busy with, for so many seconds */
static double busy(unsigned int seconds)
{
	double start = now(), idle = idle_time();

	sleep(seconds);
	return sysconf(_SC_NPROCESSORS_ONLN) -
	       (idle_time() - idle) / (now() - start);
}

static int start_all(struct capi_memcpy *mc, unsigned int *started,
		     unsigned int n, unsigned int units)
{
	int ret = 0;

	while (!ret && *started < n) {
		ret = memcpy_start(&mc[*started], units);
		*started += !ret;
	}
	return ret;
}

/* Milliseconds until the AFU has done something it did not expect */
static double notice(struct capi_memcpy *mc)
{
	char byte = 0;
	double start = now();
	struct capi_memcpy_element *element = capi_memcpy_copy(mc, &byte, "x", 1);

	if (memcpy_status(element) != DONE || byte != 'x')
		return 1e9;
	return (now() - start) * 1000;
}

TEST_F_TIMEOUT(memcpy_cost, idle, 60)
{
	double baseline, with, before, used, time, longest = 0;
	unsigned int threads, i;

	baseline = busy(IDLE / 2);
	ASSERT_EQ(0, start_all(self->mc, &self->started, CONTEXTS, 1));
	for (i = 0; i < CONTEXTS; i++)
		ASSERT_GT(1e9, notice(&self->mc[i]));
	/* The time that an AFU takes to see that it has nothing to do */
	sleep(1);

	before = thread_time(&threads);
	EXPECT_EQ(CONTEXTS, threads);
	with = busy(IDLE);
	used = (thread_time(&threads) - before) / IDLE;
	TH_LOG("%d idle contexts: %.1f%% of a CPU, %.1f%% in their threads; %.1f%% without them",
	       CONTEXTS, with * 100, used * 100, baseline * 100);
	EXPECT_GE(0.05, used);
	EXPECT_GE(0.05, with - baseline);

	for (i = 0; i < CONTEXTS; i++) {
		time = notice(&self->mc[i]);
		if (time > longest)
			longest = time;
	}
	TH_LOG("work is noticed and done after %.1f ms at most", longest);
	EXPECT_GE(50, longest);
}

/* All that wait for a restart need no look at memory, so no time at all. */
TEST_F_TIMEOUT(memcpy_cost, stopped, 60)
{
	struct capi_memcpy_element *element;
	unsigned int threads, i;
	double before, used;

	ASSERT_EQ(0, start_all(self->mc, &self->started, CONTEXTS, 1));
	for (i = 0; i < CONTEXTS; i++) {
		element = capi_memcpy_interrupt(&self->mc[i], 1);
		ASSERT_EQ(DONE, memcpy_status(element));
	}
	sleep(1);

	before = thread_time(&threads);
	EXPECT_EQ(CONTEXTS, threads);
	sleep(2);
	used = (thread_time(&threads) - before) / 2;
	TH_LOG("%d stopped contexts: %.2f%% of a CPU in their threads", CONTEXTS,
	       used * 100);
	EXPECT_GE(0.001, used);

	for (i = 0; i < CONTEXTS; i++) {
		capi_memcpy_restart(&self->mc[i]);
		ASSERT_GT(1e9, notice(&self->mc[i]));
	}
}

/* Elements done so far */
static unsigned int progress(const struct capi_memcpy *mc)
{
	unsigned int n = 0;

	while (n < mc->next && __atomic_load_n(&mc->queue[n].status,
					       __ATOMIC_RELAXED) == DONE)
		n++;
	return n;
}

/* More copies than are done while it is watched; memory is the test's own. */
static int keep_busy(struct capi_memcpy *mc, char *memory, size_t size)
{
	struct capi_memcpy_element *element;

	do {
		element = capi_memcpy_copy(mc, memory, memory + size / 2,
					   CAPI_MEMCPY_MAX_LENGTH);
	} while (element && mc->next + 1 < mc->depth);
	return element ? 0 : -EAGAIN;
}

TEST_F_TIMEOUT(memcpy_cost, fairness, 60)
{
	unsigned int before[BUSY], done[BUSY], sum = 0, i;
	size_t size = 32 * page_size();
	char *memory = memcpy_pages(32);

	ASSERT_NE(NULL, memory);
	memset(memory, 1, size);
	ASSERT_EQ(0, start_all(self->mc, &self->started, BUSY,
			       CAPI_MEMCPY_WED_DEPTH));
	for (i = 0; i < BUSY; i++)
		ASSERT_EQ(0, keep_busy(&self->mc[i], memory, size));

	for (i = 0; i < BUSY; i++)
		before[i] = progress(&self->mc[i]);
	sleep(4);
	for (i = 0; i < BUSY; i++) {
		done[i] = progress(&self->mc[i]) - before[i];
		sum += done[i];
		TH_LOG("context %u: %u elements", i, done[i]);
		ASSERT_LT(before[i] + done[i], self->mc[i].next) {
			TH_LOG("it was not busy all the time");
		}
	}
	for (i = 0; i < BUSY; i++)
		EXPECT_LE(sum / BUSY / 2, done[i]);
}

TEST_HARNESS_MAIN
