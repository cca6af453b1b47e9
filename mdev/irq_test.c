// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: what SET_IRQS accepts, and that nothing raised is lost or sent
 * twice. Eventfds are structures here that count.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/uaccess.h>

#include "mdev.h"

#define IRQS		4
#define MAX_IRQS	32
#define FDS		8
#define BAD_FD		FDS

struct test_eventfd {
	unsigned int refs;
	unsigned int signals;
};

/**
 * struct irq_test - a device, and what it did
 * @m: the device
 * @desc: of its AFU
 * @fds: eventfds, by file descriptor
 * @msix: MSI-X is shown as enabled
 * @argument: of SET_IRQS: struct vfio_irq_set, then data
 */
struct irq_test {
	struct capi_mdev m;
	struct capi_afu_desc desc;
	struct test_eventfd fds[FDS];
	bool msix;
	struct {
		struct vfio_irq_set hdr;
		u8 data[256];
	} argument;
};

static struct irq_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static struct eventfd_ctx *test_fdget(int fd)
{
	if (fd < 0 || fd >= FDS)
		return ERR_PTR(-EBADF);
	this_test()->fds[fd].refs++;
	return (struct eventfd_ctx *)&this_test()->fds[fd];
}

static void test_put(struct eventfd_ctx *ctx)
{
	((struct test_eventfd *)ctx)->refs--;
}

static void test_signal(struct eventfd_ctx *ctx)
{
	((struct test_eventfd *)ctx)->signals++;
}

static int test_set_irqs(struct cxl_context *ctx, unsigned int irqs)
{
	return irqs > MAX_IRQS ? -EINVAL : 0;
}

static void test_set_msix(struct capi_mdev *m, bool enabled)
{
	this_test()->msix = enabled;
}

/* NULL is where user space has no memory. */

static unsigned long test_copy_from_user(void *to, const void __user *from,
					 size_t n)
{
	if (!from)
		return n;
	memcpy(to, (__force const void *)from, n);
	return 0;
}

static unsigned long test_copy_to_user(void __user *to, const void *from,
				       size_t n)
{
	if (!to)
		return n;
	memcpy((__force void *)to, from, n);
	return 0;
}

static void *test_memdup_user(const void __user *from, size_t n)
{
	return kmemdup((__force const void *)from, n, GFP_KERNEL);
}

#undef eventfd_signal
#define eventfd_signal test_signal
#define eventfd_ctx_fdget test_fdget
#define eventfd_ctx_put test_put
#define capi_context_set_irqs test_set_irqs
#define capi_mdev_config_set_msix test_set_msix
#define copy_from_user test_copy_from_user
#define copy_to_user test_copy_to_user
#define memdup_user test_memdup_user
#include "irq.c"

static int irqs_init(struct kunit *test)
{
	struct irq_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->desc.irqs = IRQS;
	t->desc.irqs_max = MAX_IRQS;
	t->m.desc = &t->desc;
	mutex_init(&t->m.lock);
	return capi_mdev_irqs_init(&t->m);
}

/* However a test ends, no eventfd is held when the device is closed. */
static void irqs_exit(struct kunit *test)
{
	struct irq_test *t = test->priv;
	unsigned int i;

	mutex_lock(&t->m.lock);
	capi_mdev_irqs_disable(&t->m);
	mutex_unlock(&t->m.lock);
	for (i = 0; i < FDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, t->fds[i].refs, 0, "fd %u", i);
	KUNIT_EXPECT_FALSE(test, t->msix);
	capi_mdev_irqs_release(&t->m);
}

static long set_argument(struct irq_test *t, u32 flags, u32 index, u32 start,
			 u32 count)
{
	t->argument.hdr.argsz = sizeof(t->argument);
	t->argument.hdr.flags = flags;
	t->argument.hdr.index = index;
	t->argument.hdr.start = start;
	t->argument.hdr.count = count;
	return capi_mdev_set_irqs(&t->m, (__force void __user *)&t->argument);
}

static long set(struct irq_test *t, u32 type, u32 index, u32 start, u32 count)
{
	return set_argument(t, type | VFIO_IRQ_SET_ACTION_TRIGGER, index, start,
			    count);
}

static long set_fds(struct irq_test *t, u32 index, u32 start, u32 count,
		    const s32 *fds)
{
	memcpy(t->argument.hdr.data, fds, count * sizeof(*fds));
	return set(t, VFIO_IRQ_SET_DATA_EVENTFD, index, start, count);
}

static void allow(struct irq_test *t, bool may_send)
{
	mutex_lock(&t->m.lock);
	capi_mdev_irqs_allow(&t->m, may_send);
	mutex_unlock(&t->m.lock);
}

struct refused {
	const char *name;
	u32 argsz;
	u32 flags;
	u32 index;
	u32 start;
	u32 count;
	long rc;
};

#define ALL	256
#define HEADER	sizeof(struct vfio_irq_set)
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER
#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD	VFIO_IRQ_SET_DATA_EVENTFD
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

static const struct refused refusals[] = {
	{ "short header", HEADER - 1, NONE | TRIGGER, MSIX, 0, 1, -EINVAL },
	{ "short data", HEADER + 7, EVENTFD | TRIGGER, MSIX, 0, 2, -EINVAL },
	{ "short bools", HEADER + 1, BOOL | TRIGGER, MSIX, 0, 2, -EINVAL },
	{ "no such index", ALL, NONE | TRIGGER, VFIO_PCI_NUM_IRQS, 0, 0,
	  -EINVAL },
	{ "highest index", ALL, NONE | TRIGGER, U32_MAX, 0, 1, -EINVAL },
	{ "INTx", ALL, NONE | TRIGGER, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, -EINVAL },
	{ "MSI", ALL, EVENTFD | TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 0, 1,
	  -EINVAL },
	{ "start behind", ALL, NONE | TRIGGER, MSIX, 1 + IRQS, 1, -EINVAL },
	{ "count too large", ALL, NONE | TRIGGER, MSIX, 0, 2 + IRQS, -EINVAL },
	{ "both too large", ALL, NONE | TRIGGER, MSIX, 1, 1 + IRQS, -EINVAL },
	{ "sum wraps", ALL, NONE | TRIGGER, MSIX, 1, U32_MAX, -EINVAL },
	{ "start wraps", ALL, NONE | TRIGGER, MSIX, U32_MAX, 2, -EINVAL },
	{ "second ERR", ALL, EVENTFD | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 1, 1,
	  -EINVAL },
	{ "two REQ", ALL, EVENTFD | TRIGGER, VFIO_PCI_REQ_IRQ_INDEX, 0, 2,
	  -EINVAL },
	{ "unknown flag", ALL, NONE | TRIGGER | 1 << 6, MSIX, 0, 1, -EINVAL },
	{ "no data type", ALL, TRIGGER, MSIX, 0, 1, -EINVAL },
	{ "two data types", ALL, BOOL | EVENTFD | TRIGGER, MSIX, 0, 1,
	  -EINVAL },
	{ "no action", ALL, NONE, MSIX, 0, 1, -ENOTTY },
	{ "two actions", ALL, NONE | TRIGGER | VFIO_IRQ_SET_ACTION_MASK, MSIX,
	  0, 1, -ENOTTY },
	{ "mask", ALL, NONE | VFIO_IRQ_SET_ACTION_MASK, MSIX, 0, 1, -ENOTTY },
	{ "unmask", ALL, BOOL | VFIO_IRQ_SET_ACTION_UNMASK, MSIX, 0, 1,
	  -ENOTTY },
	{ "no bools", ALL, BOOL | TRIGGER, MSIX, 0, 0, -EINVAL },
	{ "no eventfds", ALL, EVENTFD | TRIGGER, MSIX, 0, 0, -EINVAL },
};

static void describe_refused(const struct refused *r, char *name)
{
	strscpy(name, r->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusals, refusals, describe_refused);

/* It is refused, and changes nothing. */
static void refused(struct kunit *test)
{
	const struct refused *r = test->param_value;
	struct irq_test *t = test->priv;
	const s32 fd = 0;

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 1, 1, &fd), 0);
	t->argument.hdr.argsz = r->argsz;
	t->argument.hdr.flags = r->flags;
	t->argument.hdr.index = r->index;
	t->argument.hdr.start = r->start;
	t->argument.hdr.count = r->count;
	KUNIT_EXPECT_EQ(test, r->rc,
			capi_mdev_set_irqs(&t->m, (__force void __user *)
					   &t->argument));
	KUNIT_EXPECT_EQ(test, t->fds[0].refs, 1);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 0);
	KUNIT_EXPECT_TRUE(test, t->msix);
}

static void bad_pointer(struct kunit *test)
{
	struct irq_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, capi_mdev_set_irqs(&t->m, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, capi_mdev_get_irq_info(&t->m, NULL), -EFAULT);
}

/* An eventfd is replaced, taken away by -1, and let go of by no count. */
static void eventfds(struct kunit *test)
{
	static const s32 first[] = { 0, 1, 2, 3, 4 }, second[] = { 5, -1 };
	struct irq_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 0, 1 + IRQS, first), 0);
	KUNIT_EXPECT_TRUE(test, t->msix);
	for (i = 0; i <= IRQS; i++)
		KUNIT_EXPECT_EQ(test, t->fds[i].refs, 1);

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 1, 2, second), 0);
	KUNIT_EXPECT_EQ(test, t->fds[0].refs, 1);
	KUNIT_EXPECT_EQ(test, t->fds[1].refs, 0);
	KUNIT_EXPECT_EQ(test, t->fds[2].refs, 0);
	KUNIT_EXPECT_EQ(test, t->fds[3].refs, 1);
	KUNIT_EXPECT_EQ(test, t->fds[5].refs, 1);

	KUNIT_ASSERT_EQ(test, set(t, NONE, MSIX, 0, 0), 0);
	KUNIT_EXPECT_FALSE(test, t->msix);
	for (i = 0; i < FDS; i++)
		KUNIT_EXPECT_EQ(test, t->fds[i].refs, 0);
}

/* All or none: the triggers of before stay where one cannot be taken. */
static void all_or_none(struct kunit *test)
{
	static const s32 good[] = { 0, 0, 1 };
	static const s32 bad[][3] = {
		{ BAD_FD, 2, 3 }, { 2, -2, 3 }, { 2, 3, S32_MIN },
		{ -1, 3, BAD_FD },
	};
	struct irq_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 0, 3, good), 0);
	KUNIT_EXPECT_EQ(test, t->fds[0].refs, 2);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_LT(test, set_fds(t, MSIX, 0, 3, bad[i]), 0);
		KUNIT_EXPECT_EQ(test, t->fds[0].refs, 2);
		KUNIT_EXPECT_EQ(test, t->fds[1].refs, 1);
		KUNIT_EXPECT_EQ(test, t->fds[2].refs, 0);
		KUNIT_EXPECT_EQ(test, t->fds[3].refs, 0);
	}
}

/* ERR and REQ are behind all the vectors there can be. */
static void err_and_req(struct kunit *test)
{
	static const s32 fds[] = { 0, 1, 2 };
	struct irq_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, IRQS, 1, &fds[0]), 0);
	KUNIT_ASSERT_EQ(test, set_fds(t, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, &fds[1]),
			0);
	KUNIT_ASSERT_EQ(test, set_fds(t, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &fds[2]),
			0);
	capi_mdev_raise_err(&t->m);
	KUNIT_EXPECT_EQ(test, t->fds[1].signals, 1);
	KUNIT_EXPECT_EQ(test, t->fds[2].signals, 0);
	capi_mdev_raise_req(&t->m);
	KUNIT_EXPECT_EQ(test, t->fds[2].signals, 1);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 0);

	/* Letting go of one leaves the others and MSI-X. */
	KUNIT_ASSERT_EQ(test, set(t, NONE, VFIO_PCI_ERR_IRQ_INDEX, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, t->fds[1].refs, 0);
	KUNIT_EXPECT_EQ(test, t->fds[2].refs, 1);
	KUNIT_EXPECT_TRUE(test, t->msix);
	capi_mdev_raise_err(&t->m);
	KUNIT_EXPECT_EQ(test, t->fds[1].signals, 1);
}

static void loopback(struct kunit *test)
{
	static const s32 fds[] = { 0, 1, -1, 3, 4 };
	struct irq_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 0, 1 + IRQS, fds), 0);
	KUNIT_EXPECT_EQ(test, set(t, NONE, MSIX, 1, 3), 0);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 0);
	KUNIT_EXPECT_EQ(test, t->fds[1].signals, 1);
	KUNIT_EXPECT_EQ(test, t->fds[3].signals, 1);
	KUNIT_EXPECT_EQ(test, t->fds[4].signals, 0);

	t->argument.hdr.data[0] = 0;
	t->argument.hdr.data[1] = 2;
	KUNIT_EXPECT_EQ(test, set(t, BOOL, MSIX, 3, 2), 0);
	KUNIT_EXPECT_EQ(test, t->fds[3].signals, 1);
	KUNIT_EXPECT_EQ(test, t->fds[4].signals, 1);
}

/* An AFU that raises more than it said reaches nobody's trigger. */
static void beyond(struct kunit *test)
{
	struct irq_test *t = test->priv;
	const s32 fds[] = { 0, 1 };

	KUNIT_ASSERT_EQ(test, set_fds(t, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, fds), 0);
	KUNIT_ASSERT_EQ(test, set_fds(t, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, fds + 1), 0);
	allow(t, true);
	KUNIT_EXPECT_FALSE(test, capi_mdev_raise_msix(&t->m, 1 + MAX_IRQS));
	KUNIT_EXPECT_FALSE(test, capi_mdev_raise_msix(&t->m, 2 + MAX_IRQS));
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 0);
	KUNIT_EXPECT_EQ(test, t->fds[1].signals, 0);
}

/* It waits for a trigger, for bus master and the mask, and is sent once. */
static void raised_early(struct kunit *test)
{
	struct irq_test *t = test->priv;
	const s32 fd = 0;

	KUNIT_EXPECT_FALSE(test, capi_mdev_raise_msix(&t->m, 2));
	KUNIT_EXPECT_TRUE(test, test_bit(2, t->m.irqs.pending));
	allow(t, true);
	KUNIT_EXPECT_TRUE(test, test_bit(2, t->m.irqs.pending));
	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, 2, 1, &fd), 0);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(2, t->m.irqs.pending));

	allow(t, false);
	KUNIT_EXPECT_TRUE(test, capi_mdev_raise_msix(&t->m, 2));
	KUNIT_EXPECT_TRUE(test, capi_mdev_raise_msix(&t->m, 2));
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 1);
	allow(t, true);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 2);
	allow(t, true);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 2);
	KUNIT_EXPECT_TRUE(test, capi_mdev_raise_msix(&t->m, 2));
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 3);

	allow(t, false);
	capi_mdev_raise_msix(&t->m, 2);
	capi_mdev_irqs_reset(&t->m);
	allow(t, true);
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 3);
}

static void number(struct kunit *test)
{
	static const s32 fds[] = { 0, 1 };
	struct irq_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, capi_mdev_irqs_set_number(&t->m, MAX_IRQS + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, t->m.irqs.nr_msix, 1 + IRQS);
	KUNIT_EXPECT_EQ(test, capi_mdev_irqs_set_number(&t->m, MAX_IRQS), 0);
	KUNIT_ASSERT_EQ(test, set_fds(t, MSIX, MAX_IRQS, 1, fds), 0);
	KUNIT_EXPECT_EQ(test, set_fds(t, MSIX, MAX_IRQS, 2, fds), -EINVAL);
	allow(t, true);
	KUNIT_EXPECT_TRUE(test, capi_mdev_raise_msix(&t->m, MAX_IRQS));
	KUNIT_EXPECT_EQ(test, t->fds[0].signals, 1);
}

static long get_info(struct irq_test *t, struct vfio_irq_info *info, u32 argsz,
		     u32 index)
{
	memset(info, 0xff, sizeof(*info));
	info->argsz = argsz;
	info->index = index;
	return capi_mdev_get_irq_info(&t->m, (__force void __user *)info);
}

static void info(struct kunit *test)
{
	static const u32 counts[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_MSIX_IRQ_INDEX] = 1 + IRQS,
		[VFIO_PCI_ERR_IRQ_INDEX] = 1,
		[VFIO_PCI_REQ_IRQ_INDEX] = 1,
	};
	struct irq_test *t = test->priv;
	struct vfio_irq_info info;
	u32 i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		KUNIT_EXPECT_EQ(test, get_info(t, &info, sizeof(info), i), 0);
		KUNIT_EXPECT_EQ(test, info.count, counts[i]);
		KUNIT_EXPECT_EQ(test, info.flags & VFIO_IRQ_INFO_EVENTFD,
				counts[i] ? VFIO_IRQ_INFO_EVENTFD : 0);
		KUNIT_EXPECT_EQ(test, !!(info.flags & VFIO_IRQ_INFO_NORESIZE),
				i == VFIO_PCI_MSIX_IRQ_INDEX);
	}
	KUNIT_EXPECT_EQ(test, get_info(t, &info, sizeof(info) - 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, get_info(t, &info, sizeof(info),
				       VFIO_PCI_NUM_IRQS), -EINVAL);
}

static struct kunit_case irqs_cases[] = {
	KUNIT_CASE_PARAM(refused, refusals_gen_params),
	KUNIT_CASE(bad_pointer),
	KUNIT_CASE(eventfds),
	KUNIT_CASE(all_or_none),
	KUNIT_CASE(err_and_req),
	KUNIT_CASE(loopback),
	KUNIT_CASE(beyond),
	KUNIT_CASE(raised_early),
	KUNIT_CASE(number),
	KUNIT_CASE(info),
	{}
};

static struct kunit_suite irqs_suite = {
	.name = "mdev_irq",
	.init = irqs_init,
	.exit = irqs_exit,
	.test_cases = irqs_cases,
};

kunit_test_suite(irqs_suite);
