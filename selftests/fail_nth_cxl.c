// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program does with /dev/cxl, and an administrator with class cxl, where
 * the kernel runs out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "fail.h"
#include "memcpy.h"

#define AFUS		"echo:4,memcpy:4"

static int close_one(int *fd)
{
	int ret = close(*fd) ? -errno : 0;

	*fd = -1;
	return ret;
}

FIXTURE(cxl) {
	struct fail fail;
	struct fail_state before;
	struct afu echo;
	struct afu memcpy;
	struct context context;
	int fd;
};

FIXTURE_SETUP(cxl)
{
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, cxl_load(AFUS));
	ASSERT_EQ(0, afu_find(&self->echo, 0));
	ASSERT_EQ(0, afu_find(&self->memcpy, 1));
	fail_state(&self->before);
	self->fd = node_open(&self->echo, 's', O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->echo, self->fd, &self->context));
}

FIXTURE_TEARDOWN(cxl)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

static int open_node(const struct afu *afu, char node, int *fd)
{
	*fd = node_open(afu, node, 0);
	return *fd < 0 ? *fd : 0;
}

FAIL_TEST(cxl, open)
{
	int fd;

	FAIL_EACH(&self->fail, NOTHING, open_node(&self->echo, 's', &fd),
		  ASSERT_EQ(0, close_one(&fd)));
	FAIL_EACH(&self->fail, NOTHING, open_node(&self->memcpy, 'm', &fd),
		  ASSERT_EQ(0, close_one(&fd)));
}

FAIL_TEST(cxl, close)
{
	int fd;

	FAIL_EACH(&self->fail, ASSERT_EQ(0, open_node(&self->echo, 's', &fd)),
		  close_one(&fd), NOTHING);
}

static int start(int fd, __u64 flags)
{
	struct cxl_ioctl_start_work work = {
		.flags = flags,
		.num_interrupts = 8,
	};

	return cxl_ioctl(fd, CXL_IOCTL_START_WORK, &work);
}

/* What failed to start was not started, and can be. */
FAIL_TEST(cxl, start_work)
{
	const struct afu *afus[] = { &self->echo, &self->memcpy };
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(afus); i++)
		FAIL_EACH(&self->fail,
			  ASSERT_EQ(0, open_node(afus[i], 's', &fd)),
			  start(fd, CXL_START_WORK_NUM_IRQS |
				    CXL_START_WORK_ERR_FF),
			  ASSERT_EQ(0, close_one(&fd)));
}

FAIL_TEST(cxl, close_started)
{
	int fd;

	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, open_node(&self->memcpy, 's', &fd));
		  ASSERT_EQ(0, cxl_start(fd)), close_one(&fd), NOTHING);
}

FAIL_TEST(cxl, ioctls)
{
	struct cxl_afu_id id;
	__u32 pe;
	int fd;

	FAIL_EACH(&self->fail, NOTHING,
		  cxl_ioctl(self->fd, CXL_IOCTL_GET_PROCESS_ELEMENT, &pe), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  cxl_ioctl(self->fd, CXL_IOCTL_GET_AFU_ID, &id), NOTHING);
	FAIL_EACH(&self->fail, ASSERT_EQ(0, open_node(&self->echo, 's', &fd)),
		  cxl_driver_events(fd, CAPI_ECHO_ABI),
		  ASSERT_EQ(0, close_one(&fd)));
}

static int read_one(int fd)
{
	union event event;
	ssize_t len = read(fd, &event, sizeof(event));

	return len < 0 ? -errno : 0;
}

/* What could not be copied is there for the next read. */
FAIL_TEST(cxl, read_event)
{
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, context_emit(&self->context, 1)),
		  read_one(self->fd), NOTHING);
	EXPECT_EQ(-EAGAIN, read_one(self->fd));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, context_post(&self->context, "irq 1")),
		  read_one(self->fd), NOTHING);
	EXPECT_EQ(-EAGAIN, read_one(self->fd));
	EXPECT_TRUE(context_balanced(&self->context, 0));
}

static int map_one(int fd, size_t size, off_t offset, void **map)
{
	*map = cxl_map(fd, size, offset);
	return *map == MAP_FAILED ? -errno : 0;
}

FAIL_TEST(cxl, mmap)
{
	size_t page = page_size();
	void *map;

	ASSERT_EQ(0, cxl_start(self->fd));
	FAIL_EACH(&self->fail, NOTHING, map_one(self->fd, page, page, &map),
		  ASSERT_EQ(0, munmap(map, page)));
}

/* Whoever touches a mapping does not die of it: he waits until there is memory. */
static int touch(void *address)
{
	__u32 value;

	return can_load(address, &value) ? 0 : -EIO;
}

FAIL_TEST(cxl, page_fault)
{
	size_t page = page_size();
	void *map;

	ASSERT_EQ(0, cxl_start(self->fd));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, map_one(self->fd, page, page, &map)),
		  touch(map),
		  ASSERT_EQ(0, munmap(map, page)));
}

/* The pages of the whole area come as they are touched, each once. */
FAIL_TEST(cxl, page_fault_of_master)
{
	size_t size, page = page_size();
	size_t off = 0;
	void *map;
	int fd;

	ASSERT_EQ(0, open_node(&self->memcpy, 'm', &fd));
	ASSERT_EQ(0, cxl_start(fd));
	size = node_number(&self->memcpy, 'm', "mmio_size");
	ASSERT_LT(0, size);
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, map_one(fd, size, 0, &map)),
		  touch((char *)map + off % size),
		  ASSERT_EQ(0, munmap(map, size)); off += page);
	EXPECT_LT(1, off / page);
	ASSERT_EQ(0, close_one(&fd));
}

static int read_attribute(const char *path)
{
	char text[4096];
	int ret = read_file(path, text, sizeof(text));

	return ret < 0 ? ret : 0;
}

FAIL_TEST(cxl, attributes)
{
	glob_t found;
	size_t i;

	ASSERT_EQ(0, glob("/sys/class/cxl/afu0.1/{mode,cr0/*,afu_err_buff}",
			  GLOB_BRACE, NULL, &found));
	for (i = 0; i < found.gl_pathc; i++)
		FAIL_EACH(&self->fail, NOTHING, read_attribute(found.gl_pathv[i]), NOTHING);
	globfree(&found);
	FAIL_EACH(&self->fail, NOTHING, afu_set(&self->echo, "irqs_max", "32"), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  afu_set(&self->echo, "prefault_mode", "none"), NOTHING);
}

FAIL_TEST(cxl, reset_afu)
{
	FAIL_EACH(&self->fail, NOTHING, afu_set(&self->memcpy, "reset", "1"), NOTHING);
}

FAIL_TEST(cxl, reset_adapter)
{
	ASSERT_EQ(0, close_one(&self->fd));
	FAIL_EACH(&self->fail, NOTHING, afu_card_set(&self->echo, "reset", "1"), NOTHING);
}

FAIL_TEST(cxl, link)
{
	FAIL_EACH(&self->fail, NOTHING, context_link(&self->context, false),
		  ASSERT_EQ(0, context_link(&self->context, true)));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, context_link(&self->context, false)),
		  context_link(&self->context, true), NOTHING);
}

/* An AFU that is left without a mode takes one the next time. */
FAIL_TEST(cxl, mode)
{
	ASSERT_EQ(0, close_one(&self->fd));
	FAIL_EACH(&self->fail, NOTHING, afu_set(&self->echo, "mode", "dedicated_process"),
		  ASSERT_EQ(0, afu_set(&self->echo, "mode", "afu_directed")));
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, afu_set(&self->echo, "mode", "dedicated_process")),
		  afu_set(&self->echo, "mode", "afu_directed"), NOTHING);
}

FAIL_TEST(cxl, debugfs)
{
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	FAIL_EACH(&self->fail, NOTHING, context_post(&self->context, "period 0"), NOTHING);
	FAIL_EACH(&self->fail, NOTHING, context_next_fetch(&self->context, "8"), NOTHING);
	FAIL_EACH(&self->fail, NOTHING,
		  context_count(&self->context, "events_raised") < 0 ? -ENOMEM : 0, NOTHING);
}

TEST_HARNESS_MAIN
