// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: where they are and end, how an access is cut into pieces, and when
 * nothing answers. BAR2 is memory here that keeps a list of its accesses.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/uaccess.h>

#include "mdev.h"

#define AREA		SZ_4K
#define MAX_PIECES	16

/**
 * struct region_test - a device, and what its BAR2 saw
 * @m: the device
 * @desc: of its AFU
 * @area: what is in BAR2
 * @nr: pieces seen
 * @off: offset of each
 * @size: bytes of each
 * @locked: capi_mdev.lock was held for each
 * @settled: stores that were waited for
 * @user: the consumer's buffer
 * @bad: where in it there is no memory, or 0
 * @killed: by a signal
 */
struct region_test {
	struct capi_mdev m;
	struct capi_afu_desc desc;
	u8 area[AREA];
	unsigned int nr;
	u64 off[MAX_PIECES];
	size_t size[MAX_PIECES];
	bool locked;
	unsigned int settled;
	u8 user[AREA + 1];
	const u8 *bad;
	bool killed;
};

static struct region_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static void note(struct capi_mdev *m, u64 off, size_t count)
{
	struct region_test *t = this_test();

	if (t->nr < MAX_PIECES) {
		t->off[t->nr] = off;
		t->size[t->nr] = count;
	}
	t->nr++;
	t->locked = mutex_is_locked(&m->lock);
}

static u64 test_size(struct capi_mdev *m)
{
	return AREA;
}

static void test_read(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	note(m, off, count);
	memcpy(buf, this_test()->area + off, count);
}

static void test_write(struct capi_mdev *m, u64 off, const u8 *buf,
		       size_t count)
{
	note(m, off, count);
	memcpy(this_test()->area + off, buf, count);
}

static void test_settle(struct capi_mdev *m, u64 off)
{
	KUNIT_EXPECT_FALSE(kunit_get_current_test(),
			   mutex_is_locked(&m->lock));
	this_test()->settled++;
}

static struct capi_mdev_region test_region;

/* Returns how many bytes of the consumer's buffer have no memory. */
static unsigned long missing(const u8 *user, size_t n)
{
	const u8 *bad = this_test()->bad;

	return bad && user + n > bad ? user + n - bad : 0;
}

static unsigned long test_copy_to_user(void __user *to, const void *from,
				       size_t n)
{
	unsigned long left = missing((__force u8 *)to, n);

	if (!left)
		memcpy((__force void *)to, from, n);
	return left;
}

static unsigned long test_copy_from_user(void *to, const void __user *from,
					 size_t n)
{
	unsigned long left = missing((__force const u8 *)from, n);

	if (!left)
		memcpy(to, (__force const void *)from, n);
	return left;
}

static int test_killed(struct task_struct *task)
{
	return this_test()->killed;
}

#undef fatal_signal_pending
#define fatal_signal_pending test_killed
#define copy_to_user test_copy_to_user
#define copy_from_user test_copy_from_user
#define capi_mdev_psa_region test_region
#include "region.c"

static int region_init(struct kunit *test)
{
	static const struct capi_mdev_region region = {
		.size = test_size,
		.flags = VFIO_REGION_INFO_FLAG_READ |
			 VFIO_REGION_INFO_FLAG_WRITE,
		.is_bar = true,
		.max_read = 8,
		.read = test_read,
		.write = test_write,
		.settle = test_settle,
	};
	struct region_test *t;
	unsigned int i;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test_region = region;
	mutex_init(&t->m.lock);
	t->m.desc = &t->desc;
	t->m.irqs.nr_msix = 5;
	t->m.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	for (i = 0; i < AREA; i++)
		t->area[i] = i % 251;
	test->priv = t;
	return 0;
}

static loff_t at(unsigned int index, u64 off)
{
	return (u64)index << REGION_SHIFT | off;
}

static ssize_t test_rw(struct region_test *t, loff_t pos, size_t count,
		       bool store)
{
	u8 __user *user = (__force u8 __user *)t->user;
	loff_t end = pos;
	ssize_t rc;

	rc = store ? capi_mdev_region_write(&t->m, user, count, &end) :
		     capi_mdev_region_read(&t->m, user, count, &end);
	KUNIT_EXPECT_EQ(kunit_get_current_test(), end, pos + max(rc, 0L));
	KUNIT_EXPECT_FALSE(kunit_get_current_test(),
			   mutex_is_locked(&t->m.lock));
	return rc;
}

static void nowhere(struct kunit *test)
{
	static const loff_t positions[] = {
		-1, LLONG_MIN, LLONG_MAX,
		/* just behind the last region, and far */
		(loff_t)CAPI_MDEV_NUM_REGIONS << REGION_SHIFT,
		1LL << 62,
		/* halves of 64-bit BARs, the ROM, VGA */
		(loff_t)VFIO_PCI_BAR1_REGION_INDEX << REGION_SHIFT,
		(loff_t)VFIO_PCI_BAR3_REGION_INDEX << REGION_SHIFT,
		(loff_t)VFIO_PCI_BAR5_REGION_INDEX << REGION_SHIFT,
		(loff_t)VFIO_PCI_ROM_REGION_INDEX << REGION_SHIFT,
		(loff_t)VFIO_PCI_VGA_REGION_INDEX << REGION_SHIFT,
		/* behind the end of a region */
		((loff_t)VFIO_PCI_BAR2_REGION_INDEX << REGION_SHIFT) + AREA,
		((loff_t)VFIO_PCI_BAR3_REGION_INDEX << REGION_SHIFT) - 1,
		((loff_t)VFIO_PCI_CONFIG_REGION_INDEX << REGION_SHIFT) +
		CAPI_MDEV_CONFIG_SIZE,
	};
	struct region_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(positions); i++) {
		KUNIT_EXPECT_EQ_MSG(test, test_rw(t, positions[i], 1, false),
				    -EINVAL, "read at 0x%llx", positions[i]);
		KUNIT_EXPECT_EQ_MSG(test, test_rw(t, positions[i], 1, true),
				    -EINVAL, "write at 0x%llx", positions[i]);
	}
	KUNIT_EXPECT_EQ(test, t->nr, 0);
}

/* What reaches over the end of a region is cut off there. */
static void cut_off(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t end = at(VFIO_PCI_BAR2_REGION_INDEX, AREA);

	KUNIT_EXPECT_EQ(test, test_rw(t, end - 1, 1, false), 1);
	KUNIT_EXPECT_EQ(test, test_rw(t, end - 1, SIZE_MAX, false), 1);
	KUNIT_EXPECT_EQ(test, test_rw(t, end - 8, 9, true), 8);
	KUNIT_EXPECT_EQ(test, test_rw(t, end - AREA, SIZE_MAX, false), AREA);
	KUNIT_EXPECT_MEMEQ(test, t->user, t->area, AREA);
	KUNIT_EXPECT_EQ(test, t->user[AREA], 0);
	KUNIT_EXPECT_EQ(test, test_rw(t, end - 1, 0, false), 0);
}

struct width {
	u64 off;
	size_t count;
	size_t width;
};

static const struct width widths[] = {
	{ 0, 1, 1 }, { 0, 2, 2 }, { 0, 3, 2 }, { 0, 4, 4 }, { 0, 7, 4 },
	{ 0, 8, 8 }, { 0, SIZE_MAX, 8 }, { 1, 8, 1 }, { 2, 8, 2 }, { 3, 2, 1 },
	{ 4, 8, 4 }, { 6, 2, 2 }, { 8, 8, 8 }, { 12, 8, 4 },
	{ REGION_MASK, 8, 1 }, { REGION_MASK - 7, 8, 8 },
};

static void describe_width(const struct width *w, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%zu bytes at 0x%llx", w->count,
		 w->off);
}

KUNIT_ARRAY_PARAM(widths, widths, describe_width);

static void access_widths(struct kunit *test)
{
	const struct width *w = test->param_value;

	KUNIT_EXPECT_EQ(test, access_width(w->off, w->count), w->width);
}

/* 15 bytes from 1 on are 1, 2, 4 and 8. */
static void pieces(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 1);
	unsigned int store, i;

	for (store = 0; store < 2; store++) {
		t->nr = 0;
		KUNIT_ASSERT_EQ(test, test_rw(t, pos, 15, store), 15);
		KUNIT_ASSERT_EQ(test, t->nr, 4);
		for (i = 0; i < t->nr; i++) {
			KUNIT_EXPECT_EQ(test, t->off[i], 1 << i);
			KUNIT_EXPECT_EQ(test, t->size[i], 1 << i);
		}
		KUNIT_EXPECT_TRUE(test, t->locked);
	}
	KUNIT_EXPECT_EQ(test, t->settled, 4);
	KUNIT_EXPECT_MEMEQ(test, t->user, t->area + 1, 15);
}

/* Regions that do not care get more at a time, but not to store. */
static void large_pieces(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 3);

	test_region.max_read = 256;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 600, false), 600);
	KUNIT_ASSERT_EQ(test, t->nr, 3);
	KUNIT_EXPECT_EQ(test, t->off[1], 3 + 256);
	KUNIT_EXPECT_EQ(test, t->size[1], 256);
	KUNIT_EXPECT_EQ(test, t->size[2], 600 - 512);
	KUNIT_EXPECT_MEMEQ(test, t->user, t->area + 3, 600);
	t->nr = 0;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 13, true), 13);
	KUNIT_EXPECT_EQ(test, t->nr, 3);
}

static void unlocked(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 8);

	test_region.unlocked = true;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 8, false), 8);
	KUNIT_EXPECT_EQ(test, t->nr, 1);
	KUNIT_EXPECT_FALSE(test, t->locked);
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 8, true), 8);
	KUNIT_EXPECT_EQ(test, t->nr, 2);
	KUNIT_EXPECT_FALSE(test, t->locked);
}

/* All ones, and stores go nowhere: nobody is there. */
static void expect_silence(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 0);

	memset(t->user, 0, 16);
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 16, false), 16);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(t->user, 0xff, 16), NULL);
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 16, true), 16);
	KUNIT_EXPECT_EQ(test, t->nr, 0);
	KUNIT_EXPECT_EQ(test, t->settled, 0);
}

static void silence(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t config = at(VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND);

	t->m.config[PCI_COMMAND] = 0;
	expect_silence(test);
	test_region.unlocked = true;
	expect_silence(test);
	/* Configuration space always answers, */
	KUNIT_EXPECT_EQ(test, test_rw(t, config, 2, false), 2);
	KUNIT_EXPECT_EQ(test, t->user[0], 0);

	t->m.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	t->m.revoked = true;
	expect_silence(test);
	/* until the adapter is gone. */
	KUNIT_EXPECT_EQ(test, test_rw(t, config, 2, false), 2);
	KUNIT_EXPECT_EQ(test, t->user[0], 0xff);
}

/* The consumer's buffer ends too early. */
static void bad_buffer(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 0);

	t->bad = t->user + 12;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 16, false), -EFAULT);
	t->nr = 0;
	memset(t->user, 0x55, sizeof(t->user));
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 16, true), -EFAULT);
	KUNIT_EXPECT_EQ(test, t->nr, 1);
	KUNIT_EXPECT_EQ(test, t->area[7], 0x55);
	KUNIT_EXPECT_EQ(test, t->area[8], 8);
}

static void killed_meanwhile(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 0);

	t->killed = true;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, AREA, false), -EINTR);
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, AREA, true), -EINTR);
	KUNIT_EXPECT_EQ(test, t->nr, 2);
}

static void read_only(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, 0);

	test_region.flags = VFIO_REGION_INFO_FLAG_READ;
	test_region.write = NULL;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 8, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 8, false), 8);
}

static ssize_t test_read_user(struct capi_mdev *m, u64 off, char __user *buf,
			      size_t count)
{
	KUNIT_EXPECT_FALSE(kunit_get_current_test(),
			   mutex_is_locked(&m->lock));
	KUNIT_EXPECT_EQ(kunit_get_current_test(), off, AREA - 8);
	KUNIT_EXPECT_EQ(kunit_get_current_test(), count, 8);
	return -EAGAIN;
}

/* Such a region gets what is left of the access, and its answer is the answer. */
static void read_user(struct kunit *test)
{
	struct region_test *t = test->priv;
	const loff_t pos = at(VFIO_PCI_BAR2_REGION_INDEX, AREA - 8);

	test_region.read_user = test_read_user;
	KUNIT_EXPECT_EQ(test, test_rw(t, pos, 4096, false), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t->nr, 0);
}

static int get_info(struct region_test *t, u32 index,
		    struct vfio_region_info *info)
{
	struct vfio_info_cap caps = {};

	memset(info, 0xff, sizeof(*info));
	info->index = index;
	return capi_mdev_get_region_info(&t->m.vdev, info, &caps);
}

static void info(struct kunit *test)
{
	static const u64 sizes[] = {
		[VFIO_PCI_BAR0_REGION_INDEX] = CAPI_MDEV_BAR0_SIZE,
		[VFIO_PCI_BAR2_REGION_INDEX] = AREA,
		[VFIO_PCI_BAR4_REGION_INDEX] = SZ_8K,
		[VFIO_PCI_CONFIG_REGION_INDEX] = CAPI_MDEV_CONFIG_SIZE,
		[VFIO_PCI_VGA_REGION_INDEX] = 0,
	};
	struct region_test *t = test->priv;
	struct vfio_region_info info;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ(test, get_info(t, i, &info), 0);
		KUNIT_EXPECT_EQ(test, info.size, sizes[i]);
		KUNIT_EXPECT_EQ(test, info.offset, at(i, 0));
		KUNIT_EXPECT_EQ(test, !info.flags, !sizes[i]);
		KUNIT_EXPECT_EQ(test, info.cap_offset, 0);
	}
	KUNIT_EXPECT_EQ(test, get_info(t, CAPI_MDEV_NUM_REGIONS, &info),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, get_info(t, U32_MAX, &info), -EINVAL);
}

static int test_mmap(struct capi_mdev *m, u64 off, struct vm_area_struct *vma)
{
	KUNIT_EXPECT_EQ(kunit_get_current_test(), off, 3 * PAGE_SIZE);
	return -ENXIO;
}

static void mmap_somewhere(struct kunit *test)
{
	static const u64 positions[] = {
		(u64)VFIO_PCI_BAR0_REGION_INDEX << REGION_SHIFT,
		(u64)VFIO_PCI_BAR1_REGION_INDEX << REGION_SHIFT,
		(u64)VFIO_PCI_BAR2_REGION_INDEX << REGION_SHIFT,
		(u64)CAPI_MDEV_NUM_REGIONS << REGION_SHIFT,
		PAGE_MASK,
	};
	struct region_test *t = test->priv;
	struct vm_area_struct *vma;
	unsigned int i;

	vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vma);
	for (i = 0; i < ARRAY_SIZE(positions); i++) {
		vma->vm_pgoff = positions[i] >> PAGE_SHIFT;
		KUNIT_EXPECT_EQ(test, capi_mdev_region_mmap(&t->m, vma),
				-EINVAL);
	}

	test_region.mmap = test_mmap;
	vma->vm_pgoff = (positions[2] >> PAGE_SHIFT) + 3;
	KUNIT_EXPECT_EQ(test, capi_mdev_region_mmap(&t->m, vma), -ENXIO);
}

static struct kunit_case region_cases[] = {
	KUNIT_CASE(nowhere),
	KUNIT_CASE(cut_off),
	KUNIT_CASE_PARAM(access_widths, widths_gen_params),
	KUNIT_CASE(pieces),
	KUNIT_CASE(large_pieces),
	KUNIT_CASE(unlocked),
	KUNIT_CASE(silence),
	KUNIT_CASE(bad_buffer),
	KUNIT_CASE(killed_meanwhile),
	KUNIT_CASE(read_only),
	KUNIT_CASE(read_user),
	KUNIT_CASE(info),
	KUNIT_CASE(mmap_somewhere),
	{}
};

static struct kunit_suite region_suite = {
	.name = "mdev_region",
	.init = region_init,
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
