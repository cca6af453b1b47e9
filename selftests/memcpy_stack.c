// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU stores below a stack, which grows for it as it does for the
 * process, and within the same limits.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define FAULT	CAPI_MEMCPY_STATUS_TRANSLATION
#define NOBODY	65534

/* What the stack may have, in pages */
#define LIMIT	8
/* What the address space may grow by, from when the AFU is started on */
#define SPACE	0x100000UL

FIXTURE(memcpy_stack) {
	struct capi_memcpy mc;
	size_t page;
	char *top;
	char *src;
	struct rlimit stack;
	struct rlimit memlock;
	struct rlimit space;
};

FIXTURE_SETUP(memcpy_stack)
{
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, capi_memcpy_open(&self->mc, NULL));
	ASSERT_EQ(0, getrlimit(RLIMIT_STACK, &self->stack));
	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &self->memlock));
	ASSERT_EQ(0, getrlimit(RLIMIT_AS, &self->space));
	self->page = page_size();
	self->src = memcpy_pages(LIMIT);
	ASSERT_NE(NULL, self->src);
	memset(self->src, 0x5a, LIMIT * self->page);
}

FIXTURE_TEARDOWN(memcpy_stack)
{
	EXPECT_EQ(0, seteuid(0));
	EXPECT_EQ(0, setrlimit(RLIMIT_STACK, &self->stack));
	EXPECT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &self->memlock));
	capi_memcpy_close(&self->mc);
}

#define SELF	FIXTURE_DATA(memcpy_stack)

/*
 * The AFU has the limits of who starts it, at that time. The stack comes last:
 * what is mapped after it may be put just below it, and then it does not grow.
 */
static int start(SELF *self, rlim_t stack, rlim_t memlock, rlim_t space)
{
	struct rlimit limit = self->memlock;
	int ret;

	limit.rlim_cur = memlock;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	limit = self->space;
	limit.rlim_cur = space;
	if (setrlimit(RLIMIT_AS, &limit))
		return -errno;
	limit = self->stack;
	limit.rlim_cur = stack;
	if (setrlimit(RLIMIT_STACK, &limit) || seteuid(NOBODY))
		return -errno;
	ret = capi_memcpy_start(&self->mc, 1, -1);
	if (ret || setrlimit(RLIMIT_STACK, &self->stack) ||
	    setrlimit(RLIMIT_AS, &self->space))
		return ret ?: -errno;
	self->top = new_stack(self->page);
	return self->top ? 0 : -ENOMEM;
}

static struct capi_memcpy_element *copy(SELF *self, size_t below, size_t pages)
{
	return capi_memcpy_copy(&self->mc, self->top - below * self->page,
				self->src, pages * self->page);
}

static int go_on(SELF *self)
{
	int ret = memcpy_wait_stopped(&self->mc);

	capi_memcpy_restart(&self->mc);
	return ret;
}

TEST_F(memcpy_stack, grows)
{
	ASSERT_EQ(0, start(self, LIMIT * self->page, self->memlock.rlim_cur,
			   self->space.rlim_cur));
	EXPECT_STATUS(DONE, copy(self, 3, 2));
	EXPECT_STATUS(DONE, copy(self, LIMIT, LIMIT));
	EXPECT_EQ(0, memcmp(self->top - LIMIT * self->page, self->src,
			    LIMIT * self->page));
	EXPECT_STATUS(FAULT, copy(self, LIMIT + 1, 1));
	ASSERT_EQ(0, go_on(self));
	EXPECT_STATUS(FAULT, copy(self, LIMIT + 2, LIMIT));
	ASSERT_EQ(0, go_on(self));
	EXPECT_STATUS(DONE, copy(self, LIMIT, 1));
}

/* Nor does memory grow that its user may not lock. */
TEST_F(memcpy_stack, locked)
{
	ASSERT_EQ(0, start(self, self->stack.rlim_cur, self->page,
			   self->space.rlim_cur));
	ASSERT_EQ(0, mlock(self->top - self->page, self->page));
	EXPECT_STATUS(DONE, copy(self, 1, 1));
	EXPECT_STATUS(FAULT, copy(self, LIMIT, 1));
	ASSERT_EQ(0, go_on(self));
	EXPECT_STATUS(FAULT, capi_memcpy_swap(&self->mc, self->top - self->page - 8,
					      CAPI_MEMCPY_SWAP_EQUAL, 0, 1));
	EXPECT_EQ((long long)self->page, locked_memory());
}

/* In bytes */
static rlim_t address_space(size_t page)
{
	char text[128];

	if (read_file("/proc/self/statm", text, sizeof(text)) <= 0)
		return 0;
	return strtoul(text, NULL, 10) * page;
}

/* Nor does it grow beyond what its user may have in all. */
TEST_F(memcpy_stack, address_space)
{
	rlim_t used = address_space(self->page);

	ASSERT_NE(0, used);
	ASSERT_EQ(0, start(self, self->stack.rlim_cur, self->memlock.rlim_cur,
			   used + SPACE));
	EXPECT_STATUS(FAULT, copy(self, 2 * SPACE / self->page, 1));
	ASSERT_EQ(0, go_on(self));
	EXPECT_STATUS(DONE, copy(self, LIMIT, LIMIT));
}

TEST_HARNESS_MAIN
