// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest: what its driver does with VFs, and for processes that use them,
 * where the kernel runs out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "fail.h"
#include "memcpy.h"

#define DRIVER		"/sys/bus/pci/drivers/capi_guest"
/* What the driver keeps together, and how many of them are tried at most */
#define CHUNK		(1024UL << 10)
#define CHUNKS		1024

FIXTURE(guest) {
	struct fail fail;
	struct fail_state before;
	struct afu echo;
	struct afu memcpy;
	struct context context;
	struct capi_memcpy mc;
	int fd;
};

FIXTURE_SETUP(guest)
{
	self->mc.cxl.fd = -1;
	self->fd = -1;
	NEEDS_VF(return);
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, cxl_load("memcpy"));
	ASSERT_EQ(0, afu_find(&self->memcpy, 0));
	ASSERT_EQ(0, cxl_load("echo"));
	ASSERT_EQ(0, afu_find(&self->echo, 0));
	fail_state(&self->before);
}

FIXTURE_TEARDOWN(guest)
{
	capi_memcpy_close(&self->mc);
	close(self->fd);
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

static int open_node(const struct afu *afu, int *fd)
{
	*fd = node_open(afu, 's', O_NONBLOCK);
	return *fd < 0 ? *fd : 0;
}

FAIL_TEST(guest, open)
{
	int fd;

	FAIL_EACH(&self->fail, NOTHING, open_node(&self->echo, &fd),
		  ASSERT_EQ(0, close(fd)));
}

/* What failed to start was not started, and can be. */
FAIL_TEST(guest, start_work)
{
	const struct afu *afus[] = { &self->echo, &self->memcpy };
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(afus); i++)
		FAIL_EACH(&self->fail, ASSERT_EQ(0, open_node(afus[i], &fd)),
			  cxl_start(fd), ASSERT_EQ(0, close(fd)));
}

static int close_one(int fd)
{
	return close(fd) ? -errno : 0;
}

FAIL_TEST(guest, close_started)
{
	int fd;

	FAIL_EACH(&self->fail, ASSERT_EQ(0, open_node(&self->memcpy, &fd));
		  ASSERT_EQ(0, cxl_start(fd)), close_one(fd), NOTHING);
}

static int read_one(int fd)
{
	union event event;
	ssize_t len = read(fd, &event, sizeof(event));

	return len < 0 ? -errno : 0;
}

/* What could not be copied is there for the next read. */
FAIL_TEST(guest, read_event)
{
	ASSERT_EQ(0, open_node(&self->echo, &self->fd));
	ASSERT_EQ(0, cxl_driver_events(self->fd, CAPI_ECHO_ABI));
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, cxl_context(&self->echo, self->fd, &self->context));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, context_emit(&self->context, 1)),
		  read_one(self->fd), NOTHING);
	EXPECT_EQ(-EAGAIN, read_one(self->fd));
	FAIL_EACH(&self->fail, ASSERT_EQ(0, context_post(&self->context, "irq 1")),
		  read_one(self->fd), NOTHING);
	EXPECT_EQ(-EAGAIN, read_one(self->fd));
}

static int copy(struct capi_memcpy *mc, void *dst, const void *src)
{
	int status = memcpy_status(capi_memcpy_copy(mc, dst, src, 8));

	return status == CAPI_MEMCPY_STATUS_COMPLETE ? 0 : -EIO;
}

/*
 * The thread that finds a process's memory: the AFU waits until it can, and there
 * is no fault in it. Each time the memory is where it has found none before.
 */
FAIL_TEST(guest, memory)
{
	char *at = mmap(NULL, CHUNKS * CHUNK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *end = at + CHUNKS * CHUNK, name[16];
	pid_t tid;

	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, memcpy_start(&self->mc, 1));
	/* As much of it as a thread's name has room for */
	snprintf(name, sizeof(name), "capi-vf-%.7s", self->memcpy.card);
	tid = fail_find_thread(name, 0);
	ASSERT_LT(0, tid);
	ASSERT_EQ(0, fail_thread(&self->fail, tid));
	FAIL_EACH(&self->fail, ASSERT_GT(end, at), copy(&self->mc, at + 64, at),
		  at += CHUNK);
}

static unsigned int nodes(void)
{
	unsigned int n = 0;
	glob_t found;

	if (!glob("/sys/class/cxl/*", 0, NULL, &found)) {
		n = found.gl_pathc;
		globfree(&found);
	}
	return n;
}

#define SELF	FIXTURE_DATA(guest)

/* The nodes of a VF come and go a little later: from so many, of both, to so many. */
static int bound(SELF *self, const char *how, unsigned int from, unsigned int to)
{
	char path[64];
	int ret;

	if (!WAIT_UNTIL(nodes() == from))
		return -ETIMEDOUT;
	snprintf(path, sizeof(path), DRIVER "/%s", how);
	ret = write_file(path, self->memcpy.card);
	if (ret)
		return ret;
	return WAIT_UNTIL(nodes() == to) ? 0 : -ETIMEDOUT;
}

/* What PCI had no memory for is busy, or is not there: so it says. */
static int bind_vf(SELF *self)
{
	int ret = write_file(DRIVER "/bind", self->memcpy.card);

	return ret == -EBUSY || ret == -ENODEV || ret == -ENOSPC ? -ENOMEM : ret;
}

FAIL_TEST(guest, bind)
{
	unsigned int with = nodes(), without = with / 2;

	/* Not each: PCI and its interrupts have a lot of them. */
	self->fail.coarse = 64;
	ASSERT_EQ(0, bound(self, "unbind", with, without));
	FAIL_EACH(&self->fail, NOTHING, bind_vf(self),
		  ASSERT_EQ(0, bound(self, "unbind", with, without)));
	ASSERT_EQ(0, bound(self, "bind", without, with));
}

/* Nothing that stops may fail. */
FAIL_TEST(guest, unbind)
{
	unsigned int with = nodes(), without = with / 2;

	self->fail.coarse = 64;
	FAIL_EACH(&self->fail, NOTHING,
		  write_file(DRIVER "/unbind", self->memcpy.card),
		  ASSERT_EQ(0, bound(self, "bind", without, with)));
}

TEST_HARNESS_MAIN
