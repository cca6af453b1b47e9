// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcpy AFU with a process's addresses: memory that is there when it is
 * asked for, memory that is not, and how the AFU goes on after it.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "guest.h"
#include "memcpy.h"
#include "vfio_mdev.h"

#define DONE	CAPI_MEMCPY_STATUS_COMPLETE
#define FAULT	CAPI_MEMCPY_STATUS_TRANSLATION
#define LOAD	CAPI_MEMCPY_DSISR
#define STORE	(CAPI_MEMCPY_DSISR | CAPI_MEMCPY_DSISR_STORE)
#define PAGES	16

FIXTURE(memcpy_fault) {
	struct capi_memcpy mc;
	size_t page;
	char *src;
	char *dst;
};

FIXTURE_SETUP(memcpy_fault)
{
	ASSERT_EQ(0, memcpy_load());
	ASSERT_EQ(0, memcpy_start(&self->mc, 4));
	self->page = page_size();
	/* One more than the longest element has */
	self->src = memcpy_pages(PAGES + 1);
	self->dst = memcpy_pages(PAGES + 1);
	ASSERT_NE(NULL, self->src);
	ASSERT_NE(NULL, self->dst);
}

FIXTURE_TEARDOWN(memcpy_fault)
{
	capi_memcpy_close(&self->mc);
}

/* The element fails there, the AFU stops, and goes on with the next. */
#define EXPECT_FAULT(element, address, why)				\
do {									\
	union capi_cxl_event __event = { };				\
	char __byte = 0;						\
									\
	EXPECT_STATUS(FAULT, element);					\
	ASSERT_EQ(CXL_EVENT_DATA_STORAGE,				\
		  capi_cxl_event(&self->mc.cxl, &__event, PATIENCE));	\
	EXPECT_EQ((uintptr_t)(address), __event.event.fault.addr);	\
	EXPECT_EQ(why, __event.event.fault.dsisr);			\
	ASSERT_TRUE(capi_memcpy_stopped(&self->mc));			\
	capi_memcpy_restart(&self->mc);					\
	EXPECT_STATUS(DONE, capi_memcpy_copy(&self->mc, &__byte, "x", 1)); \
	EXPECT_EQ('x', __byte);						\
} while (0)

static struct capi_memcpy_element *copy(struct capi_memcpy *mc, void *dst,
					const void *src)
{
	return capi_memcpy_copy(mc, dst, src, CAPI_MEMCPY_MAX_LENGTH);
}

static bool same(const void *a, const void *b)
{
	return !memcmp(a, b, CAPI_MEMCPY_MAX_LENGTH);
}

static void fill(char *memory, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		memory[i] = i * 11 + i / 4096 + 1;
}

/* Memory that comes when it is asked for */

TEST_F(memcpy_fault, untouched_destination)
{
	fill(self->src, PAGES * self->page);
	EXPECT_STATUS(DONE, copy(&self->mc, self->dst, self->src));
	EXPECT_TRUE(same(self->dst, self->src));
}

TEST_F(memcpy_fault, untouched_source)
{
	fill(self->dst, PAGES * self->page);
	EXPECT_STATUS(DONE, copy(&self->mc, self->dst, self->src));
	EXPECT_TRUE(same(self->dst, self->src));
	EXPECT_EQ(0, self->dst[0]);
}

TEST_F(memcpy_fault, thrown_away)
{
	unsigned int round;

	for (round = 0; round < 10; round++) {
		fill(self->src, PAGES * self->page);
		fill(self->dst, PAGES * self->page);
		ASSERT_EQ(0, madvise(self->dst, PAGES * self->page,
				     MADV_DONTNEED));
		ASSERT_EQ(DONE, memcpy_status(copy(&self->mc, self->dst,
						   self->src)));
		ASSERT_TRUE(same(self->dst, self->src));
		ASSERT_EQ(0, madvise(self->src, self->page, MADV_DONTNEED));
		ASSERT_EQ(DONE, memcpy_status(copy(&self->mc, self->dst,
						   self->src)));
		ASSERT_TRUE(same(self->dst, self->src));
	}
}

/* Unmapped and mapped anew at the same address, it is the new memory. */
TEST_F(memcpy_fault, mapped_anew)
{
	void *again;

	EXPECT_STATUS(DONE, copy(&self->mc, self->dst, self->src));
	ASSERT_EQ(0, munmap(self->dst, PAGES * self->page));
	again = mmap(self->dst, PAGES * self->page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(self->dst, again);
	fill(self->src, PAGES * self->page);
	EXPECT_STATUS(DONE, copy(&self->mc, self->dst, self->src));
	EXPECT_TRUE(same(self->dst, self->src));
}

static char *map_file(int fd, size_t size, int prot, int flags)
{
	char *memory = mmap(NULL, size, prot, flags, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

TEST_F(memcpy_fault, file)
{
	size_t size = PAGES * self->page;
	char *from, *to;
	int fd;

	fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ASSERT_GE(fd, 0);
	fill(self->src, size);
	ASSERT_EQ(size, write(fd, self->src, size));

	/* From a file that nobody has touched through a mapping */
	from = map_file(fd, size, PROT_READ, MAP_PRIVATE);
	ASSERT_NE(NULL, from);
	EXPECT_STATUS(DONE, copy(&self->mc, self->dst, from));
	EXPECT_TRUE(same(self->dst, self->src));

	/* Into a file, for those who read it */
	memset(self->src, 0x5a, size);
	to = map_file(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(NULL, to);
	EXPECT_STATUS(DONE, copy(&self->mc, to, self->src));
	ASSERT_EQ(size, pread(fd, self->dst, size, 0));
	EXPECT_TRUE(same(self->dst, self->src));

	/* What is mapped privately stays out of it. */
	to = map_file(fd, size, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ASSERT_NE(NULL, to);
	memset(self->src, 0x66, size);
	EXPECT_STATUS(DONE, copy(&self->mc, to, self->src));
	EXPECT_TRUE(same(to, self->src));
	ASSERT_EQ(size, pread(fd, self->src, size, 0));
	EXPECT_EQ(0x5a, self->src[0]);

	/* Behind the end of the file there is nothing. */
	ASSERT_EQ(0, ftruncate(fd, self->page));
	EXPECT_FAULT(copy(&self->mc, self->dst, from), from + self->page, LOAD);
	close(fd);
}

/* Memory that does not come */

TEST_F(memcpy_fault, unmapped)
{
	ASSERT_EQ(0, munmap(self->src, self->page));
	ASSERT_EQ(0, munmap(self->dst + self->page, self->page));

	EXPECT_FAULT(capi_memcpy_copy(&self->mc, self->dst, self->src + 5, 8),
		     self->src + 5, LOAD);
	EXPECT_FAULT(capi_memcpy_copy(&self->mc, self->dst + self->page + 7,
				      self->src + self->page, 8),
		     self->dst + self->page + 7, STORE);
	/* In the midst of it */
	EXPECT_FAULT(copy(&self->mc, self->dst + 100, self->src + self->page),
		     self->dst + self->page, STORE);
	EXPECT_FAULT(capi_memcpy_increment(&self->mc, self->dst, self->src),
		     self->src, LOAD);
	EXPECT_FAULT(capi_memcpy_swap(&self->mc, self->src + 8,
				      CAPI_MEMCPY_SWAP_EQUAL, 0, 1),
		     self->src + 8, STORE);
	/* Nothing is wanted, so nothing is missing. */
	EXPECT_STATUS(DONE,
		      capi_memcpy_copy(&self->mc, self->dst, self->src, 0));
}

TEST_F(memcpy_fault, protected)
{
	__be32 word;

	memset(self->dst, 0, self->page);
	ASSERT_EQ(0, mprotect(self->dst, self->page, PROT_READ));
	ASSERT_EQ(0, mprotect(self->src, self->page, PROT_NONE));

	EXPECT_FAULT(capi_memcpy_copy(&self->mc, self->dst + 9, "xyz", 3),
		     self->dst + 9, STORE);
	EXPECT_FAULT(capi_memcpy_copy(&self->mc, &word, self->src + 11, 3),
		     self->src + 11, LOAD);
	EXPECT_FAULT(capi_memcpy_increment(&self->mc, self->dst + 4, self->dst),
		     self->dst + 4, STORE);
	EXPECT_FAULT(capi_memcpy_swap(&self->mc, self->dst + 8,
				      CAPI_MEMCPY_SWAP_EQUAL, 0, 1),
		     self->dst + 8, STORE);
	EXPECT_STATUS(DONE, capi_memcpy_increment(&self->mc, &word, self->dst));
	EXPECT_EQ(1, be32toh(word));
	EXPECT_EQ(0, self->dst[9] | self->dst[4] | self->dst[8]);

	/* As soon as it may, it does. */
	ASSERT_EQ(0, mprotect(self->dst, self->page, PROT_READ | PROT_WRITE));
	EXPECT_STATUS(DONE, capi_memcpy_copy(&self->mc, self->dst + 9, "xyz", 3));
	EXPECT_EQ('x', self->dst[9]);
}

TEST_F(memcpy_fault, not_the_process)
{
	static const __u64 addresses[] = {
		0, 0x7ffffffff000, 0x0000800000000000, 0x8000000000000000,
		0xffff888000000000, 0xffffc90000000000, 0xffffffff81000000,
		0xffffffffffffe000,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		char *there = (char *)addresses[i];

		EXPECT_FAULT(capi_memcpy_copy(&self->mc, self->dst, there, 8),
			     there, LOAD);
		EXPECT_FAULT(capi_memcpy_copy(&self->mc, there, self->src, 8),
			     there, STORE);
		EXPECT_FAULT(capi_memcpy_increment(&self->mc, there, self->src),
			     there, STORE);
		EXPECT_FAULT(capi_memcpy_swap(&self->mc, there,
					      CAPI_MEMCPY_SWAP_NOT_EQUAL, 1, 2),
			     there, LOAD);
	}
}

TEST_F(memcpy_fault, wraps)
{
	char *end = (char *)~7ULL;
	char byte = 0;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		EXPECT_STATUS(CAPI_MEMCPY_STATUS_ADDRESS,
			      i ? capi_memcpy_copy(&self->mc, end, self->src, 9) :
				  capi_memcpy_copy(&self->mc, self->dst, end, 9));
		ASSERT_EQ(0, memcpy_wait_stopped(&self->mc));
		capi_memcpy_restart(&self->mc);
	}
	EXPECT_STATUS(DONE, capi_memcpy_copy(&self->mc, &byte, "x", 1));
	EXPECT_EQ('x', byte);
	/* Up to the end is no wrap, but nobody's memory. */
	EXPECT_FAULT(capi_memcpy_copy(&self->mc, self->dst, end, 8), end, LOAD);
}

/* Beside the event, the AFU's error buffer says what it was. */
TEST_F(memcpy_fault, error_buffer)
{
	struct capi_memcpy_element *element;
	char node[64], path[128];
	union {
		struct capi_memcpy_error error;
		char text[sizeof(struct capi_memcpy_error) + 1];
	} u;
	__u32 pe;

	NOT_IN_GUEST(return, "needs an error buffer, a VF has none");
	ASSERT_EQ(0, capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
				   sizeof(node)));
	node[strlen(node) - 1] = '\0';
	snprintf(path, sizeof(path), "/sys/class/cxl/%s/afu_err_buff",
		 strrchr(node, '/') + 1);
	ASSERT_EQ(0, ioctl(self->mc.cxl.fd, CXL_IOCTL_GET_PROCESS_ELEMENT, &pe));

	ASSERT_EQ(0, munmap(self->dst + self->page, self->page));
	element = capi_memcpy_copy(&self->mc, self->dst + self->page - 1,
				   self->src, 2);
	EXPECT_FAULT(element, self->dst + self->page, STORE);
	ASSERT_EQ(sizeof(u.error), read_file(path, u.text, sizeof(u.text)));
	EXPECT_EQ(pe, be16toh(u.error.pe));
	EXPECT_EQ(FAULT, u.error.status);
	EXPECT_EQ((uintptr_t)element, be64toh(u.error.address));
	EXPECT_EQ((uintptr_t)self->dst + self->page, be64toh(u.error.fault));
	EXPECT_EQ(0, memcmp(&u.error.element.op1, &element->op1,
			    sizeof(*element) - offsetof(typeof(*element), op1)));
}

TEST_F(memcpy_fault, queue_unmapped)
{
	struct capi_memcpy_element *queue = self->mc.queue;
	size_t size = self->mc.depth * sizeof(*queue);
	union capi_cxl_event event;
	unsigned int round;

	ASSERT_EQ(0, munmap(queue, size));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(CXL_EVENT_DATA_STORAGE,
			  capi_cxl_event(&self->mc.cxl, &event, PATIENCE));
		EXPECT_EQ((uintptr_t)queue, event.event.fault.addr);
		EXPECT_EQ(LOAD, event.event.fault.dsisr);
		EXPECT_TRUE(capi_memcpy_stopped(&self->mc));
		if (!round)
			capi_memcpy_restart(&self->mc);
	}

	ASSERT_EQ(queue, mmap(queue, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	capi_memcpy_restart(&self->mc);
	EXPECT_STATUS(DONE, capi_memcpy_copy(&self->mc, self->dst, "x", 1));
	EXPECT_EQ('x', self->dst[0]);
}

TEST_F(memcpy_fault, queue_read_only)
{
	struct capi_memcpy_element *queue = self->mc.queue;
	size_t size = self->mc.depth * sizeof(*queue);
	union capi_cxl_event event;

	/* Both at once, or the AFU may be done before it is read only. */
	EXPECT_STATUS(DONE, capi_memcpy_interrupt(&self->mc, 1));
	ASSERT_EQ(0, memcpy_expect_irq(&self->mc, 1));
	ASSERT_NE(NULL, capi_memcpy_copy(&self->mc, self->dst, "x", 1));
	ASSERT_EQ(0, mprotect(queue, size, PROT_READ));
	capi_memcpy_restart(&self->mc);

	ASSERT_EQ(CXL_EVENT_DATA_STORAGE,
		  capi_cxl_event(&self->mc.cxl, &event, PATIENCE));
	EXPECT_EQ((uintptr_t)&queue[1].status, event.event.fault.addr);
	EXPECT_EQ(STORE, event.event.fault.dsisr);
	EXPECT_TRUE(capi_memcpy_stopped(&self->mc));
}

/* The AFU's own registers as its queue: it works, faults and ends as any other. */
TEST_F(memcpy_fault, queue_in_registers)
{
	union capi_cxl_event event;
	struct capi_cxl cxl;
	char node[64];
	void *at;

	NOT_IN_GUEST(return, "the registers of a VF are not memory for the AFU");
	at = mmap(NULL, self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
				   sizeof(node)));
	ASSERT_EQ(0, capi_cxl_open(&cxl, node));
	ASSERT_EQ(0, capi_cxl_start(&cxl, (uintptr_t)at | 1, -1));
	ASSERT_EQ(CXL_EVENT_DATA_STORAGE,
		  capi_cxl_event(&cxl, &event, PATIENCE));
	EXPECT_EQ((uintptr_t)at, event.event.fault.addr);

	ASSERT_EQ(0, capi_cxl_map(&cxl));
	ASSERT_EQ(at, mmap(at, self->page, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, cxl.fd, 0));
	/* Where it is to copy from is what its STATUS says: nowhere. */
	capi_cxl_put(&cxl, CAPI_MEMCPY_REG_WED, 0x8000000800000000);
	capi_cxl_put(&cxl, CAPI_MEMCPY_REG_PCTRL, CAPI_MEMCPY_RESTART);
	ASSERT_EQ(CXL_EVENT_DATA_STORAGE,
		  capi_cxl_event(&cxl, &event, PATIENCE));
	EXPECT_EQ(0, event.event.fault.addr);
	/* The element's status is the second byte of the register. */
	EXPECT_EQ(FAULT, capi_cxl_get(&cxl, CAPI_MEMCPY_REG_WED) >> 48 & 0xff);
	capi_cxl_close(&cxl);
	ASSERT_EQ(0, munmap(at, self->page));
}

TEST_HARNESS_MAIN
