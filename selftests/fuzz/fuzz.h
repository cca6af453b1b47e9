/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzer of the whole stack: a program is a list of operations with small
 * numbers as arguments, and one that reaches code which no other did is kept, to
 * make more of it.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _FUZZ_H
#define _FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include <linux/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define MAX_ARGS	5
#define MAX_OPS		40
/* A program as text, which has to fit into a line of the kernel's log */
#define MAX_TEXT	900
#define MAX_CORPUS	4096
#define MAX_EDGES	0x20000
#define MAX_WORKERS	8
/* Threads of a worker: two that run programs, and one that waits for others */
#define THREADS		3
#define HELPER		2

struct op {
	__u8 nr;
	__u8 arg[MAX_ARGS];
};

struct program {
	unsigned int n;
	struct op ops[MAX_OPS];
};

/**
 * struct pulse - by this it is seen whether a thread goes on
 * @busy: it is at work
 * @beats: how often it began something
 * @tid: it
 * @doing: what, for whom reads that it hangs
 */
struct pulse {
	int busy;
	unsigned int beats;
	pid_t tid;
	const char *doing;
};

/**
 * struct shared - what all processes of the fuzzer share
 * @stop: the workers are to end
 * @operations: how many were done
 * @programs: how many were run
 * @nr_edges: how many there are
 * @seeds: how many of the corpus came from files
 * @failed: something is wrong; it was said
 * @random: state of each worker's generator
 * @next: line of the replay that each worker runs next; without, the first is the
 *	next of @loaded
 * @pulses: of their threads
 * @lock: covers @nr_corpus and @corpus
 * @nr_corpus: how many there are
 * @corpus: programs that are kept
 * @loaded: those from files, @seeds of them
 * @edges: a hash table
 */
struct shared {
	int stop;
	unsigned long operations;
	unsigned long programs;
	unsigned int nr_edges;
	unsigned int seeds;
	int failed;
	__u64 random[MAX_WORKERS];
	unsigned int next[MAX_WORKERS];
	struct pulse pulses[MAX_WORKERS][THREADS];
	int lock;
	unsigned int nr_corpus;
	struct program corpus[MAX_CORPUS];
	struct program loaded[MAX_CORPUS];
	__u64 edges[MAX_EDGES];
};

extern struct shared *shared;

/**
 * struct settings - what was asked for
 * @seconds: how long; 0: what is in files, and no more
 * @seed: of the generators
 * @workers: how many processes
 * @patience: seconds after which what does not end hangs
 * @replay: a file of programs to run and no others
 */
struct settings {
	unsigned int seconds;
	__u64 seed;
	unsigned int workers;
	unsigned int patience;
	const char *replay;
};

extern struct settings settings;

/* Says what failed, a result in TAP. */
void say_failure(const char *why);
#define failure(...)							\
do {									\
	char __why[512];						\
									\
	snprintf(__why, sizeof(__why), __VA_ARGS__);			\
	say_failure(__why);						\
} while (0)

/* corpus.c */
int program_parse(const char *text, struct program *program);
void program_print(const struct program *program, char *text, size_t size);
bool corpus_add(const struct program *program);
void corpus_pick(__u64 *random, struct program *program);
int corpus_load(const char *path);
void corpus_dump(void);
/* Line @n of a replay that is for @worker; -ENOENT after the last */
int replay_line(unsigned int worker, unsigned int n, struct program *first,
		struct program *second);

/* mutate.c */
unsigned int below(__u64 *random, unsigned int limit);
void program_generate(__u64 *random, struct program *program);
void program_thin(__u64 *random, struct program *program);
void program_append(__u64 *random, struct program *program);
void program_mutate(__u64 *random, struct program *program);

/* kcov.c */
int kcov_load_modules(void);
void kcov_open(void);
void kcov_begin(void);
/* How many edges are new */
unsigned int kcov_end(void);
bool kcov_works(void);

/* ops.c */
struct state;

/**
 * struct op_kind - a kind of operation
 * @name: in text
 * @weight: how often it is chosen; below 100 for what takes long
 * @limit: of each argument, 0 after the last
 * @run: returns whether there was anything to do
 */
struct op_kind {
	const char *name;
	unsigned int weight;
	unsigned int limit[MAX_ARGS];
	bool (*run)(struct state *state, const __u8 *arg);
};

#define ALL	256

const struct op_kind *op_kind(unsigned int nr);
unsigned int op_args(const struct op_kind *kind);
int op_find(const char *name, size_t length);
unsigned int op_random(__u64 *random);
void ops_init(void);

/* worker.c: runs programs until there are enough, never returns. */
noreturn void worker(unsigned int number);
void beat(struct pulse *pulse, const char *doing);

/* check.c: runs in a process of its own */
int check_everything(bool load_again);
/* Is all that the caller had gone? */
int check_own(unsigned int fds);
unsigned int count_fds(void);

/* watch.c */
/* Waits for these processes: 0 if all is well. */
int watch(const pid_t *pids, unsigned int n, unsigned int seconds);

#endif /* _FUZZ_H */
