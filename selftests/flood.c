// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many events, by each way to read them: none is lost, none comes twice, and
 * driver events come in order, whatever happens to the readers.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "reader.h"
#include "vfio_mdev.h"

#define CHUNK	1000

/**
 * struct raiser - a thread that has the AFU raise events
 * @mdev: of which mdev
 * @chunks: how often CHUNK driver events, and others in between
 * @raised: how many others
 * @ret: 0, or what went wrong
 */
struct raiser {
	struct mdev *mdev;
	unsigned int chunks;
	unsigned int raised;
	int ret;
};

static void *raise_events(void *arg)
{
	struct raiser *raiser = arg;
	struct mdev *mdev = raiser->mdev;
	unsigned int i;

	for (i = 0; i < raiser->chunks && !raiser->ret; i++) {
		raiser->ret = echo_put(mdev, CAPI_ECHO_REG_EMIT, CHUNK);
		if (raiser->ret ||
		    echo_put(mdev, CAPI_ECHO_REG_IRQ, 1 + i % 4) ||
		    echo_put(mdev, CAPI_ECHO_REG_FAULT, i << 12) ||
		    echo_put(mdev, CAPI_ECHO_REG_ERROR, i))
			break;
		raiser->raised += 3;
	}
	return NULL;
}

/**
 * struct seen - the events read so far
 * @next: number of the driver event that comes next
 * @driver: driver events
 * @others: events of other types
 * @wrong: an event out of order, of wrong size or of unknown type
 */
struct seen {
	__u64 next;
	unsigned int driver;
	unsigned int others;
	bool wrong;
};

static void see(struct seen *seen, const union event *event, int size)
{
	static const int sizes[] = {
		[CXL_EVENT_AFU_INTERRUPT] = 16,
		[CXL_EVENT_DATA_STORAGE] = 40,
		[CXL_EVENT_AFU_ERROR] = 24,
		[CXL_EVENT_AFU_DRIVER] = 24,
	};
	unsigned int type = event->header.type;

	if (type >= ARRAY_SIZE(sizes) || size != sizes[type] ||
	    size != event->header.size) {
		seen->wrong = true;
	} else if (type == CXL_EVENT_AFU_DRIVER) {
		if (event_seq(event) != seen->next)
			seen->wrong = true;
		seen->next = event_seq(event) + 1;
		seen->driver++;
	} else {
		seen->others++;
	}
}

/* Ways to read: an event's size, -EAGAIN when there is none */

static int by_from(struct mdev *mdev, struct from from, union event *event)
{
	(void)mdev;
	return event_read(from, event);
}

static int by_window(struct mdev *mdev, struct from from, union event *event)
{
	(void)from;
	return capi_vfio_window_read(&mdev->vfio, event);
}

static int open_region(struct mdev *mdev, struct from *from)
{
	return from_region(mdev, from);
}

static int open_fd(struct mdev *mdev, struct from *from)
{
	return from_event_fd(mdev, CAPI_MDEV_EVENT_FD_NONBLOCK, from);
}

static int open_window(struct mdev *mdev, struct from *from)
{
	(void)from;
	return bar0_put(mdev, CAPI_MDEV_REG_EVENT_CONTROL, 4,
			CAPI_MDEV_EVENT_ENABLE);
}

FIXTURE(flood) {
	struct mdev mdev;
	struct from from;
	int vector;
};

FIXTURE_VARIANT(flood) {
	int (*open)(struct mdev *mdev, struct from *from);
	int (*read)(struct mdev *mdev, struct from from, union event *event);
};

FIXTURE_VARIANT_ADD(flood, fd) {
	.open = open_fd,
	.read = by_from,
};

FIXTURE_VARIANT_ADD(flood, region) {
	.open = open_region,
	.read = by_from,
};

FIXTURE_VARIANT_ADD(flood, window) {
	.open = open_window,
	.read = by_window,
};

FIXTURE_SETUP(flood)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	self->vector = irq_eventfd(&self->mdev, VFIO_PCI_MSIX_IRQ_INDEX,
				   CAPI_MDEV_VECTOR_EVENT);
	ASSERT_GE(self->vector, 0);
	ASSERT_EQ(0, variant->open(&self->mdev, &self->from));
}

FIXTURE_TEARDOWN(flood)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

#define CHUNKS	100

TEST_F_TIMEOUT(flood, nothing_lost, 240)
{
	struct raiser raiser = { .mdev = &self->mdev, .chunks = CHUNKS };
	struct seen seen = { };
	union event event;
	pthread_t thread;
	int ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, raise_events, &raiser));
	/* Vector 0 tells of every event: to wait for it is enough. */
	while (seen.driver < CHUNKS * CHUNK && !seen.wrong) {
		ASSERT_EQ(POLLIN, poll_for(self->vector, POLLIN));
		eventfd_count(self->vector);
		for (;;) {
			ret = variant->read(&self->mdev, self->from, &event);
			if (ret < 0)
				break;
			see(&seen, &event, ret);
		}
		ASSERT_EQ(-EAGAIN, ret);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, raiser.ret);
	EXPECT_FALSE(seen.wrong);

	while ((ret = variant->read(&self->mdev, self->from, &event)) > 0)
		see(&seen, &event, ret);
	EXPECT_EQ(-EAGAIN, ret);

	EXPECT_EQ(CHUNKS * CHUNK, seen.driver);
	EXPECT_EQ(raiser.raised,
		  seen.others + mdev_attr(&self->mdev, "events_coalesced") +
		  mdev_attr(&self->mdev, "events_overrun"));
	EXPECT_EQ(seen.driver + seen.others,
		  mdev_attr(&self->mdev, "events_delivered"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

/* Readers that fail */

#define EVENTS	100000

FIXTURE(flood_bad) {
	struct mdev mdev;
	struct from from;
	struct seen seen;
	union event event;
	void *hole;
};

FIXTURE_VARIANT(flood_bad) {
	int (*open)(struct mdev *mdev, struct from *from);
};

FIXTURE_VARIANT_ADD(flood_bad, fd) {
	.open = open_fd,
};

FIXTURE_VARIANT_ADD(flood_bad, region) {
	.open = open_region,
};

FIXTURE_SETUP(flood_bad)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	ASSERT_EQ(0, variant->open(&self->mdev, &self->from));
	self->hole = mmap(NULL, CXL_READ_MIN_SIZE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->hole);
}

FIXTURE_TEARDOWN(flood_bad)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

static unsigned int signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

/* One reader, with bad buffers and under signals: each failure is told once. */
TEST_F_TIMEOUT(flood_bad, bad_buffers_and_signals, 600)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { };
	unsigned int failures = 0, i;
	int ret;

	ASSERT_EQ(0, echo_emit(&self->mdev, EVENTS));
	ASSERT_EQ(0, sigaction(SIGVTALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_VIRTUAL, &often, NULL));
	for (i = 0; self->seen.driver < EVENTS && !self->seen.wrong; i++) {
		if (i % 7 == 3) {
			ret = from_read(self->from, self->hole,
					CXL_READ_MIN_SIZE);
			failures += ret == -EFAULT;
			ASSERT_TRUE(ret == -EFAULT || ret == -EINTR);
			continue;
		}
		ret = event_read(self->from, &self->event);
		if (ret > 0)
			see(&self->seen, &self->event, ret);
		else
			ASSERT_EQ(-EINTR, ret);
	}
	ASSERT_EQ(0, setitimer(ITIMER_VIRTUAL, &never, NULL));

	EXPECT_EQ(EVENTS, self->seen.driver);
	EXPECT_FALSE(self->seen.wrong);
	EXPECT_GT(failures, EVENTS / 10);
	EXPECT_EQ(failures, mdev_attr(&self->mdev, "events_failed"));
	EXPECT_EQ(EVENTS, mdev_attr(&self->mdev, "events_delivered"));
	EXPECT_EQ(EVENTS + failures, mdev_attr(&self->mdev, "events_raised"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

/* A process that reads into a page that stalls for ever */
static void *pass_on_stall(void *arg)
{
	struct stall *stall = arg;

	if (stall_wait(stall))
		kill(getpid(), SIGKILL);
	return NULL;
}

static void read_and_die(struct from from)
{
	struct stall stall;
	pthread_t thread;

	if (stall_init(&stall) ||
	    pthread_create(&thread, NULL, pass_on_stall, &stall))
		_exit(1);
	from_read(from, stall.memory + stall.page - 8, CXL_READ_MIN_SIZE);
	_exit(0);
}

#define KILLS	50

/* Readers that die while an event is theirs: it goes to the next. */
TEST_F_TIMEOUT(flood_bad, killed_readers, 600)
{
	unsigned int i, k;
	int status, ret;
	pid_t pid;

	ASSERT_EQ(0, echo_emit(&self->mdev, EVENTS));
	for (i = 0; i < KILLS; i++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			read_and_die(self->from);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		for (k = 0; k < EVENTS / KILLS; k++) {
			ret = event_read(self->from, &self->event);
			ASSERT_EQ(24, ret);
			see(&self->seen, &self->event, ret);
		}
	}
	EXPECT_EQ(EVENTS, self->seen.driver);
	EXPECT_FALSE(self->seen.wrong);
	EXPECT_EQ(-EAGAIN, event_read(self->from, &self->event));
	EXPECT_EQ(0, mdev_attr(&self->mdev, "events_failed"));
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
}

/* A reader that stalls again and again beside one that does not */

struct slow {
	struct from from;
	struct stall stall;
	unsigned int *got;
	unsigned int stalls;
	bool end;
};

static void *release_stalls(void *arg)
{
	struct slow *slow = arg;
	struct pollfd pollfd = { .fd = slow->stall.uffd, .events = POLLIN };

	while (!__atomic_load_n(&slow->end, __ATOMIC_ACQUIRE)) {
		if (poll(&pollfd, 1, 10) > 0 && stall_wait(&slow->stall) &&
		    !stall_release(&slow->stall))
			slow->stalls++;
	}
	return NULL;
}

static void *read_slowly(void *arg)
{
	struct slow *slow = arg;
	union event *event = (void *)(slow->stall.memory + slow->stall.page -
				      sizeof(struct cxl_event_header));
	int ret;

	do {
		stall_again(&slow->stall);
		ret = from_read(slow->from, event, CXL_READ_MIN_SIZE);
		if (ret == 24 && event_seq(event) < EVENTS)
			__atomic_fetch_add(&slow->got[event_seq(event)], 1,
					   __ATOMIC_SEQ_CST);
		if (ret == -EAGAIN)
			sched_yield();
	} while (ret > 0 || ret == -EAGAIN);
	return NULL;
}

TEST_F_TIMEOUT(flood_bad, slow_reader_beside_bad_one, 600)
{
	unsigned int *got = calloc(EVENTS, sizeof(*got));
	struct slow slow = { .from = self->from, .got = got };
	unsigned int failures = 0, i;
	pthread_t threads[2];
	int ret;

	ASSERT_NE(NULL, got);
	ASSERT_EQ(0, stall_init(&slow.stall));
	ASSERT_EQ(0, echo_emit(&self->mdev, EVENTS));
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, read_slowly, &slow));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, release_stalls, &slow));

	for (i = 0, ret = 0; ret != -EAGAIN ||
	     mdev_attr(&self->mdev, "events_delivered") < EVENTS; i++) {
		bool bad = i % 5 == 2;

		ret = from_read(self->from, bad ? self->hole : &self->event,
				CXL_READ_MIN_SIZE);
		failures += ret == -EFAULT;
		if (ret == 24 && event_seq(&self->event) < EVENTS)
			__atomic_fetch_add(&got[event_seq(&self->event)], 1,
					   __ATOMIC_SEQ_CST);
		/* The event is with the slow one, who may wait for this CPU. */
		if (ret == -EAGAIN)
			sched_yield();
	}
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	ASSERT_EQ(0, pthread_join(threads[0], NULL));
	__atomic_store_n(&slow.end, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(threads[1], NULL));

	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(1, got[i]);
	EXPECT_GT(slow.stalls, 0);
	EXPECT_GT(mdev_attr(&self->mdev, "events_failed"), 0);
	/* The slow one may have read what the bad one could not. */
	EXPECT_LE(mdev_attr(&self->mdev, "events_failed"), failures);
	EXPECT_TRUE(mdev_balanced(&self->mdev, 0));
	stall_destroy(&slow.stall);
	free(got);
}

TEST_HARNESS_MAIN
