// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest: what its driver does to find the memory of a process, where there
 * is none, or none left.
 */
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"
#include "vfio_mdev.h"

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

	NEEDS_VF(return);
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

/* A cgroup that is out of memory, and whose processes are not killed for it */

#define LIMIT	"8388608"
#define SIZE	(16UL << 20)
#define PIECE	(32UL << 10)

FIXTURE(guest_memory) {
	char root[32];
	char group[64];
	pid_t pid;
};

static int put(const char *group, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return write_file(path, text);
}

FIXTURE_SETUP(guest_memory)
{
	NEEDS_VF(return);
	ASSERT_EQ(0, memcpy_load());
	snprintf(self->root, sizeof(self->root), "/tmp/cgroup.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	if (mount("cgroup", self->root, "cgroup", 0, "memory")) {
		rmdir(self->root);
		SKIP(return, "needs the first version of memory cgroups");
	}
	snprintf(self->group, sizeof(self->group), "%s/capi-selftest",
		 self->root);
	ASSERT_EQ(0, mkdir(self->group, 0755));
	ASSERT_EQ(0, put(self->group, "memory.swappiness", "0"));
	ASSERT_EQ(0, put(self->group, "memory.oom_control", "1"));
	ASSERT_EQ(0, put(self->group, "memory.limit_in_bytes", LIMIT));
}

FIXTURE_TEARDOWN(guest_memory)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	EXPECT_TRUE(WAIT_UNTIL(!rmdir(self->group)));
	EXPECT_EQ(0, umount2(self->root, MNT_DETACH));
	rmdir(self->root);
}

/* The AFU is the first to touch more memory than there is. */
static int fill(const char *group)
{
	char *src = memcpy_pages(PIECE / page_size());
	char *dst = memcpy_pages(SIZE / page_size());
	struct capi_memcpy mc;
	size_t i;

	if (!src || !dst || put(group, "cgroup.procs", "0") ||
	    memcpy_start(&mc, 1))
		return 1;
	memset(src, 0x5a, PIECE);
	for (i = 0; i < SIZE; i += PIECE)
		if (memcpy_status(capi_memcpy_copy(&mc, dst + i, src, PIECE)) !=
		    DONE)
			return 2;
	capi_memcpy_close(&mc);
	return memcmp(dst + SIZE - PIECE, src, PIECE) ? 3 : 0;
}

#define SELF	FIXTURE_DATA(guest_memory)

/* Returns when there was no memory, again and again. */
static int begin(SELF *self)
{
	long long before = guest_count("retries");

	self->pid = before < 0 ? -1 : fork();
	if (!self->pid)
		_exit(fill(self->group));
	if (self->pid < 0)
		return -ECHILD;
	return WAIT_UNTIL(guest_count("retries") > before + 1) ? 0 : -ETIMEDOUT;
}

/* There is no fault in it. The AFU waits, and goes on when there is memory. */
TEST_F(guest_memory, none_left)
{
	EXPECT_EQ(0, begin(self));
	EXPECT_EQ(0, put(self->group, "memory.limit_in_bytes", "-1"));
	EXPECT_EQ(0, child_join(self->pid));
	self->pid = 0;
}

/* Nor does it keep anybody from being killed. */
TEST_F(guest_memory, none_left_and_killed)
{
	struct capi_memcpy mc;
	char byte = 0;

	ASSERT_EQ(0, begin(self));
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(self->pid, waitpid(self->pid, NULL, 0));
	self->pid = 0;
	ASSERT_TRUE(WAIT_UNTIL(!memcpy_start(&mc, 1)));
	EXPECT_STATUS(DONE, capi_memcpy_copy(&mc, &byte, "x", 1));
	EXPECT_EQ('x', byte);
	capi_memcpy_close(&mc);
}

TEST_HARNESS_MAIN
