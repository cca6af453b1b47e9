// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA mappings, through container or iommufd, and having none of both.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "iommufd.h"
#include "state.h"

static bool attach(struct state *state, const __u8 *arg)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach)
	};
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach)
	};
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	attach.pt_id = d->ioas + (arg[1] & 2 ? value(arg[2]) : 0);
	if (d->iommufd < 0)
		ioctl(d->vfio.group, arg[1] & 1 ? VFIO_GROUP_SET_CONTAINER :
		      VFIO_GROUP_UNSET_CONTAINER, &d->vfio.container);
	else if (arg[1] & 1)
		ioctl(d->vfio.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	else
		ioctl(d->vfio.device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
	return true;
}

/* DMA mappings: 0 0 0 0 is all memory, from IOVA on, to be read and written. */

static int map_dma(struct device *d, struct vfio_iommu_type1_dma_map *map)
{
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = d->ioas,
		.user_va = map->vaddr,
		.length = map->size,
		.iova = map->iova,
	};

	if (d->iommufd < 0)
		return ioctl(d->vfio.container, VFIO_IOMMU_MAP_DMA, map);
	if (map->flags & VFIO_DMA_MAP_FLAG_READ)
		ioas.flags |= IOMMU_IOAS_MAP_READABLE;
	if (map->flags & VFIO_DMA_MAP_FLAG_WRITE)
		ioas.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	return ioctl(d->iommufd, IOMMU_IOAS_MAP, &ioas);
}

static __u64 where(__u8 code)
{
	return code < 128 ? code * PAGE : value(code - 128);
}

void map_all(struct state *state, struct device *device)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)state->memory,
		.iova = IOVA,
		.size = SIZE,
	};

	device->dma_used = true;
	map_dma(device, &map);
}

static bool map(struct state *state, const __u8 *arg)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (arg[4] % 4) ^ 3,
		.vaddr = (uintptr_t)state->memory + where(arg[2]),
		.iova = IOVA + where(arg[1]),
		.size = arg[3] ? length(arg[3] - 1) : SIZE,
	};
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	d->dma_used = true;
	/* Of more memory than that, all of it would have to be there. */
	if (map.size > SIZE && arg[3] % 4)
		map.size = PAGE * arg[3];
	if (arg[4] / 4 == 1)
		map.vaddr = (uintptr_t)user_address(state, arg[2]) & -PAGE;
	map_dma(d, &map);
	return true;
}

static bool unmap(struct state *state, const __u8 *arg)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = arg[3],
		.iova = IOVA + where(arg[1]),
		.size = arg[2] ? length(arg[2] - 1) : SIZE,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas),
		.iova = unmap.iova,
		.length = unmap.size,
	};
	struct device *d = device(state, arg[0]);

	if (!d)
		return false;
	ioas.ioas_id = d->ioas;
	if (arg[3] & VFIO_DMA_UNMAP_FLAG_ALL)
		memset(&unmap.iova, 0, sizeof(unmap.iova) + sizeof(unmap.size));
	if (d->iommufd >= 0)
		ioctl(d->iommufd, IOMMU_IOAS_UNMAP, &ioas);
	else
		ioctl(d->vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	return true;
}

const struct op_kind dma_ops[] = {
	{ "attach", 80, { DEVICES, 4, ALL }, attach },
	{ "map", 400, { DEVICES, ALL, ALL, 32, 8 }, map },
	{ "unmap", 200, { DEVICES, ALL, 32, 4 }, unmap },
	{ }
};
