// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU drivers' claims: what is refused, and that a context is attached or not, but
 * nothing between.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include "core.h"

/**
 * struct claim_test - two contexts, and a driver
 * @ctx: the contexts
 * @afu: their AFU
 * @drv: the driver
 * @rc: what its attach callback returns
 * @attached: how often it was called
 * @detached: how often the other was
 * @ended: how often events were thrown away
 * @held: references to contexts
 */
struct claim_test {
	struct cxl_context ctx[2];
	struct cxl_afu afu;
	struct capi_afu_driver drv;
	int rc;
	unsigned int attached;
	unsigned int detached;
	unsigned int ended;
	int held;
};

static struct claim_test *now;

#define capi_context_get(ctx) ((void)(ctx), now->held++)
#define capi_context_put(ctx) ((void)(ctx), now->held--)
#define capi_events_end(ctx) ((void)(ctx), now->ended++)
#include "afu_driver.c"

static int test_attach(struct cxl_context *ctx)
{
	now->attached++;
	return now->rc;
}

static void test_detach(struct cxl_context *ctx)
{
	now->detached++;
	KUNIT_EXPECT_EQ_MSG(kunit_get_current_test(), now->detached, now->ended,
			    "events are thrown away before");
}

static int claim_init(struct kunit *test)
{
	unsigned int i;

	now = kunit_kzalloc(test, sizeof(*now), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, now);
	now->afu.desc.vendor = 0x1014;
	now->afu.desc.device = 0x1234;
	now->drv = (struct capi_afu_driver) {
		.name = "test",
		.owner = THIS_MODULE,
		.vendor = 0x1014,
		.device = 0x1234,
		.attach = test_attach,
		.detach = test_detach,
		.abi = "test-1",
	};
	for (i = 0; i < ARRAY_SIZE(now->ctx); i++) {
		mutex_init(&now->ctx[i].mutex);
		now->ctx[i].afu = &now->afu;
	}
	return 0;
}

static int attach(struct cxl_context *ctx, const char *abi)
{
	int rc;

	mutex_lock(&ctx->mutex);
	rc = capi_afu_driver_attach(ctx, abi);
	mutex_unlock(&ctx->mutex);
	return rc;
}

static void refused(struct kunit *test)
{
	struct capi_afu_driver other = now->drv;

	other.attach = NULL;
	KUNIT_EXPECT_EQ(test, -EINVAL, capi_afu_driver_register(&other));
	other = now->drv;
	other.detach = NULL;
	KUNIT_EXPECT_EQ(test, -EINVAL, capi_afu_driver_register(&other));

	other = now->drv;
	KUNIT_ASSERT_EQ(test, 0, capi_afu_driver_register(&now->drv));
	KUNIT_EXPECT_EQ(test, -EBUSY, capi_afu_driver_register(&other));
	other.device++;
	KUNIT_EXPECT_EQ(test, 0, capi_afu_driver_register(&other));
	capi_afu_driver_unregister(&other);
	capi_afu_driver_unregister(&now->drv);
	KUNIT_EXPECT_EQ(test, 0, capi_afu_driver_register(&now->drv));
	capi_afu_driver_unregister(&now->drv);
}

/* Events that nobody brings, or others than those that were asked for */
static void abis(struct kunit *test)
{
	struct cxl_context *ctx = &now->ctx[0];
	char abi[8];

	KUNIT_EXPECT_EQ(test, 0, attach(ctx, NULL));
	KUNIT_EXPECT_EQ(test, -ENODEV, attach(ctx, "test-1"));
	capi_afu_abi(&now->afu, abi, sizeof(abi));
	KUNIT_EXPECT_STREQ(test, "", abi);

	KUNIT_ASSERT_EQ(test, 0, capi_afu_driver_register(&now->drv));
	capi_afu_abi(&now->afu, abi, sizeof(abi));
	KUNIT_EXPECT_STREQ(test, "test-1", abi);
	KUNIT_EXPECT_EQ(test, -EPROTONOSUPPORT, attach(ctx, "test-2"));
	now->drv.abi = NULL;
	KUNIT_EXPECT_EQ(test, -EPROTONOSUPPORT, attach(ctx, "test-1"));
	KUNIT_EXPECT_EQ(test, 0, now->attached);
	KUNIT_EXPECT_EQ(test, 0, attach(ctx, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY, attach(ctx, NULL));
	KUNIT_EXPECT_EQ(test, 1, now->attached);
	capi_afu_driver_unregister(&now->drv);
}

/* A driver that refuses a context has nothing to do with it afterwards. */
static void attach_fails(struct kunit *test)
{
	struct cxl_context *ctx = &now->ctx[0];
	int refs = module_refcount(THIS_MODULE);

	KUNIT_ASSERT_EQ(test, 0, capi_afu_driver_register(&now->drv));
	now->rc = -ENOMEM;
	KUNIT_EXPECT_EQ(test, -ENOMEM, attach(ctx, "test-1"));
	KUNIT_EXPECT_NULL(test, ctx->driver);
	KUNIT_EXPECT_EQ(test, 1, now->ended);
	KUNIT_EXPECT_EQ(test, refs, module_refcount(THIS_MODULE));
	now->rc = 0;
	now->ended = 0;
	KUNIT_EXPECT_EQ(test, 0, attach(ctx, "test-1"));
	KUNIT_EXPECT_EQ(test, refs + 1, module_refcount(THIS_MODULE));
	capi_afu_driver_unregister(&now->drv);
	KUNIT_EXPECT_EQ(test, 1, now->detached);
}

/* All its contexts are detached, and can have another driver. */
static void unregistered(struct kunit *test)
{
	int refs = module_refcount(THIS_MODULE);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, capi_afu_driver_register(&now->drv));
	for (i = 0; i < ARRAY_SIZE(now->ctx); i++)
		KUNIT_EXPECT_EQ(test, 0, attach(&now->ctx[i], "test-1"));
	capi_afu_driver_unregister(&now->drv);
	KUNIT_EXPECT_EQ(test, 2, now->detached);
	KUNIT_EXPECT_EQ(test, refs, module_refcount(THIS_MODULE));
	KUNIT_EXPECT_EQ(test, 0, now->held);
	for (i = 0; i < ARRAY_SIZE(now->ctx); i++)
		KUNIT_EXPECT_NULL(test, now->ctx[i].driver);
}

static struct kunit_case claim_cases[] = {
	KUNIT_CASE(refused),
	KUNIT_CASE(abis),
	KUNIT_CASE(attach_fails),
	KUNIT_CASE(unregistered),
	{}
};

static struct kunit_suite claim_suite = {
	.name = "cxl_afu_driver",
	.init = claim_init,
	.test_cases = claim_cases,
};

kunit_test_suite(claim_suite);
