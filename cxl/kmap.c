// SPDX-License-Identifier: GPL-2.0-only
/*
 * Problem state areas mapped into the kernel, for AFU drivers.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "core.h"

/**
 * struct capi_kmap - a mapping
 * @node: in the list of all
 * @addr: where it is
 * @ctx: whose area, held
 * @afu: its AFU, held
 * @area: it is the whole area of @afu
 * @pages: what is mapped, each held; NULL where it is not memory
 * @pfn: first page frame
 * @nr_pages: how many
 */
struct capi_kmap {
	struct list_head node;
	void __iomem *addr;
	struct cxl_context *ctx;
	struct cxl_afu *afu;
	bool area;
	struct page **pages;
	unsigned long pfn;
	unsigned long nr_pages;
};

static DEFINE_MUTEX(kmaps_mutex); /* covers the list */
static LIST_HEAD(kmaps);

static struct capi_kmap *kmap_alloc(struct cxl_context *ctx)
{
	struct capi_kmap *kmap = kzalloc(sizeof(*kmap), GFP_KERNEL);
	struct cxl_afu *afu = ctx->afu;
	u64 size;

	if (!kmap)
		return NULL;
	kmap->area = capi_context_master(ctx) && afu->desc.area_size &&
		     READ_ONCE(afu->mode) == CXL_MODE_DIRECTED;
	size = kmap->area ? afu->desc.area_size : afu->desc.psa_size;
	kmap->nr_pages = size >> PAGE_SHIFT;
	kmap->pages = kvcalloc(kmap->nr_pages, sizeof(*kmap->pages),
			       GFP_KERNEL);
	if (!kmap->pages) {
		kfree(kmap);
		return NULL;
	}
	capi_context_get(ctx);
	kmap->ctx = ctx;
	get_device(&afu->dev);
	kmap->afu = afu;

	/* From here on the AFU does not wait for page faults. */
	atomic_inc(&ctx->psa.kernel_maps);
	if (kmap->area)
		atomic_inc(&afu->area_maps);
	return kmap;
}

static void kmap_free(struct capi_kmap *kmap)
{
	unsigned long i;

	for (i = 0; i < kmap->nr_pages; i++)
		if (kmap->pages[i])
			put_page(kmap->pages[i]);
	kvfree(kmap->pages);
	if (kmap->area)
		atomic_dec(&kmap->afu->area_maps);
	atomic_dec(&kmap->ctx->psa.kernel_maps);
	put_device(&kmap->afu->dev);
	capi_context_put(kmap->ctx);
	kfree(kmap);
}

/* Memory page by page, or device registers in one piece; never both. */
static bool find_page(struct capi_kmap *kmap, unsigned long i, unsigned long pfn)
{
	bool memory = pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn));

	if (!i)
		kmap->pfn = pfn;
	else if (memory != !!kmap->pages[0] ||
		 (!memory && pfn != kmap->pfn + i))
		return false;
	if (memory) {
		kmap->pages[i] = pfn_to_page(pfn);
		get_page(kmap->pages[i]);
	}
	return true;
}

/* Caller holds psa.sem. */
static bool find_pages(struct capi_kmap *kmap)
{
	struct cxl_context *ctx = kmap->ctx;
	const struct capi_backend_ops *ops = capi_context_ops(ctx);
	int (*get_pfn)(struct cxl_context *ctx, unsigned long page,
		       unsigned long *pfn);
	unsigned long i, pfn;

	/* The backend of one that is not started may be gone. */
	if (!ctx->psa.live || !READ_ONCE(ctx->link_up))
		return false;
	get_pfn = kmap->area ? ops->area_pfn : ops->psa_pfn;
	if (!get_pfn)
		return false;
	for (i = 0; i < kmap->nr_pages; i++)
		if (get_pfn(ctx, i, &pfn) || !find_page(kmap, i, pfn))
			return false;
	return true;
}

/**
 * cxl_psa_map() - map a problem state area into the kernel
 * @ctx: the context; started
 *
 * Maps the context's problem state area, or, where cxl_set_master() made it a
 * master, the whole area of its AFU.
 *
 * The mapping is to be removed with cxl_psa_unmap() before the context is
 * stopped: loads and stores that come later reach memory that the AFU does not
 * look at, or that belongs to the AFU's next user. That memory, and that of
 * @ctx, stays allocated until then.
 *
 * While there is such a mapping, a software AFU has to poll: unlike those of
 * user space it cannot be made to fault.
 *
 * Context: process, may sleep.
 * Return: the mapping, or NULL if the context is not started, its link is down,
 * the AFU does not let all of the area be mapped, or there is no memory.
 */
void __iomem *cxl_psa_map(struct cxl_context *ctx)
{
	struct capi_kmap *kmap = kmap_alloc(ctx);
	bool found;

	if (!kmap)
		return NULL;
	down_read(&ctx->psa.sem);
	found = find_pages(kmap);
	up_read(&ctx->psa.sem);

	if (found && kmap->pages[0])
		kmap->addr = (void __iomem __force *)
			vmap(kmap->pages, kmap->nr_pages, VM_MAP, PAGE_KERNEL);
	else if (found)
		kmap->addr = ioremap(PFN_PHYS(kmap->pfn),
				     kmap->nr_pages << PAGE_SHIFT);
	if (!kmap->addr) {
		kmap_free(kmap);
		return NULL;
	}

	mutex_lock(&kmaps_mutex);
	list_add(&kmap->node, &kmaps);
	mutex_unlock(&kmaps_mutex);
	return kmap->addr;
}
EXPORT_SYMBOL_GPL(cxl_psa_map);

static struct capi_kmap *kmap_find(void __iomem *addr)
{
	struct capi_kmap *kmap;

	list_for_each_entry(kmap, &kmaps, node)
		if (kmap->addr == addr)
			return kmap;
	return NULL;
}

/**
 * cxl_psa_unmap() - end what cxl_psa_map() began
 * @addr: what it returned; anything else is ignored
 *
 * Context: process, may sleep.
 */
void cxl_psa_unmap(void __iomem *addr)
{
	struct capi_kmap *kmap;

	mutex_lock(&kmaps_mutex);
	kmap = kmap_find(addr);
	if (kmap)
		list_del(&kmap->node);
	mutex_unlock(&kmaps_mutex);
	if (!kmap)
		return;

	if (kmap->pages[0])
		vunmap((void __force *)kmap->addr);
	else
		iounmap(kmap->addr);
	kmap_free(kmap);
}
EXPORT_SYMBOL_GPL(cxl_psa_unmap);
