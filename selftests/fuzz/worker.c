// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker runs programs, one after the other; at times two at once, on the same
 * devices. What is run is in the kernel's log before, so that it can be run again
 * when the machine dies of it:
 *
 *	fuzz: <worker>: <program> | <the other program>
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

/* Nothing waits for longer: there is a signal every so many milliseconds. */
#define WAIT_MS		20
/* Shorter programs are made longer. */
#define ENOUGH		20
/* After so many programs all devices are removed. */
#define RELEASE		32
/* Then modules are loaded anew, and looked at. */
#define PROGRAMS	2000

static struct state state;
static int log_fd = -1;

/* The second program, and the thread that runs it */
static struct program other;
static pthread_barrier_t begin, end;
static unsigned int other_new;

static __thread sigjmp_buf fault;
static __thread int may_fault;

void beat(struct pulse *pulse, const char *doing)
{
	pulse->doing = doing;
	__atomic_add_fetch(&pulse->beats, 1, __ATOMIC_RELAXED);
}

static void on_fault(int signal)
{
	if (__atomic_load_n(&may_fault, __ATOMIC_RELAXED))
		siglongjmp(fault, signal);
	_exit(2);
}

static void on_timer(int signal)
{
	(void)signal;
}

static void init_signals(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	action.sa_handler = on_timer;
	sigaction(SIGALRM, &action, NULL);
}

/* Whoever runs programs */
static void init_thread(struct pulse *pulse)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
		._sigev_un._tid = gettid(),
	};

	struct itimerspec time = {
		.it_value.tv_nsec = WAIT_MS * 1000000L,
		.it_interval.tv_nsec = WAIT_MS * 1000000L,
	};
	timer_t timer;

	pulse->tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &time, NULL))
		exit(1);
	kcov_open();
}

/* Returns how many edges are new. */
static unsigned int run_op(const struct op *op)
{
	const struct op_kind *kind = op_kind(op->nr);
	bool done = true;

	kcov_begin();
	if (!sigsetjmp(fault, 0)) {
		__atomic_store_n(&may_fault, 1, __ATOMIC_RELAXED);
		done = kind->run(&state, op->arg);
	}
	__atomic_store_n(&may_fault, 0, __ATOMIC_RELAXED);
	if (done)
		__atomic_add_fetch(&shared->operations, 1, __ATOMIC_RELAXED);
	return kcov_end();
}

/* Returns how much of it was of use: up to the last operation with new edges. */
static unsigned int run_ops(const struct program *program, struct pulse *pulse)
{
	unsigned int i, useful = 0;

	for (i = 0; i < program->n; i++) {
		beat(pulse, op_kind(program->ops[i].nr)->name);
		if (run_op(&program->ops[i]))
			useful = i + 1;
	}
	return useful;
}

static void *run_other(void *arg)
{
	struct pulse *pulse = arg;

	init_thread(pulse);
	pthread_barrier_wait(&state.ready);
	for (;;) {
		pthread_barrier_wait(&begin);
		__atomic_store_n(&pulse->busy, 1, __ATOMIC_RELEASE);
		other_new = run_ops(&other, pulse);
		__atomic_store_n(&pulse->busy, 0, __ATOMIC_RELEASE);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* Whole lines, whatever signals there are */
static void say(const char *line)
{
	size_t left = strlen(line);
	ssize_t len;

	while (left) {
		len = write(STDOUT_FILENO, line, left);
		if (len < 0 && errno != EINTR)
			exit(1);
		if (len > 0) {
			line += len;
			left -= len;
		}
	}
}

static void keep(const struct program *program, unsigned int useful)
{
	struct program found = *program;
	char text[MAX_TEXT], line[MAX_TEXT + 16];

	found.n = useful;
	if (!useful || !corpus_add(&found) || settings.replay)
		return;
	program_print(&found, text, sizeof(text));
	snprintf(line, sizeof(line), "find: %s\n", text);
	say(line);
}

/* What does not fit into the line is not run. */
static void announce(struct program *program)
{
	char first[MAX_TEXT], second[MAX_TEXT / 2], line[2 * MAX_TEXT];
	int len;

	program_print(program, first, other.n ? MAX_TEXT / 2 : MAX_TEXT);
	program_parse(first, program);
	if (other.n) {
		program_print(&other, second, sizeof(second));
		program_parse(second, &other);
	}
	len = snprintf(line, sizeof(line), "<1>fuzz: %u: %s%s%s", state.worker,
		       first, other.n ? " | " : "", other.n ? second : "");
	if (write(log_fd, line, len) != len)
		perror("# log");
}

static void run(struct program *program)
{
	struct pulse *pulse = &shared->pulses[state.worker][0];
	bool two = other.n;
	unsigned int useful;

	beat(pulse, "saying it");
	announce(program);
	if (two)
		pthread_barrier_wait(&begin);
	useful = run_ops(program, pulse);
	beat(pulse, "waiting for the other program");
	if (two)
		pthread_barrier_wait(&end);
	kcov_begin();
	if (++state.programs % RELEASE)
		state_reset(&state, pulse);
	else
		state_release(&state, pulse);
	if (kcov_end())
		useful = program->n;
	beat(pulse, "finding");
	keep(program, useful);
	if (two)
		keep(&other, other_new);
	__atomic_add_fetch(&shared->programs, 1, __ATOMIC_RELAXED);
}

/* From nothing, or from what is there; a few of two programs at once */
static void make(__u64 *random, struct program *program)
{
	program->n = 0;
	if (below(random, 20))
		corpus_pick(random, program);
	if (program->n)
		program_mutate(random, program);
	else
		program_generate(random, program);
	program_thin(random, program);
	/* What comes before and after takes time. */
	while (program->n < ENOUGH) {
		program_append(random, program);
		program_thin(random, program);
	}
	other.n = 0;
	if (!below(random, sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 4 : 16)) {
		corpus_pick(random, &other);
		if (other.n && below(random, 2))
			program_mutate(random, &other);
		program_thin(random, &other);
	}
}

/* The files: each program is run by one worker, and stays if it is of use. */
static bool next_seed(struct program *program)
{
	unsigned int i = __atomic_fetch_add(&shared->next[0], 1,
					    __ATOMIC_RELAXED);

	if (settings.replay || i >= shared->seeds)
		return false;
	*program = shared->loaded[i];
	other.n = 0;
	/* Without KCOV nobody says which are of use. */
	if (!kcov_works())
		corpus_add(program);
	return true;
}

/* The same again and again */
static bool next_replay(struct program *program)
{
	unsigned int *next = &shared->next[state.worker];

	if (replay_line(state.worker, *next, program, &other)) {
		*next = 0;
		if (!settings.seconds ||
		    replay_line(state.worker, 0, program, &other))
			return false;
	}
	++*next;
	return true;
}

static void run_all(void)
{
	__u64 *random = &shared->random[state.worker];
	struct program program;
	unsigned int n;

	for (n = 0; n < PROGRAMS; n++) {
		if (__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE))
			return;
		/* An adapter that is gone comes back when modules are loaded. */
		if (n % 16 == 15 && !stack_complete())
			return;
		if (settings.replay) {
			if (!next_replay(&program))
				return;
		} else if (!next_seed(&program)) {
			if (!settings.seconds)
				return;
			make(random, &program);
		}
		run(&program);
	}
}

noreturn void worker(unsigned int number)
{
	struct pulse *pulses = shared->pulses[number];
	unsigned int fds;
	pthread_t thread;

	log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	state_init(&state, number);
	init_signals();
	kcov_load_modules();
	pthread_barrier_init(&state.ready, NULL, THREADS);
	pthread_barrier_init(&begin, NULL, 2);
	pthread_barrier_init(&end, NULL, 2);
	init_thread(&pulses[0]);
	if (pthread_create(&thread, NULL, run_other, &pulses[1]) ||
	    pthread_create(&thread, NULL, helper, &state))
		exit(1);
	/* All threads have their files. */
	pthread_barrier_wait(&state.ready);
	fds = count_fds();
	pulses[0].busy = 1;
	run_all();
	beat(&pulses[0], "the end");
	state_release(&state, &pulses[0]);
	if (check_own(fds))
		exit(1);
	pulses[0].busy = 0;
	exit(0);
}
