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
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "fail.h"
#include "memcpy.h"
#include "translator.h"

#define AFUS		"memcpy:4"
#define UNITS		1
#define KTHREADD	2
/* What the AFU's thread allocates at least until it sleeps for good */
#define IDLE		4

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
	if (capi_memcpy_stopped(mc))
		return recover(mc, element);
	return memcpy_status(element) == CAPI_MEMCPY_STATUS_COMPLETE ? 0 : -EIO;
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
	int ret = fail_init(&self->fail);

	if (ret == -EOPNOTSUPP)
		SKIP(return, "this kernel injects no faults");
	ASSERT_EQ(0, ret);
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
			 capi_memcpy_increment(&self->mc, self->memory,
					       self->memory + page)),
		  ASSERT_TRUE(works(&self->mc, self->memory, self->memory + page));
		  munmap(self->memory, 2 * page));
}

static int nth_left(struct fail *fail)
{
	char text[16] = "";

	return pread(fail->nth, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : -1;
}

/* An AFU that has nothing to do looks at its queue, ever more seldom. */
FAIL_TEST(process, idle)
{
	unsigned int n;

	ASSERT_EQ(0, fail_thread(&self->fail, self->tid));
	for (n = 1; n <= IDLE; n++) {
		self->memory = memcpy_pages(2);
		ASSERT_EQ(0, finish(&self->mc,
				    capi_memcpy_copy(&self->mc, self->memory,
						     self->memory + 64, 64)));
		self->fail.n = n;
		fail_arm(&self->fail);
		EXPECT_TRUE(WAIT_UNTIL(!nth_left(&self->fail)));
		fail_disarm(&self->fail);
		EXPECT_TRUE(fail_log_ok(&self->fail));
		EXPECT_TRUE(fail_sane(finish(&self->mc,
					     capi_memcpy_copy(&self->mc,
							      self->memory,
							      self->memory + 64,
							      64))));
		munmap(self->memory, 2 * page_size());
	}
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

/* A mediated device whose driver translates its addresses */

FIXTURE(mediated) {
	struct fail fail;
	struct fail_state before;
	struct translator t;
	pid_t tid;
};

FIXTURE_SETUP(mediated)
{
	int ret = fail_init(&self->fail);

	if (ret == -EOPNOTSUPP)
		SKIP(return, "this kernel injects no faults");
	ASSERT_EQ(0, ret);
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
