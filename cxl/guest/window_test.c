// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event window: which events reach a context, and when the host is told so.
 * The VF is a list of events here, and may be as bad as a host can be.
 */
#include <kunit/test.h>

#include "guest.h"

#define MAX_EVENTS	100

/**
 * struct window_test - a card, and what its VF and the core do
 * @card: the card
 * @events: what the VF has, in order
 * @nr_events: how many
 * @nr_acked: how many of them were acknowledged, each in its turn
 * @shown: token of the one that is shown: its place, from 1 on
 * @failing: so many looks find what cannot be delivered
 * @failed: the last look did
 * @gone: there is no VF any more
 * @control: what was last stored there
 * @resets: RESET commands
 * @irqs: AFU interrupts that came, a bit for each
 * @fault: address of the data storage fault that came
 * @error: the AFU error that came
 * @announced: driver events that are announced
 * @ops: what they are fetched with
 * @later: how often the rest was left for later
 */
struct window_test {
	struct guest_card card;
	struct cxl_event events[MAX_EVENTS];
	unsigned int nr_events;
	unsigned int nr_acked;
	u32 shown;
	unsigned int failing;
	bool failed;
	bool gone;
	u32 control;
	unsigned int resets;
	unsigned long irqs;
	u64 fault;
	u64 error;
	unsigned int announced;
	struct cxl_afu_driver_ops *ops;
	unsigned int later;
};

/* Contexts are only compared; both are of this card. */
static u8 contexts[2];
static struct guest_card *contexts_card;
#define CTX	((struct cxl_context *)&contexts[0])
#define OTHER	((struct cxl_context *)&contexts[1])

#define to_window_test(c) container_of(c, struct window_test, card)

static u32 test_load(struct guest_card *card, unsigned int reg)
{
	struct window_test *t = to_window_test(card);

	if (t->gone)
		return ~0U;
	if (reg == CAPI_MDEV_REG_EVENT_TOKEN)
		return t->shown;
	if (reg == CAPI_MDEV_REG_EVENT_STATUS && t->failed)
		return CAPI_MDEV_EVENT_STATUS_FAILED;
	return 0;
}

static void test_store(struct guest_card *card, unsigned int reg, u32 value)
{
	struct window_test *t = to_window_test(card);

	if (reg == CAPI_MDEV_REG_EVENT_CONTROL)
		t->control = value;
	if (reg == CAPI_MDEV_REG_EVENT_ACK && value == t->shown) {
		t->nr_acked++;
		t->shown = 0;
	}
	if (reg == CAPI_MDEV_REG_EVENT_LOOK) {
		t->failed = t->failing;
		t->shown = 0;
		if (t->failed)
			t->failing--;
		else if (t->nr_acked < t->nr_events)
			t->shown = t->nr_acked + 1;
	}
}

/* Registers are found by their place in BAR0, which begins at nothing here. */
static void test_fromio(void *to, const void __iomem *from, size_t n)
{
	struct window_test *t = to_window_test(contexts_card);
	size_t off = (__force uintptr_t)from - CAPI_MDEV_REG_EVENT_DATA;

	memcpy(to, (u8 *)&t->events[t->nr_acked] + off, n);
}

static int test_command(struct guest_card *card, u32 command)
{
	to_window_test(card)->resets += command == CAPI_MDEV_COMMAND_RESET;
	return 0;
}

static void test_irq(struct cxl_context *ctx, unsigned int irq)
{
	__set_bit(irq, &to_window_test(contexts_card)->irqs);
}

static void test_fault(struct cxl_context *ctx, u64 addr, u64 dsisr)
{
	to_window_test(contexts_card)->fault = addr;
}

static void test_error(struct cxl_context *ctx, u64 error)
{
	to_window_test(contexts_card)->error = error;
}

static void test_pending(struct cxl_context *ctx, unsigned int n)
{
	to_window_test(contexts_card)->announced += n;
}

static void test_set_ops(struct cxl_context *ctx, struct cxl_afu_driver_ops *ops)
{
	to_window_test(contexts_card)->ops = ops;
}

static struct guest_card *test_card(struct cxl_context *ctx)
{
	return contexts_card;
}

static bool test_schedule(struct work_struct *work)
{
	struct guest_card *card = container_of(work, struct guest_card, change);

	return to_window_test(card)->later++;
}

#undef memcpy_fromio
#define guest_load test_load
#define guest_store test_store
#define guest_command test_command
#define guest_context_card test_card
#define memcpy_fromio test_fromio
#define capi_raise_afu_irq test_irq
#define capi_raise_fault test_fault
#define capi_raise_afu_error test_error
#define cxl_context_events_pending test_pending
#define cxl_set_driver_ops test_set_ops
#define schedule_work test_schedule
#include "window.c"

static int window_init(struct kunit *test)
{
	struct window_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	contexts_card = &t->card;
	return guest_window_init(&t->card);
}

static void window_exit(struct kunit *test)
{
	struct window_test *t = test->priv;

	guest_window_exit(&t->card);
}

static struct cxl_event *add(struct window_test *t, u16 type)
{
	struct cxl_event *event = &t->events[t->nr_events++];

	event->header.type = type;
	event->header.size = sizeof(event->header) + 16;
	return event;
}

/* A context takes the VF, for its work alone. */
static void take(struct kunit *test, struct cxl_context *ctx, int expected)
{
	struct window_test *t = test->priv;

	mutex_lock(&t->card.window.lock);
	KUNIT_EXPECT_EQ(test, expected, guest_window_take(&t->card, ctx));
	mutex_unlock(&t->card.window.lock);
}

static void pump(struct window_test *t)
{
	mutex_lock(&t->card.window.lock);
	guest_window_pump(&t->card);
	mutex_unlock(&t->card.window.lock);
}

/* As the core: what is announced is fetched, and then settled. */
static struct cxl_event_afu_driver_reserved *fetch(struct kunit *test)
{
	struct window_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 1, t->announced);
	t->announced--;
	return t->ops->fetch_event(CTX);
}

static void passed_on(struct kunit *test)
{
	struct window_test *t = test->priv;

	add(t, CXL_EVENT_AFU_INTERRUPT)->irq.irq = 3;
	add(t, CXL_EVENT_DATA_STORAGE)->fault.addr = 0x123456789000;
	add(t, CXL_EVENT_AFU_ERROR)->afu_error.error = 0xabcdef0123456789;
	add(t, CXL_EVENT_AFU_INTERRUPT)->irq.irq = 5;

	pump(t);
	KUNIT_EXPECT_EQ_MSG(test, 0, t->nr_acked, "nobody has the VF");
	take(test, CTX, 0);
	pump(t);
	KUNIT_EXPECT_EQ(test, 4, t->nr_acked);
	KUNIT_EXPECT_EQ(test, BIT(3) | BIT(5), t->irqs);
	KUNIT_EXPECT_EQ(test, 0x123456789000, t->fault);
	KUNIT_EXPECT_EQ(test, 0xabcdef0123456789, t->error);
}

/* The host keeps each until its reader has it, and those behind it meanwhile. */
static void driver_events(struct kunit *test)
{
	struct window_test *t = test->priv;
	struct cxl_event_afu_driver_reserved *event;

	memset(&add(t, CXL_EVENT_AFU_DRIVER)->irq, 0x5a, 16);
	add(t, CXL_EVENT_AFU_INTERRUPT)->irq.irq = 1;
	memset(&add(t, CXL_EVENT_AFU_DRIVER)->irq, 0xa5, 16);
	KUNIT_ASSERT_EQ(test, 0, guest_driver_attach(CTX));

	event = fetch(test);
	KUNIT_EXPECT_EQ(test, 16, event->data_size);
	KUNIT_EXPECT_EQ(test, 0, memcmp(event->data, &t->events[0].irq, 16));
	pump(t);
	KUNIT_EXPECT_EQ(test, 0, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 0, t->irqs);

	t->ops->event_delivered(CTX, event, 0);
	KUNIT_EXPECT_EQ(test, 2, t->nr_acked);
	KUNIT_EXPECT_EQ(test, BIT(1), t->irqs);
	event = fetch(test);
	KUNIT_EXPECT_EQ(test, 0, memcmp(event->data, &t->events[2].irq, 16));
	t->ops->event_delivered(CTX, event, 0);
	KUNIT_EXPECT_EQ(test, 3, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 0, t->announced);
}

/* A reader whose buffer is bad has nothing: the next one shall. */
static void not_delivered(struct kunit *test)
{
	struct window_test *t = test->priv;
	struct cxl_event_afu_driver_reserved *event;

	add(t, CXL_EVENT_AFU_DRIVER);
	KUNIT_ASSERT_EQ(test, 0, guest_driver_attach(CTX));
	event = fetch(test);
	t->ops->event_delivered(CTX, event, -EFAULT);
	KUNIT_EXPECT_EQ(test, 0, t->nr_acked);
	event = fetch(test);
	t->ops->event_delivered(CTX, event, -ECANCELED);
	KUNIT_EXPECT_EQ(test, 0, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 0, t->announced);
	/* Nor is the VF told by one that has it no more. */
	guest_driver_detach(CTX);
	t->ops->event_delivered(CTX, event, 0);
	KUNIT_EXPECT_EQ(test, 0, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 1, t->resets);
}

/* They are dropped, and hold up nothing. */
static void unwanted(struct kunit *test)
{
	struct window_test *t = test->priv;

	add(t, CXL_EVENT_AFU_DRIVER);
	take(test, CTX, 0);
	pump(t);
	KUNIT_EXPECT_EQ_MSG(test, 1, t->nr_acked, "nobody asked for it");

	add(t, CXL_EVENT_AFU_DRIVER)->header.size = 7;
	add(t, CXL_EVENT_AFU_DRIVER)->header.size = CXL_READ_MIN_SIZE + 1;
	add(t, 99);
	t->failing = 2;
	add(t, CXL_EVENT_AFU_INTERRUPT)->irq.irq = 2;
	KUNIT_EXPECT_EQ(test, 0, guest_driver_attach(CTX));
	KUNIT_EXPECT_EQ(test, 5, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 0, t->announced);
	KUNIT_EXPECT_EQ(test, BIT(2), t->irqs);
}

static void no_end(struct kunit *test)
{
	struct window_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < MAX_EVENTS; i++)
		add(t, CXL_EVENT_AFU_INTERRUPT);
	take(test, CTX, 0);
	pump(t);
	KUNIT_EXPECT_EQ(test, MAX_LOOKS, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 1, t->later);
	pump(t);
	KUNIT_EXPECT_EQ(test, MAX_EVENTS, t->nr_acked);
	KUNIT_EXPECT_EQ(test, 1, t->later);

	/* All ones: there is no VF, and no event of that type. */
	t->nr_events++;
	t->irqs = 0;
	t->gone = true;
	pump(t);
	KUNIT_EXPECT_EQ(test, 0, t->irqs);
	KUNIT_EXPECT_EQ(test, MAX_EVENTS, t->nr_acked);
}

/* One context has it: while it works, and while it waits for driver events. */
static void owners(struct kunit *test)
{
	struct window_test *t = test->priv;
	struct guest_card *card = &t->card;

	take(test, CTX, 0);
	card->window.started = true;
	take(test, OTHER, -ENOSPC);
	KUNIT_EXPECT_EQ(test, -EBUSY, guest_driver_attach(OTHER));
	guest_window_give(card, OTHER);
	KUNIT_EXPECT_EQ(test, 0, t->resets);
	take(test, CTX, 0);
	KUNIT_EXPECT_EQ(test, 0, guest_driver_attach(CTX));
	guest_driver_detach(CTX);
	KUNIT_EXPECT_EQ_MSG(test, 0, t->resets, "it still works");

	card->window.started = false;
	take(test, OTHER, -ENOSPC);
	guest_window_give(card, CTX);
	KUNIT_EXPECT_EQ(test, 1, t->resets);
	KUNIT_EXPECT_FALSE(test, card->window.asked);

	take(test, CTX, 0);
	KUNIT_EXPECT_EQ(test, 1, t->resets);
	take(test, OTHER, 0);
	KUNIT_EXPECT_EQ_MSG(test, 2, t->resets, "nothing is left of the first");
}

/* What the VF is to tell: of events, only while somebody has it. */
static void listening(struct kunit *test)
{
	struct window_test *t = test->priv;

	guest_window_listen(&t->card);
	KUNIT_EXPECT_EQ(test, CAPI_MDEV_EVENT_LINK_AWARE, t->control);
	take(test, CTX, 0);
	KUNIT_EXPECT_TRUE(test, t->control & CAPI_MDEV_EVENT_ENABLE);
	t->control = 0;
	guest_window_listen(&t->card);
	KUNIT_EXPECT_TRUE(test, t->control & CAPI_MDEV_EVENT_ENABLE);
	KUNIT_EXPECT_TRUE(test, t->control & CAPI_MDEV_EVENT_LINK_AWARE);
	guest_window_leave(&t->card);
	KUNIT_EXPECT_EQ(test, 0, t->control);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE(passed_on),
	KUNIT_CASE(driver_events),
	KUNIT_CASE(not_delivered),
	KUNIT_CASE(unwanted),
	KUNIT_CASE(no_end),
	KUNIT_CASE(owners),
	KUNIT_CASE(listening),
	{}
};

static struct kunit_suite window_suite = {
	.name = "guest_window",
	.init = window_init,
	.exit = window_exit,
	.test_cases = window_cases,
};

kunit_test_suite(window_suite);
