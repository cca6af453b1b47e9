// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU with many processes at once.
 */
#include <endian.h>
#include <errno.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE

/*
 * One round: the AFU counts, interrupts, waits for the restart and has not
 * counted on before it comes. 0, or which step failed.
 */
static int work(struct capi_memcpy *mc, __be32 *counter, __u32 value)
{
	struct capi_memcpy_element *before, *irq, *after;
	unsigned int source = 1 + value % 4;

	before = capi_memcpy_increment(mc, counter, counter);
	irq = capi_memcpy_interrupt(mc, source);
	after = capi_memcpy_increment(mc, counter, counter);

	if (memcpy_status(before) != DONE || memcpy_status(irq) != DONE)
		return 1;
	if (memcpy_expect_irq(mc, source))
		return 2;
	if (memcpy_wait_stopped(mc))
		return 3;
	if (be32toh(*counter) != value + 1 || after->status)
		return 4;
	capi_memcpy_restart(mc);
	if (memcpy_status(after) != DONE || be32toh(*counter) != value + 2)
		return 5;
	return 0;
}

static int work_rounds(unsigned int rounds)
{
	struct capi_memcpy mc;
	__be32 counter = 0;
	unsigned int i;
	int ret = 0;

	if (memcpy_start(&mc, 1))
		return 10;
	for (i = 0; !ret && i < rounds; i++)
		ret = work(&mc, &counter, 2 * i);
	capi_memcpy_close(&mc);
	return ret;
}

FIXTURE(restart) {
	pid_t pids[64];
};

FIXTURE_VARIANT(restart) {
	unsigned int processes;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(restart, 1) {
	.processes = 1,
	.rounds = 200,
};

FIXTURE_VARIANT_ADD(restart, 8) {
	.processes = 8,
	.rounds = 50,
};

FIXTURE_VARIANT_ADD(restart, 64) {
	.processes = 64,
	.rounds = 10,
};

FIXTURE_SETUP(restart)
{
	if (variant->processes > 1)
		NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, memcpy_load());
}

FIXTURE_TEARDOWN(restart)
{
}

TEST_F_TIMEOUT(restart, processes, 120)
{
	unsigned int i;

	for (i = 0; i < variant->processes; i++) {
		self->pids[i] = fork();
		ASSERT_GE(self->pids[i], 0);
		if (!self->pids[i])
			_exit(work_rounds(variant->rounds));
	}
	for (i = 0; i < variant->processes; i++)
		EXPECT_EQ(0, child_join(self->pids[i]));
}

/* As many as the adapter has interrupts for: 2037 of them, 4 each */
#define ALL	509
#define TURN	200	/* ms: one CPU may have to do for all */

/**
 * struct meeting - processes that wait for each other
 * @ready: each says there how it went
 * @leave: readable once all may go
 */
struct meeting {
	int ready[2];
	int leave[2];
};

/* 0, an errno, or what is none */
static int copy_something(struct capi_memcpy *mc)
{
	unsigned char src[512], dst[sizeof(src)] = { };
	struct capi_memcpy_element *element;
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(src); i++)
		src[i] = i + getpid();
	ret = memcpy_start(mc, 1);
	if (ret)
		return -ret;
	element = capi_memcpy_copy(mc, dst, src, sizeof(src));
	if (!element || capi_memcpy_wait(element, ALL * TURN) != DONE)
		return 200;
	return memcmp(src, dst, sizeof(src)) ? 201 : 0;
}

/* What each of the processes does: it stays until all are there. */
static int attend(struct meeting *meeting)
{
	struct capi_memcpy mc;
	unsigned char how = copy_something(&mc);
	char byte;

	close(meeting->leave[1]);
	if (write(meeting->ready[1], &how, 1) != 1 ||
	    read(meeting->leave[0], &byte, 1))
		return 1;
	return how;
}

FIXTURE(all) {
	pid_t pids[ALL];
};

FIXTURE_SETUP(all)
{
	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, memcpy_load());
}

FIXTURE_TEARDOWN(all)
{
}

TEST_F_TIMEOUT(all, at_once, 240)
{
	struct capi_memcpy mc;
	struct meeting meeting;
	unsigned char how;
	unsigned int i;

	ASSERT_EQ(0, pipe(meeting.ready));
	ASSERT_EQ(0, pipe(meeting.leave));
	for (i = 0; i < ALL; i++) {
		self->pids[i] = fork();
		ASSERT_GE(self->pids[i], 0);
		if (!self->pids[i])
			_exit(attend(&meeting));
	}
	for (i = 0; i < ALL; i++) {
		ASSERT_EQ(1, read(meeting.ready[0], &how, 1));
		ASSERT_EQ(0, how);
	}

	/* There are contexts left, and an interrupt: not those it needs. */
	ASSERT_EQ(0, capi_memcpy_open(&mc, NULL));
	EXPECT_EQ(-ENOSPC, capi_memcpy_start(&mc, 1, -1));
	capi_memcpy_close(&mc);

	close(meeting.leave[1]);
	for (i = 0; i < ALL; i++)
		EXPECT_EQ(0, child_join(self->pids[i]));
	EXPECT_EQ(0, memcpy_start(&mc, 1));
	capi_memcpy_close(&mc);
}

TEST_HARNESS_MAIN
