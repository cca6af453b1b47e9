// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "race.h"
#include "vfio_mdev.h"

/* In nanoseconds */
#define MAX_DELAY	5000000
#define MIN_SLEEP	100000

/* How many times the rounds, until any two ran at once */
#define MORE		50

static long number_from(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text && atol(text) > 0 ? atol(text) : otherwise;
}

static bool did_overlap(const struct race *race)
{
	return race->overlaps || sysconf(_SC_NPROCESSORS_ONLN) == 1;
}

bool race_more(const struct race *race, unsigned int rounds)
{
	rounds *= number_from("RACE", 1);
	return race->rounds < rounds ||
	       (!did_overlap(race) && race->rounds < MORE * rounds);
}

bool race_may(const struct racer *racer, unsigned long long allowed)
{
	return racer->ret <= 0 && racer->ret > -64 &&
	       allowed & MAY(-racer->ret);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static unsigned long next_random(struct racer *racer)
{
	unsigned long x = racer->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	racer->random = x;
	return x;
}

/* How long the others took last time, in nanoseconds; not for ever */
static unsigned long span(struct racer *racer)
{
	struct race *race = racer->race;
	long long longest = 0;
	unsigned int i;

	for (i = 0; i < race->n; i++)
		if (&race->racer[i] != racer && race->racer[i].took > longest)
			longest = race->racer[i].took;
	return longest < MAX_DELAY ? longest : MAX_DELAY;
}

/* It begins anywhere in what the others do, and not always on a busy processor. */
static void delay(struct racer *racer)
{
	unsigned long random = next_random(racer);
	unsigned long ns = random % (span(racer) + 1);
	long long until = now() + ns;
	struct timespec sleep = { .tv_nsec = ns };

	if (random >> 60 & 1 && ns > MIN_SLEEP)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, NULL);
	else
		while (now() < until)
			;
}

/* They leave as nearly together as they can without a sleep. */
static void meet(struct race *race)
{
	unsigned int spins = 0;

	__atomic_add_fetch(&race->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&race->arrived, __ATOMIC_SEQ_CST) < race->n)
		if (++spins % 1000 == 0)
			sched_yield();
}

static void *run(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;

	__atomic_store_n(&racer->tid, gettid(), __ATOMIC_RELEASE);
	while (!sem_wait(&racer->go) && !race->over) {
		meet(race);
		delay(racer);
		racer->begin = now();
		racer->ret = racer->run(race->arg);
		racer->end = now();
		__atomic_store_n(&racer->done, true, __ATOMIC_RELEASE);
		sem_post(&race->finished);
	}
	return NULL;
}

void race_init(struct race *race, void *arg)
{
	memset(race, 0, sizeof(*race));
	race->arg = arg;
	race->seed = number_from("SEED", now() & 0x7fffffff);
	sem_init(&race->finished, 0, 0);
}

static void pin(pthread_t thread, unsigned int i)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(i % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
}

void race_add(struct race *race, const char *what, int (*function)(void *arg))
{
	unsigned int i = race->n++;
	struct racer *racer = &race->racer[i];

	racer->race = race;
	racer->what = what;
	racer->run = function;
	racer->random = (race->seed + i + 1) * 0x9e3779b97f4a7c15UL;
	sem_init(&racer->go, 0, 0);
	if (pthread_create(&racer->thread, NULL, run, racer))
		abort();
	pin(racer->thread, i);
}

static void print_race(struct race *race)
{
	unsigned int i;

	printf("#");
	for (i = 0; i < race->n; i++)
		printf("%s %s", i ? " against" : "", race->racer[i].what);
	printf(": %u rounds, %u of them at once, SEED=%lu\n", race->rounds,
	       race->overlaps, race->seed);
}

static void print_file(struct racer *racer, const char *name)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", racer->tid, name);
	if (read_file(path, text, sizeof(text)) > 0)
		printf("# %s hangs, %s:\n%s\n", racer->what, name, text);
}

static void hang(struct race *race)
{
	unsigned int i;

	print_race(race);
	for (i = 0; i < race->n; i++) {
		if (__atomic_load_n(&race->racer[i].done, __ATOMIC_ACQUIRE))
			continue;
		print_file(&race->racer[i], "syscall");
		print_file(&race->racer[i], "stack");
	}
	fflush(stdout);
	abort();
}

static void count_outcome(struct racer *racer)
{
	unsigned int i;

	for (i = 0; i < OUTCOMES; i++) {
		if (racer->outcomes[i].times &&
		    racer->outcomes[i].ret != racer->ret)
			continue;
		racer->outcomes[i].ret = racer->ret;
		racer->outcomes[i].times++;
		return;
	}
}

void race_run(struct race *race)
{
	struct racer *racer = race->racer;
	struct timespec deadline;
	unsigned int i;

	race->arrived = 0;
	for (i = 0; i < race->n; i++) {
		racer[i].done = false;
		sem_post(&racer[i].go);
	}
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += PATIENCE / 1000;
	for (i = 0; i < race->n; i++)
		while (sem_timedwait(&race->finished, &deadline))
			if (errno == ETIMEDOUT)
				hang(race);

	race->rounds++;
	if (racer[0].begin < racer[1].end && racer[1].begin < racer[0].end)
		race->overlaps++;
	for (i = 0; i < race->n; i++) {
		racer[i].took = racer[i].end - racer[i].begin;
		count_outcome(&racer[i]);
	}
}

static void print_outcomes(struct racer *racer)
{
	unsigned int i;

	printf("#   %s:", racer->what);
	for (i = 0; i < OUTCOMES && racer->outcomes[i].times; i++)
		printf(" %u times %s", racer->outcomes[i].times,
		       racer->outcomes[i].ret ?
		       strerrorname_np(-racer->outcomes[i].ret) : "0");
	printf("\n");
}

bool race_end(struct race *race)
{
	unsigned int i;

	race->over = true;
	for (i = 0; i < race->n; i++)
		sem_post(&race->racer[i].go);
	for (i = 0; i < race->n; i++)
		pthread_join(race->racer[i].thread, NULL);
	print_race(race);
	for (i = 0; i < race->n; i++)
		print_outcomes(&race->racer[i]);
	fflush(stdout);
	return !race->rounds || did_overlap(race);
}
