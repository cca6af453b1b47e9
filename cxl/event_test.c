// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event engine: in which order events leave, and that each is counted.
 */
#include <kunit/test.h>
#include <linux/random.h>

#include "event.c"

#define PE	7
#define IRQS	20
#define MAX_DELIVERED 8

/**
 * struct event_test - a context, and the driver of its AFU
 * @ctx: the context; begins the structure
 * @afu: its AFU
 * @adapter: its adapter
 * @payload: what fetch_event returns, or NULL
 * @fetched: how often that was called
 * @delivered: how often event_delivered was
 * @rc: what it was told then
 * @flushed: how often flush was called
 * @queue: what was announced and not forgotten since
 * @flush_posts: events that are announced as soon as flush has forgotten others
 * @flush_times: how often that happens
 * @woken: how often the context's user was told
 * @takes_irqs: the context's user has interrupts signalled
 */
struct event_test {
	struct cxl_context ctx;
	struct cxl_afu afu;
	struct cxl_adapter adapter;
	struct cxl_event_afu_driver_reserved *payload;
	unsigned int fetched;
	unsigned int delivered;
	int rc[MAX_DELIVERED];
	unsigned int flushed;
	unsigned int queue;
	unsigned int flush_posts;
	unsigned int flush_times;
	unsigned int woken;
	bool takes_irqs;
};

#define to_event_test(c) container_of(c, struct event_test, ctx)

static struct cxl_event_afu_driver_reserved *test_fetch(struct cxl_context *ctx)
{
	struct event_test *t = to_event_test(ctx);

	t->fetched++;
	return t->payload;
}

static void test_delivered(struct cxl_context *ctx,
			   struct cxl_event_afu_driver_reserved *event, int rc)
{
	struct event_test *t = to_event_test(ctx);

	t->rc[t->delivered++ % MAX_DELIVERED] = rc;
}

static void test_flush(struct cxl_context *ctx)
{
	struct event_test *t = to_event_test(ctx);

	t->flushed++;
	t->queue = 0;
	if (!t->flush_times)
		return;
	t->flush_times--;
	t->queue += t->flush_posts;
	cxl_context_events_pending(ctx, t->flush_posts);
}

static struct cxl_afu_driver_ops test_ops = {
	.fetch_event = test_fetch,
	.event_delivered = test_delivered,
	.flush = test_flush,
};

static void test_event(struct cxl_context *ctx, void *priv)
{
	struct event_test *t = priv;

	t->woken++;
}

static bool test_irq(struct cxl_context *ctx, void *priv, unsigned int irq)
{
	struct event_test *t = priv;

	return t->takes_irqs;
}

static const struct capi_context_user test_user = {
	.event = test_event,
	.irq = test_irq,
};

static int event_init(struct kunit *test)
{
	struct event_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->payload = kunit_kzalloc(test, CXL_READ_MIN_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->payload);
	t->afu.dev.init_name = "test";
	t->afu.adapter = &t->adapter;
	t->ctx.afu = &t->afu;
	t->ctx.external_pe = PE;
	t->ctx.irqs = IRQS;
	RCU_INIT_POINTER(t->ctx.told, &test_user);
	t->ctx.user_priv = t;
	capi_events_init(&t->ctx);
	cxl_set_driver_ops(&t->ctx, &test_ops);
	test->priv = t;
	return 0;
}

/* RAISED is the sum of all others and of what is pending. */
static void expect_sum(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_events *events = &t->ctx.events;
	u64 sum = atomic_read(&events->queued) + events->fault + events->error +
		  bitmap_weight(events->irqs, CAPI_MAX_IRQS + 1);
	int which;

	/* A driver event that is held is among those queued. */
	if (events->held.token && !events->held.ops)
		sum++;
	for (which = CAPI_EVENTS_RAISED + 1; which < CAPI_EVENT_COUNTERS; which++)
		sum += capi_event_count(&t->ctx, which);
	KUNIT_EXPECT_EQ(test, capi_event_count(&t->ctx, CAPI_EVENTS_RAISED),
			sum);
	KUNIT_EXPECT_GE(test, atomic_read(&events->queued),
			atomic_read(&events->driver_pending));
}

static void expect_counts(struct kunit *test, u64 raised, u64 delivered,
			  u64 coalesced, u64 overrun, u64 failed, u64 cancelled)
{
	struct event_test *t = test->priv;
	struct cxl_context *ctx = &t->ctx;

	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_RAISED),
			raised);
	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_DELIVERED),
			delivered);
	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_COALESCED),
			coalesced);
	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_OVERRUN),
			overrun);
	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_FAILED),
			failed);
	KUNIT_EXPECT_EQ(test, capi_event_count(ctx, CAPI_EVENTS_CANCELLED),
			cancelled);
	expect_sum(test);
}

static int take(struct event_test *t, struct capi_event *event, bool keep)
{
	int rc;

	mutex_lock(&t->ctx.events.turn);
	rc = capi_event_take(&t->ctx, event, keep);
	mutex_unlock(&t->ctx.events.turn);
	return rc;
}

static void untake(struct event_test *t, struct capi_event *event)
{
	mutex_lock(&t->ctx.events.turn);
	capi_event_untake(&t->ctx, event);
	mutex_unlock(&t->ctx.events.turn);
}

static void settle(struct event_test *t, struct capi_event *event, int rc)
{
	mutex_lock(&t->ctx.events.turn);
	capi_event_settle(&t->ctx, event, rc);
	mutex_unlock(&t->ctx.events.turn);
}

/* The next event is of this type and body size; it is delivered. */
static void expect_next(struct kunit *test, u16 type, size_t body,
			struct capi_event *event)
{
	struct event_test *t = test->priv;
	const struct cxl_event_header *header = &event->event.header;

	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	KUNIT_ASSERT_EQ(test, take(t, event, false), 0);
	KUNIT_EXPECT_EQ(test, header->type, type);
	KUNIT_EXPECT_EQ(test, header->size, sizeof(*header) + body);
	KUNIT_EXPECT_EQ(test, header->process_element, PE);
	KUNIT_EXPECT_EQ(test, header->reserved1, 0);
	settle(t, event, 0);
	expect_sum(test);
}

static void expect_none(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	KUNIT_EXPECT_FALSE(test, capi_events_available(&t->ctx));
	KUNIT_EXPECT_EQ(test, take(t, &event, false), -EAGAIN);
	KUNIT_EXPECT_EQ(test, event.token, 0);
}

/* Driver events, interrupts from the lowest number on, fault, error */
static void order(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct cxl_context *ctx = &t->ctx;
	struct capi_event event;

	expect_none(test);
	capi_raise_afu_error(ctx, 0xe);
	capi_raise_fault(ctx, 0xadd8e55, 0xd);
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(ctx, IRQS), 0);
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(ctx, 2), 0);
	t->payload->data_size = 5;
	cxl_context_events_pending(ctx, 2);
	KUNIT_EXPECT_EQ(test, t->woken, 5);
	expect_counts(test, 6, 0, 0, 0, 0, 0);

	expect_next(test, CXL_EVENT_AFU_DRIVER, 5, &event);
	KUNIT_EXPECT_PTR_EQ(test, event.driver, t->payload);
	expect_next(test, CXL_EVENT_AFU_DRIVER, 5, &event);
	expect_next(test, CXL_EVENT_AFU_INTERRUPT, sizeof(event.event.irq),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.irq.irq, 2);
	expect_next(test, CXL_EVENT_AFU_INTERRUPT, sizeof(event.event.irq),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.irq.irq, IRQS);
	expect_next(test, CXL_EVENT_DATA_STORAGE, sizeof(event.event.fault),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.fault.addr, 0xadd8e55);
	KUNIT_EXPECT_EQ(test, event.event.fault.dsisr, 0xd);
	expect_next(test, CXL_EVENT_AFU_ERROR, sizeof(event.event.afu_error),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.afu_error.error, 0xe);
	expect_none(test);
	KUNIT_EXPECT_EQ(test, t->delivered, 2);
	expect_counts(test, 6, 6, 0, 0, 0, 0);
}

static void irq_numbers(struct kunit *test)
{
	struct event_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(&t->ctx, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(&t->ctx, IRQS + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(&t->ctx, UINT_MAX), -EINVAL);
	expect_none(test);
	t->ctx.irqs = CAPI_MAX_IRQS;
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(&t->ctx, CAPI_MAX_IRQS), 0);
	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	expect_counts(test, 1, 0, 0, 0, 0, 0);
}

/* What its user has signalled is no event. */
static void irq_for_user(struct kunit *test)
{
	struct event_test *t = test->priv;

	t->takes_irqs = true;
	KUNIT_EXPECT_EQ(test, capi_raise_afu_irq(&t->ctx, 1), 0);
	KUNIT_EXPECT_EQ(test, t->woken, 0);
	expect_none(test);
	expect_counts(test, 1, 1, 0, 0, 0, 0);
}

static void coalesce_and_overrun(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	capi_raise_afu_irq(&t->ctx, 3);
	capi_raise_afu_irq(&t->ctx, 3);
	capi_raise_fault(&t->ctx, 1, 1);
	capi_raise_fault(&t->ctx, 2, 2);
	capi_raise_afu_error(&t->ctx, 1);
	capi_raise_afu_error(&t->ctx, 2);
	expect_counts(test, 6, 0, 1, 2, 0, 0);

	expect_next(test, CXL_EVENT_AFU_INTERRUPT, sizeof(event.event.irq),
		    &event);
	expect_next(test, CXL_EVENT_DATA_STORAGE, sizeof(event.event.fault),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.fault.addr, 1);
	expect_next(test, CXL_EVENT_AFU_ERROR, sizeof(event.event.afu_error),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.afu_error.error, 1);
	expect_none(test);
}

/* A fault and an error that the window shows are unread as well. */
static void overrun_while_held(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	capi_raise_fault(&t->ctx, 1, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, true), 0);
	KUNIT_EXPECT_NE(test, event.token, 0);
	capi_raise_fault(&t->ctx, 2, 2);
	expect_counts(test, 2, 0, 0, 1, 0, 0);
	settle(t, &event, 0);
	expect_none(test);

	capi_raise_afu_error(&t->ctx, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, true), 0);
	capi_raise_afu_error(&t->ctx, 2);
	expect_counts(test, 4, 1, 0, 2, 0, 0);
	settle(t, &event, 0);
	expect_none(test);
	expect_counts(test, 4, 2, 0, 2, 0, 0);
}

/* What could not be delivered comes again; the older one stays. */
static void untake_generic(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	capi_raise_afu_irq(&t->ctx, 4);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	untake(t, &event);
	expect_counts(test, 1, 0, 0, 0, 0, 0);
	KUNIT_ASSERT_EQ(test, take(t, &event, true), 0);
	capi_raise_afu_irq(&t->ctx, 4);
	untake(t, &event);
	expect_counts(test, 2, 0, 1, 0, 0, 0);
	expect_next(test, CXL_EVENT_AFU_INTERRUPT, sizeof(event.event.irq),
		    &event);

	capi_raise_fault(&t->ctx, 1, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	capi_raise_fault(&t->ctx, 2, 2);
	untake(t, &event);
	expect_counts(test, 4, 1, 1, 1, 0, 0);
	expect_next(test, CXL_EVENT_DATA_STORAGE, sizeof(event.event.fault),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.fault.addr, 1);
	KUNIT_EXPECT_EQ(test, event.event.fault.dsisr, 1);

	capi_raise_afu_error(&t->ctx, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	capi_raise_afu_error(&t->ctx, 2);
	untake(t, &event);
	expect_next(test, CXL_EVENT_AFU_ERROR, sizeof(event.event.afu_error),
		    &event);
	KUNIT_EXPECT_EQ(test, event.event.afu_error.error, 1);
	expect_none(test);
	expect_counts(test, 6, 3, 1, 2, 0, 0);
}

/* A driver event is fetched once and stays held until it is settled. */
static void held(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event, again;

	cxl_context_events_pending(&t->ctx, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	untake(t, &event);
	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	capi_raise_afu_irq(&t->ctx, 1);
	KUNIT_ASSERT_EQ(test, take(t, &again, false), 0);
	KUNIT_EXPECT_EQ(test, again.token, event.token);
	KUNIT_EXPECT_EQ(test, t->fetched, 1);
	KUNIT_EXPECT_EQ(test, t->delivered, 0);
	KUNIT_EXPECT_EQ(test, cxl_unset_driver_ops(&t->ctx), -EBUSY);
	settle(t, &again, -EFAULT);
	KUNIT_EXPECT_EQ(test, t->delivered, 1);
	KUNIT_EXPECT_EQ(test, t->rc[0], -EFAULT);
	expect_counts(test, 2, 0, 0, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, cxl_unset_driver_ops(&t->ctx), 0);
	KUNIT_EXPECT_NULL(test, t->ctx.events.ops);
}

/* It is settled with the ops that fetched it. */
static void ops_change_while_held(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct cxl_afu_driver_ops other = test_ops;
	struct capi_event event;

	cxl_context_events_pending(&t->ctx, 3);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	cxl_set_driver_ops(&t->ctx, &other);
	expect_counts(test, 3, 0, 0, 0, 0, 2);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	KUNIT_EXPECT_PTR_EQ(test, event.ops, &test_ops);
	settle(t, &event, 0);
	expect_none(test);
	expect_counts(test, 3, 1, 0, 0, 0, 2);
	cxl_set_driver_ops(&t->ctx, &test_ops);
}

static void tokens(struct kunit *test)
{
	struct event_test *t = test->priv;
	static const u32 expected[] = { U32_MAX - 1, 1, 2 };
	struct capi_event event;
	unsigned int i;

	t->ctx.events.last_token = U32_MAX - 2;
	cxl_context_events_pending(&t->ctx, ARRAY_SIZE(expected));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
		KUNIT_EXPECT_EQ(test, event.token, expected[i]);
		settle(t, &event, 0);
	}
}

/* Sizes that do, and those that 16 bits cannot tell from such */
static void payload_sizes(struct kunit *test)
{
	static const u32 fit[] = { 0, 1, 32, MAX_DRIVER_DATA };
	static const u32 too_large[] = {
		MAX_DRIVER_DATA + 1, U16_MAX - 7, U16_MAX, U16_MAX + 1, 69624,
		S32_MAX, U32_MAX - 7, U32_MAX,
	};
	struct event_test *t = test->priv;
	struct capi_event event;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fit); i++) {
		t->payload->data_size = fit[i];
		cxl_context_events_pending(&t->ctx, 1);
		expect_next(test, CXL_EVENT_AFU_DRIVER, fit[i], &event);
	}
	t->delivered = 0;
	for (i = 0; i < ARRAY_SIZE(too_large); i++) {
		t->payload->data_size = too_large[i];
		cxl_context_events_pending(&t->ctx, 1);
		KUNIT_EXPECT_EQ(test, take(t, &event, false), -EFAULT);
		KUNIT_EXPECT_EQ(test, t->delivered, i + 1);
		KUNIT_EXPECT_EQ(test, t->rc[i], -EINVAL);
	}
	expect_none(test);
	expect_counts(test, ARRAY_SIZE(fit) + ARRAY_SIZE(too_large),
		      ARRAY_SIZE(fit), 0, 0, ARRAY_SIZE(too_large), 0);
}

static void nothing_fetched(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	t->payload = NULL;
	cxl_context_events_pending(&t->ctx, 1);
	KUNIT_EXPECT_EQ(test, take(t, &event, false), -EFAULT);
	KUNIT_EXPECT_EQ(test, t->delivered, 1);
	KUNIT_EXPECT_EQ(test, t->rc[0], -EINVAL);
	expect_none(test);
	expect_counts(test, 1, 0, 0, 0, 1, 0);
}

static void limits(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct cxl_context *ctx = &t->ctx;
	struct capi_event event;

	KUNIT_EXPECT_EQ(test, capi_event_limit(ctx), 0);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), UINT_MAX);
	capi_event_set_limit(ctx, 3);
	KUNIT_EXPECT_EQ(test, capi_event_limit(ctx), 3);
	cxl_context_events_pending(ctx, 0);
	KUNIT_EXPECT_EQ(test, t->woken, 0);
	cxl_context_events_pending(ctx, 2);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 1);
	cxl_context_events_pending(ctx, 5);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 0);
	expect_counts(test, 7, 0, 0, 4, 0, 0);
	t->woken = 0;
	cxl_context_events_pending(ctx, 1);
	KUNIT_EXPECT_EQ(test, t->woken, 0);

	/* One that is held still has its place. */
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 0);
	settle(t, &event, 0);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 1);

	/* What is queued stays when the limit becomes less. */
	capi_event_set_limit(ctx, 1);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 0);
	expect_next(test, CXL_EVENT_AFU_DRIVER, 0, &event);
	expect_next(test, CXL_EVENT_AFU_DRIVER, 0, &event);
	expect_none(test);
	KUNIT_EXPECT_EQ(test, capi_event_room(ctx), 1);
	expect_counts(test, 8, 3, 0, 5, 0, 0);
}

/* More than 32 bits can count are dropped, not wrapped. */
static void saturation(struct kunit *test)
{
	struct event_test *t = test->priv;

	cxl_context_events_pending(&t->ctx, UINT_MAX);
	KUNIT_EXPECT_EQ(test, capi_event_room(&t->ctx), 0);
	cxl_context_events_pending(&t->ctx, UINT_MAX);
	KUNIT_EXPECT_EQ(test, capi_event_count(&t->ctx, CAPI_EVENTS_RAISED),
			2ULL * UINT_MAX);
	KUNIT_EXPECT_EQ(test, capi_event_count(&t->ctx, CAPI_EVENTS_OVERRUN),
			UINT_MAX);
	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	capi_events_cancel(&t->ctx);
	KUNIT_EXPECT_EQ(test, capi_event_count(&t->ctx, CAPI_EVENTS_CANCELLED),
			UINT_MAX);
	KUNIT_EXPECT_EQ(test, capi_event_room(&t->ctx), UINT_MAX);
	expect_none(test);
}

static void cancel(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	cxl_context_events_pending(&t->ctx, 3);
	KUNIT_ASSERT_EQ(test, take(t, &event, false), 0);
	capi_raise_afu_irq(&t->ctx, 1);
	capi_raise_afu_irq(&t->ctx, 2);
	capi_raise_fault(&t->ctx, 1, 1);
	capi_raise_afu_error(&t->ctx, 1);
	capi_events_cancel(&t->ctx);
	KUNIT_EXPECT_EQ(test, t->delivered, 1);
	KUNIT_EXPECT_EQ(test, t->rc[0], -ECANCELED);
	KUNIT_EXPECT_EQ(test, t->flushed, 1);
	expect_none(test);
	expect_counts(test, 7, 0, 0, 0, 0, 7);

	capi_events_cancel(&t->ctx);
	KUNIT_EXPECT_EQ(test, t->delivered, 1);
	KUNIT_EXPECT_EQ(test, t->flushed, 2);
	expect_counts(test, 7, 0, 0, 0, 0, 7);
}

/* What comes behind flush is not forgotten by one of the two alone. */
static void announced_behind_flush(struct kunit *test)
{
	struct event_test *t = test->priv;

	t->flush_posts = 2;
	t->flush_times = 3;
	capi_events_cancel(&t->ctx);
	KUNIT_EXPECT_EQ(test, t->queue,
			atomic_read(&t->ctx.events.driver_pending));
	KUNIT_EXPECT_EQ(test, t->flush_times, 0);
	expect_none(test);
	expect_counts(test, 6, 0, 0, 0, 0, 6);

	/* A driver that does not stop has itself to blame. */
	t->flush_times = UINT_MAX;
	capi_events_end(&t->ctx);
	KUNIT_EXPECT_NULL(test, t->ctx.events.ops);
	expect_none(test);
	expect_sum(test);
}

static void end(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct capi_event event;

	capi_raise_fault(&t->ctx, 1, 1);
	KUNIT_ASSERT_EQ(test, take(t, &event, true), 0);
	capi_events_end(&t->ctx);
	KUNIT_EXPECT_NULL(test, t->ctx.events.ops);
	KUNIT_EXPECT_EQ(test, t->flushed, 1);
	expect_none(test);
	expect_counts(test, 1, 0, 0, 0, 0, 1);
	capi_events_end(&t->ctx);
	KUNIT_EXPECT_EQ(test, t->flushed, 1);

	/* Nobody is there to fetch what is announced now. */
	cxl_context_events_pending(&t->ctx, 1);
	expect_none(test);
	KUNIT_EXPECT_EQ(test, t->fetched, 0);
}

static void incomplete_ops(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct cxl_afu_driver_ops ops = test_ops;

	cxl_context_events_pending(&t->ctx, 1);
	cxl_set_driver_ops(&t->ctx, NULL);
	ops.fetch_event = NULL;
	cxl_set_driver_ops(&t->ctx, &ops);
	ops = test_ops;
	ops.event_delivered = NULL;
	cxl_set_driver_ops(&t->ctx, &ops);
	KUNIT_EXPECT_PTR_EQ(test, t->ctx.events.ops, &test_ops);
	KUNIT_EXPECT_EQ(test, cxl_unset_driver_ops(&t->ctx), -EBUSY);
	expect_counts(test, 1, 0, 0, 0, 0, 0);
}

static void step(struct event_test *t, struct rnd_state *rnd)
{
	struct cxl_context *ctx = &t->ctx;
	u32 value = prandom_u32_state(rnd);
	struct capi_event event;

	t->payload->data_size = value & 8 ? 8 : U32_MAX;
	switch (value % 9) {
	case 0:
		cxl_context_events_pending(ctx, value >> 29);
		break;
	case 1:
		capi_raise_afu_irq(ctx, value >> 27);
		break;
	case 2:
		capi_raise_fault(ctx, value, 0);
		break;
	case 3:
		capi_raise_afu_error(ctx, value);
		break;
	case 4:
		capi_event_set_limit(ctx, value >> 28);
		break;
	case 5:
		if (value >> 28 == 0)
			capi_events_cancel(ctx);
		break;
	default:
		if (take(t, &event, value & 16))
			break;
		if (value & 32)
			settle(t, &event, value & 64 ? 0 : -EFAULT);
		else
			untake(t, &event);
	}
}

/* The sum holds whatever happens. */
static void any_order(struct kunit *test)
{
	struct event_test *t = test->priv;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20000; i++) {
		step(t, &rnd);
		expect_sum(test);
	}
	capi_events_cancel(&t->ctx);
	expect_none(test);
	expect_sum(test);
	KUNIT_EXPECT_EQ(test, t->fetched, t->delivered);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->ctx.events.queued), 0);
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(order),
	KUNIT_CASE(irq_numbers),
	KUNIT_CASE(irq_for_user),
	KUNIT_CASE(coalesce_and_overrun),
	KUNIT_CASE(overrun_while_held),
	KUNIT_CASE(untake_generic),
	KUNIT_CASE(held),
	KUNIT_CASE(ops_change_while_held),
	KUNIT_CASE(tokens),
	KUNIT_CASE(payload_sizes),
	KUNIT_CASE(nothing_fetched),
	KUNIT_CASE(limits),
	KUNIT_CASE(saturation),
	KUNIT_CASE(cancel),
	KUNIT_CASE(announced_behind_flush),
	KUNIT_CASE(end),
	KUNIT_CASE(incomplete_ops),
	KUNIT_CASE(any_order),
	{}
};

static struct kunit_suite event_suite = {
	.name = "cxl_event",
	.init = event_init,
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);
