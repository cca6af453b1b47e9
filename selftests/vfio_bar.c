// SPDX-License-Identifier: GPL-2.0-only
/*
 * Function registers, problem state area, and mapping the latter.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

FIXTURE(vfio_bar) {
	struct mdev mdev;
	struct capi_vfio *vfio;
};

FIXTURE_SETUP(vfio_bar)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_open(&self->mdev));
	self->vfio = &self->mdev.vfio;
}

FIXTURE_TEARDOWN(vfio_bar)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

TEST_F(vfio_bar, identity)
{
	EXPECT_EQ(CAPI_MDEV_ID, bar0_get(&self->mdev, CAPI_MDEV_REG_ID, 4));
	EXPECT_EQ(CAPI_MDEV_VERSION >> 16,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_VERSION, 4) >> 16);
	EXPECT_EQ(mdev_attr(&self->mdev, "process_element"),
		  bar0_get(&self->mdev, CAPI_MDEV_REG_PE, 4));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0, bar0_get(&self->mdev, CAPI_MDEV_REG_RESULT, 4));
	EXPECT_GE(bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4), 1);
}

/* Reads have no side effects and any width and alignment. */
TEST_F(vfio_bar, reads_of_any_size)
{
	unsigned char whole[CAPI_MDEV_BAR0_SIZE];
	unsigned int i;

	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED, 8,
			      0x1122334455667788));
	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_BAR0_REGION_INDEX, 0,
				    whole, sizeof(whole)));
	EXPECT_EQ(0, memcmp(whole, "CAPI", 4));
	EXPECT_EQ(0x88, whole[CAPI_MDEV_REG_WED]);
	EXPECT_EQ(0x11, whole[CAPI_MDEV_REG_WED + 7]);
	for (i = 0; i < 0x60; i++) {
		ASSERT_EQ(whole[i], bar0_get(&self->mdev, i, 1));
		ASSERT_EQ(whole[i] | whole[i + 1] << 8,
			  bar0_get(&self->mdev, i, 2));
		ASSERT_EQ(whole[i] | whole[i + 1] << 8 | whole[i + 2] << 16 |
			  (__u32)whole[i + 3] << 24,
			  bar0_get(&self->mdev, i, 4));
	}
}

TEST_F(vfio_bar, read_only)
{
	unsigned char before[0x60], after[0x60];
	static const unsigned int registers[] = {
		CAPI_MDEV_REG_ID, CAPI_MDEV_REG_VERSION, CAPI_MDEV_REG_STATE,
		CAPI_MDEV_REG_RESULT, CAPI_MDEV_REG_PE, CAPI_MDEV_REG_IRQS,
		CAPI_MDEV_REG_AFU_ID, CAPI_MDEV_REG_PSA_SIZE,
		CAPI_MDEV_REG_EVENT_STATUS, CAPI_MDEV_REG_EVENT_TOKEN,
		CAPI_MDEV_REG_EVENT_STALE
	};
	unsigned int i;

	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_BAR0_REGION_INDEX, 0,
				    before, sizeof(before)));
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		ASSERT_EQ(0, bar0_put(&self->mdev, registers[i], 4, ~0));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_EVENT_DATA, 8, ~0ULL));
	ASSERT_EQ(0, capi_vfio_read(self->vfio, VFIO_PCI_BAR0_REGION_INDEX, 0,
				    after, sizeof(after)));
	EXPECT_EQ(0, memcmp(before, after, sizeof(before)));
	EXPECT_EQ(0, bar0_get(&self->mdev, CAPI_MDEV_REG_EVENT_DATA, 8));
}

/* One aligned access of the register's width, or two of 32 bits */
TEST_F(vfio_bar, write_widths)
{
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED, 8, 0x1111));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED, 1, 0xff));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED + 2, 2, 0xff));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED + 2, 4, 0xff));
	EXPECT_EQ(0x1111, bar0_get(&self->mdev, CAPI_MDEV_REG_WED, 8));

	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED, 4, 0x55667788));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_WED + 4, 4, 0x11223344));
	EXPECT_EQ(0x1122334455667788,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_WED, 8));

	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_COMMAND, 1,
			      CAPI_MDEV_COMMAND_START));
	ASSERT_EQ(0, bar0_put(&self->mdev, CAPI_MDEV_REG_COMMAND, 2,
			      CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
}

TEST_F(vfio_bar, commands)
{
	static const unsigned int unknown[] = { 0, 4, 0x101, 0xffffffff };
	unsigned int i;

	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0x1122334455667788));
	EXPECT_EQ(CAPI_MDEV_STATE_STARTED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0x1122334455667788, echo_get(&self->mdev, CAPI_ECHO_REG_WED));
	EXPECT_EQ(-EBUSY, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_START));

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-EINVAL, mdev_command(&self->mdev, unknown[i]));
		EXPECT_EQ(CAPI_MDEV_STATE_STARTED,
			  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	}

	EXPECT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(CAPI_MDEV_STATE_CLOSED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
}

TEST_F(vfio_bar, start_with_link_down)
{
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED | CAPI_MDEV_STATE_LINK_DOWN,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_STATE, 4));
	EXPECT_EQ(-EIO, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_START));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	EXPECT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_START));
}

/* The problem state area answers while the context is started, link up. */
TEST_F(vfio_bar, psa_answers_while_started)
{
	EXPECT_EQ(~0ULL, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	EXPECT_EQ(CAPI_ECHO_ID, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_EQ(~0ULL, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	EXPECT_EQ(CAPI_ECHO_ID, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(~0ULL, echo_get(&self->mdev, CAPI_ECHO_REG_ID));
}

TEST_F(vfio_bar, psa_registers)
{
	const unsigned int bar2 = VFIO_PCI_BAR2_REGION_INDEX;

	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	EXPECT_EQ(CAPI_ECHO_DEFAULT_SIZE,
		  echo_get(&self->mdev, CAPI_ECHO_REG_SIZE));
	ASSERT_EQ(0, echo_put(&self->mdev, CAPI_ECHO_REG_SIZE,
			      CAPI_ECHO_MAX_SIZE + 1));
	EXPECT_EQ(CAPI_ECHO_DEFAULT_SIZE,
		  echo_get(&self->mdev, CAPI_ECHO_REG_SIZE));

	/* 32 bits at a time */
	ASSERT_EQ(0, capi_vfio_put(self->vfio, bar2, CAPI_ECHO_REG_SIZE, 4, 8));
	EXPECT_EQ(8, echo_get(&self->mdev, CAPI_ECHO_REG_SIZE));
	EXPECT_EQ(8, capi_vfio_get(self->vfio, bar2, CAPI_ECHO_REG_SIZE, 4));
	EXPECT_EQ(0, capi_vfio_get(self->vfio, bar2, CAPI_ECHO_REG_SIZE + 4, 4));

	/* The registers start over with the context. */
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	EXPECT_EQ(CAPI_ECHO_DEFAULT_SIZE,
		  echo_get(&self->mdev, CAPI_ECHO_REG_SIZE));
}

/* Mapping */

/* The part of BAR2 that may be mapped, by the region's capability */
static int map_area(int device, __u64 *offset, __u64 *size)
{
	union {
		struct vfio_region_info info;
		char space[1024];
	} u = {
		.info.argsz = sizeof(u),
		.info.index = VFIO_PCI_BAR2_REGION_INDEX,
	};
	struct vfio_region_info_cap_sparse_mmap *cap;
	__u32 off;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &u))
		return -errno;
	if (!(u.info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return -ENODEV;
	for (off = u.info.cap_offset; off; off = cap->header.next) {
		cap = (void *)&u.space[off];
		if (cap->header.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		*offset = cap->areas[0].offset;
		*size = cap->areas[0].size;
		return cap->nr_areas == 1 ? 0 : -E2BIG;
	}
	return -ENOENT;
}

static __u32 load(const __u32 *memory)
{
	return __atomic_load_n(memory, __ATOMIC_RELAXED);
}

static void store(__u32 *memory, __u32 value)
{
	__atomic_store_n(memory, value, __ATOMIC_RELAXED);
}

/* Nothing is there: loads give all ones, and stores change nothing there is. */
static bool absent(__u32 *memory)
{
	bool ones = load(memory) == ~0U && load(memory + 1) == ~0U;

	store(memory, 0x5a5a5a5a);
	return ones;
}

FIXTURE(vfio_mmap) {
	struct mdev mdev;
	struct capi_vfio *vfio;
	__u64 begin;
	__u64 offset;
	__u64 size;
	__u32 *memory;
};

FIXTURE_SETUP(vfio_mmap)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	self->vfio = &self->mdev.vfio;
	ASSERT_EQ(0, map_area(self->vfio->device, &self->offset, &self->size));
	self->begin = self->vfio->regions[VFIO_PCI_BAR2_REGION_INDEX].offset;
	self->memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->vfio->device, self->begin + self->offset);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(vfio_mmap)
{
	munmap(self->memory, self->size);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

static __u64 psa_get(FIXTURE_DATA(vfio_mmap) * self, __u64 off)
{
	return capi_vfio_get(self->vfio, VFIO_PCI_BAR2_REGION_INDEX, off, 4);
}

TEST_F(vfio_mmap, load_and_store)
{
	EXPECT_EQ(0, load(self->memory));
	store(self->memory, 0x12345678);
	store(&self->memory[self->size / 4 - 1], 0x9abcdef0);
	EXPECT_EQ(0x12345678, load(self->memory));
	EXPECT_EQ(0x12345678, psa_get(self, self->offset));
	EXPECT_EQ(0x9abcdef0, psa_get(self, self->offset + self->size - 4));

	ASSERT_EQ(0, capi_vfio_put(self->vfio, VFIO_PCI_BAR2_REGION_INDEX,
				   self->offset + 8, 4, 0x55));
	EXPECT_EQ(0x55, load(&self->memory[2]));
}

TEST_F(vfio_mmap, memory_disabled)
{
	store(self->memory, 1);
	ASSERT_EQ(0, capi_vfio_put(self->vfio, VFIO_PCI_CONFIG_REGION_INDEX,
				   PCI_COMMAND, 2, PCI_COMMAND_MASTER));
	EXPECT_TRUE(absent(self->memory));
	ASSERT_EQ(0, capi_vfio_enable(self->vfio));
	EXPECT_EQ(1, load(self->memory));
}

TEST_F(vfio_mmap, link_down)
{
	store(self->memory, 1);
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_TRUE(absent(self->memory));
	ASSERT_EQ(0, card_link(&self->mdev, true));
	EXPECT_EQ(1, load(self->memory));
	ASSERT_EQ(0, card_link(&self->mdev, false));
	EXPECT_TRUE(absent(self->memory));
	ASSERT_EQ(0, card_link(&self->mdev, true));
}

TEST_F(vfio_mmap, stopped)
{
	store(self->memory, 1);
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_TRUE(absent(self->memory));
	ASSERT_EQ(0, capi_vfio_start(self->vfio, 0));
	EXPECT_EQ(1, load(self->memory));
}

/* Nor does anything stay of what went nowhere. */
TEST_F(vfio_mmap, reset_while_stopped)
{
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_STOP));
	EXPECT_TRUE(absent(self->memory));
	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_TRUE(absent(self->memory));
}

TEST_F(vfio_mmap, reset)
{
	store(self->memory, 1);
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	EXPECT_TRUE(absent(self->memory));
}

/* One context's revocation is none of another's. */
TEST_F(vfio_mmap, other_device_stays_mapped)
{
	__u32 *memory;
	struct mdev other;

	ASSERT_EQ(0, mdev_create(&other));
	ASSERT_EQ(0, mdev_start(&other));
	memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      other.vfio.device, self->begin + self->offset);
	ASSERT_NE(MAP_FAILED, memory);
	store(memory, 2);
	store(self->memory, 1);
	EXPECT_EQ(2, load(memory));

	ASSERT_EQ(0, mdev_command(&self->mdev, CAPI_MDEV_COMMAND_RESET));
	EXPECT_TRUE(absent(self->memory));
	EXPECT_EQ(2, load(memory));
	munmap(memory, self->size);
	EXPECT_EQ(0, mdev_remove(&other));
}

/* Nothing that one consumer stored is there for the next. */
TEST_F(vfio_mmap, memory_is_cleared)
{
	store(self->memory, 0x12345678);
	munmap(self->memory, self->size);
	mdev_close(&self->mdev);

	ASSERT_EQ(0, mdev_start(&self->mdev));
	EXPECT_EQ(0, psa_get(self, self->offset));
	self->memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->vfio->device, self->begin + self->offset);
	ASSERT_NE(MAP_FAILED, self->memory);
	EXPECT_EQ(0, load(self->memory));
}

static bool maps(int device, __u64 offset, __u64 size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, device,
			    offset);

	if (memory == MAP_FAILED)
		return false;
	munmap(memory, size);
	return true;
}

TEST_F(vfio_mmap, only_what_is_offered)
{
	const struct capi_vfio_region *bar0 =
		&self->vfio->regions[VFIO_PCI_BAR0_REGION_INDEX];
	const struct capi_vfio_region *config =
		&self->vfio->regions[VFIO_PCI_CONFIG_REGION_INDEX];
	__u64 page = sysconf(_SC_PAGESIZE);
	__u64 area = self->begin + self->offset;
	int device = self->vfio->device;

	EXPECT_TRUE(maps(device, area, self->size, MAP_SHARED));
	EXPECT_FALSE(maps(device, area, self->size, MAP_PRIVATE));
	EXPECT_FALSE(maps(device, self->begin, page, MAP_SHARED));
	EXPECT_FALSE(maps(device, self->begin, page + self->offset, MAP_SHARED));
	EXPECT_FALSE(maps(device, area, self->size + page, MAP_SHARED));
	EXPECT_FALSE(maps(device, area + self->size, page, MAP_SHARED));
	EXPECT_FALSE(maps(device, bar0->offset, page, MAP_SHARED));
	EXPECT_FALSE(maps(device, config->offset, page, MAP_SHARED));
	EXPECT_FALSE(maps(device, 1ULL << 60, page, MAP_SHARED));
}

TEST_HARNESS_MAIN
