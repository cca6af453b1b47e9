// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a consumer knows after a reset of what came meanwhile.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include "mdev.h"

/**
 * struct reset_test - a device
 * @m: the device
 * @late: its AFU raises an event behind the reset of the context
 * @available: there is an event to read
 * @pending: the consumer was told, or will be
 */
struct reset_test {
	struct capi_mdev m;
	bool late;
	bool available;
	bool pending;
};

static struct reset_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static int test_context_reset(struct cxl_context *ctx)
{
	struct reset_test *t = this_test();

	t->available = t->late;
	t->pending |= t->late;
	return 0;
}

static bool test_events_available(struct cxl_context *ctx)
{
	return this_test()->available;
}

static void test_irqs_reset(struct capi_mdev *m)
{
	this_test()->pending = false;
}

static bool test_raise(struct capi_mdev *m, unsigned int vector)
{
	this_test()->pending |= vector == CAPI_MDEV_VECTOR_EVENT;
	return true;
}

/* Not of interest here */
#define capi_mdev_window_control(m, control) ((void)(m), (void)(control))
#define capi_mdev_translate_reset(m) ((void)(m))
#define capi_mdev_config_reset(m) ((void)(m))
#define capi_mdev_msix_reset(m) ((void)(m))

#define capi_context_reset test_context_reset
#define capi_events_available test_events_available
#define capi_mdev_irqs_reset test_irqs_reset
#define capi_mdev_raise_msix test_raise
#include "reset.c"

static void forgets_what_was(struct kunit *test)
{
	struct reset_test *t = test->priv;

	t->available = true;
	t->pending = true;
	KUNIT_EXPECT_EQ(test, capi_mdev_reset(&t->m), 0);
	KUNIT_EXPECT_FALSE(test, t->pending);
}

/* It can be read, so somebody has to know. */
static void tells_what_came_late(struct kunit *test)
{
	struct reset_test *t = test->priv;

	t->late = true;
	KUNIT_EXPECT_EQ(test, capi_mdev_reset(&t->m), 0);
	KUNIT_EXPECT_TRUE(test, t->available && t->pending);
}

static int reset_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct reset_test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static struct kunit_case reset_cases[] = {
	KUNIT_CASE(forgets_what_was),
	KUNIT_CASE(tells_what_came_late),
	{}
};

static struct kunit_suite reset_suite = {
	.name = "mdev_reset",
	.init = reset_init,
	.test_cases = reset_cases,
};

kunit_test_suite(reset_suite);
