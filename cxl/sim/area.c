// SPDX-License-Identifier: GPL-2.0-only
/*
 * The area of a software AFU that master contexts see: registers for all, then
 * the problem state areas of its contexts. Its pages come with the first use
 * and stay as long as the AFU, so they are not accounted to whoever came first.
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include "sim.h"

static unsigned long area_pages(struct sim_afu *afu)
{
	return afu->desc.area_size >> PAGE_SHIFT;
}

int sim_area_init(struct sim_afu *afu)
{
	if (!afu->desc.area_size)
		return 0;
	afu->area = kvcalloc(area_pages(afu), sizeof(*afu->area), GFP_KERNEL);
	return afu->area ? 0 : -ENOMEM;
}

void sim_area_free(struct sim_afu *afu)
{
	unsigned long i;

	if (!afu->area)
		return;
	for (i = 0; i < area_pages(afu); i++)
		if (afu->area[i])
			__free_page(afu->area[i]);
	kvfree(afu->area);
}

/**
 * sim_area_page() - a page of an AFU's area
 * @afu: the AFU
 * @page: which
 *
 * Context: process, may sleep.
 * Return: the page, or NULL if there is none or no memory for it.
 */
struct page *sim_area_page(struct sim_afu *afu, unsigned long page)
{
	struct page *new, *old;

	if (page >= area_pages(afu))
		return NULL;
	old = READ_ONCE(afu->area[page]);
	if (old)
		return old;

	new = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!new)
		return NULL;
	old = cmpxchg(&afu->area[page], NULL, new);
	if (!old)
		return new;
	__free_page(new);
	return old;
}
