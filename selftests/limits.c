// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a user without privileges takes from others is counted, and limited:
 * locked memory, the kernel's memory, processor time, lines of the kernel's log.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "translator.h"
#include "vfio_queue.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define FAULT	CAPI_MEMCPY_STATUS_TRANSLATION
#define NOBODY	65534
#define IOMMU	"/dev/iommu"

/* Locked memory */

FIXTURE(memlock) {
	struct vfio_queue q;
	struct rlimit before;
	bool cdev;
	int log;
};

FIXTURE_SETUP(memlock)
{
	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &self->before));
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(self->log, 0);
	ASSERT_EQ(0, lseek(self->log, 0, SEEK_END));
	ASSERT_EQ(0, vfio_queue_open(&self->q));
	self->cdev = self->q.mdev.vfio.group < 0;
	vfio_queue_detach(&self->q);
}

FIXTURE_TEARDOWN(memlock)
{
	EXPECT_EQ(0, seteuid(0));
	if (self->cdev)
		EXPECT_EQ(0, chown(IOMMU, 0, -1));
	EXPECT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &self->before));
	EXPECT_EQ(0, vfio_queue_close(&self->q));
}

/* Gives the device to somebody: the node of its group, or its own and iommufd's */
static int give_away(const char *uuid, bool cdev)
{
	char path[PATH_MAX], target[PATH_MAX], node[64];
	glob_t found;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/%s", uuid,
		 cdev ? "vfio-dev/vfio*" : "iommu_group");
	if (glob(path, 0, NULL, &found))
		return -ENODEV;
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	if (!realpath(path, target))
		return -errno;
	snprintf(node, sizeof(node), "/dev/vfio/%s%.32s", cdev ? "devices/" : "",
		 basename(target));
	if (chown(node, NOBODY, -1) || (cdev && chown(IOMMU, NOBODY, -1)))
		return -errno;
	return 0;
}

/* Goes on as somebody who may lock so much memory. */
static int go_on_as_nobody(struct vfio_queue *q, bool cdev, rlim_t memlock)
{
	struct rlimit limit = { };
	int ret = give_away(q->mdev.uuid, cdev);

	if (ret)
		return ret;
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	limit.rlim_cur = memlock;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || seteuid(NOBODY))
		return -errno;
	return vfio_queue_attach(q);
}

/* What iommufd has locked is nowhere to be read. */
static bool locked(bool cdev, long long size)
{
	return cdev || locked_memory() == size;
}

/* How often the kernel's log says since the last look that there is no more */
static int complaints(int log)
{
	char line[1024];
	ssize_t len;
	int n = 0;

	for (;;) {
		len = read(log, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return n;
		line[len] = '\0';
		n += !!strstr(line, "RLIMIT_MEMLOCK");
	}
}

static struct capi_memcpy_element *swap(struct vfio_queue *q, __u64 op1,
					__u64 op2)
{
	return capi_memcpy_swap(&q->mc, iova(DST), CAPI_MEMCPY_SWAP_EQUAL, op1,
				op2);
}

static int start_over(struct vfio_queue *q)
{
	int ret = mdev_command(&q->mdev, CAPI_MDEV_COMMAND_STOP);

	memset(q->mc.queue, 0, SLOTS * sizeof(*q->mc.queue));
	q->mc.next = 0;
	q->mc.wrap = 0;
	return ret ? ret : mdev_command(&q->mdev, CAPI_MDEV_COMMAND_START);
}

#define SWAPS	100
#define STARTS	10

/* Who may lock none cannot have a page pinned, nor fill the log by trying. */
TEST_F(memlock, none)
{
	time_t begin = time(NULL);
	int i;

	ASSERT_EQ(0, go_on_as_nobody(&self->q, self->cdev, 0));
	EXPECT_TRUE(vfio_queue_works(&self->q));
	for (i = 0; i < SWAPS; i++) {
		ASSERT_STATUS(FAULT, swap(&self->q, 0, 1));
		ASSERT_EQ(0, memcpy_wait_stopped(&self->q.mc));
		capi_memcpy_restart(&self->q.mc);
	}
	/* Left alone, the AFU wants to have the page of its queue. */
	for (i = 0; i < STARTS; i++) {
		ASSERT_EQ(0, start_over(&self->q));
		usleep(200000);
	}
	EXPECT_TRUE(locked(self->cdev, 0));
	EXPECT_TRUE(vfio_queue_works(&self->q));
	EXPECT_LE(complaints(self->log), 2 + time(NULL) - begin);
}

/* One page is enough for all that an AFU does, and is given back. */
TEST_F(memlock, one_page)
{
	long long page = page_size();

	ASSERT_EQ(0, go_on_as_nobody(&self->q, self->cdev, page));
	EXPECT_TRUE(WAIT_UNTIL(locked(self->cdev, page)));
	*at64(&self->q, DST) = htobe64(5);
	EXPECT_STATUS(DONE, swap(&self->q, 5, 6));
	EXPECT_EQ(6, be64toh(*at64(&self->q, DST)));
	EXPECT_TRUE(WAIT_UNTIL(locked(self->cdev, page)));
	EXPECT_EQ(0, complaints(self->log));
	vfio_queue_detach(&self->q);
	EXPECT_TRUE(locked(self->cdev, 0));
}

/* The kernel's memory and processor time */

#define CONTEXTS	64
/* What the AFU has for the data of a context on their way */
#define BUFFER		(64LL << 10)
/* What a device has for them that its driver translates addresses of */
#define TRANSLATIONS	(512LL << 10)

FIXTURE(cgroup) {
	char root[32];
	char group[64];
	struct capi_memcpy mc[CONTEXTS];
	unsigned int started;
};

static int put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return write_file(path, text);
}

static long long memory_used(const char *group)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%s/memory.current", group);
	return read_file(path, text, sizeof(text)) > 0 ? atoll(text) : -1;
}

FIXTURE_SETUP(cgroup)
{
	if (access("/proc/cgroups", F_OK))
		SKIP(return, "the kernel has no cgroups");
	NOT_IN_GUEST(return, "needs several contexts at work, a VF has one");
	ASSERT_EQ(0, memcpy_load());
	snprintf(self->root, sizeof(self->root), "/tmp/cgroup.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	ASSERT_EQ(0, mount("cgroup2", self->root, "cgroup2", 0, NULL));
	ASSERT_EQ(0, put(self->root, "cgroup.subtree_control", "+memory"));
	snprintf(self->group, sizeof(self->group), "%s/capi-selftest",
		 self->root);
	ASSERT_EQ(0, mkdir(self->group, 0755));
	ASSERT_EQ(0, put(self->group, "cgroup.procs", "0"));
}

FIXTURE_TEARDOWN(cgroup)
{
	while (self->started)
		capi_memcpy_close(&self->mc[--self->started]);
	EXPECT_EQ(0, put(self->root, "cgroup.procs", "0"));
	EXPECT_TRUE(WAIT_UNTIL(!rmdir(self->group)));
	EXPECT_EQ(0, umount2(self->root, MNT_DETACH));
	rmdir(self->root);
}

static int start_all(struct capi_memcpy *mc, unsigned int *started)
{
	int ret = 0;

	while (!ret && *started < CONTEXTS) {
		ret = memcpy_start(&mc[*started], 1);
		*started += !ret;
	}
	return ret;
}

TEST_F(cgroup, memory)
{
	long long before = memory_used(self->group), after;

	ASSERT_GE(before, 0);
	ASSERT_EQ(0, start_all(self->mc, &self->started));
	after = memory_used(self->group);
	EXPECT_GE(after - before, CONTEXTS * BUFFER);
	while (self->started)
		capi_memcpy_close(&self->mc[--self->started]);
	EXPECT_TRUE(WAIT_UNTIL(memory_used(self->group) <
			       after - CONTEXTS * BUFFER / 2));
}

/* Of the kernel, on behalf of the group */
static long long kernel_memory(const char *group)
{
	char path[PATH_MAX], text[4096];
	const char *line;

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	if (read_file(path, text, sizeof(text)) <= 0)
		return -1;
	line = strstr(text, "\nkernel ");
	return line ? atoll(line + strlen("\nkernel ")) : -1;
}

/* What a device remembers of what its driver translated */
TEST_F(cgroup, translations)
{
	long long before = kernel_memory(self->group);
	struct translator t;

	if (before < 0)
		SKIP(return, "this kernel does not say what it took itself");
	ASSERT_EQ(0, translator_open(&t));
	EXPECT_TRUE(WAIT_UNTIL(kernel_memory(self->group) >=
			       before + TRANSLATIONS));
	before = kernel_memory(self->group);
	EXPECT_EQ(0, translator_close(&t));
	EXPECT_TRUE(WAIT_UNTIL(kernel_memory(self->group) <=
			       before - TRANSLATIONS));
}

/* How many of the AFU's threads are in the group */
static unsigned int threads(void)
{
	char path[300], text[256];
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int n = 0;

	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file(path, text, sizeof(text)) <= 0 ||
		    strncmp(text, "capi-afu", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cgroup", entry->d_name);
		n += read_file(path, text, sizeof(text)) > 0 &&
		     strstr(text, "0::/capi-selftest\n");
	}
	if (proc)
		closedir(proc);
	return n;
}

TEST_F(cgroup, threads)
{
	ASSERT_EQ(0, start_all(self->mc, &self->started));
	EXPECT_EQ(CONTEXTS, threads());
}

TEST_HARNESS_MAIN
