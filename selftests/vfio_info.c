// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the device describes itself to VFIO, and where its regions end.
 */
#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vfio_mdev.h"

FIXTURE(vfio_info) {
	struct mdev mdev;
	int device;
	char *hole;
};

FIXTURE_SETUP(vfio_info)
{
	ASSERT_EQ(0, mdev_create(&self->mdev));
	ASSERT_EQ(0, mdev_start(&self->mdev));
	self->device = self->mdev.vfio.device;
	/* Memory that is not there */
	self->hole = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->hole);
}

FIXTURE_TEARDOWN(vfio_info)
{
	EXPECT_EQ(0, mdev_remove(&self->mdev));
}

/* An ioctl of the device: 0 or a negative errno */
static int call(int device, unsigned long request, void *arg)
{
	int ret = ioctl(device, request, arg);

	return ret < 0 ? -errno : ret;
}

static int region_info(int device, unsigned int index,
		       struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return call(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

static int irq_info(int device, unsigned int index, struct vfio_irq_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return call(device, VFIO_DEVICE_GET_IRQ_INFO, info);
}

TEST_F(vfio_info, device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, call(self->device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_PCI);
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	EXPECT_GT(info.num_regions, VFIO_PCI_NUM_REGIONS);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
}

TEST_F(vfio_info, regions)
{
	const struct {
		unsigned int index;
		unsigned long long size;
	} regions[] = {
		{ VFIO_PCI_BAR0_REGION_INDEX, CAPI_MDEV_BAR0_SIZE },
		{ VFIO_PCI_BAR1_REGION_INDEX, 0 },
		{ VFIO_PCI_BAR2_REGION_INDEX,
		  bar0_get(&self->mdev, CAPI_MDEV_REG_PSA_SIZE, 8) },
		{ VFIO_PCI_BAR3_REGION_INDEX, 0 },
		{ VFIO_PCI_BAR5_REGION_INDEX, 0 },
		{ VFIO_PCI_ROM_REGION_INDEX, 0 },
		{ VFIO_PCI_CONFIG_REGION_INDEX, 4096 },
		{ VFIO_PCI_VGA_REGION_INDEX, 0 },
	};
	const unsigned int both = VFIO_REGION_INFO_FLAG_READ |
				  VFIO_REGION_INFO_FLAG_WRITE;
	struct vfio_region_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		ASSERT_EQ(0, region_info(self->device, regions[i].index, &info));
		EXPECT_EQ(regions[i].size, info.size) {
			TH_LOG("region %u", regions[i].index);
		}
		EXPECT_EQ(info.size ? both : 0, info.flags & both);
	}
	ASSERT_EQ(0, region_info(self->device, VFIO_PCI_BAR4_REGION_INDEX, &info));
	EXPECT_GE(info.size, 4096);
	EXPECT_EQ(both, info.flags & both);
}

TEST_F(vfio_info, regions_do_not_overlap)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info a, b;
	unsigned int i, j;

	ASSERT_EQ(0, call(self->device, VFIO_DEVICE_GET_INFO, &device));
	for (i = 0; i < device.num_regions; i++) {
		ASSERT_EQ(0, region_info(self->device, i, &a));
		for (j = 0; j < i; j++) {
			ASSERT_EQ(0, region_info(self->device, j, &b));
			EXPECT_TRUE(a.offset >= b.offset + b.size ||
				    b.offset >= a.offset + a.size);
		}
	}
	EXPECT_EQ(-EINVAL, region_info(self->device, device.num_regions, &a));
	EXPECT_EQ(-EINVAL, region_info(self->device, UINT_MAX, &a));
}

TEST_F(vfio_info, events_region)
{
	struct capi_vfio *vfio = &self->mdev.vfio;
	int region = capi_vfio_find_region(vfio, CAPI_MDEV_REGION_TYPE,
					   CAPI_MDEV_REGION_SUBTYPE_EVENTS);
	union event event;

	ASSERT_GE(region, VFIO_PCI_NUM_REGIONS);
	EXPECT_GE(vfio->regions[region].size, CXL_READ_MIN_SIZE);
	EXPECT_TRUE(vfio->regions[region].flags & VFIO_REGION_INFO_FLAG_READ);
	EXPECT_FALSE(vfio->regions[region].flags & VFIO_REGION_INFO_FLAG_WRITE);
	EXPECT_EQ(-EINVAL, capi_vfio_read(vfio, region, 8, &event,
					  sizeof(event)));
	EXPECT_EQ(-EINVAL, capi_vfio_write(vfio, region, 0, &event,
					   sizeof(event)));
}

/* Capabilities are announced even if there is no room for them. */
TEST_F(vfio_info, capabilities_need_room)
{
	const unsigned int indices[] = {
		VFIO_PCI_BAR2_REGION_INDEX,
		capi_vfio_find_region(&self->mdev.vfio, CAPI_MDEV_REGION_TYPE,
				      CAPI_MDEV_REGION_SUBTYPE_EVENTS),
	};
	struct vfio_region_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(indices); i++) {
		ASSERT_EQ(0, region_info(self->device, indices[i], &info));
		EXPECT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_CAPS);
		EXPECT_GT(info.argsz, sizeof(info));
		EXPECT_EQ(0, info.cap_offset);
	}
}

TEST_F(vfio_info, irqs)
{
	const struct {
		unsigned int index;
		unsigned int count;
	} irqs[] = {
		{ VFIO_PCI_INTX_IRQ_INDEX, 0 },
		{ VFIO_PCI_MSI_IRQ_INDEX, 0 },
		{ VFIO_PCI_MSIX_IRQ_INDEX,
		  1 + bar0_get(&self->mdev, CAPI_MDEV_REG_IRQS, 4) },
		{ VFIO_PCI_ERR_IRQ_INDEX, 1 },
		{ VFIO_PCI_REQ_IRQ_INDEX, 1 },
	};
	struct vfio_irq_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(irqs); i++) {
		ASSERT_EQ(0, irq_info(self->device, irqs[i].index, &info));
		EXPECT_EQ(irqs[i].count, info.count) {
			TH_LOG("index %u", irqs[i].index);
		}
		if (info.count)
			EXPECT_TRUE(info.flags & VFIO_IRQ_INFO_EVENTFD);
	}
	EXPECT_EQ(-EINVAL, irq_info(self->device, VFIO_PCI_NUM_IRQS, &info));
	EXPECT_EQ(-EINVAL, irq_info(self->device, UINT_MAX, &info));
}

TEST_F(vfio_info, short_arguments)
{
	static const unsigned long requests[] = {
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_SET_IRQS,
		CAPI_MDEV_GET_EVENT_FD
	};
	/* All of these structures begin with argsz and flags. */
	__u32 arg[16] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		for (arg[0] = 0; arg[0] < 8; arg[0]++)
			EXPECT_EQ(-EINVAL, call(self->device, requests[i], arg));
		EXPECT_EQ(-EFAULT, call(self->device, requests[i], self->hole));
		EXPECT_EQ(-EFAULT, call(self->device, requests[i], NULL));
	}
}

TEST_F(vfio_info, unknown_requests)
{
	struct capi_mdev_event_fd arg = { .argsz = sizeof(arg), .flags = 1 << 1 };

	EXPECT_EQ(-EINVAL, call(self->device, CAPI_MDEV_GET_EVENT_FD, &arg));
	EXPECT_EQ(-ENOTTY, call(self->device, _IO(0xCA, 0x7f), NULL));
	EXPECT_EQ(-ENOTTY, call(self->device, _IO(';', 100 + 99), NULL));
	EXPECT_EQ(-ENOTTY, call(self->device, VFIO_DEVICE_PCI_HOT_RESET, &arg));
}

TEST_F(vfio_info, accesses_end_with_the_region)
{
	const unsigned int indices[] = {
		VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR2_REGION_INDEX,
		VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX
	};
	const struct capi_vfio_region *region;
	char buf[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(indices); i++) {
		region = &self->mdev.vfio.regions[indices[i]];
		EXPECT_EQ(4, pread(self->device, buf, sizeof(buf),
				   region->offset + region->size - 4));
		EXPECT_EQ(4, pwrite(self->device, buf, sizeof(buf),
				    region->offset + region->size - 4));
		EXPECT_EQ(0, pread(self->device, buf, 0, region->offset));

		EXPECT_EQ(-1, pread(self->device, buf, 4,
				    region->offset + region->size));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, pwrite(self->device, buf, 4,
				     region->offset + region->size));
		EXPECT_EQ(EINVAL, errno);

		EXPECT_EQ(-1, pread(self->device, self->hole, 4, region->offset));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, pwrite(self->device, self->hole, 4,
				     region->offset));
		EXPECT_EQ(EFAULT, errno);
	}
}

TEST_F(vfio_info, absent_regions_take_no_access)
{
	const unsigned int indices[] = {
		VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX,
		VFIO_PCI_VGA_REGION_INDEX
	};
	unsigned int i;
	__u32 value = 0;

	for (i = 0; i < ARRAY_SIZE(indices); i++) {
		EXPECT_EQ(-EINVAL, capi_vfio_read(&self->mdev.vfio, indices[i],
						  0, &value, 4));
		EXPECT_EQ(-EINVAL, capi_vfio_write(&self->mdev.vfio, indices[i],
						   0, &value, 4));
	}
	EXPECT_EQ(-1, pread(self->device, &value, 4, LLONG_MAX - 7));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(vfio_info, in_use)
{
	struct capi_vfio other;

	EXPECT_EQ(-EBUSY, capi_vfio_open(&other, self->mdev.uuid));
	mdev_close(&self->mdev);
	ASSERT_EQ(0, capi_vfio_open(&other, self->mdev.uuid));
	capi_vfio_close(&other);
}

TEST_F(vfio_info, no_permission)
{
	int status;
	pid_t pid;

	mdev_close(&self->mdev);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct capi_vfio vfio;

		if (setuid(65534))
			_exit(255);
		_exit(-capi_vfio_open(&vfio, self->mdev.uuid));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
