/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several at once, each on a CPU of its own, round after round. They begin
 * together, but for random delays: these are there to shift one against the
 * other, and nothing depends on them.
 *
 * In the environment, RACE=N has each test run N times as many rounds, and SEED=N
 * repeats the delays of a run that said so.
 */
#ifndef _RACE_H
#define _RACE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/types.h>

#define RACERS		3
#define OUTCOMES	12

struct race;

/**
 * struct racer - one of those who run
 * @race: with whom
 * @what: what it does, for people
 * @run: does it once; returns 0 or a negative errno
 * @ret: what that returned
 * @thread: it
 * @tid: its thread id
 * @go: posted for each round
 * @random: state of its delays
 * @done: it is through with the round
 * @begin: when it began, in nanoseconds
 * @end: when it ended
 * @took: how long it ran in the last round; changes in between only
 * @outcomes: what @run ever returned, and how often
 */
struct racer {
	struct race *race;
	const char *what;
	int (*run)(void *arg);
	int ret;
	pthread_t thread;
	pid_t tid;
	sem_t go;
	unsigned long random;
	bool done;
	long long begin;
	long long end;
	long long took;
	struct {
		int ret;
		unsigned int times;
	} outcomes[OUTCOMES];
};

/**
 * struct race - who runs against whom
 * @arg: for their functions
 * @n: how many they are
 * @racer: they
 * @arrived: how many are about to begin
 * @finished: posted by each at the end of a round
 * @over: there is no further round
 * @rounds: how many there were
 * @overlaps: in how many of them the first two ran at the same time
 * @seed: of all delays
 */
struct race {
	void *arg;
	unsigned int n;
	struct racer racer[RACERS];
	unsigned int arrived;
	sem_t finished;
	bool over;
	unsigned int rounds;
	unsigned int overlaps;
	unsigned long seed;
};

/* Another who runs; all are there before the first round. */
void race_init(struct race *race, void *arg);
void race_add(struct race *race, const char *what, int (*run)(void *arg));

/*
 * One round: returns when all are through with it. If one of them hangs, says
 * where and ends the test.
 */
void race_run(struct race *race);

/*
 * Whether another round is due, where there are @rounds by default. If no two ever
 * ran at the same time, as on a busy machine, there are more of them.
 */
bool race_more(const struct race *race, unsigned int rounds);

/* Ends it, and prints what came of it. Did any two run at the same time, if at all? */
bool race_end(struct race *race);

/* What a racer may return: MAY(0) | MAY(EIO) */
#define MAY(error)	(1ULL << (error))
/*
 * Of an open of a device that goes: a node without a device says ENXIO, and a
 * container that lost its group EINVAL.
 */
#define MAY_OPEN	(MAY(0) | MAY(ENOENT) | MAY(ENODEV) | MAY(ENXIO) | \
			 MAY(EINVAL))
bool race_may(const struct racer *racer, unsigned long long allowed);

#endif /* _RACE_H */
