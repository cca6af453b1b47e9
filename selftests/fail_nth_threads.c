// SPDX-License-Identifier: GPL-2.0-only
/*
 * What threads of the kernel do on behalf of somebody, where it runs out of
 * memory: those of software AFUs, the one that makes them, and those in which an
 * adapter goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "fail.h"
#include "memcpy.h"
#include "translator.h"

#define AFUS		"memcpy:4"
#define UNITS		1
#define KTHREADD	2
/* What the AFU's thread copies and allocates until it sleeps for good, at most */
#define IDLE		24
/* The same without what it copies, counted in pieces */
#define WATCHED		6

/* The AFU is stopped: lets it go on, as its user has to. */
static int recover(struct capi_memcpy *mc, struct capi_memcpy_element *element)
{
	int status = capi_memcpy_wait(element, 0), type = CXL_EVENT_DATA_STORAGE;
	union capi_cxl_event event = { };

	/* An access that failed otherwise is no event. */
	if (status != CAPI_MEMCPY_STATUS_PSL)
		type = capi_cxl_event(&mc->cxl, &event, PATIENCE);
	if (type != CXL_EVENT_DATA_STORAGE)
		return type < 0 ? type : -EPROTO;
	/* A status that could not be stored does not come; else it is its turn. */
	if (status == -ETIMEDOUT && event.event.fault.dsisr & CAPI_MEMCPY_DSISR_STORE)
		element->status = CAPI_MEMCPY_STATUS_COMPLETE;
	capi_memcpy_restart(mc);
	if (memcpy_wait_running(mc) || memcpy_status(element) < 0)
		return -ETIMEDOUT;
	return -EFAULT;
}

static int finish(struct capi_memcpy *mc, struct capi_memcpy_element *element)
{
	if (!element)
		return -ENOBUFS;
	if (!WAIT_UNTIL(capi_memcpy_wait(element, 0) != -ETIMEDOUT ||
			capi_memcpy_stopped(mc)))
		return -ETIMEDOUT;
	if (!capi_memcpy_stopped(mc) &&
	    memcpy_status(element) == CAPI_MEMCPY_STATUS_COMPLETE)
		return 0;
	/* What has failed says so before it stops. */
	return memcpy_wait_stopped(mc) ? -EIO : recover(mc, element);
}

/* It works, once it is over what failed when it had nothing to do. */
static bool works(struct capi_memcpy *mc, const void *dst, const void *src)
{
	int ret = finish(mc, capi_memcpy_copy(mc, dst, src, 8));

	if (ret == -EFAULT)
		ret = finish(mc, capi_memcpy_copy(mc, dst, src, 8));
	return !ret;
}

/* A process's context */

FIXTURE(process) {
	struct fail fail;
	struct fail_state before;
	struct capi_memcpy mc;
	pid_t tid;
	char *memory;
};

FIXTURE_SETUP(process)
{
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, cxl_load(AFUS));
	fail_state(&self->before);
	ASSERT_EQ(0, memcpy_start(&self->mc, UNITS));
	self->tid = fail_find_thread("capi-afu", 0);
	ASSERT_LT(0, self->tid);
}

FIXTURE_TEARDOWN(process)
{
	capi_memcpy_close(&self->mc);
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

/* The AFU's thread brings pages in that nobody has touched. */
FAIL_TEST(process, memory)
{
	size_t page = page_size();

	ASSERT_EQ(0, fail_thread(&self->fail, self->tid));
	FAIL_EACH(&self->fail,
		  ASSERT_NE(NULL, (self->memory = memcpy_pages(2))),
		  finish(&self->mc, capi_memcpy_copy(&self->mc, self->memory,
						     self->memory + page, 64)),
		  ASSERT_TRUE(works(&self->mc, self->memory, self->memory + page));
		  munmap(self->memory, 2 * page));
	FAIL_EACH(&self->fail,
		  ASSERT_NE(NULL, (self->memory = memcpy_pages(2))),
		  finish(&self->mc,
			 capi_memcpy_swap(&self->mc, self->memory,
					  CAPI_MEMCPY_SWAP_EQUAL, 0, 1)),
		  ASSERT_TRUE(works(&self->mc, self->memory, self->memory + page));
		  munmap(self->memory, 2 * page));
	FAIL_EACH(&self->fail,
		  ASSERT_NE(NULL, (self->memory = memcpy_pages(2))),
		  finish(&self->mc,
			 capi_memcpy_increment(&self->mc, self->memory,
					       self->memory + page)),
		  ASSERT_TRUE(works(&self->mc, self->memory, self->memory + page));
		  munmap(self->memory, 2 * page));
}

/* Makes it fail ever later, until it is asleep: @last is more than that takes. */
static void fail_idle(struct __test_metadata *_metadata, struct fail *fail,
		      unsigned int last, struct capi_memcpy *mc,
		      const void *dst, const void *src)
{
	unsigned int i;
	int ret;

	ASSERT_TRUE(works(mc, dst, src));
	fail_begin(fail);
	ASSERT_EQ(0, fail_choose(fail, FAIL_ALL));
	for (fail->n = 1; fail->n <= last; fail->n++) {
		fail_arm(fail);
		ret = finish(mc, capi_memcpy_copy(mc, dst, src, 64));
		EXPECT_TRUE(fail_sane(ret));
		for (i = 0; i < 50 && fail_is_due(fail); i++)
			usleep(10000);
		fail_disarm(fail);
		fail->calls += fail->injected;
		EXPECT_TRUE(fail_log_ok(fail));
		ASSERT_TRUE(works(mc, dst, src));
	}
	EXPECT_LT(0, fail->calls);
}

/*
 * An AFU that has nothing to do looks at its queue, ever more seldom, and then has
 * that watched. It does not say when; nor how often, so that some look twice the
 * same.
 */
FAIL_TEST(process, idle)
{
	ASSERT_EQ(0, fail_thread(&self->fail, self->tid));
	self->memory = memcpy_pages(1);
	fail_idle(_metadata, &self->fail, IDLE, &self->mc, self->memory,
		  self->memory + 64);
	munmap(self->memory, page_size());
}

/* Only what that takes from slabs, which is the same each time */
FAIL_TEST(process, watched)
{
	ASSERT_EQ(0, fail_made_by(&self->fail, self->tid));
	self->memory = memcpy_pages(1);
	fail_idle(_metadata, &self->fail, WATCHED, &self->mc, self->memory,
		  self->memory + 64);
	munmap(self->memory, page_size());
}

/* A thread that cannot be made says what fork() does. */
static int start_thread(int fd)
{
	int ret = cxl_start(fd);

	return ret == -EAGAIN ? -ENOMEM : ret;
}

/* Threads are made by another thread of the kernel. */
FAIL_TEST(process, start)
{
	struct afu afu;
	int fd;

	ASSERT_EQ(0, afu_find(&afu, 0));
	ASSERT_EQ(0, fail_thread(&self->fail, KTHREADD));
	FAIL_EACH(&self->fail, ASSERT_LE(0, (fd = node_open(&afu, 's', 0))),
		  start_thread(fd), close(fd));
}

/* A group of processes, of all the kinds that the kernel may have */
struct group {
	char root[32];
	char path[64];
};

static int group_enter(struct group *group, const char *kind)
{
	char path[96];

	snprintf(group->root, sizeof(group->root), "/tmp/cgroup.XXXXXX");
	if (!mkdtemp(group->root) ||
	    mount("cgroup", group->root, "cgroup", 0, kind))
		return -errno;
	snprintf(group->path, sizeof(group->path), "%s/capi", group->root);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group->path);
	return mkdir(group->path, 0700) ? -errno : write_file(path, "0");
}

static void group_leave(struct group *group)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group->root);
	write_file(path, "0");
	WAIT_UNTIL(!rmdir(group->path));
	umount(group->root);
	rmdir(group->root);
}

/* What the new thread itself does first, to be where its starter is */
FAIL_TEST(process, start_in_groups)
{
	struct group groups[2];
	struct afu afu;
	int fd;

	if (group_enter(&groups[0], "none,name=capi_first") ||
	    group_enter(&groups[1], "none,name=capi_second"))
		SKIP(return, "the kernel has no cgroups of one's own");
	ASSERT_EQ(0, afu_find(&afu, 0));
	ASSERT_EQ(0, fail_made_by(&self->fail, KTHREADD));
	FAIL_EACH(&self->fail, ASSERT_LE(0, (fd = node_open(&afu, 's', 0))),
		  start_thread(fd), close(fd));
	group_leave(&groups[1]);
	group_leave(&groups[0]);
}

/* A mediated device whose driver translates its addresses */

FIXTURE(mediated) {
	struct fail fail;
	struct fail_state before;
	struct translator t;
	pid_t tid;
};

FIXTURE_SETUP(mediated)
{
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, capi_reload(""));
	fail_state(&self->before);
	ASSERT_EQ(0, translator_open(&self->t));
	self->tid = fail_find_thread("capi-afu", 0);
	ASSERT_LT(0, self->tid);
}

FIXTURE_TEARDOWN(mediated)
{
	EXPECT_EQ(0, translator_close(&self->t));
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

/* Where a page could not be pinned, VFIO is not asked again for a while. */
static int swap_patiently(struct capi_memcpy *mc)
{
	int ret;

	WAIT_UNTIL(!(ret = finish(mc, capi_memcpy_swap(mc, ea(DST),
						       CAPI_MEMCPY_SWAP_EQUAL,
						       1, 1))));
	return ret;
}

FAIL_TEST(mediated, translated_memory)
{
	struct capi_memcpy *mc = &self->t.q.mc;

	ASSERT_EQ(0, fail_thread(&self->fail, self->tid));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, invalidate(&self->t, 0)),
		  finish(mc, capi_memcpy_copy(mc, ea(DST), ea(SRC), 64)),
		  ASSERT_TRUE(works(mc, ea(DST), ea(SRC))));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, invalidate(&self->t, 0)),
		  swap_patiently(mc),
		  ASSERT_TRUE(works(mc, ea(DST), ea(SRC))));
	EXPECT_TRUE(translator_works(&self->t));
}

/* The page of its queue is pinned then. */
FAIL_TEST(mediated, idle)
{
	ASSERT_EQ(0, fail_thread(&self->fail, self->tid));
	fail_idle(_metadata, &self->fail, IDLE, &self->t.q.mc, ea(DST), ea(SRC));
}

FAIL_TEST(mediated, watched)
{
	ASSERT_EQ(0, fail_made_by(&self->fail, self->tid));
	fail_idle(_metadata, &self->fail, WATCHED, &self->t.q.mc, ea(DST), ea(SRC));
}

/* Each step as it is, and the result of the command at the end */
static int start_translated(struct mdev *mdev)
{
	int ret = bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8, IOVA + BLOCK);

	if (!ret)
		ret = bar0_put(mdev, CAPI_MDEV_REG_WED, 8, EA_WED);
	if (!ret)
		ret = bar0_put(mdev, CAPI_MDEV_REG_COMMAND, 4,
			       CAPI_MDEV_COMMAND_START);
	if (!ret)
		ret = -(int)bar0_get(mdev, CAPI_MDEV_REG_RESULT, 4);
	/* Ones where the result could not be read */
	return ret > 0 ? -EFAULT : ret;
}

FAIL_TEST(mediated, start)
{
	struct mdev *mdev = &self->t.q.mdev;

	translator_answers(&self->t, false);
	FAIL_EACH(&self->fail,
		  /* What begins anew has no room for translations yet. */
		  vfio_queue_detach(&self->t.q);
		  ASSERT_EQ(0, mdev_open(mdev)),
		  mdev_command(mdev, CAPI_MDEV_COMMAND_RESET) ?
		  -EFAULT : start_translated(mdev), NOTHING);
	ASSERT_EQ(0, mdev_command(mdev, CAPI_MDEV_COMMAND_RESET));
}

TEST_HARNESS_MAIN
