// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU copies a lot of a process's memory, which is swapped out, moved,
 * unmapped, protected, shared with children and written meanwhile. No byte is
 * wrong, and none is of a page that was replaced before the copy was asked for.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"
#include "vfio_mdev.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define FAULT	CAPI_MEMCPY_STATUS_TRANSLATION

#define SIZE	(64UL << 20)
/* What is changed at once, and what is copied at once */
#define CHUNK	(256UL << 10)
#define CHUNKS	(SIZE / CHUNK)
#define PIECE	(32UL << 10)
#define PIECES	(SIZE / PIECE)
#define WORDS	(PIECE / sizeof(__u64))

/* In flight at most; fewer than the queue has elements */
#define DEPTH	32
/* How often each kind of change is to be seen, and what may be needed for it */
#define SEEN	8
#define ROUNDS	30

/**
 * struct chunk - a part of the source
 * @written: versions that somebody has begun to write
 * @there: the version that all of it has, at least
 * @hole: it may not be loaded at the moment, or may not have been
 */
struct chunk {
	__u32 written;
	__u32 there;
	__u32 hole;
};

FIXTURE(memcpy_mirror) {
	struct capi_memcpy mc;
	char *src;
	char *dst;
	struct chunk chunks[CHUNKS];
	pthread_t thread;
	int stop;
	size_t position;
	unsigned int changes[8];
};

FIXTURE_SETUP(memcpy_mirror)
{
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&self->mc, 16));
	self->src = memcpy_pages(SIZE / page_size());
	self->dst = memcpy_pages(SIZE / page_size());
	ASSERT_NE(NULL, self->src);
	ASSERT_NE(NULL, self->dst);
}

FIXTURE_TEARDOWN(memcpy_mirror)
{
	capi_memcpy_close(&self->mc);
}

/* Each word says where it is, and which version it is of. */
static void fill(char *at, size_t offset, size_t size, __u32 version)
{
	__u64 *word = (__u64 *)at;
	size_t i;

	for (i = 0; i < size / sizeof(*word); i++)
		word[i] = (__u64)version << 32 |
			  (offset / sizeof(*word) + i);
}

/* Returns the number of the first word that is wrong, or WORDS. */
static size_t check(const char *at, size_t offset, __u32 least, __u32 most)
{
	const __u64 *word = (const __u64 *)at;
	__u32 first = offset / sizeof(*word);
	size_t i;

	for (i = 0; i < WORDS; i++)
		if ((__u32)word[i] != first + i || word[i] >> 32 < least ||
		    word[i] >> 32 > most)
			break;
	return i;
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Copying */

/**
 * struct copying - a copy of everything, one piece after another
 * @mc: the AFU
 * @src: from
 * @dst: to
 * @chunks: of @src
 * @elements: those in flight, by piece, a ring
 * @least: the version that @src had when the piece was given to the AFU
 * @holes: whether it had a hole then
 * @faults: how many pieces hit a hole
 * @position: filled with the piece that is copied, for those who change it
 */
struct copying {
	struct capi_memcpy *mc;
	char *src;
	char *dst;
	struct chunk *chunks;
	struct capi_memcpy_element *elements[DEPTH];
	__u32 least[DEPTH];
	__u32 holes[DEPTH];
	unsigned int faults;
	size_t *position;
};

static struct chunk *chunk_of(struct copying *copy, size_t piece)
{
	return &copy->chunks[piece * PIECE / CHUNK];
}

static int give(struct copying *copy, size_t piece)
{
	struct chunk *chunk = chunk_of(copy, piece);
	unsigned int slot = piece % DEPTH;

	copy->holes[slot] = __atomic_load_n(&chunk->hole, __ATOMIC_SEQ_CST);
	copy->least[slot] = __atomic_load_n(&chunk->there, __ATOMIC_SEQ_CST);
	copy->elements[slot] = capi_memcpy_copy(copy->mc,
						copy->dst + piece * PIECE,
						copy->src + piece * PIECE,
						PIECE);
	return copy->elements[slot] ? 0 : -EAGAIN;
}

/* It hit a hole: the event says where, and the AFU goes on when told to. */
static int see_fault(struct copying *copy, size_t piece)
{
	union capi_cxl_event event;
	size_t offset;

	copy->faults++;
	if (capi_cxl_event(&copy->mc->cxl, &event, PATIENCE) !=
	    CXL_EVENT_DATA_STORAGE)
		return -ENOMSG;
	offset = event.event.fault.addr - (uintptr_t)copy->src;
	if (offset / PIECE != piece)
		return -EFAULT;
	/* Nobody made one? */
	if (__atomic_load_n(&chunk_of(copy, piece)->hole, __ATOMIC_SEQ_CST) ==
	    copy->holes[piece % DEPTH] && !(copy->holes[piece % DEPTH] & 1))
		return -ENXIO;
	if (memcpy_wait_stopped(copy->mc))
		return -ETIMEDOUT;
	capi_memcpy_restart(copy->mc);
	return 0;
}

/* Alone, until it has been copied: those behind it are done by then or later. */
static int again(struct copying *copy, size_t piece)
{
	struct capi_memcpy_element *element;
	int ret;

	do {
		poll(NULL, 0, 5);
		ret = give(copy, piece);
		element = copy->elements[piece % DEPTH];
		if (ret)
			return ret;
		ret = memcpy_status(element);
		if (ret == FAULT)
			ret = see_fault(copy, piece) ?: FAULT;
	} while (ret == FAULT);
	return ret;
}

static int finish(struct copying *copy, size_t piece)
{
	unsigned int slot = piece % DEPTH;
	size_t offset = piece * PIECE, wrong;
	int ret = memcpy_status(copy->elements[slot]);
	__u32 most;

	if (ret != DONE)
		return ret;
	most = __atomic_load_n(&chunk_of(copy, piece)->written,
			       __ATOMIC_SEQ_CST);
	wrong = check(copy->dst + offset, offset, copy->least[slot], most);
	if (wrong == WORDS)
		return DONE;
	printf("# piece %zu, word %zu: 0x%llx, versions %u to %u\n", piece,
	       wrong, ((__u64 *)(copy->dst + offset))[wrong],
	       copy->least[slot], most);
	return -EILSEQ;
}

/* All in flight are waited for, then those that hit holes are copied again. */
static int copy_some(struct copying *copy, size_t piece, size_t end)
{
	bool failed[DEPTH] = { };
	size_t i;
	int ret;

	for (i = piece; i < end; i++) {
		ret = give(copy, i);
		if (ret)
			return ret;
	}
	for (i = piece; i < end; i++) {
		ret = finish(copy, i);
		if (ret == FAULT) {
			failed[i - piece] = true;
			ret = see_fault(copy, i) ?: DONE;
		}
		if (ret != DONE)
			return ret;
	}
	for (i = piece; i < end; i++) {
		if (!failed[i - piece])
			continue;
		ret = again(copy, i);
		if (ret == DONE)
			ret = finish(copy, i);
		if (ret != DONE)
			return ret;
	}
	return 0;
}

static int copy_all(struct copying *copy)
{
	size_t piece;
	int ret = 0;

	for (piece = 0; !ret && piece < PIECES; piece += DEPTH) {
		if (copy->position)
			__atomic_store_n(copy->position, piece,
					 __ATOMIC_SEQ_CST);
		ret = copy_some(copy, piece, piece + DEPTH);
	}
	return ret;
}

/* Changing */

enum change {
	PAGE_OUT,
	REPLACE,
	WRITE,
	WRITE_AFTER_FORK,
	MOVE,
	UNMAP,
	PROTECT,
	CHANGES
};

static const char * const change_names[] = {
	"paged out", "replaced", "written", "written after fork", "moved away",
	"unmapped", "protected",
};

static char *make_new(size_t offset, __u32 version)
{
	char *new = memcpy_pages(CHUNK / page_size());

	if (new)
		fill(new, offset, CHUNK, version);
	return new;
}

/* Another mapping takes the place of what is there. */
static int put(char *new, char *at)
{
	return mremap(new, CHUNK, CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
	       at ? 0 : -errno;
}

static int move_away_and_back(char *at)
{
	char *there = memcpy_pages(CHUNK / page_size());

	if (!there ||
	    mremap(at, CHUNK, CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED, there) !=
	    there)
		return -errno;
	poll(NULL, 0, 2);
	return mremap(there, CHUNK, CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
	       at ? 0 : -errno;
}

/* A child has the pages too: whoever writes gets others. */
static int write_after_fork(char *at, size_t offset, __u32 version)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		memset(at, 0xff, 4 * page_size());
		_exit(0);
	}
	fill(at, offset, CHUNK, version);
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -ECHILD;
}

static int unmap_for_a_while(char *at, char *new)
{
	if (munmap(at, CHUNK))
		return -errno;
	poll(NULL, 0, 2);
	return put(new, at);
}

static int protect_for_a_while(char *at)
{
	if (mprotect(at, CHUNK, PROT_NONE))
		return -errno;
	poll(NULL, 0, 2);
	return mprotect(at, CHUNK, PROT_READ | PROT_WRITE) ? -errno : 0;
}

static int change(struct chunk *chunk, char *at, size_t offset,
		  enum change what)
{
	bool hole = what >= MOVE;
	__u32 version = __atomic_add_fetch(&chunk->written, 1, __ATOMIC_SEQ_CST);
	char *new = NULL;
	int ret = 0;

	if (what == REPLACE || what == UNMAP) {
		new = make_new(offset, version);
		if (!new)
			return -ENOMEM;
	}
	/* Odd while there is one */
	if (hole)
		__atomic_add_fetch(&chunk->hole, 1, __ATOMIC_SEQ_CST);
	switch (what) {
	case PAGE_OUT:
		madvise(at, CHUNK, MADV_PAGEOUT);
		break;
	case REPLACE:
		ret = put(new, at);
		break;
	case WRITE:
		fill(at, offset, CHUNK, version);
		break;
	case WRITE_AFTER_FORK:
		ret = write_after_fork(at, offset, version);
		break;
	case MOVE:
		ret = move_away_and_back(at);
		break;
	case UNMAP:
		ret = unmap_for_a_while(at, new);
		break;
	default:
		ret = protect_for_a_while(at);
	}
	if (hole)
		__atomic_add_fetch(&chunk->hole, 1, __ATOMIC_SEQ_CST);
	if (what >= REPLACE && what != MOVE && what != PROTECT)
		__atomic_store_n(&chunk->there, version, __ATOMIC_SEQ_CST);
	return ret;
}

#define SELF	FIXTURE_DATA(memcpy_mirror)

static void *change_all_the_time(void *arg)
{
	unsigned int random = 1, i;
	SELF *self = arg;
	enum change what;
	long ret = 0;
	size_t n;

	for (i = 0; !ret && !__atomic_load_n(&self->stop, __ATOMIC_SEQ_CST);
	     i++) {
		/* Near to what is copied */
		n = __atomic_load_n(&self->position, __ATOMIC_SEQ_CST) * PIECE /
		    CHUNK + rand_r(&random) % (2 * DEPTH * PIECE / CHUNK);
		n %= CHUNKS;
		what = i % CHANGES;
		ret = change(&self->chunks[n], self->src + n * CHUNK, n * CHUNK,
			     what);
		__atomic_add_fetch(&self->changes[what], 1, __ATOMIC_SEQ_CST);
		/* The other is to get somewhere meanwhile. */
		poll(NULL, 0, 1);
	}
	return (void *)ret;
}

static bool seen_enough(SELF *self)
{
	return __atomic_load_n(&self->changes[CHANGES - 1],
			       __ATOMIC_SEQ_CST) >= SEEN;
}

static void print_counts(const char *what, long long began,
			 const long long before[3])
{
	static const char * const names[] = { "requests", "pages", "wait_ns" };
	unsigned int i;

	printf("# %s: %lld ms", what, (now_us() - began) / 1000);
	for (i = 0; before[0] >= 0 && i < 3; i++)
		printf(", %s %lld", names[i],
		       guest_count(names[i]) - before[i]);
	printf("\n");
}

static void get_counts(long long counts[3])
{
	counts[0] = guest_count("requests");
	counts[1] = guest_count("pages");
	counts[2] = guest_count("wait_ns");
}

/* Nobody has touched the destination; the AFU knows no address yet. */
TEST_F_TIMEOUT(memcpy_mirror, cold_and_warm, 120)
{
	struct copying copy = {
		.mc = &self->mc, .src = self->src, .dst = self->dst,
		.chunks = self->chunks,
	};
	long long counts[3], began;

	fill(self->src, 0, SIZE, 0);
	get_counts(counts);
	began = now_us();
	ASSERT_EQ(0, copy_all(&copy));
	print_counts("64 MiB cold", began, counts);

	memset(self->dst, 0, SIZE);
	get_counts(counts);
	began = now_us();
	ASSERT_EQ(0, copy_all(&copy));
	print_counts("64 MiB again", began, counts);
	EXPECT_EQ(0, copy.faults);
	EXPECT_EQ(0, memcmp(self->src, self->dst, SIZE));
}

TEST_F_TIMEOUT(memcpy_mirror, changed_meanwhile, 240)
{
	struct copying copy = {
		.mc = &self->mc, .src = self->src, .dst = self->dst,
		.chunks = self->chunks, .position = &self->position,
	};
	long long counts[3], began;
	unsigned int i;
	void *ret;

	fill(self->src, 0, SIZE, 0);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, change_all_the_time,
				    self));
	get_counts(counts);
	began = now_us();
	for (i = 0; i < ROUNDS && !seen_enough(self); i++)
		ASSERT_EQ(0, copy_all(&copy));
	__atomic_store_n(&self->stop, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, pthread_join(self->thread, &ret));
	EXPECT_EQ(NULL, ret);
	printf("# %u rounds\n", i);
	print_counts("64 MiB each, while they change", began, counts);
	for (i = 0; i < CHANGES; i++)
		printf("# %u chunks %s\n", self->changes[i], change_names[i]);
	printf("# %u pieces found a hole\n", copy.faults);
	for (i = 0; i < CHANGES; i++)
		EXPECT_GT(self->changes[i], 0);

	/* Nothing changes any more: it is a copy of the last versions. */
	ASSERT_EQ(0, copy_all(&copy));
	EXPECT_EQ(0, memcmp(self->src, self->dst, SIZE));
}

/* A bad address is an event; process and AFU live, and go on. */
TEST_F(memcpy_mirror, bad_address)
{
	char *bad = memcpy_pages(2), byte = 0;
	union capi_cxl_event event;
	unsigned int i;

	ASSERT_NE(NULL, bad);
	ASSERT_EQ(0, munmap(bad, 2 * page_size()));
	for (i = 0; i < 10; i++) {
		EXPECT_STATUS(FAULT, capi_memcpy_copy(&self->mc, &byte,
						      bad + 100 * i, 8));
		ASSERT_EQ(CXL_EVENT_DATA_STORAGE,
			  capi_cxl_event(&self->mc.cxl, &event, PATIENCE));
		EXPECT_EQ((uintptr_t)bad + 100 * i, event.event.fault.addr);
		ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
		capi_memcpy_restart(&self->mc);
		byte = 0;
		EXPECT_STATUS(DONE, capi_memcpy_copy(&self->mc, &byte, "x", 1));
		EXPECT_EQ('x', byte);
	}
}

TEST_HARNESS_MAIN
