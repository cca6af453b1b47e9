// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context of an AFU, used from a program through /dev/cxl.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capi_cxl.h"

#define CLASS	"/sys/class/cxl"
#define NODES	"/dev/cxl"

/* Keeps the sentence; the value is the error. */
#define fail(cxl, errnum, ...)						\
({									\
	int __error = (errnum);						\
									\
	snprintf((cxl)->error, sizeof((cxl)->error), __VA_ARGS__);	\
	__error;							\
})

/* The number in the file @name of the folder @dir, or -1. */
static long long read_number(const char *dir, const char *name)
{
	char path[PATH_MAX];
	long long value;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%lli", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static bool has_record(const char *afu, __u16 vendor, __u16 device)
{
	return read_number(afu, "cr0/vendor") == vendor &&
	       read_number(afu, "cr0/device") == device;
}

int capi_cxl_find(__u16 vendor, __u16 device, char *node, size_t size)
{
	int ret = -ENOENT;
	glob_t afus;
	size_t i;

	if (glob(CLASS "/afu*", 0, NULL, &afus))
		return ret;
	for (i = 0; ret && i < afus.gl_pathc; i++) {
		const char *afu = afus.gl_pathv[i];
		const char *name = strrchr(afu, '/') + 1;

		if (!has_record(afu, vendor, device))
			continue;
		snprintf(node, size, NODES "/%ss", name);
		if (access(node, F_OK))
			snprintf(node, size, NODES "/%sd", name);
		if (!access(node, F_OK))
			ret = 0;
	}
	globfree(&afus);
	return ret;
}

static int open_failed(struct capi_cxl *cxl, const char *node, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return fail(cxl, -error,
			    "no permission to open %s: run as root, or have it given to you with 'chown USER %s'",
			    node, node);
	case ENOENT:
		return fail(cxl, -error,
			    "there is no %s: 'ls %s' shows what there is, 'modprobe capi_sim' brings a software adapter",
			    node, CLASS);
	case ENOSPC:
		return fail(cxl, -error,
			    "all contexts of %s are in use: end another of its users first",
			    node);
	default:
		return fail(cxl, -error, "cannot open %s: %s", node,
			    strerror(error));
	}
}

int capi_cxl_check(struct capi_cxl *cxl)
{
	struct pollfd file = { .fd = cxl->fd };

	if (poll(&file, 1, 0) != 1 || !(file.revents & POLLERR))
		return 0;
	return fail(cxl, -EIO,
		    "the adapter is gone or its link down: try again when it is back");
}

/* Why it failed, if it did: an adapter that goes takes nodes and sysfs along. */
static int reason(struct capi_cxl *cxl, int ret)
{
	return ret && capi_cxl_check(cxl) ? -EIO : ret;
}

int capi_cxl_open(struct capi_cxl *cxl, const char *node)
{
	struct cxl_afu_id id;

	memset(cxl, 0, sizeof(*cxl));
	cxl->fd = open(node, O_RDWR | O_CLOEXEC);
	if (cxl->fd < 0)
		return open_failed(cxl, node, errno);

	if (ioctl(cxl->fd, CXL_IOCTL_GET_AFU_ID, &id)) {
		int ret = fail(cxl, -errno, "%s is no AFU: %s", node,
			       strerror(errno));

		ret = reason(cxl, ret);
		capi_cxl_close(cxl);
		return ret;
	}
	return 0;
}

void capi_cxl_close(struct capi_cxl *cxl)
{
	if (cxl->psa)
		munmap(cxl->psa, cxl->size);
	if (cxl->fd >= 0)
		close(cxl->fd);
	cxl->psa = NULL;
	cxl->fd = -1;
}

/* Where sysfs has the node. Its parent is the AFU. */
static int find_folder(struct capi_cxl *cxl, char *dir, size_t size)
{
	struct stat st;

	if (fstat(cxl->fd, &st))
		return -errno;
	snprintf(dir, size, "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	return 0;
}

bool capi_cxl_is(struct capi_cxl *cxl, __u16 vendor, __u16 device)
{
	char dir[64];

	if (find_folder(cxl, dir, sizeof(dir)))
		return false;
	strcat(dir, "/..");
	return has_record(dir, vendor, device);
}

static int try_start(struct capi_cxl *cxl, __u64 wed, int irqs)
{
	struct cxl_ioctl_start_work work = {
		.work_element_descriptor = wed,
	};

	if (irqs >= 0) {
		work.flags = CXL_START_WORK_NUM_IRQS;
		work.num_interrupts = irqs;
	}
	if (!ioctl(cxl->fd, CXL_IOCTL_START_WORK, &work))
		return 0;
	if (errno == ENOSPC)
		return fail(cxl, -errno,
			    "the adapter has too few interrupts left: end another of its users first");
	return fail(cxl, -errno, "cannot start the context: %s",
		    strerror(errno));
}

int capi_cxl_start(struct capi_cxl *cxl, __u64 wed, int irqs)
{
	return reason(cxl, try_start(cxl, wed, irqs));
}

static int try_map(struct capi_cxl *cxl)
{
	long long size;
	char dir[64];
	void *psa;

	if (find_folder(cxl, dir, sizeof(dir)))
		return fail(cxl, -errno, "cannot identify the node: %s",
			    strerror(errno));
	size = read_number(dir, "mmio_size");
	if (size < 0)
		size = read_number(dir, "../mmio_size");
	if (size <= 0)
		return fail(cxl, -ENOENT,
			    "%s does not say how large the registers are", dir);

	psa = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cxl->fd, 0);
	if (psa == MAP_FAILED)
		return fail(cxl, -errno, "cannot map the registers: %s",
			    strerror(errno));
	cxl->psa = psa;
	cxl->size = size;
	return 0;
}

int capi_cxl_map(struct capi_cxl *cxl)
{
	return reason(cxl, try_map(cxl));
}

int capi_cxl_event(struct capi_cxl *cxl, union capi_cxl_event *event,
		   int timeout)
{
	struct pollfd wait = { .fd = cxl->fd, .events = POLLIN };
	int ret = poll(&wait, 1, timeout);
	ssize_t len;

	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIMEDOUT;
	len = read(cxl->fd, event, sizeof(*event));
	if (len < 0)
		return -errno;
	return (size_t)len == event->header.size ? event->header.type : -EIO;
}

static __u64 *address(struct capi_cxl *cxl, size_t reg)
{
	return (__u64 *)((char *)cxl->psa + reg);
}

__u64 capi_cxl_get(struct capi_cxl *cxl, size_t reg)
{
	return be64toh(__atomic_load_n(address(cxl, reg), __ATOMIC_ACQUIRE));
}

void capi_cxl_put(struct capi_cxl *cxl, size_t reg, __u64 value)
{
	__atomic_store_n(address(cxl, reg), htobe64(value), __ATOMIC_RELEASE);
}
