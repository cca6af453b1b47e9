// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader that waits: which of the looks at a context decides, when the context
 * changes between one and the next.
 */
#include <kunit/test.h>
#include <linux/wait.h>

static void test_wait(bool looked);
static int test_trylock(struct mutex *lock);
static size_t test_copy(const void *from, size_t size, struct iov_iter *to);

/* Nobody sleeps: the test does what would wake the reader, and what follows. */
#undef wait_event_interruptible
#define wait_event_interruptible(wait, condition)			\
({									\
	int __rc;							\
									\
	(void)(wait);							\
	test_wait(false);						\
	__rc = (condition) ? 0 : -ERESTARTSYS;				\
	test_wait(true);						\
	__rc;								\
})

#undef mutex_trylock
#define mutex_trylock test_trylock
#define copy_to_iter test_copy
#include "reader.c"
#undef mutex_trylock
#undef copy_to_iter

/**
 * struct reader_test - a context, and two who read its events
 * @ctx: the context
 * @afu: its AFU
 * @reader: the reader that waits
 * @other: the one that is faster
 * @buf: where they read to
 * @busy: somebody has the turn whenever it is tried
 * @bad: so often nothing can be copied there, though it can be faulted in
 * @waits: how often it waited
 * @meanwhile: what happens while it waits, and then when it has looked
 */
struct reader_test {
	struct cxl_context ctx;
	struct cxl_afu afu;
	struct capi_event_reader *reader;
	struct capi_event_reader *other;
	void *buf;
	bool busy;
	unsigned int bad;
	unsigned int waits;
	void (*meanwhile)(struct reader_test *t, bool looked);
};

static struct reader_test *waiting;

static void test_wait(bool looked)
{
	if (!looked)
		waiting->waits++;
	if (waiting->meanwhile)
		waiting->meanwhile(waiting, looked);
}

static int test_trylock(struct mutex *lock)
{
	return !waiting->busy && mutex_trylock(lock);
}

static size_t test_copy(const void *from, size_t size, struct iov_iter *to)
{
	if (!waiting->bad)
		return copy_to_iter(from, size, to);
	waiting->bad--;
	return 0;
}

static ssize_t read_by(struct reader_test *t, struct capi_event_reader *reader,
		       bool nonblock)
{
	struct kvec vec = { .iov_base = t->buf, .iov_len = CXL_READ_MIN_SIZE };
	struct iov_iter to;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	return capi_event_read(reader, &to, nonblock);
}

static int reader_init(struct kunit *test)
{
	struct reader_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->buf = kunit_kzalloc(test, CXL_READ_MIN_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->buf);
	t->ctx.afu = &t->afu;
	t->ctx.irqs = 4;
	t->ctx.link_up = true;
	kref_init(&t->ctx.kref);
	capi_events_init(&t->ctx);
	t->reader = capi_event_reader_create(&t->ctx);
	KUNIT_ASSERT_NOT_NULL(test, t->reader);
	t->other = capi_event_reader_create(&t->ctx);
	KUNIT_ASSERT_NOT_NULL(test, t->other);
	waiting = t;
	test->priv = t;
	return 0;
}

/* The context is the test's: nobody lets go of it for the last time. */
static void reader_exit(struct kunit *test)
{
	struct reader_test *t = test->priv;

	capi_event_reader_put(t->reader);
	capi_event_reader_put(t->other);
}

static void link_flaps(struct reader_test *t, bool looked)
{
	t->ctx.link_up = looked;
	if (looked)
		capi_raise_afu_irq(&t->ctx, 1);
}

/* For the first wait only; whatever comes then is not waited for. */
static void closed_and_opened(struct reader_test *t, bool looked)
{
	t->ctx.state = looked || t->waits > 2 ? CAPI_CONTEXT_OPENED :
						CAPI_CONTEXT_CLOSED;
}

static void window_opens_and_closes(struct reader_test *t, bool looked)
{
	t->ctx.events.window = !looked;
	if (looked)
		capi_raise_afu_irq(&t->ctx, 1);
}

/* What woke the reader counts, though it is over when the reader goes on. */
static void what_was_seen_decides(struct kunit *test)
{
	struct reader_test *t = test->priv;

	t->meanwhile = link_flaps;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), -EIO);
	KUNIT_EXPECT_EQ(test, t->waits, 1);
	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), 16);

	t->meanwhile = window_opens_and_closes;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), -EBUSY);
	KUNIT_EXPECT_EQ(test, t->waits, 2);
	KUNIT_EXPECT_TRUE(test, capi_events_available(&t->ctx));
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), 16);
}

/* The first event is for somebody else, the second is not. */
static void another_is_faster(struct reader_test *t, bool looked)
{
	if (!looked)
		capi_raise_afu_irq(&t->ctx, t->waits);
	else if (t->waits == 1)
		read_by(t, t->other, true);
}

static void waits_again(struct kunit *test)
{
	struct reader_test *t = test->priv;
	struct cxl_event *event = t->buf;

	t->meanwhile = another_is_faster;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), 16);
	KUNIT_EXPECT_EQ(test, event->irq.irq, 2);
	KUNIT_EXPECT_EQ(test, t->waits, 2);
	KUNIT_EXPECT_FALSE(test, capi_events_available(&t->ctx));
	KUNIT_EXPECT_EQ(test, capi_event_count(&t->ctx, CAPI_EVENTS_DELIVERED),
			2);
}

static void closed_for_good(struct reader_test *t, bool looked)
{
	if (!looked)
		t->ctx.state = CAPI_CONTEXT_CLOSED;
}

static void the_end(struct kunit *test)
{
	struct reader_test *t = test->priv;

	t->meanwhile = closed_for_good;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), -EIO);
	KUNIT_EXPECT_EQ(test, t->waits, 1);

	/* What is seen and over again, as in a reset, is no end. */
	t->ctx.state = CAPI_CONTEXT_OPENED;
	t->meanwhile = closed_and_opened;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), -ERESTARTSYS);

	/* Who was ended does not wait. */
	t->waits = 0;
	capi_event_reader_end(t->other);
	KUNIT_EXPECT_EQ(test, read_by(t, t->other, false), -EIO);
	KUNIT_EXPECT_EQ(test, t->waits, 0);
}

static void signalled(struct kunit *test)
{
	struct reader_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, t->waits, 1);
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, true), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t->waits, 1);
	capi_raise_afu_irq(&t->ctx, 1);
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, false), 16);
	KUNIT_EXPECT_EQ(test, t->waits, 1);
}

/* Who is turned away is told when it can read; who would not be told is not. */
static void turned_away(struct kunit *test)
{
	struct reader_test *t = test->priv;
	struct kvec vec = { .iov_base = t->buf, .iov_len = CXL_READ_MIN_SIZE };
	struct iov_iter to;

	t->busy = true;
	capi_raise_afu_irq(&t->ctx, 1);
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, true), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, t->ctx.events.turned_away);

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	KUNIT_EXPECT_EQ(test, capi_event_read_pending(t->reader, &to), 16);
	KUNIT_EXPECT_FALSE(test, t->ctx.events.turned_away);
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	KUNIT_EXPECT_EQ(test, capi_event_read_pending(t->reader, &to), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t->waits, 0);
}

/* Memory that is there, and cannot be copied to: that comes to an end. */
static void cannot_be_copied_to(struct kunit *test)
{
	struct reader_test *t = test->priv;

	capi_raise_afu_irq(&t->ctx, 1);
	t->bad = 1;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, true), 16);

	capi_raise_afu_irq(&t->ctx, 1);
	t->bad = 1000;
	KUNIT_EXPECT_EQ(test, read_by(t, t->reader, true), -EFAULT);
	KUNIT_EXPECT_GT(test, t->bad, 0);
	t->bad = 0;
	KUNIT_EXPECT_EQ(test, read_by(t, t->other, true), 16);
}

static struct kunit_case reader_cases[] = {
	KUNIT_CASE(what_was_seen_decides),
	KUNIT_CASE(waits_again),
	KUNIT_CASE(the_end),
	KUNIT_CASE(signalled),
	KUNIT_CASE(turned_away),
	KUNIT_CASE(cannot_be_copied_to),
	{ }
};

static struct kunit_suite reader_suite = {
	.name = "cxl_reader",
	.init = reader_init,
	.exit = reader_exit,
	.test_cases = reader_cases,
};

kunit_test_suite(reader_suite);
