/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lets allocations and copies of user memory fail inside a system call, one after
 * the other, and looks at what becomes of it. The kernel has to have
 * CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC and CONFIG_FAULT_INJECTION_USERCOPY.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _FAIL_H
#define _FAIL_H

#include <stdbool.h>
#include <sys/types.h>

/* It says so in FAIL_SITES where the kernel knew at least one place for certain. */
#define FAIL_KNOWN	"known"
/* The programs that ran, and where they failed something: "module function+..." */
#define FAIL_SITES	"/tmp/fail_nth.sites"
/* How long the tests of one entry may take, in seconds: also in a guest, in a guest */
#define FAIL_PATIENCE	1800
/* So often is often enough: in one place, for those that are not steady. */
#define FAIL_STREAK	3
#define FAIL_ROUNDS	4
/* An entry ends by itself long before, or something is retried for ever. */
#define FAIL_MAX	5000

/**
 * struct fail_state - what is there of ours
 * @contexts: contexts that are free, of all AFUs
 * @mdevs: mediated devices
 * @devices: devices in class cxl
 * @references: of our modules
 * @fds: this process's
 */
struct fail_state {
	long long contexts;
	unsigned int mdevs;
	unsigned int devices;
	long long references;
	unsigned int fds;
};

/**
 * enum fail_what - what fails, besides copies
 * @FAIL_ALL: any memory
 * @FAIL_STEADY: memory from slabs, but for nodes of trees: much the same in each call
 * @FAIL_REST: nodes of trees, and pages: as slabs are made of them, no two calls take
 *	the same. All, where the kernel cannot tell what slab it is.
 */
enum fail_what {
	FAIL_ALL,
	FAIL_STEADY,
	FAIL_REST,
};

/**
 * struct fail - an entry to the kernel that is made to fail
 * @nth: fail-nth of the thread whose allocations fail
 * @maker: if not 0, what fails is instead in threads that this one makes
 * @log: the kernel's log, read up to now
 * @n: which allocation or copy is failed
 * @injected: one was, in this call
 * @calls: how many calls had one fail
 * @tolerated: how many of these succeeded even so
 * @site: the place in our modules where the last one was, "" if in none
 * @sure: that place is known, and not guessed
 * @known: so was another
 * @last: the place that steps began in
 * @streak: how often it was the same
 * @what: fails now
 * @by_cache: slabs can be told from each other
 * @first: where to begin with each, unless it is 1
 * @rounds: how often the rest was begun
 * @coarse: where one place has made the kernel allocate often enough, steps grow up
 *	to so many; 0 for each
 * @step: how many were the last
 * @halving: it was too long, and the next other place is looked for
 * @complaint: what the kernel said that it should not have
 * @begun: @steady is
 * @steady: what there is of ours after each call and what undoes it
 */
struct fail {
	int nth;
	pid_t maker;
	int log;
	unsigned int n;
	bool injected;
	unsigned int calls;
	unsigned int tolerated;
	char site[160];
	unsigned int sure;
	bool known;
	char last[160];
	unsigned int streak;
	enum fail_what what;
	bool by_cache;
	unsigned int first[FAIL_REST + 1];
	unsigned int rounds;
	unsigned int coarse;
	unsigned int step;
	bool halving;
	char complaint[200];
	bool begun;
	struct fail_state steady;
};

/* -EOPNOTSUPP on a kernel that cannot */
int fail_init(struct fail *fail);
void fail_exit(struct fail *fail);

/*
 * From here on it is another thread, by its number, such as one of the kernel's,
 * or the next one whose name begins so: its number.
 */
int fail_thread(struct fail *fail, pid_t tid);
pid_t fail_find_thread(const char *name, pid_t after);

/*
 * From here on it is this thread and those that it makes, of which nobody knows
 * before: @n is of memory from slabs, in pieces of so many bytes.
 */
#define FAIL_PIECE	64
int fail_made_by(struct fail *fail, pid_t tid);

/* Of the memory that is asked for, this fails from here on. */
int fail_choose(struct fail *fail, enum fail_what what);

/* The @n'th allocation or copy of the thread fails from here on. */
void fail_arm(struct fail *fail);
/* It has not failed yet. */
bool fail_is_due(struct fail *fail);
/* No more does; keeps whether one did, and where. */
void fail_disarm(struct fail *fail);
/* What is kept in FAIL_SITES from one program to the next, each line once */
void fail_keep(const char *what);
/* Reads the kernel's log; false if something in it should not be there. */
bool fail_log_ok(struct fail *fail);

/* On to the next, if there is one */
bool fail_next(struct fail *fail);

/* Is it what a call may say when it has no memory? */
bool fail_sane(int ret);
/* Is it what this call may say, which is counted? */
bool fail_ret_ok(struct fail *fail, int ret);
/* Counts from here on, and begins with the steady; then comes the rest. */
void fail_begin(struct fail *fail);

void fail_state(struct fail_state *state);
/* Is it as before? What goes by and by is waited for. */
bool fail_state_is(const struct fail_state *state);
/* Is it as after the first call of this entry? */
bool fail_steady(struct fail *fail);

/* For a fixture; @statement as in SKIP() */
#define FAIL_INIT(statement, fail)					\
do {									\
	int __ret = fail_init(fail);					\
									\
	if (__ret == -EOPNOTSUPP)					\
		SKIP(statement, "this kernel injects no faults");	\
	ASSERT_EQ(0, __ret);						\
} while (0)

/* A test of one entry, or of several that belong together */
#define FAIL_TEST(fixture, name)	TEST_F_TIMEOUT(fixture, name, FAIL_PATIENCE)

/*
 * Makes CALL, which is 0 or a negative errno, again and again, until none of its
 * allocations and copies is left that has not failed. BEFORE brings about what it
 * needs, AFTER undoes it where it succeeded. Whatever failed, the same call
 * succeeds afterwards, and nothing of it is left.
 */
#define FAIL_EACH(f, before, call, after)				\
do {									\
	struct fail *__fail = (f);					\
	bool __again;							\
	int __ret;							\
									\
	fail_begin(__fail);						\
	do {								\
		before;							\
		fail_arm(__fail);					\
		for (__again = false; ; __again = true) {		\
			__ret = (call);					\
			if (__again)					\
				break;					\
			fail_disarm(__fail);				\
			EXPECT_TRUE(fail_log_ok(__fail)) {		\
				TH_LOG("%s, %u in %s: %s", #call,	\
				       __fail->n, __fail->site,		\
				       __fail->complaint);		\
			}						\
			EXPECT_TRUE(fail_ret_ok(__fail, __ret)) {	\
				TH_LOG("%s, %u in %s: error %d", #call,	\
				       __fail->n, __fail->site, __ret);	\
			}						\
			if (!__ret || !__fail->injected)		\
				break;					\
		}							\
		ASSERT_EQ(0, __ret) {					\
			TH_LOG("%s, after %u in %s", #call, __fail->n,	\
			       __fail->site);				\
		}							\
		after;							\
		EXPECT_TRUE(fail_steady(__fail)) {			\
			TH_LOG("%s, after %u in %s", #call, __fail->n,	\
			       __fail->site);				\
		}							\
	} while (fail_next(__fail));					\
	EXPECT_LT(__fail->n, FAIL_MAX);					\
	TH_LOG("%u failed, of which %u were tolerated: %s",		\
	       __fail->calls, __fail->tolerated, #call);		\
} while (0)
#define NOTHING	do { } while (0)

#endif /* _FAIL_H */
