// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which nodes there are, who may open them and how often, and what the ioctls
 * say that need no started context.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"

FIXTURE(cxl_open) {
	struct afu afu;
	int fds[ECHO_CONTEXTS];
};

FIXTURE_SETUP(cxl_open)
{
	int i;

	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	for (i = 0; i < ECHO_CONTEXTS; i++)
		self->fds[i] = -1;
}

FIXTURE_TEARDOWN(cxl_open)
{
	int i;

	for (i = 0; i < ECHO_CONTEXTS; i++)
		close(self->fds[i]);
	EXPECT_EQ(0, afu_set(&self->afu, "mode", "afu_directed"));
}

/* Which nodes are there, as letters */
static const char *nodes(const struct afu *afu)
{
	static char found[4];
	const char *letter;
	int n = 0;

	for (letter = "dms"; *letter; letter++)
		if (node_exists(afu, *letter))
			found[n++] = *letter;
	found[n] = '\0';
	return found;
}

TEST_F(cxl_open, nodes_follow_the_mode)
{
	int i;

	NOT_IN_GUEST(return, "needs dedicated mode, a VF has directed mode only");
	/* It begins in directed mode, and finds its way back. */
	for (i = 0; i < 2; i++) {
		EXPECT_STREQ("ms", nodes(&self->afu));
		ASSERT_EQ(0, afu_set(&self->afu, "mode", "dedicated_process"));
		EXPECT_STREQ("d", nodes(&self->afu));
		ASSERT_EQ(0, afu_set(&self->afu, "mode", "none"));
		EXPECT_STREQ("", nodes(&self->afu));
		ASSERT_EQ(0, afu_set(&self->afu, "mode", "afu_directed"));
	}
}

/* libcxl trusts the attribute more than the node. */
TEST_F(cxl_open, node_is_what_sysfs_says)
{
	char path[PATH_MAX], dev[32], expected[32];
	struct stat status;

	node_path(&self->afu, 's', path, sizeof(path));
	ASSERT_EQ(0, stat(path, &status));
	snprintf(expected, sizeof(expected), "%u:%u\n", major(status.st_rdev),
		 minor(status.st_rdev));
	snprintf(path, sizeof(path), "/sys/class/cxl/%ss/dev", self->afu.name);
	ASSERT_GT(read_file(path, dev, sizeof(dev)), 0);
	EXPECT_STREQ(expected, dev);
}

#define EXPECT_ID(fd, is_flags, is_mode)				\
do {									\
	struct cxl_afu_id expected = {					\
		.flags = is_flags,					\
		.card_id = self->afu.num,				\
		.afu_offset = self->afu.slice,				\
		.afu_mode = is_mode,					\
	}, id;								\
									\
	memset(&id, 0x5a, sizeof(id));					\
	ASSERT_EQ(0, cxl_ioctl(fd, CXL_IOCTL_GET_AFU_ID, &id));		\
	EXPECT_EQ(0, memcmp(&expected, &id, sizeof(id)));		\
} while (0)

TEST_F(cxl_open, dedicated_is_for_one)
{
	NOT_IN_GUEST(return, "needs dedicated mode, a VF has directed mode only");
	ASSERT_EQ(0, afu_set(&self->afu, "mode", "dedicated_process"));
	self->fds[0] = node_open(&self->afu, 'd', 0);
	ASSERT_GE(self->fds[0], 0);
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 'd', 0));
	EXPECT_ID(self->fds[0], 0, CXL_MODE_DEDICATED);
	EXPECT_EQ(0, cxl_start(self->fds[0]));
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 'd', 0));

	close(self->fds[0]);
	self->fds[0] = node_open(&self->afu, 'd', 0);
	ASSERT_GE(self->fds[0], 0);
	close(self->fds[0]);
}

TEST_F(cxl_open, directed_is_for_many)
{
	int i, j, pes[ECHO_CONTEXTS], freed;

	NOT_IN_GUEST(return, "needs an end to the contexts that can be opened");
	for (i = 0; i < ECHO_CONTEXTS; i++) {
		self->fds[i] = node_open(&self->afu, i ? 's' : 'm', 0);
		ASSERT_GE(self->fds[i], 0);
		EXPECT_ID(self->fds[i], i ? CXL_AFUID_FLAG_SLAVE : 0,
			  CXL_MODE_DIRECTED);

		pes[i] = cxl_process_element(self->fds[i]);
		EXPECT_GE(pes[i], 0);
		EXPECT_LT(pes[i], ECHO_CONTEXTS);
		for (j = 0; j < i; j++)
			EXPECT_NE(pes[j], pes[i]);
	}
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 's', 0));
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 'm', 0));

	/* What one gives back another gets. */
	freed = pes[2];
	close(self->fds[2]);
	self->fds[2] = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fds[2], 0);
	EXPECT_EQ(freed, cxl_process_element(self->fds[2]));
	EXPECT_EQ(-ENOSPC, node_open(&self->afu, 's', 0));
	for (i = 0; i < ECHO_CONTEXTS; i++)
		close(self->fds[i]);
}

/* More than one master may be open. */
TEST_F(cxl_open, masters)
{
	self->fds[0] = node_open(&self->afu, 'm', 0);
	self->fds[1] = node_open(&self->afu, 'm', 0);
	ASSERT_GE(self->fds[0], 0);
	ASSERT_GE(self->fds[1], 0);
	EXPECT_ID(self->fds[1], 0, CXL_MODE_DIRECTED);
	close(self->fds[0]);
	close(self->fds[1]);
}

TEST_F(cxl_open, nodes_that_are_no_more)
{
	char path[PATH_MAX];
	struct stat status;
	int fd, ret;

	node_path(&self->afu, 's', path, sizeof(path));
	ASSERT_EQ(0, stat(path, &status));
	ASSERT_EQ(0, mknod("stale", S_IFCHR | 0600, status.st_rdev));
	ASSERT_EQ(0, mknod("never", S_IFCHR | 0600,
			   makedev(major(status.st_rdev), 255)));
	fd = open("stale", O_RDWR);
	EXPECT_GE(fd, 0);
	close(fd);

	ASSERT_EQ(0, afu_set(&self->afu, "mode", "none"));
	EXPECT_EQ(-ENOENT, node_open(&self->afu, 's', 0));
	ret = open("stale", O_RDWR) < 0 ? errno : 0;
	EXPECT_TRUE(ret == ENXIO || ret == ENODEV);
	ret = open("never", O_RDWR) < 0 ? errno : 0;
	EXPECT_TRUE(ret == ENXIO || ret == ENODEV);
	unlink("stale");
	unlink("never");
}

TEST_F(cxl_open, link_down)
{
	struct context context;

	NEEDS_HOST(return);
	self->fds[0] = node_open(&self->afu, 's', 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fds[0], &context));
	ASSERT_EQ(0, context_link(&context, false));
	EXPECT_EQ(-EIO, node_open(&self->afu, 's', 0));
	EXPECT_EQ(-EIO, node_open(&self->afu, 'm', 0));
	ASSERT_EQ(0, context_link(&context, true));
	self->fds[1] = node_open(&self->afu, 's', 0);
	EXPECT_GE(self->fds[1], 0);
	close(self->fds[0]);
	close(self->fds[1]);
}

TEST_F(cxl_open, ioctls_that_are_none)
{
	static const unsigned long requests[] = {
		0, ~0U, TCGETS, FIONREAD, _IO(CXL_MAGIC, 0), _IO(CXL_MAGIC, 1),
		_IOW(CXL_MAGIC, 0, __u32), _IOR(CXL_MAGIC, 1, __u64),
		_IO(CXL_MAGIC, 3), _IO(CXL_MAGIC, 0x41),
		CXL_IOCTL_DOWNLOAD_IMAGE, CXL_IOCTL_VALIDATE_IMAGE,
	};
	struct cxl_ioctl_start_work work = { };
	unsigned int i;

	self->fds[0] = node_open(&self->afu, 's', 0);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(-EINVAL, cxl_ioctl(self->fds[0], requests[i], &work)) {
			TH_LOG("request %#lx", requests[i]);
		}
	EXPECT_EQ(0, cxl_start(self->fds[0]));
	close(self->fds[0]);
}

TEST_F(cxl_open, bad_pointers)
{
	static const unsigned long requests[] = {
		CXL_IOCTL_START_WORK, CXL_IOCTL_GET_PROCESS_ELEMENT,
		CXL_IOCTL_GET_AFU_ID, CAPI_IOCTL_DRIVER_EVENTS,
	};
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, mprotect(memory + page, page, PROT_NONE));
	self->fds[0] = node_open(&self->afu, 's', 0);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(-EFAULT, cxl_ioctl(self->fds[0], requests[i], NULL));
		EXPECT_EQ(-EFAULT, cxl_ioctl(self->fds[0], requests[i],
					     memory + page - 3));
	}
	ASSERT_EQ(0, mprotect(memory, page, PROT_READ));
	EXPECT_EQ(-EFAULT, cxl_ioctl(self->fds[0], CXL_IOCTL_GET_AFU_ID,
				     memory));
	EXPECT_EQ(-EFAULT, cxl_ioctl(self->fds[0],
				     CXL_IOCTL_GET_PROCESS_ELEMENT, memory));
	/* Nothing of that has done anything. */
	EXPECT_EQ(0, cxl_driver_events(self->fds[0], CAPI_ECHO_ABI));
	EXPECT_EQ(0, cxl_start(self->fds[0]));
	close(self->fds[0]);
}

/* Events are all there is to read, and nothing to write. */
TEST_F(cxl_open, file_operations)
{
	char byte = 0;

	self->fds[0] = node_open(&self->afu, 's', 0);
	EXPECT_EQ(-1, write(self->fds[0], &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->fds[0], 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	close(self->fds[0]);
}

TEST_HARNESS_MAIN
