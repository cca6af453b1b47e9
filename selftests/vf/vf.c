// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../text_file.h"
#include "vf.h"

#define MAX_CAPS	48

int vf_write(struct vf *vf, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), VF_DEVICES "/%s/%s", vf->bdf, name);
	return write_file(path, text);
}

static bool is_ours(const char *vendor)
{
	char text[16];

	return read_file(vendor, text, sizeof(text)) > 0 &&
	       strtoul(text, NULL, 16) == CAPI_ECHO_VENDOR;
}

/* Fills in the name. */
static int find_function(struct vf *vf)
{
	const char *which = getenv("VF");
	unsigned int n = which ? atoi(which) : 0;
	int ret = -ENODEV;
	glob_t found;
	size_t i;

	if (glob(VF_DEVICES "/*/vendor", 0, NULL, &found))
		return -ENODEV;
	for (i = 0; i < found.gl_pathc && ret; i++) {
		if (!is_ours(found.gl_pathv[i]) || n--)
			continue;
		snprintf(vf->bdf, sizeof(vf->bdf), "%.12s",
			 found.gl_pathv[i] + strlen(VF_DEVICES "/"));
		ret = 0;
	}
	globfree(&found);
	return ret;
}

/* Opening */

static int map_bar(struct vf *vf, unsigned int bar)
{
	char path[PATH_MAX];
	struct stat stat;
	int fd, ret = 0;
	void *base;

	snprintf(path, sizeof(path), VF_DEVICES "/%s/resource%u", vf->bdf, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat)) {
		ret = -errno;
		goto out;
	}
	base = mmap(NULL, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (base == MAP_FAILED) {
		ret = -errno;
		goto out;
	}
	vf->bars[bar].base = base;
	vf->bars[bar].size = stat.st_size;
out:
	close(fd);
	return ret;
}

static int open_config(struct vf *vf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), VF_DEVICES "/%s/config", vf->bdf);
	vf->config = open(path, O_RDWR | O_CLOEXEC);
	return vf->config < 0 ? -errno : 0;
}

int vf_enable(struct vf *vf)
{
	__u32 command = vf_config_get(vf, PCI_COMMAND, 2);

	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return vf_config_put(vf, PCI_COMMAND, 2, command);
}

int vf_open(struct vf *vf)
{
	unsigned int bar;
	int ret;

	memset(vf, 0, sizeof(*vf));
	vf->config = -1;
	ret = find_function(vf);
	if (ret) {
		fprintf(stderr, "there is no function of vendor %x\n",
			CAPI_ECHO_VENDOR);
		return ret;
	}
	/* Nobody may put the function or its port to sleep. */
	vf_write(vf, "power/control", "on");

	ret = open_config(vf);
	for (bar = VF_REGISTERS; bar <= VF_MSIX && !ret; bar += 2)
		ret = map_bar(vf, bar);
	if (!ret)
		ret = vf_enable(vf);
	if (!ret && vf_get(vf, CAPI_MDEV_REG_ID) != CAPI_MDEV_ID)
		ret = -ENXIO;
	if (ret) {
		fprintf(stderr, "%s cannot be used: %s\n", vf->bdf,
			strerror(-ret));
		vf_close(vf);
	}
	return ret;
}

void vf_close(struct vf *vf)
{
	unsigned int bar;

	for (bar = 0; bar < VF_NUM_BARS; bar++)
		if (vf->bars[bar].size)
			munmap(vf->bars[bar].base, vf->bars[bar].size);
	if (vf->config >= 0)
		close(vf->config);
	memset(vf->bars, 0, sizeof(vf->bars));
	vf->config = -1;
}

/* BARs: relaxed atomics are single accesses, and no more than that. */

__u64 vf_load(const struct vf *vf, unsigned int bar, __u64 off,
	      unsigned int width)
{
	const void *at = (const char *)vf->bars[bar].base + off;

	switch (width) {
	case 1:
		return __atomic_load_n((const __u8 *)at, __ATOMIC_RELAXED);
	case 2:
		return le16toh(__atomic_load_n((const __u16 *)at,
					       __ATOMIC_RELAXED));
	case 4:
		return le32toh(__atomic_load_n((const __u32 *)at,
					       __ATOMIC_RELAXED));
	default:
		return le64toh(__atomic_load_n((const __u64 *)at,
					       __ATOMIC_RELAXED));
	}
}

void vf_store(struct vf *vf, unsigned int bar, __u64 off, unsigned int width,
	      __u64 value)
{
	void *at = (char *)vf->bars[bar].base + off;

	switch (width) {
	case 1:
		__atomic_store_n((__u8 *)at, value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((__u16 *)at, htole16(value), __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((__u32 *)at, htole32(value), __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((__u64 *)at, htole64(value), __ATOMIC_RELAXED);
	}
}

/* Configuration space */

__u32 vf_config_get(const struct vf *vf, unsigned int off, unsigned int width)
{
	__u32 value = 0;

	if (pread(vf->config, &value, width, off) != width)
		return ~0U >> (32 - 8 * width);
	return le32toh(value);
}

int vf_config_put(struct vf *vf, unsigned int off, unsigned int width,
		  __u32 value)
{
	ssize_t done;

	value = htole32(value);
	done = pwrite(vf->config, &value, width, off);
	if (done < 0)
		return -errno;
	return done == width ? 0 : -EIO;
}

unsigned int vf_find_cap(const struct vf *vf, unsigned int id)
{
	unsigned int off = vf_config_get(vf, PCI_CAPABILITY_LIST, 1);
	int i;

	for (i = 0; i < MAX_CAPS && off; i++) {
		if (off < PCI_STD_HEADER_SIZEOF || off % 4)
			return 0;
		if (vf_config_get(vf, off, 1) == id)
			return off;
		off = vf_config_get(vf, off + 1, 1);
	}
	return 0;
}

/* Registers */

__u32 vf_get(const struct vf *vf, unsigned int reg)
{
	return vf_load(vf, VF_REGISTERS, reg, 4);
}

void vf_put(struct vf *vf, unsigned int reg, __u32 value)
{
	vf_store(vf, VF_REGISTERS, reg, 4, value);
}

__u64 vf_echo_get(const struct vf *vf, unsigned int reg)
{
	return vf_load(vf, VF_PSA, reg, 8);
}

void vf_echo_put(struct vf *vf, unsigned int reg, __u64 value)
{
	vf_store(vf, VF_PSA, reg, 8, value);
}

int vf_command(struct vf *vf, __u32 command)
{
	vf_put(vf, CAPI_MDEV_REG_COMMAND, command);
	return -(int)vf_get(vf, CAPI_MDEV_REG_RESULT);
}

int vf_start(struct vf *vf, __u64 wed)
{
	vf_store(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8, wed);
	return vf_command(vf, CAPI_MDEV_COMMAND_START);
}

/* The event window */

void vf_window(struct vf *vf, bool enable)
{
	vf_put(vf, CAPI_MDEV_REG_EVENT_CONTROL,
	       enable ? CAPI_MDEV_EVENT_ENABLE : 0);
}

/* 8 bytes of the event shown, as they are */
static void copy_piece(struct vf *vf, union vf_event *event, unsigned int off)
{
	__u64 piece = htole64(vf_load(vf, VF_REGISTERS,
				      CAPI_MDEV_REG_EVENT_DATA + off, 8));

	memcpy(&event->bytes[off], &piece, sizeof(piece));
}

__u32 vf_look(struct vf *vf, union vf_event *event)
{
	unsigned int off;
	__u32 token;

	vf_put(vf, CAPI_MDEV_REG_EVENT_LOOK, 1);
	token = vf_get(vf, CAPI_MDEV_REG_EVENT_TOKEN);
	if (!token)
		return 0;

	memset(event, 0, sizeof(*event));
	copy_piece(vf, event, 0);
	for (off = 8; off < event->header.size && off < sizeof(*event); off += 8)
		copy_piece(vf, event, off);
	return token;
}

void vf_acknowledge(struct vf *vf, __u32 token)
{
	vf_put(vf, CAPI_MDEV_REG_EVENT_ACK, token);
}

__u64 vf_number(const union vf_event *event)
{
	__u64 number;

	memcpy(&number, &event->bytes[VF_PAYLOAD], sizeof(number));
	return le64toh(number);
}

long long vf_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}
