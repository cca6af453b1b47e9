// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a user of the machine may do who was given nothing: look, but not at what
 * concerns others' memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "memcpy.h"

#define NOBODY	65534

FIXTURE(privileges) {
	struct mdev mdev;
};

FIXTURE_SETUP(privileges)
{
	NOT_IN_GUEST(return, "needs an error buffer and mdevs, a VF has none");
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, mdev_create(&self->mdev));
}

FIXTURE_TEARDOWN(privileges)
{
	EXPECT_EQ(0, seteuid(0));
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* Bits of the mode that no file may have, and one that has */
static mode_t forbidden;
static char offender[PATH_MAX];
static unsigned int files;

static int look(const char *path, const struct stat *status, int type,
		struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F)
		return 0;
	files++;
	if (status->st_mode & forbidden || status->st_uid || status->st_gid)
		snprintf(offender, sizeof(offender), "%s", path);
	return 0;
}

/* The first of @path that has a bit of @bits or is not root's, or "" */
static const char *offends(const char *path, mode_t bits)
{
	char real[PATH_MAX];

	forbidden = bits;
	files = 0;
	offender[0] = '\0';
	if (!realpath(path, real) || nftw(real, look, 16, FTW_PHYS))
		return "(there is none)";
	return offender;
}

TEST_F(privileges, nodes)
{
	EXPECT_STREQ("", offends("/dev/cxl", 0177));
	EXPECT_GE(files, 4);
}

TEST_F(privileges, attributes)
{
	char path[128];

	EXPECT_STREQ("", offends("/sys/class/cxl/card0", 0022));
	EXPECT_STREQ("", offends("/sys/class/cxl/afu0.0/cr0/config", 0377));
	EXPECT_STREQ("", offends("/sys/class/cxl/afu0.0/reset", 0577));
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s",
		 self->mdev.uuid);
	EXPECT_STREQ("", offends(path, 0022));
	EXPECT_STREQ("", offends("/sys/module/capi_mdev/parameters", 0022));
	EXPECT_STREQ("", offends("/sys/module/capi_sim/parameters", 0222));
}

TEST_F(privileges, debugfs)
{
	EXPECT_STREQ("", offends("/sys/kernel/debug/capi", 0077));
	EXPECT_GT(files, 0);
	EXPECT_STREQ("", offends("/sys/kernel/debug/capi_sim", 0077));
	EXPECT_GT(files, 0);
}

/* Errors of all that match, each of which must fail with EACCES */
static bool refused(const char *pattern, int flags)
{
	bool ok = true;
	glob_t found;
	size_t i;
	int fd;

	if (glob(pattern, 0, NULL, &found))
		return false;
	for (i = 0; i < found.gl_pathc; i++) {
		fd = open(found.gl_pathv[i], flags | O_CLOEXEC);
		ok = ok && fd < 0 && errno == EACCES;
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
	return ok;
}

TEST_F(privileges, nobody)
{
	ASSERT_EQ(0, seteuid(NOBODY));
	EXPECT_TRUE(refused("/dev/cxl/*", O_RDONLY));
	EXPECT_TRUE(refused("/sys/class/cxl/card*/reset", O_WRONLY));
	EXPECT_TRUE(refused("/sys/class/cxl/afu*/mode", O_WRONLY));
	EXPECT_TRUE(refused("/sys/class/cxl/afu*/cr0/config", O_RDONLY));
	EXPECT_TRUE(refused("/sys/class/mdev_bus/*/mdev_supported_types/*/create",
			    O_WRONLY));
	EXPECT_TRUE(refused("/sys/bus/mdev/devices/*/remove", O_WRONLY));
	EXPECT_TRUE(refused("/sys/bus/mdev/devices/*/capi/max_events",
			    O_WRONLY));
}

static int read_error(struct capi_memcpy_error *error)
{
	char node[64], path[128];
	int fd, ret;

	if (capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
			  sizeof(node)))
		return -ENOENT;
	node[strlen(node) - 1] = '\0';
	snprintf(path, sizeof(path), "/sys/class/cxl/%s/afu_err_buff",
		 strrchr(node, '/') + 1);
	memset(error, 0x5a, sizeof(*error));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read(fd, error, sizeof(*error));
	close(fd);
	return ret;
}

static bool is_zero(const void *memory, size_t size)
{
	const unsigned char *byte = memory;

	while (size && !*byte) {
		byte++;
		size--;
	}
	return !size;
}

#define BEHIND	offsetof(struct capi_memcpy_error, address)

/* Does a child see whose memory it was, with all capabilities in its own namespace? */
static bool seen_from_namespace(void)
{
	struct capi_memcpy_error error;
	pid_t pid = fork();
	int status;

	if (!pid) {
		/* It says no, or that there are none. */
		if (unshare(CLONE_NEWUSER))
			_exit(0);
		_exit(read_error(&error) != sizeof(error) ||
		      !is_zero((char *)&error + BEHIND, sizeof(error) - BEHIND));
	}
	return waitpid(pid, &status, 0) != pid || status;
}

/* That something failed may be known, but not where the others' memory is. */
TEST_F(privileges, error_buffer)
{
	struct capi_memcpy_error error;
	struct capi_memcpy mc;

	ASSERT_EQ(0, memcpy_start(&mc, 1));
	EXPECT_STATUS(CAPI_MEMCPY_STATUS_TRANSLATION,
		      capi_memcpy_swap(&mc, (void *)0x1000,
				       CAPI_MEMCPY_SWAP_EQUAL, 1, 2));
	ASSERT_EQ(0, memcpy_wait_stopped(&mc));
	ASSERT_EQ(sizeof(error), read_error(&error));
	EXPECT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, error.status);
	EXPECT_FALSE(is_zero(&error.address, sizeof(error.address)));
	EXPECT_FALSE(is_zero(&error.element, sizeof(error.element)));

	ASSERT_EQ(0, seteuid(NOBODY));
	ASSERT_EQ(sizeof(error), read_error(&error));
	EXPECT_EQ(CAPI_MEMCPY_STATUS_TRANSLATION, error.status);
	EXPECT_TRUE(is_zero((char *)&error + BEHIND, sizeof(error) - BEHIND));
	EXPECT_FALSE(seen_from_namespace());
	ASSERT_EQ(0, seteuid(0));
	capi_memcpy_close(&mc);
}

TEST_HARNESS_MAIN
