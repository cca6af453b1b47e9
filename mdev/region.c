// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of regions, and what is common to all: where they are, how an
 * access is cut into pieces, when nothing answers.
 */
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mdev.h"

#define REGION_SHIFT	40
#define REGION_MASK	((1ULL << REGION_SHIFT) - 1)
#define MAX_PIECE	256

static const struct capi_mdev_region * const regions[CAPI_MDEV_NUM_REGIONS] = {
	[VFIO_PCI_BAR0_REGION_INDEX] = &capi_mdev_bar0_region,
	[VFIO_PCI_BAR2_REGION_INDEX] = &capi_mdev_psa_region,
	[VFIO_PCI_BAR4_REGION_INDEX] = &capi_mdev_msix_region,
	[VFIO_PCI_CONFIG_REGION_INDEX] = &capi_mdev_config_region,
	[CAPI_MDEV_REGION_EVENTS] = &capi_mdev_events_region,
};

/* NULL for an index that is absent or cannot be. */
static const struct capi_mdev_region *get_region(u64 index)
{
	if (index >= CAPI_MDEV_NUM_REGIONS)
		return NULL;
	return regions[array_index_nospec(index, CAPI_MDEV_NUM_REGIONS)];
}

/*
 * The one place that checks bounds: finds the region that @pos lies in, makes
 * @off the offset within it, and cuts @count off at its end.
 */
static const struct capi_mdev_region *find_region(struct capi_mdev *m,
						  loff_t pos, u64 *off,
						  size_t *count)
{
	const struct capi_mdev_region *region;
	u64 size;

	if (pos < 0)
		return NULL;
	region = get_region((u64)pos >> REGION_SHIFT);
	if (!region)
		return NULL;
	size = region->size(m);
	*off = pos & REGION_MASK;
	if (*off >= size)
		return NULL;
	*count = min_t(u64, *count, size - *off);
	return region;
}

/* The largest naturally aligned access at @off within @count bytes */
static size_t access_width(u64 off, size_t count)
{
	size_t width = 8;

	while (width > count || !IS_ALIGNED(off, width))
		width /= 2;
	return width;
}

static bool answers(struct capi_mdev *m, const struct capi_mdev_region *region)
{
	return !m->revoked && (!region->is_bar || capi_mdev_memory_enabled(m));
}

static void read_piece(struct capi_mdev *m,
		       const struct capi_mdev_region *region, u64 off,
		       u8 *buf, size_t count)
{
	bool silent;

	mutex_lock(&m->lock);
	silent = !answers(m, region);
	if (!silent && !region->unlocked)
		region->read(m, off, buf, count);
	mutex_unlock(&m->lock);

	if (silent)
		memset(buf, 0xff, count);
	else if (region->unlocked)
		region->read(m, off, buf, count);
}

static void write_piece(struct capi_mdev *m,
			const struct capi_mdev_region *region, u64 off,
			const u8 *buf, size_t count)
{
	bool silent;

	mutex_lock(&m->lock);
	silent = !answers(m, region);
	if (!silent && !region->unlocked)
		region->write(m, off, buf, count);
	mutex_unlock(&m->lock);

	if (!silent && region->unlocked)
		region->write(m, off, buf, count);
	if (!silent && region->settle)
		region->settle(m, off);
}

/* One call may cover a whole region: let others run, and end on a kill. */
static bool killed(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

ssize_t capi_mdev_region_read(struct capi_mdev *m, char __user *buf,
			      size_t count, loff_t *ppos)
{
	const struct capi_mdev_region *region;
	size_t piece, done = 0;
	u8 data[MAX_PIECE];
	u64 off;

	region = find_region(m, *ppos, &off, &count);
	if (!region)
		return -EINVAL;
	if (region->read_user)
		return region->read_user(m, off, buf, count);

	while (done < count) {
		piece = region->max_read == 8 ?
			access_width(off + done, count - done) :
			min_t(size_t, count - done, region->max_read);
		read_piece(m, region, off + done, data, piece);
		if (copy_to_user(buf + done, data, piece))
			return -EFAULT;
		done += piece;
		if (killed())
			return -EINTR;
	}
	*ppos += done;
	return done;
}

ssize_t capi_mdev_region_write(struct capi_mdev *m, const char __user *buf,
			       size_t count, loff_t *ppos)
{
	const struct capi_mdev_region *region;
	size_t piece, done = 0;
	u8 data[8] __aligned(8);
	u64 off;

	region = find_region(m, *ppos, &off, &count);
	if (!region || !(region->flags & VFIO_REGION_INFO_FLAG_WRITE))
		return -EINVAL;

	while (done < count) {
		piece = access_width(off + done, count - done);
		if (copy_from_user(data, buf + done, piece))
			return -EFAULT;
		write_piece(m, region, off + done, data, piece);
		done += piece;
		if (killed())
			return -EINTR;
	}
	*ppos += done;
	return done;
}

int capi_mdev_region_mmap(struct capi_mdev *m, struct vm_area_struct *vma)
{
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;
	const struct capi_mdev_region *region = get_region(pos >> REGION_SHIFT);

	if (!region || !region->mmap)
		return -EINVAL;
	return region->mmap(m, pos & REGION_MASK, vma);
}

int capi_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct capi_mdev *m = to_capi_mdev(vdev);
	const struct capi_mdev_region *region;

	if (info->index >= CAPI_MDEV_NUM_REGIONS)
		return -EINVAL;

	info->flags = 0;
	info->cap_offset = 0;
	info->size = 0;
	info->offset = (u64)info->index << REGION_SHIFT;
	region = get_region(info->index);
	if (!region)
		return 0;
	info->size = region->size(m);
	info->flags = region->flags;
	return region->add_caps ? region->add_caps(m, &info->flags, caps) : 0;
}
