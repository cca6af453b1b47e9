// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz [-s SEED] [-t SECONDS] [-w WORKERS] [-p PATIENCE] [-r REPLAY] [CORPUS]...
 *
 * Prints each program that reaches something new as "find: ...", in the end those
 * worth keeping as "corpus: ...", and one TAP result. See Documentation/testing.rst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

struct shared *shared;
struct settings settings = {
	.seed = 1,
	.workers = 1,
	.patience = 60,
};

static int parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:t:w:p:r:")) != -1) {
		switch (option) {
		case 's':
			settings.seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			settings.seconds = atoi(optarg);
			break;
		case 'w':
			settings.workers = atoi(optarg);
			break;
		case 'p':
			settings.patience = atoi(optarg);
			break;
		case 'r':
			settings.replay = optarg;
			break;
		default:
			return -1;
		}
	}
	return settings.workers && settings.workers <= MAX_WORKERS ? 0 : -1;
}

static time_t seconds_since(time_t begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begin;
}

/* Of a loaded corpus that stays which adds something, in the order of length. */
static void load(int argc, char **argv)
{
	int i;

	for (i = optind; i < argc; i++)
		if (corpus_load(argv[i]))
			printf("# no %s\n", argv[i]);
	shared->seeds = shared->nr_corpus;
	memcpy(shared->loaded, shared->corpus, sizeof(shared->loaded));
	shared->nr_corpus = 0;
}

/* Something in a process of its own, as number @worker */
static pid_t start(unsigned int number, bool check, bool load_again)
{
	struct pulse *pulse = &shared->pulses[number][0];
	pid_t pid;

	memset(shared->pulses[number], 0, sizeof(shared->pulses[number]));
	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	if (!check)
		worker(number);
	pulse->tid = getpid();
	pulse->busy = 1;
	exit(check_everything(load_again) ? 1 : 0);
}

/* Programs, then a look at what is left of them */
static int round_of(unsigned int seconds, bool *more)
{
	pid_t pids[MAX_WORKERS];
	unsigned int i;
	int ret;

	for (i = 0; i < settings.workers; i++)
		pids[i] = start(i, false, false);
	ret = watch(pids, settings.workers, seconds);
	if (ret)
		return ret;
	*more = !shared->stop &&
		(settings.seconds ||
		 (!settings.replay && shared->next[0] < shared->seeds));
	pids[0] = start(0, true, *more);
	return watch(pids, 1, 0);
}

static int fuzz(void)
{
	time_t begin = seconds_since(0), took;
	bool more = true;
	int ret = 0;

	while (!ret && more) {
		took = seconds_since(begin);
		if (settings.seconds && took >= settings.seconds)
			break;
		ret = round_of(settings.seconds ? settings.seconds - took : 0,
			       &more);
		printf("# %ld s: %lu operations, %lu programs, %u edges, %u seeds\n",
		       (long)seconds_since(begin), shared->operations,
		       shared->programs, shared->nr_edges, shared->nr_corpus);
		fflush(stdout);
	}
	return ret;
}

int main(int argc, char **argv)
{
	unsigned int i;
	time_t begin;
	int ret;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || parse(argc, argv)) {
		fprintf(stderr, "fuzz: see the beginning of fuzz.c for its arguments\n");
		return 2;
	}
	ops_init();
	load(argc, argv);
	for (i = 0; i < MAX_WORKERS; i++)
		shared->random[i] = (settings.seed + i) * 0x9e3779b97f4a7c15ULL | 1;
	printf("# seed %llu, %u workers%s\n", settings.seed, settings.workers,
	       kcov_works() ? "" : ", without KCOV");
	begin = seconds_since(0);
	ret = stack_unload();
	if (!ret)
		ret = stack_load();
	if (ret) {
		failure("modules cannot be loaded: %s", strerror(-ret));
		return 1;
	}
	ret = fuzz();
	corpus_dump();
	printf("%sok - fuzz: %lu operations in %ld s, %u edges, %u seeds\n",
	       ret ? "not " : "", shared->operations,
	       (long)seconds_since(begin), shared->nr_edges, shared->nr_corpus);
	return ret ? 1 : 0;
}
