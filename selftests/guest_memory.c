// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest: what its driver does to find the memory of a process, where there
 * is none, or none left.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define FAULT	CAPI_MEMCPY_STATUS_TRANSLATION

/* What the driver keeps together, and more of them than a process has mapped */
#define CHUNK	(1024UL << 10)
#define WILD	8

/* Of addresses that are not there, nothing is kept. */
TEST(wild_addresses)
{
	struct capi_memcpy mc;
	long long chunks;
	char byte = 0, *at;
	int i;

	if (!in_guest())
		SKIP(return, "needs a VF");
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&mc, 1));
	EXPECT_STATUS(DONE, capi_memcpy_copy(&mc, &byte, "x", 1));
	chunks = guest_count("chunks");
	EXPECT_GT(chunks, 0);
	at = mmap(NULL, WILD * CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, munmap(at, WILD * CHUNK));
	for (i = 0; i < WILD; i++) {
		EXPECT_STATUS(FAULT, capi_memcpy_copy(&mc, &byte,
						      at + i * CHUNK, 1));
		ASSERT_EQ(0, memcpy_wait_stopped(&mc));
		capi_memcpy_restart(&mc);
	}
	EXPECT_STATUS(DONE, capi_memcpy_copy(&mc, &byte, "x", 1));
	EXPECT_EQ(chunks, guest_count("chunks"));
	capi_memcpy_close(&mc);
	EXPECT_EQ(0, guest_count("chunks"));
}

TEST_HARNESS_MAIN
