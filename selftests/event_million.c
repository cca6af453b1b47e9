// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered events by the thousand, and a million with EVENTS=1000000 in the
 * environment, for readers of all kinds at once, which are killed, interrupted
 * and given bad buffers while the context is reset. Each event is read by exactly
 * one of them, or cancelled and counted as that.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "million.h"

#define EVENTS	20000
#define CHUNK	500
#define MORE	(200 * CHUNK)

static long long counter(struct million *all, const char *name)
{
	return context_count(&all->source.context, name);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* What is done to the context */

static int reset(struct million *all)
{
	struct capi_vfio *vfio = &all->source.mdev.vfio;

	if (all->disturbed % 2)
		return mdev_command(&all->source.mdev,
				    CAPI_MDEV_COMMAND_RESET) ?:
		       capi_vfio_start(vfio, 0);
	if (ioctl(vfio->device, VFIO_DEVICE_RESET))
		return -errno;
	return capi_vfio_enable(vfio) ?: capi_vfio_start(vfio, 0);
}

/* Nothing is lost by these: what is queued stays. */
static int stop_and_start(struct million *all)
{
	return mdev_command(&all->source.mdev, CAPI_MDEV_COMMAND_STOP) ?:
	       capi_vfio_start(&all->source.mdev.vfio, 0);
}

static int flap(struct million *all)
{
	return context_link(&all->source.context, false) ?:
	       context_link(&all->source.context, true);
}

static int reset_adapter(struct million *all)
{
	struct afu afu;
	int ret = afu_find(&afu, 0);

	if (!ret)
		ret = afu_card_set(&afu, "reset", "-1");
	return ret ? ret : capi_vfio_start(&all->source.mdev.vfio, 0);
}

/* A file's context survives none of these. */
static int disturb(struct million *all)
{
	static int (* const ways[])(struct million *all) = {
		reset, flap, stop_and_start, reset_adapter,
	};

	if (all->source.kind == SOURCE_FILE)
		return 0;
	return ways[all->disturbed++ / 2 % 4](all);
}

/* Has the AFU raise events whenever few are left. */
static int raise_some(struct million *all)
{
	static const char * const others[] = { "irq 1", "fault 4096", "error 1" };
	unsigned int i;
	int ret;

	if (counter(all, "events_raised") - counter(all, "events_delivered") -
	    counter(all, "events_cancelled") - counter(all, "events_failed") -
	    counter(all, "events_overrun") - counter(all, "events_coalesced") >
	    CHUNK / 2)
		return 0;
	ret = context_emit(&all->source.context, CHUNK);
	for (i = 0; i < 3 && !ret; i++)
		ret = context_post(&all->source.context, others[i]);
	/* It is stopped, or its link is down: not for long. */
	return ret == -EIO ? 0 : ret;
}

static void *raise_on(void *arg)
{
	struct million *all = arg;

	while (!__atomic_load_n(&all->enough, __ATOMIC_ACQUIRE))
		if (raise_some(all))
			all->raiser_failed = true;
	return NULL;
}

/*
 * Until so many are read, and a bad buffer was among those who asked; it takes more
 * events for that at times, which there are numbers for.
 */
static bool is_enough(struct million *all, long long delivered)
{
	if (delivered < all->events)
		return false;
	return counter(all, "events_failed") > 0 ||
	       delivered > all->events + MORE;
}

/* 0, or what failed; -ETIMEDOUT if nothing moves. */
static int run_all(struct million *all)
{
	long long delivered = 0, before = 0, disturb_at = 0;
	long long deadline = 0;
	pthread_t raiser;
	int ret = 0;

	if (pthread_create(&raiser, NULL, raise_on, all))
		return -EAGAIN;
	while (!is_enough(all, delivered) && !ret) {
		if (delivered >= disturb_at) {
			kill_a_reader(all);
			ret = disturb(all);
			disturb_at = delivered + all->events / 100;
		}
		interrupt_a_reader(all);
		before = delivered;
		delivered = counter(all, "events_delivered");
		if (delivered > before)
			deadline = 0;
		if (!still_patient(&deadline))
			ret = -ETIMEDOUT;
	}
	__atomic_store_n(&all->enough, true, __ATOMIC_RELEASE);
	pthread_join(raiser, NULL);
	return all->raiser_failed ? -EIO : ret;
}

static unsigned int how_many(void)
{
	const char *text = getenv("EVENTS");

	return text && atoi(text) > 0 ? atoi(text) : EVENTS;
}

FIXTURE(million) {
	struct million all;
};

FIXTURE_VARIANT(million) {
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(million, event_fd) {
	.kind = SOURCE_EVENT_FD,
};

FIXTURE_VARIANT_ADD(million, file) {
	.kind = SOURCE_FILE,
};

FIXTURE_SETUP(million)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct million *all = &self->all;

	NOT_IN_GUEST(return, "tells the AFU what to do, by debugfs");
	ASSERT_EQ(0, source_open(&all->source, variant->kind, false));
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	all->events = how_many();
	all->room = all->events + MORE + 200 * CHUNK;
	ASSERT_TRUE(add_readers(all));
}

FIXTURE_TEARDOWN(million)
{
	if (in_guest())
		return;
	destroy_readers(&self->all);
	EXPECT_EQ(0, source_close(&self->all.source));
}

TEST_F_TIMEOUT(million, nothing_lost_nothing_twice, 3600)
{
	struct million *all = &self->all;
	unsigned char *got = calloc(1, all->room);
	long long cancelled, others;
	struct sum sum;

	ASSERT_NE(NULL, got);
	ASSERT_EQ(0, start_readers(all));
	EXPECT_EQ(0, run_all(all));
	/* What is left is read, and what comes then is the last. */
	EXPECT_TRUE(WAIT_UNTIL(context_balanced(&all->source.context, 0)));
	EXPECT_EQ(0, context_emit(&all->source.context, 1));
	EXPECT_TRUE(WAIT_UNTIL(context_balanced(&all->source.context, 0)));
	ASSERT_EQ(0, end_readers(all));

	sum = add_up(all, got);
	cancelled = counter(all, "events_cancelled");
	printf("# %lld driver events and %lld others read, %lld cancelled\n",
	       sum.driver, sum.others, cancelled);
	printf("# %u resets and the like, %u readers killed, %u interrupted, %lld bad buffers\n",
	       all->disturbed, all->killed, all->interrupted,
	       counter(all, "events_failed"));
	EXPECT_EQ(0, sum.wrong);
	EXPECT_EQ(0, sum.doubled);
	EXPECT_GE(sum.driver + sum.others, all->events);
	EXPECT_EQ(sum.driver + sum.others, counter(all, "events_delivered"));
	EXPECT_GT(counter(all, "events_failed"), 0);

	/* Numbers that nobody has were cancelled. */
	cancelled -= sum.last + 1 - sum.driver;
	EXPECT_GE(cancelled, 0);
	if (variant->kind == SOURCE_FILE)
		EXPECT_EQ(sum.last + 1, sum.driver);
	/* The others that were cancelled */
	others = counter(all, "events_raised") - counter(all, "events_failed") -
		 (sum.last + 1);
	EXPECT_EQ(others, sum.others + cancelled +
		  counter(all, "events_coalesced") +
		  counter(all, "events_overrun"));
	EXPECT_TRUE(context_balanced(&all->source.context, 0));
	free(got);
}

TEST_HARNESS_MAIN
