// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL_IOCTL_START_WORK: what it takes, what it refuses, and how many interrupts
 * there are for all.
 */
#include <limits.h>
#include <stddef.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"

FIXTURE(cxl_start) {
	struct afu afu;
	struct context context;
	struct cxl_ioctl_start_work work;
	int fd;
};

FIXTURE_SETUP(cxl_start)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
}

FIXTURE_TEARDOWN(cxl_start)
{
	close(self->fd);
	EXPECT_EQ(0, afu_set(&self->afu, "irqs_max", "32"));
}

#define START()	cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, &self->work)

/* Whether interrupt @irq, and none above it, is there */
#define EXPECT_LAST_IRQ(irq)						\
do {									\
	int __irq = irq;						\
	char __what[32];						\
									\
	snprintf(__what, sizeof(__what), "irq %d", __irq + 1);		\
	EXPECT_EQ(0, context_post(&self->context, __what));		\
	EXPECT_EQ(0, context_count(&self->context, "events_raised"));	\
	snprintf(__what, sizeof(__what), "irq %d", __irq);		\
	EXPECT_EQ(0, context_post(&self->context, __what));		\
	EXPECT_EQ(1, context_count(&self->context, "events_raised"));	\
} while (0)

TEST_F(cxl_start, defaults)
{
	ASSERT_EQ(0, START());
	EXPECT_LAST_IRQ(ECHO_IRQS);
}

FIXTURE(cxl_flags) {
	struct afu afu;
	int fd;
};

FIXTURE_VARIANT(cxl_flags) {
	__u64 flags;
	int expected;
};

FIXTURE_VARIANT_ADD(cxl_flags, amr) {
	.flags = CXL_START_WORK_AMR,
};

FIXTURE_VARIANT_ADD(cxl_flags, num_irqs) {
	.flags = CXL_START_WORK_NUM_IRQS,
};

FIXTURE_VARIANT_ADD(cxl_flags, err_ff) {
	.flags = CXL_START_WORK_ERR_FF,
};

FIXTURE_VARIANT_ADD(cxl_flags, tid) {
	.flags = CXL_START_WORK_TID,
};

FIXTURE_VARIANT_ADD(cxl_flags, all) {
	.flags = CXL_START_WORK_ALL,
};

FIXTURE_VARIANT_ADD(cxl_flags, next) {
	.flags = 0x10,
	.expected = -EINVAL,
};

FIXTURE_VARIANT_ADD(cxl_flags, next_among_others) {
	.flags = CXL_START_WORK_ALL | 0x10,
	.expected = -EINVAL,
};

FIXTURE_VARIANT_ADD(cxl_flags, above_32_bits) {
	.flags = 1ULL << 32,
	.expected = -EINVAL,
};

FIXTURE_VARIANT_ADD(cxl_flags, last) {
	.flags = 1ULL << 63,
	.expected = -EINVAL,
};

FIXTURE_SETUP(cxl_flags)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(cxl_flags)
{
	close(self->fd);
}

TEST_F(cxl_flags, start)
{
	struct cxl_ioctl_start_work work = {
		.flags = variant->flags,
		.amr = ~0ULL,
		.num_interrupts = ECHO_IRQS,
		.tid = 0xffff,
	}, before = work;

	EXPECT_EQ(variant->expected,
		  cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, &work));
	/* There are no thread ids: 0 is none. All else stays as it was. */
	if (!variant->expected && variant->flags & CXL_START_WORK_TID)
		before.tid = 0;
	EXPECT_EQ(0, memcmp(&before, &work, sizeof(work)));
	/* What was refused has done nothing, the others cannot start again. */
	EXPECT_EQ(variant->expected ? 0 : -EIO, cxl_start(self->fd));
}

TEST_F(cxl_start, reserved_fields)
{
	static const size_t fields[] = {
		offsetof(struct cxl_ioctl_start_work, reserved1),
		offsetof(struct cxl_ioctl_start_work, reserved2),
		offsetof(struct cxl_ioctl_start_work, reserved3),
		offsetof(struct cxl_ioctl_start_work, reserved4),
		offsetof(struct cxl_ioctl_start_work, reserved5),
		/* Their last bytes */
		offsetof(struct cxl_ioctl_start_work, reserved2) - 1,
		sizeof(struct cxl_ioctl_start_work) - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		memset(&self->work, 0, sizeof(self->work));
		((char *)&self->work)[fields[i]] = 1;
		EXPECT_EQ(-EINVAL, START()) {
			TH_LOG("byte %zu", fields[i]);
		}
	}
	memset(&self->work, 0, sizeof(self->work));
	EXPECT_EQ(0, START());
}

TEST_F(cxl_start, numbers_of_interrupts)
{
	static const int wrong[] = {
		ECHO_IRQS - 1, ECHO_IRQS_MAX + 1, 0, -1, SHRT_MAX, SHRT_MIN,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, cxl_start_irqs(self->fd, wrong[i])) {
			TH_LOG("%d interrupts", wrong[i]);
		}
	ASSERT_EQ(0, cxl_start_irqs(self->fd, 6));
	EXPECT_LAST_IRQ(6);
}

TEST_F(cxl_start, as_many_interrupts_as_can_be)
{
	ASSERT_EQ(0, cxl_start_irqs(self->fd, ECHO_IRQS_MAX));
	EXPECT_LAST_IRQ(ECHO_IRQS_MAX);
}

/* Without the flag nobody looks at the number. */
TEST_F(cxl_start, number_without_flag)
{
	self->work.num_interrupts = SHRT_MIN;
	ASSERT_EQ(0, START());
	EXPECT_LAST_IRQ(ECHO_IRQS);
}

TEST_F(cxl_start, limit_of_the_administrator)
{
	ASSERT_EQ(0, afu_set(&self->afu, "irqs_max", "5"));
	EXPECT_EQ(-EINVAL, cxl_start_irqs(self->fd, 6));
	ASSERT_EQ(0, cxl_start_irqs(self->fd, 5));
	EXPECT_LAST_IRQ(5);
}

TEST_F(cxl_start, only_once)
{
	ASSERT_EQ(0, START());
	EXPECT_EQ(-EIO, START());
	/* The state matters more than the fields, less than the pointer. */
	self->work.flags = ~0ULL;
	EXPECT_EQ(-EIO, START());
	EXPECT_EQ(-EFAULT, cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, NULL));
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
}

TEST_F(cxl_start, link_down)
{
	NEEDS_HOST(return);
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_EQ(-EIO, START());
	EXPECT_EQ(-EIO, cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, NULL));
	EXPECT_EQ(-EIO, cxl_ioctl(self->fd, 0, NULL));
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_EQ(-EIO, START());
}

/* The thread id is written back, and then only. */
TEST_F(cxl_start, read_only_argument)
{
	struct cxl_ioctl_start_work *work;
	size_t page = sysconf(_SC_PAGESIZE);

	work = mmap(NULL, page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, work);
	ASSERT_EQ(0, mprotect(work, page, PROT_READ));
	EXPECT_EQ(0, cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, work));

	close(self->fd);
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_EQ(0, mprotect(work, page, PROT_READ | PROT_WRITE));
	work->flags = CXL_START_WORK_TID;
	ASSERT_EQ(0, mprotect(work, page, PROT_READ));
	EXPECT_EQ(-EFAULT, cxl_ioctl(self->fd, CXL_IOCTL_START_WORK, work));
	/* It is started nevertheless. */
	EXPECT_EQ(-EIO, cxl_start(self->fd));
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
}

/* All contexts of an adapter together have this many. */
#define ADAPTER_IRQS	2037

FIXTURE(cxl_irqs) {
	struct afu afus[2];
	int fds[ADAPTER_IRQS / ECHO_IRQS_MAX + 1];
};

FIXTURE_SETUP(cxl_irqs)
{
	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, cxl_load("echo:40,echo:40"));
	ASSERT_EQ(0, afu_find(&self->afus[0], 0));
	ASSERT_EQ(0, afu_find(&self->afus[1], 1));
}

FIXTURE_TEARDOWN(cxl_irqs)
{
}

TEST_F(cxl_irqs, exhausted)
{
	const int full = ARRAY_SIZE(self->fds) - 1;
	const int rest = ADAPTER_IRQS - full * ECHO_IRQS_MAX;
	int last, other, i;

	for (i = 0; i <= full; i++) {
		self->fds[i] = node_open(&self->afus[i % 2], 's', 0);
		ASSERT_GE(self->fds[i], 0);
		if (i < full)
			ASSERT_EQ(0, cxl_start_irqs(self->fds[i], ECHO_IRQS_MAX));
	}
	last = self->fds[full];
	EXPECT_EQ(-ENOSPC, cxl_start_irqs(last, rest + 1));
	EXPECT_EQ(-ENOSPC, cxl_start_irqs(last, rest + 1));
	EXPECT_EQ(0, cxl_start_irqs(last, rest));

	/* Now there is none. One that could not have any is no worse for it. */
	other = node_open(&self->afus[0], 's', 0);
	EXPECT_EQ(-ENOSPC, cxl_start(other));
	EXPECT_EQ(0, cxl_driver_events(other, CAPI_ECHO_ABI));
	close(last);
	EXPECT_EQ(-ENOSPC, cxl_start_irqs(other, rest + 1));
	EXPECT_EQ(0, cxl_start_irqs(other, rest));
	close(other);

	for (i = 0; i < full; i++)
		close(self->fds[i]);
	EXPECT_EQ(0, cxl_unload());
}

TEST_HARNESS_MAIN
