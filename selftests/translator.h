/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver of the function that gives a memcpy AFU addresses of its own choice,
 * and a thread that translates them: page @i of ea() is at any page of the
 * memory of struct vfio_queue.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _TRANSLATOR_H
#define _TRANSLATOR_H

#include <pthread.h>

#include "vfio_queue.h"

/* Where the AFU's addresses begin; the queue, too */
#define EA		0x76543210000000ULL
#define EA_WED		(EA | DEPTH)
/* All of it is there again so far away, so many times. */
#define IMAGE		0x400000ULL
#define IMAGES		512
#define PAGE		4096
#define PAGES		(SIZE / PAGE)
/* Up to here, pages are where their number says. */
#define FIXED		(SRC / PAGE)
/* The block, in a page that is not translated to */
#define BLOCK		0x8000
#define READ_ONLY	CAPI_MDEV_ENTRY_LOAD
#define BOTH		(CAPI_MDEV_ENTRY_LOAD | CAPI_MDEV_ENTRY_STORE)
#define LOG		64

struct request {
	__u32 token;
	__u16 pe;
	__u16 flags;
	__u64 address;
	__u32 pages;
};

/**
 * struct translator - the driver
 * @q: the AFU and its memory
 * @block: the block in it
 * @thread: answers
 * @vector: eventfd of vector 0
 * @ending: the thread is to end
 * @over: for threads of a test: they are to end, too
 * @lock: covers all below
 * @entry: of each page, as in struct capi_mdev_translation
 * @around: answers with what is around the pages, too
 * @once: for the access only
 * @silent: does not answer
 * @spoil: changes the answer; optional
 * @last: token of the last request
 * @asked: how many requests there were
 * @log: these, modulo LOG
 */
struct translator {
	struct vfio_queue q;
	struct capi_mdev_translation *block;
	pthread_t thread;
	int vector;
	int ending;
	int over;

	pthread_mutex_t lock; /* all below */
	__u64 entry[PAGES];
	bool around;
	bool once;
	bool silent;
	void (*spoil)(struct capi_mdev_translation *block);
	__u32 last;
	unsigned int asked;
	struct request log[LOG];
};

/* With a new mdev, started, pages shuffled; the other removes it. */
int translator_open(struct translator *t);
int translator_close(struct translator *t);
/* Nobody answers from here on. */
void translator_end(struct translator *t);

/* Is it time for a thread of a test to end? */
bool over(struct translator *t);
/* Ends it. */
void join(struct translator *t, pthread_t thread);

/* Resets and starts it, with an empty queue. */
int translator_restart(struct translator *t);

/* Place @off as the AFU addresses it, and where the CPU finds it */
void *ea(unsigned int off);
unsigned char *ea_at(struct translator *t, unsigned int off);

/* Changes @entry of the page at @off; the AFU may not know it yet. */
void translator_set(struct translator *t, unsigned int off, __u64 entry);
__u64 translator_get(struct translator *t, unsigned int off);
/* A store to INVALIDATE; the second for one page. */
int invalidate(struct translator *t, __u64 value);
int invalidate_page(struct translator *t, unsigned int off);

/* How many requests there were so far, and the @i'th of them */
unsigned int asked(struct translator *t);
struct request request(struct translator *t, unsigned int i);
void translator_spoil(struct translator *t,
		      void (*spoil)(struct capi_mdev_translation *block));
void translator_answers(struct translator *t, bool answers);
void translator_answer(struct translator *t, __u32 token);
__u32 stale(struct translator *t);

/* The next event is this fault. */
int expect_fault(struct translator *t, const void *addr, __u64 dsisr);
/* @element fails with that fault, and the AFU is told to go on. */
int faults(struct translator *t, struct capi_memcpy_element *element,
	   const void *addr, __u64 dsisr);
/* It still works: the next element, whatever was before, is done. */
bool translator_works(struct translator *t);

#endif /* _TRANSLATOR_H */
