// SPDX-License-Identifier: GPL-2.0-only
/*
 * An AFU driver that posts events on one processor while its ops are set and unset
 * and its context is reset on others, and somebody reads. Loading fails with
 * EINVAL when an event was lost or came twice, or a callback ran that should not.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <misc/capi.h>
#include <misc/cxl.h>
#include <uapi/misc/capi_echo.h>

static unsigned int events = 20000;
module_param(events, uint, 0444);
MODULE_PARM_DESC(events, "how many are posted (default 20000)");

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of random delays (default 0: another each time)");

#define MAX_QUEUED	100

/**
 * struct race - the driver, and who runs against it
 * @ctx: the context
 * @buf: for the reader
 * @posted_all: the poster has ended
 * @resets: how often the context was reset
 * @unsets: how often the ops were unset
 * @refused: how often that was refused
 * @read: events read
 * @last: number of the last one
 * @disorder: how many were not behind the one before
 * @lock: covers all below; taken in fetch_event
 * @posting: more may be posted
 * @set: the ops are set
 * @posted: events posted
 * @queued: how many of them were neither read nor forgotten
 * @number: of the first of these
 * @held: events fetched and not settled
 * @cancelled: events that nobody will read
 * @bad: what callbacks found wrong
 */
struct race {
	struct cxl_context *ctx;
	void *buf;
	bool posted_all;
	unsigned int resets;
	unsigned int unsets;
	unsigned int refused;
	unsigned int read;
	u64 last;
	unsigned int disorder;

	spinlock_t lock; /* all below */
	bool posting;
	bool set;
	unsigned int posted;
	unsigned int queued;
	u64 number;
	unsigned int held;
	unsigned int cancelled;
	unsigned int bad;
};

static struct race race;

static struct {
	struct cxl_event_afu_driver_reserved event;
	u8 data[sizeof(u64)];
} payload = { .event.data_size = sizeof(u64) };

static struct cxl_event_afu_driver_reserved *fetch(struct cxl_context *ctx)
{
	spin_lock(&race.lock);
	if (!race.set || race.held || !race.queued)
		race.bad++;
	race.held++;
	memcpy(payload.data, &race.number, sizeof(race.number));
	spin_unlock(&race.lock);
	return &payload.event;
}

static void settled(struct cxl_context *ctx,
		    struct cxl_event_afu_driver_reserved *event, int rc)
{
	spin_lock_irq(&race.lock);
	if (!race.set || race.held != 1 || (rc && rc != -ECANCELED))
		race.bad++;
	race.held--;
	race.queued--;
	race.number++;
	if (rc)
		race.cancelled++;
	spin_unlock_irq(&race.lock);
}

/* Caller holds race.lock. */
static void forget_queued(void)
{
	race.cancelled += race.queued;
	race.number += race.queued;
	race.queued = 0;
}

static void flush(struct cxl_context *ctx)
{
	spin_lock_irq(&race.lock);
	if (!race.set || race.held)
		race.bad++;
	forget_queued();
	spin_unlock_irq(&race.lock);
}

static struct cxl_afu_driver_ops ops = {
	.fetch_event = fetch,
	.event_delivered = settled,
	.flush = flush,
};

/* As long as there is room; false when all are posted. */
static bool post(void)
{
	bool more;

	spin_lock_irq(&race.lock);
	more = race.posted < events;
	if (more && race.posting && race.set && race.queued < MAX_QUEUED) {
		race.posted++;
		race.queued++;
		cxl_context_events_pending(race.ctx, 1);
	}
	spin_unlock_irq(&race.lock);
	return more;
}

static int post_all(void *data)
{
	while (!kthread_should_stop()) {
		if (!READ_ONCE(race.posted_all) && !post())
			WRITE_ONCE(race.posted_all, true);
		cond_resched();
	}
	return 0;
}

static ssize_t read_one(struct capi_event_reader *reader)
{
	struct cxl_event_header *header = race.buf;
	struct kvec vec = {
		.iov_base = race.buf, .iov_len = CXL_READ_MIN_SIZE,
	};
	struct iov_iter to;
	ssize_t rc;
	u64 number;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	rc = capi_event_read(reader, &to, true);
	if (rc <= 0)
		return rc;
	memcpy(&number, header + 1, sizeof(number));
	if (race.read++ && number <= race.last)
		race.disorder++;
	race.last = number;
	return rc;
}

static int read_all(void *data)
{
	struct capi_event_reader *reader = data;

	while (!kthread_should_stop()) {
		read_one(reader);
		cond_resched();
	}
	return 0;
}

static void allow(bool *what, bool allowed)
{
	spin_lock_irq(&race.lock);
	*what = allowed;
	spin_unlock_irq(&race.lock);
}

/*
 * What was posted before refuses it, as long as it is there. What is posted meanwhile
 * refuses it too, or is forgotten with the ops; every other time, nothing is.
 */
static void unset_and_set(struct rnd_state *rnd)
{
	bool quiet = prandom_u32_state(rnd) % 2;

	if (quiet)
		allow(&race.posting, false);
	if (cxl_unset_driver_ops(race.ctx)) {
		race.refused++;
	} else {
		race.unsets++;
		spin_lock_irq(&race.lock);
		if ((quiet && race.queued) || race.held)
			race.bad++;
		race.set = false;
		forget_queued();
		spin_unlock_irq(&race.lock);
		fsleep(prandom_u32_state(rnd) % 100);
		allow(&race.set, true);
		cxl_set_driver_ops(race.ctx, &ops);
	}
	allow(&race.posting, true);
}

static void reset(void)
{
	if (capi_context_reset(race.ctx))
		race.bad++;
	race.resets++;
}

/* What else happens, until all are posted */
static void disturb(void)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	while (!READ_ONCE(race.posted_all)) {
		if (prandom_u32_state(&rnd) % 2)
			reset();
		else
			unset_and_set(&rnd);
		fsleep(prandom_u32_state(&rnd) % 500);
	}
}

static struct task_struct *run(int (*fn)(void *data), void *data,
			       unsigned int i)
{
	struct task_struct *task = kthread_create(fn, data, "capi_race/%u", i);

	if (IS_ERR(task))
		return NULL;
	kthread_bind(task, cpumask_nth(i % num_online_cpus(),
				       cpu_online_mask));
	wake_up_process(task);
	return task;
}

#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		pr_err("capi_race: line %d: %s\n", __LINE__, #condition); \
		rc = -EINVAL;						\
	}								\
} while (0)

static int check(struct capi_event_reader *reader)
{
	int rc = 0;

	while (read_one(reader) > 0)
		;
	pr_info("capi_race: %u posted, %u read, %u cancelled; %u resets, %u times unset, %u times refused; seed=%u\n",
		race.posted, race.read, race.cancelled, race.resets,
		race.unsets, race.refused, seed);
	CHECK(!race.bad);
	CHECK(!race.disorder);
	CHECK(race.posted == events);
	CHECK(!race.queued && !race.held);
	CHECK(race.number == events);
	CHECK(race.read + race.cancelled == events);
	CHECK(!capi_events_available(race.ctx));
	CHECK(capi_event_count(race.ctx, CAPI_EVENTS_RAISED) == events);
	CHECK(capi_event_count(race.ctx, CAPI_EVENTS_DELIVERED) == race.read);
	CHECK(cxl_unset_driver_ops(race.ctx) == 0);
	return rc;
}

static int run_all(struct capi_event_reader *reader)
{
	struct task_struct *poster, *other;

	cxl_set_driver_ops(race.ctx, &ops);
	race.set = true;
	race.posting = true;
	other = run(read_all, reader, 1);
	if (!other)
		return -ENOMEM;
	poster = run(post_all, NULL, 0);
	if (poster) {
		disturb();
		kthread_stop(poster);
	}
	kthread_stop(other);
	return poster ? check(reader) : -ENOMEM;
}

static int __init race_init(void)
{
	struct pci_dev *pdev = pci_get_device(CAPI_ECHO_VENDOR,
					      CAPI_ECHO_DEVICE, NULL);
	struct capi_event_reader *reader;
	int rc = -ENOMEM;

	if (!pdev)
		return -ENODEV;
	if (!seed)
		seed = get_random_u32();
	spin_lock_init(&race.lock);
	race.ctx = cxl_dev_context_init(pdev);
	pci_dev_put(pdev);
	if (IS_ERR(race.ctx))
		return PTR_ERR(race.ctx);
	race.buf = kzalloc(CXL_READ_MIN_SIZE, GFP_KERNEL);
	reader = capi_event_reader_create(race.ctx);
	if (race.buf && reader)
		rc = run_all(reader);
	if (reader)
		capi_event_reader_put(reader);
	kfree(race.buf);
	cxl_release_context(race.ctx);
	return rc;
}

static void __exit race_exit(void)
{
}

module_init(race_init);
module_exit(race_exit);

MODULE_DESCRIPTION("Race of an AFU driver against its context");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");
