// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memcpy AFU costs while it has nothing to do, how soon it sees that it
 * has, and whether all contexts get their share when it has much.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include <kselftest_harness.h>

#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE		CAPI_MEMCPY_STATUS_COMPLETE
#define CONTEXTS	100
#define SPAN		3	/* seconds */
#define SPANS		8	/* at most */
#define BUSY		8	/* contexts */
#define SAMPLES		20	/* of those that are idle */

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

static bool is_worker(const char *pid)
{
	char path[300], name[64];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	return read_file(path, name, sizeof(name)) > 0 &&
	       !strncmp(name, "capi-afu", 8);
}

/* Seconds that a thread has run */
static double run_time(const char *pid)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	if (read_file(path, text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10) / 1e9;
}

/* The same for all threads of the AFU, and how many there are */
static double thread_time(unsigned int *threads)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	double sum = 0;

	*threads = 0;
	while (proc && (entry = readdir(proc))) {
		if (!is_worker(entry->d_name))
			continue;
		sum += run_time(entry->d_name);
		++*threads;
	}
	if (proc)
		closedir(proc);
	return sum;
}

/* They have used nothing for longer than they ever sleep. */
static bool come_to_rest(void)
{
	unsigned int threads;
	double before = thread_time(&threads);

	sleep(1);
	return before == thread_time(&threads);
}

/*
 * What part of one CPU all of them were busy with, in the quietest of so many
 * spans, or the first that is quiet @enough: what a machine around an emulated CPU
 * takes from it counts as well. So many there were.
 */
static double busy(unsigned int *spans, double enough)
{
	double start, idle, part, least = 1e9;
	unsigned int i;

	for (i = 0; i < *spans && least > enough; i++) {
		start = now();
		idle = idle_time();
		sleep(SPAN);
		part = sysconf(_SC_NPROCESSORS_ONLN) -
		       (idle_time() - idle) / (now() - start);
		if (part < least)
			least = part;
	}
	*spans = i;
	return least;
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

/* Milliseconds that something takes, from when it is put into the queue */
static double notice(struct capi_memcpy *mc)
{
	char byte = 0;
	double start = now();
	struct capi_memcpy_element *element = capi_memcpy_copy(mc, &byte, "x", 1);

	if (memcpy_status(element) != DONE || byte != 'x')
		return 1e9;
	return (now() - start) * 1000;
}

static int by_length(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

/*
 * Work that nobody told the AFU of is noticed by all. Half of them say how soon: a
 * CPU that stands still for a moment is late for any of them, and one that others
 * use is late for most. An AFU that is late is late each time.
 */
static bool in_time(struct capi_memcpy *mc, bool restart)
{
	double times[SAMPLES];
	unsigned int i, round;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < SAMPLES; i++) {
			if (restart)
				capi_memcpy_restart(&mc[i]);
			times[i] = notice(&mc[i]);
		}
		qsort(times, SAMPLES, sizeof(*times), by_length);
		printf("# work is noticed and done after %.1f ms, %.1f ms at most\n",
		       times[SAMPLES / 2], times[SAMPLES - 1]);
		if (times[SAMPLES / 2] <= 50 && times[SAMPLES - 1] <= 2000)
			return true;
	}
	return false;
}

TEST_F(memcpy_cost, idle)
{
	double baseline, with, before, used;
	unsigned int threads, spans = 2;

	baseline = busy(&spans, 0);
	ASSERT_EQ(0, start_all(self->mc, &self->started, CONTEXTS, 1));
	/* The time that an AFU takes to see that it has nothing to do */
	sleep(1);

	before = thread_time(&threads);
	ASSERT_EQ(CONTEXTS, threads);
	spans = SPANS;
	with = busy(&spans, baseline + 0.05);
	used = (thread_time(&threads) - before) / (spans * SPAN);
	TH_LOG("%d idle contexts: %.1f%% of a CPU, %.1f%% in their threads; %.1f%% without them",
	       CONTEXTS, with * 100, used * 100, baseline * 100);
	EXPECT_GE(0.05, used);
	EXPECT_GE(0.05, with - baseline);
	EXPECT_TRUE(in_time(self->mc, false));
}

/* All that wait for a restart need no look at memory, so no time at all. */
TEST_F(memcpy_cost, stopped)
{
	unsigned int threads, i;
	double before, used;

	ASSERT_EQ(0, start_all(self->mc, &self->started, CONTEXTS, 1));
	for (i = 0; i < CONTEXTS; i++)
		ASSERT_NE(NULL, capi_memcpy_interrupt(&self->mc[i], 1));
	for (i = 0; i < CONTEXTS; i++)
		ASSERT_EQ(0, memcpy_wait_stopped(&self->mc[i]));
	EXPECT_TRUE(WAIT_UNTIL(come_to_rest()));

	before = thread_time(&threads);
	ASSERT_EQ(CONTEXTS, threads);
	sleep(2);
	used = (thread_time(&threads) - before) / 2;
	TH_LOG("%d stopped contexts: %.2f%% of a CPU in their threads", CONTEXTS,
	       used * 100);
	EXPECT_GE(0.001, used);
	EXPECT_TRUE(in_time(self->mc, true));
}

/* Elements done so far */
static unsigned int progress(const struct capi_memcpy *mc)
{
	unsigned int n = 0;

	while (n < mc->depth &&
	       __atomic_load_n(&mc->queue[n].status, __ATOMIC_RELAXED) == DONE)
		n++;
	return n;
}

/*
 * A full queue of copies that wait for a restart. All contexts copy the same
 * memory; nobody looks at it.
 */
static int get_ready(struct capi_memcpy *mc, char *memory, size_t size)
{
	struct capi_memcpy_element *element = capi_memcpy_interrupt(mc, 1);
	int ret = memcpy_wait_stopped(mc);

	while (!ret && mc->next) {
		element = capi_memcpy_copy(mc, memory, memory + size / 2,
					   CAPI_MEMCPY_MAX_LENGTH);
		if (!element)
			ret = -EAGAIN;
	}
	return ret;
}

/* On one CPU, as an emulator's CPUs may differ in speed. How many they are. */
static unsigned int gather_threads(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int n = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	while (proc && (entry = readdir(proc)))
		n += is_worker(entry->d_name) &&
		     !sched_setaffinity(atoi(entry->d_name), sizeof(set), &set);
	if (proc)
		closedir(proc);
	return n;
}

/* Timer interrupts of CPU 0, by which its threads take turns; -1 if nobody counts */
static long ticks(void)
{
	char text[0x4000];
	char *line;

	if (read_file("/proc/interrupts", text, sizeof(text)) <= 0)
		return -1;
	line = strstr(text, "LOC:");
	return line ? atol(line + strlen("LOC:")) : -1;
}

/**
 * struct rest - how long CPU 0 was without a timer interrupt
 * @ticks: how many there were when one was last seen
 * @since: when that was
 * @longest: what it was at most, in seconds
 */
struct rest {
	long ticks;
	double since;
	double longest;
};

static void rest_look(struct rest *rest)
{
	long n = ticks();

	if (n < 0 || n != rest->ticks) {
		rest->ticks = n;
		rest->since = now();
	} else if (now() - rest->since > rest->longest) {
		rest->longest = now() - rest->since;
	}
}

TEST_F(memcpy_cost, fairness)
{
	unsigned int done[BUSY], most = 0, sum = 0, i;
	struct rest rest = { .ticks = -1 };
	size_t size = 32 * page_size();
	char *memory = memcpy_pages(32);
	double end;

	ASSERT_NE(NULL, memory);
	memset(memory, 1, size);
	ASSERT_EQ(0, start_all(self->mc, &self->started, BUSY,
			       CAPI_MEMCPY_WED_DEPTH));
	for (i = 0; i < BUSY; i++)
		ASSERT_EQ(0, get_ready(&self->mc[i], memory, size));
	ASSERT_EQ(BUSY, gather_threads());

	for (i = 0; i < BUSY; i++)
		capi_memcpy_restart(&self->mc[i]);
	/* As long as all have something to do */
	end = now() + 4;
	while (now() < end && most < self->mc[0].depth) {
		usleep(20000);
		rest_look(&rest);
		for (i = 0, sum = 0, most = 0; i < BUSY; i++) {
			done[i] = progress(&self->mc[i]);
			most = done[i] > most ? done[i] : most;
			sum += done[i];
		}
	}
	TH_LOG("%.2f s at most without a timer interrupt", rest.longest);
	if (rest.longest > 0.5)
		SKIP(return, "an emulated CPU had lost its timer");
	for (i = 0; i < BUSY; i++) {
		TH_LOG("context %u: %u elements", i, done[i]);
		EXPECT_LE(sum / BUSY / 2, done[i]);
	}
	EXPECT_LT(100, sum / BUSY);
}

TEST_HARNESS_MAIN
