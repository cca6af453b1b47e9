// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU interrupts: how many a context is counted, and one that comes late.
 */
#include <kunit/test.h>

#include "core.h"

#define IRQS	4

/**
 * struct irq_test - two contexts of one adapter
 * @adapter: theirs
 * @afu: theirs
 * @ctx: the contexts
 * @load: runs when the handlers of a context were found, and nothing else yet
 */
struct irq_test {
	struct cxl_adapter adapter;
	struct cxl_afu afu;
	struct cxl_context ctx[2];
	void (*load)(struct cxl_context *ctx);
};

/* NULL where the others of the module's suites run */
static struct irq_test *now;

static struct capi_virqs *test_load(struct capi_virqs **virqs)
{
	struct capi_virqs *found = *virqs;

	if (now && now->load)
		now->load(container_of(virqs, struct cxl_context, virqs));
	return found;
}

#undef smp_load_acquire
#define smp_load_acquire test_load
#include "irq.c"

static int irqs_init(struct kunit *test)
{
	struct irq_test *t;
	unsigned int i;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	now = t;
	test->priv = t;
	spin_lock_init(&t->adapter.starts);
	t->afu.adapter = &t->adapter;
	t->afu.desc.irqs = IRQS;
	for (i = 0; i < ARRAY_SIZE(t->ctx); i++) {
		t->ctx[i].afu = &t->afu;
		mutex_init(&t->ctx[i].mutex);
	}
	return 0;
}

static void irqs_exit(struct kunit *test)
{
	struct irq_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t->ctx); i++) {
		cxl_free_afu_irqs(&t->ctx[i]);
		capi_irqs_free(&t->ctx[i]);
	}
	KUNIT_EXPECT_EQ(test, t->adapter.irqs_used, 0);
	now = NULL;
}

/* The adapter has so many for all; who gets none has what it had. */
static void counted(struct kunit *test)
{
	struct irq_test *t = test->priv;
	struct cxl_context *a = &t->ctx[0], *b = &t->ctx[1];

	KUNIT_EXPECT_EQ(test, cxl_allocate_afu_irqs(a, -1), -EINVAL);
	KUNIT_ASSERT_EQ(test, cxl_allocate_afu_irqs(a, 0), 0);
	KUNIT_EXPECT_EQ(test, a->irqs, IRQS);
	KUNIT_EXPECT_EQ(test, cxl_allocate_afu_irqs(a, 1), -EBUSY);

	KUNIT_EXPECT_EQ(test,
			cxl_allocate_afu_irqs(b, CAPI_MAX_IRQS - IRQS + 1),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, t->adapter.irqs_used, IRQS);
	KUNIT_ASSERT_EQ(test, cxl_allocate_afu_irqs(b, CAPI_MAX_IRQS - IRQS), 0);
	KUNIT_EXPECT_EQ(test, t->adapter.irqs_used, CAPI_MAX_IRQS);

	cxl_free_afu_irqs(b);
	KUNIT_EXPECT_EQ(test, t->adapter.irqs_used, IRQS);
	KUNIT_EXPECT_EQ(test, b->irqs, IRQS);
	t->ctx[1].gone = true;
	KUNIT_EXPECT_EQ(test, cxl_allocate_afu_irqs(b, 1), -ENODEV);
}

static void sever(struct cxl_context *ctx)
{
	mutex_lock(&ctx->mutex);
	capi_irqs_release(ctx);
	mutex_unlock(&ctx->mutex);
}

/* A guest's AFU may raise one while its context is severed. */
static void late(struct kunit *test)
{
	struct irq_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, capi_irqs_handle(&t->ctx[0], 1));
	KUNIT_ASSERT_EQ(test, cxl_allocate_afu_irqs(&t->ctx[0], 0), 0);
	t->load = sever;
	KUNIT_EXPECT_FALSE(test, capi_irqs_handle(&t->ctx[0], 1));
	t->load = NULL;
	KUNIT_EXPECT_FALSE(test, capi_irqs_handle(&t->ctx[0], 1));
}

static struct kunit_case irqs_cases[] = {
	KUNIT_CASE(counted),
	KUNIT_CASE(late),
	{}
};

static struct kunit_suite irqs_suite = {
	.name = "cxl_irq",
	.init = irqs_init,
	.exit = irqs_exit,
	.test_cases = irqs_cases,
};

kunit_test_suite(irqs_suite);
