// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of problem state areas: what may be mapped, what is seen there, and
 * what is left of it when the context is gone.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"

FIXTURE(cxl_mmap) {
	struct afu afu;
	struct context context;
	size_t page;
	size_t size;
	int fd;
};

FIXTURE_SETUP(cxl_mmap)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->page = sysconf(_SC_PAGESIZE);
	self->size = afu_number(&self->afu, "mmio_size");
	/* A page of registers, which cannot be mapped, and one of memory */
	ASSERT_EQ(2 * self->page, self->size);
	self->fd = node_open(&self->afu, 's', 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cxl_context(&self->afu, self->fd, &self->context));
}

FIXTURE_TEARDOWN(cxl_mmap)
{
	close(self->fd);
}

#define EXPECT_MAP_ERROR(error, ...)					\
do {									\
	EXPECT_EQ(MAP_FAILED, cxl_map(__VA_ARGS__));			\
	EXPECT_EQ(error, errno);					\
} while (0)

/* The memory of a started context; NULL where it cannot be mapped */
static char *map_memory(int fd, size_t page)
{
	void *memory = cxl_map(fd, page, page);

	return memory == MAP_FAILED ? NULL : memory;
}

#define STORE(address, value)						\
	__atomic_store_n((__u32 *)(address), value, __ATOMIC_RELAXED)

#define EXPECT_LOAD(expected, address)					\
do {									\
	__u32 __value = 0;						\
									\
	EXPECT_TRUE(can_load(address, &__value));			\
	EXPECT_EQ(expected, __value);					\
} while (0)

#define EXPECT_SIGBUS(address)						\
do {									\
	__u32 __value;							\
									\
	EXPECT_FALSE(can_load(address, &__value));			\
} while (0)

TEST_F(cxl_mmap, only_while_started)
{
	NEEDS_HOST(return);
	EXPECT_MAP_ERROR(EIO, self->fd, self->size, 0);
	/* Even what could never be mapped */
	EXPECT_MAP_ERROR(EIO, self->fd, self->size + self->page, 0);
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_NE(MAP_FAILED, cxl_map(self->fd, self->size, 0));
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_MAP_ERROR(EIO, self->fd, self->size, 0);
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_MAP_ERROR(EIO, self->fd, self->size, 0);
}

TEST_F(cxl_mmap, sizes_and_offsets)
{
	size_t page = self->page, size = self->size;

	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_NE(MAP_FAILED, cxl_map(self->fd, size, 0));
	EXPECT_NE(MAP_FAILED, cxl_map(self->fd, page, 0));
	EXPECT_NE(MAP_FAILED, cxl_map(self->fd, page, size - page));
	EXPECT_NE(MAP_FAILED, cxl_map(self->fd, 1, 0));

	EXPECT_MAP_ERROR(EINVAL, self->fd, size + 1, 0);
	EXPECT_MAP_ERROR(EINVAL, self->fd, size + page, 0);
	EXPECT_MAP_ERROR(EINVAL, self->fd, size, page);
	EXPECT_MAP_ERROR(EINVAL, self->fd, page, size);
	EXPECT_MAP_ERROR(EINVAL, self->fd, page, 1ULL << 40);
	EXPECT_MAP_ERROR(EINVAL, self->fd, page, INT64_MAX - page + 1);
}

TEST_F(cxl_mmap, shared_only)
{
	ASSERT_EQ(0, cxl_start(self->fd));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->size, PROT_READ, MAP_PRIVATE,
				   self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_NE(MAP_FAILED, mmap(NULL, self->size, PROT_READ, MAP_SHARED,
				   self->fd, 0));
}

/* Like node_open(), and starts the context. */
static int start_for_reading(const struct afu *afu, char node)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/cxl/%s%c", afu->name, node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || cxl_start(fd) ? -1 : fd;
}

/* Who may only read the node looks at registers. */
TEST_F(cxl_mmap, for_reading)
{
	int fd = start_for_reading(&self->afu, 's');
	char *area;

	ASSERT_GE(fd, 0);
	area = mmap(NULL, self->size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, area);
	EXPECT_LOAD(0, area + self->page);
	EXPECT_EQ(-1, mprotect(area, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->size, PROT_READ, MAP_PRIVATE, fd,
				   0));
	EXPECT_EQ(EINVAL, errno);
	munmap(area, self->size);
	close(fd);
}

TEST_F(cxl_mmap, registers_and_memory)
{
	char *area, *memory;

	ASSERT_EQ(0, cxl_start(self->fd));
	area = cxl_map(self->fd, self->size, 0);
	ASSERT_NE(MAP_FAILED, area);
	memory = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);

	EXPECT_SIGBUS(area);
	EXPECT_LOAD(0, area + self->page);
	STORE(area + self->page, 0x12345678);
	EXPECT_LOAD(0x12345678, memory);
	STORE(memory + self->page - 4, 0x9abcdef0);
	EXPECT_LOAD(0x9abcdef0, area + self->size - 4);
	/* What cannot be seen can be left out afterwards too. */
	ASSERT_EQ(0, munmap(area, self->page));
	EXPECT_LOAD(0x12345678, area + self->page);
}

/* Each context has its own, and leaves nothing there. */
TEST_F(cxl_mmap, contexts_do_not_share)
{
	int other = node_open(&self->afu, 's', 0);
	char *memory, *its;

	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, cxl_start(self->fd));
	ASSERT_EQ(0, cxl_start(other));
	memory = map_memory(self->fd, self->page);
	its = map_memory(other, self->page);
	ASSERT_NE(NULL, memory);
	ASSERT_NE(NULL, its);
	STORE(memory, 1);
	EXPECT_LOAD(0, its);
	STORE(its, 2);
	ASSERT_EQ(0, munmap(its, self->page));
	close(other);
	EXPECT_LOAD(1, memory);

	other = node_open(&self->afu, 's', 0);
	ASSERT_EQ(0, cxl_start(other));
	its = map_memory(other, self->page);
	ASSERT_NE(NULL, its);
	EXPECT_LOAD(0, its);
	close(other);
}

TEST_F(cxl_mmap, link_down)
{
	char *memory;

	NEEDS_HOST(return);
	ASSERT_EQ(0, cxl_start(self->fd));
	memory = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);
	STORE(memory, 1);
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_SIGBUS(memory);
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_SIGBUS(memory);
}

TEST_F(cxl_mmap, adapter_dropped)
{
	char *memory, *untouched;

	ASSERT_EQ(0, cxl_start(self->fd));
	memory = map_memory(self->fd, self->page);
	untouched = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);
	ASSERT_NE(NULL, untouched);
	STORE(memory, 1);
	ASSERT_EQ(0, context_drop(&self->context));
	EXPECT_SIGBUS(memory);
	EXPECT_SIGBUS(untouched);
	EXPECT_MAP_ERROR(EIO, self->fd, self->size, 0);
	ASSERT_EQ(0, munmap(memory, self->page));
	ASSERT_EQ(0, munmap(untouched, self->page));
}

/* How a context is lost */
FIXTURE(cxl_ones) {
	struct afu afu;
	struct context context;
	size_t page;
	int nr;
	int fds[2];
	char *areas[2];
};

FIXTURE_VARIANT(cxl_ones) {
	bool drop;
};

FIXTURE_VARIANT_ADD(cxl_ones, link) {
	.drop = false,
};

FIXTURE_VARIANT_ADD(cxl_ones, drop) {
	.drop = true,
};

FIXTURE_SETUP(cxl_ones)
{
	int i;

	if (!variant->drop)
		NEEDS_HOST(return);
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->page = sysconf(_SC_PAGESIZE);
	/* The second is there to be looked at only. */
	self->nr = in_guest() ? 1 : 2;
	for (i = 0; i < self->nr; i++) {
		self->fds[i] = node_open(&self->afu, 's', 0);
		ASSERT_GE(self->fds[i], 0);
		ASSERT_EQ(0, cxl_start_ones(self->fds[i]));
		self->areas[i] = cxl_map(self->fds[i], 2 * self->page, 0);
		ASSERT_NE(MAP_FAILED, self->areas[i]);
	}
	ASSERT_EQ(0, cxl_context(&self->afu, self->fds[0], &self->context));
}

FIXTURE_TEARDOWN(cxl_ones)
{
	int i;

	for (i = 0; i < self->nr; i++) {
		munmap(self->areas[i], 2 * self->page);
		close(self->fds[i]);
	}
}

TEST_F(cxl_ones, instead_of_a_signal)
{
	char *memory = self->areas[0] + self->page;
	char *its = self->areas[self->nr - 1] + self->page;

	/* Only what is lost reads ones. */
	EXPECT_SIGBUS(self->areas[0]);
	STORE(memory, 1);
	EXPECT_LOAD(1, memory);

	if (variant->drop) {
		ASSERT_EQ(0, context_drop(&self->context));
	} else {
		ASSERT_EQ(0, context_link(&self->context, false));
		EXPECT_LOAD(~0U, memory);
		ASSERT_EQ(0, context_link(&self->context, true));
	}
	EXPECT_LOAD(~0U, memory);
	EXPECT_LOAD(~0U, memory + self->page - 4);
	EXPECT_LOAD(~0U, self->areas[0]);

	/* A store harms nobody. */
	STORE(memory, 2);
	STORE(self->areas[0] + 8, 2);
	if (in_guest())
		return;
	EXPECT_LOAD(~0U, its);
	EXPECT_LOAD(~0U, its + 8);
	EXPECT_LOAD(~0U, its - self->page);
	EXPECT_LOAD(~0U, its - self->page + 8);
}

/* A mapping holds the context as a descriptor does. */
TEST_F(cxl_mmap, outlives_its_descriptor)
{
	int i, other;
	char *memory;

	ASSERT_EQ(0, cxl_start(self->fd));
	memory = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);
	close(self->fd);

	STORE(memory, 7);
	EXPECT_LOAD(7, memory);
	EXPECT_EQ(0, context_post(&self->context, "irq 1"));
	for (i = 1; i < ECHO_CONTEXTS; i++)
		EXPECT_GE(node_open(&self->afu, 's', 0), 0);
	other = node_open(&self->afu, 's', 0);
	EXPECT_EQ(-ENOSPC, in_guest() ? cxl_start(other) : other);
	EXPECT_EQ(-EBUSY, afu_set(&self->afu, "mode", "none"));
	EXPECT_EQ(-EBUSY, cxl_unload());

	ASSERT_EQ(0, munmap(memory, self->page));
	other = node_open(&self->afu, 's', 0);
	EXPECT_GE(other, 0);
	EXPECT_EQ(self->context.pe, cxl_process_element(other));
	EXPECT_EQ(0, cxl_start(other));
}

TEST_F(cxl_mmap, child_has_it_too)
{
	char *memory;
	int status;
	pid_t pid;

	ASSERT_EQ(0, cxl_start(self->fd));
	memory = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);
	STORE(memory, 1);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		__u32 value;

		if (!can_load(memory, &value) || value != 1)
			_exit(1);
		STORE(memory + 4, 2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LOAD(2, memory + 4);
}

TEST_F(cxl_mmap, does_not_grow)
{
	char *memory;

	ASSERT_EQ(0, cxl_start(self->fd));
	memory = map_memory(self->fd, self->page);
	ASSERT_NE(NULL, memory);
	EXPECT_EQ(MAP_FAILED, mremap(memory, self->page, 4 * self->page,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	STORE(memory, 3);
	EXPECT_LOAD(3, memory);
}

TEST_F(cxl_mmap, dedicated)
{
	char *area;
	int fd;

	NOT_IN_GUEST(return, "needs dedicated mode, a VF has directed mode only");
	close(self->fd);
	ASSERT_EQ(0, afu_set(&self->afu, "mode", "dedicated_process"));
	fd = node_open(&self->afu, 'd', 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cxl_start(fd));
	EXPECT_MAP_ERROR(EINVAL, fd, self->size + self->page, 0);
	area = cxl_map(fd, self->size, 0);
	ASSERT_NE(MAP_FAILED, area);
	EXPECT_SIGBUS(area);
	STORE(area + self->page, 1);
	EXPECT_LOAD(1, area + self->page);
	munmap(area, self->size);
	close(fd);
}

/* The echo AFU has no area for masters. */
TEST_F(cxl_mmap, master_without_an_area)
{
	int fd = node_open(&self->afu, 'm', 0);

	EXPECT_EQ(0, node_number(&self->afu, 'm', "mmio_size"));
	ASSERT_EQ(0, cxl_start(fd));
	EXPECT_MAP_ERROR(EINVAL, fd, self->page, 0);
	close(fd);
}

/* Of the memcpy AFU's registers of a process */
#define MEMCPY_HANDLE		0x08
#define MEMCPY_NO_REGISTER	0x800

FIXTURE(cxl_master) {
	struct afu afu;
	size_t page;
	size_t area_size;
	size_t pp_off;
	size_t pp_len;
	int master;
	int slaves[2];
};

FIXTURE_SETUP(cxl_master)
{
	int i;

	NEEDS_CONTEXTS(return);
	ASSERT_EQ(0, cxl_load("memcpy:4"));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	self->page = sysconf(_SC_PAGESIZE);
	self->area_size = node_number(&self->afu, 'm', "mmio_size");
	self->pp_off = node_number(&self->afu, 'm', "pp_mmio_off");
	self->pp_len = node_number(&self->afu, 'm', "pp_mmio_len");
	for (i = 0; i < 2; i++) {
		self->slaves[i] = node_open(&self->afu, 's', 0);
		ASSERT_GE(self->slaves[i], 0);
	}
	self->master = node_open(&self->afu, 'm', 0);
	ASSERT_GE(self->master, 0);
}

FIXTURE_TEARDOWN(cxl_master)
{
	close(self->slaves[0]);
	close(self->slaves[1]);
	close(self->master);
}

TEST_F(cxl_master, numbers)
{
	EXPECT_EQ(self->page, self->pp_len);
	EXPECT_EQ(self->pp_len, afu_number(&self->afu, "mmio_size"));
	EXPECT_EQ(self->area_size, self->pp_off + 4 * self->pp_len);
}

TEST_F(cxl_master, sees_its_slaves)
{
	char *area, *its;
	__u64 *handle;
	int i, pe;

	EXPECT_MAP_ERROR(EIO, self->master, self->area_size, 0);
	ASSERT_EQ(0, cxl_start(self->master));
	EXPECT_MAP_ERROR(EINVAL, self->master, self->area_size + self->page, 0);
	area = cxl_map(self->master, self->area_size, 0);
	ASSERT_NE(MAP_FAILED, area);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, cxl_start(self->slaves[i]));
		its = cxl_map(self->slaves[i], self->page, 0);
		ASSERT_NE(MAP_FAILED, its);
		EXPECT_MAP_ERROR(EINVAL, self->slaves[i], 2 * self->page, 0);

		pe = cxl_process_element(self->slaves[i]);
		handle = (__u64 *)(area + self->pp_off + pe * self->pp_len +
				   MEMCPY_HANDLE);
		EXPECT_EQ((__u64)pe << 48,
			  be64toh(__atomic_load_n(handle, __ATOMIC_RELAXED)));
		STORE(its + MEMCPY_NO_REGISTER, 0x1000 + i);
		EXPECT_LOAD(0x1000 + i, area + self->pp_off +
			    pe * self->pp_len + MEMCPY_NO_REGISTER);
	}
	/* And the registers that are its own */
	EXPECT_LOAD(0, area + self->pp_off - self->page);
	munmap(area, self->area_size);
}

/* Who may only read the master's node looks at all of them. */
TEST_F(cxl_master, for_reading)
{
	int fd = start_for_reading(&self->afu, 'm');
	char *area;

	ASSERT_GE(fd, 0);
	area = mmap(NULL, self->area_size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, area);
	EXPECT_LOAD(0, area + self->pp_off - self->page);
	EXPECT_EQ(-1, mprotect(area, self->page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap(area, self->area_size);
	close(fd);
}

TEST_F(cxl_master, area_is_lost_with_the_master)
{
	struct context context;
	char *area;

	ASSERT_EQ(0, cxl_start(self->master));
	ASSERT_EQ(0, cxl_start(self->slaves[0]));
	ASSERT_EQ(0, cxl_context(&self->afu, self->master, &context));
	area = cxl_map(self->master, self->area_size, 0);
	ASSERT_NE(MAP_FAILED, area);
	EXPECT_LOAD(0, area);
	ASSERT_EQ(0, context_link(&context, false));
	EXPECT_SIGBUS(area);
	EXPECT_SIGBUS(area + self->pp_off);
	ASSERT_EQ(0, context_link(&context, true));
	EXPECT_SIGBUS(area);
	munmap(area, self->area_size);
}

TEST_HARNESS_MAIN
