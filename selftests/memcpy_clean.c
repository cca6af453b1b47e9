// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU stores to memory that no processor has stored to: reclaim, which
 * may throw away what is clean, keeps it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "memcpy.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define SIZE	(1024UL << 10)
#define PIECE	(32UL << 10)

FIXTURE(memcpy_clean) {
	struct capi_memcpy mc;
	char *src;
};

FIXTURE_SETUP(memcpy_clean)
{
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&self->mc, 16));
	self->src = memcpy_pages(SIZE / page_size());
	ASSERT_NE(NULL, self->src);
	memset(self->src, 0x5a, SIZE);
}

FIXTURE_TEARDOWN(memcpy_clean)
{
	capi_memcpy_close(&self->mc);
}

static int copy(struct capi_memcpy *mc, char *dst, const char *src)
{
	int status = DONE;
	size_t i;

	for (i = 0; status == DONE && i < SIZE; i += PIECE)
		status = memcpy_status(capi_memcpy_copy(mc, dst + i, src + i,
							PIECE));
	return status;
}

/* Shared memory that was only loaded is mapped so that it can be stored to. */
TEST_F(memcpy_clean, shared_and_loaded)
{
	char *dst = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, dst);
	ASSERT_EQ(0, madvise(dst, SIZE, MADV_POPULATE_READ));
	ASSERT_EQ(DONE, copy(&self->mc, dst, self->src));
	EXPECT_EQ(0, madvise(dst, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, memcmp(self->src, dst, SIZE));
}

/* Who stores to it again, has it again. */
TEST_F(memcpy_clean, freed)
{
	char *dst = memcpy_pages(SIZE / page_size());

	ASSERT_NE(NULL, dst);
	memset(dst, 0xa5, SIZE);
	ASSERT_EQ(0, madvise(dst, SIZE, MADV_FREE));
	ASSERT_EQ(DONE, copy(&self->mc, dst, self->src));
	EXPECT_EQ(0, madvise(dst, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, memcmp(self->src, dst, SIZE));
}

TEST_HARNESS_MAIN
