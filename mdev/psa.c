// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR2: the problem state area of the context. The core has the locks.
 */
#include <linux/slab.h>

#include "mdev.h"

static u64 psa_size(struct capi_mdev *m)
{
	return m->desc->psa_size;
}

static void psa_read(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	u64 value;
	__le64 bytes;

	if (capi_psa_read(m->ctx, off, count, &value))
		value = ~0ULL;
	bytes = cpu_to_le64(value);
	memcpy(buf, &bytes, count);
}

static void psa_write(struct capi_mdev *m, u64 off, const u8 *buf,
		      size_t count)
{
	__le64 bytes = 0;

	memcpy(&bytes, buf, count);
	capi_psa_write(m->ctx, off, count, le64_to_cpu(bytes));
}

static int psa_mmap(struct capi_mdev *m, u64 off, struct vm_area_struct *vma)
{
	return capi_psa_mmap(m->ctx, vma, off);
}

static int psa_caps(struct capi_mdev *m, u32 *flags, struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, 1);
	int rc;

	if (!m->desc->map_size)
		return 0;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = m->desc->map_offset;
	sparse->areas[0].size = m->desc->map_size;
	rc = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	*flags |= VFIO_REGION_INFO_FLAG_MMAP;
	return rc;
}

const struct capi_mdev_region capi_mdev_psa_region = {
	.size = psa_size,
	.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
	.is_bar = true,
	.unlocked = true,
	.max_read = 8,
	.read = psa_read,
	.write = psa_write,
	.mmap = psa_mmap,
	.add_caps = psa_caps,
};
