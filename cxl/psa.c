// SPDX-License-Identifier: GPL-2.0-only
/*
 * The problem state area of a context: loads and stores, and mappings to user
 * space.
 *
 * Every context has an inode of its own. A mapping belongs to a file on that
 * inode, so all mappings of the context can be removed, and of no other; the
 * file that was mapped is held by it.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "core.h"

#define CAPI_FS_MAGIC	0x43415049

/* The mount lasts as long as there is a context. */
static struct vfsmount *capi_mnt;
static int capi_mnt_count;

static int capi_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, CAPI_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type capi_fs_type = {
	.name = "capi",
	.owner = THIS_MODULE,
	.init_fs_context = capi_fs_init_context,
	.kill_sb = kill_anon_super,
};

/* Chooses what mappings find while the area cannot be reached; none exists yet. */
int capi_psa_set_ones(struct cxl_context *ctx, bool ones)
{
	struct capi_psa *psa = &ctx->psa;

	if (ones && !psa->ones) {
		psa->ones = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!psa->ones)
			return -ENOMEM;
	} else if (!ones && psa->ones) {
		__free_page(psa->ones);
		psa->ones = NULL;
	}
	return 0;
}

int capi_psa_init(struct cxl_context *ctx)
{
	struct capi_psa *psa = &ctx->psa;
	int rc;

	init_rwsem(&psa->sem);
	psa->allowed = true;
	if (ctx->user && ctx->user->mmap_ones && ctx->afu->desc.map_size) {
		rc = capi_psa_set_ones(ctx, true);
		if (rc)
			return rc;
	}
	rc = simple_pin_fs(&capi_fs_type, &capi_mnt, &capi_mnt_count);
	if (rc)
		return rc;
	psa->inode = alloc_anon_inode(capi_mnt->mnt_sb);
	if (!IS_ERR(psa->inode))
		return 0;
	simple_release_fs(&capi_mnt, &capi_mnt_count);
	return PTR_ERR(psa->inode);
}

/* The mappings that are left stay, and reach nothing. */
void capi_psa_release(struct cxl_context *ctx)
{
	struct inode *inode = ctx->psa.inode;

	capi_psa_set_live(ctx, false);
	down_write(&ctx->psa.sem);
	ctx->psa.inode = NULL;
	up_write(&ctx->psa.sem);
	iput(inode);
	simple_release_fs(&capi_mnt, &capi_mnt_count);
}

/**
 * capi_psa_zap() - remove all mappings of a context's problem state area
 * @ctx: the context
 *
 * They come back at the next access where it is still allowed. That asks for the
 * page frame again: no fault goes on that did so before.
 *
 * Context: process, may sleep.
 */
void capi_psa_zap(struct cxl_context *ctx)
{
	struct inode *inode;

	down_write(&ctx->psa.sem);
	inode = ctx->psa.inode;
	if (inode)
		ihold(inode);
	up_write(&ctx->psa.sem);
	if (!inode)
		return;
	unmap_mapping_range(inode->i_mapping, 0, 0, true);
	iput(inode);
}
EXPORT_SYMBOL_GPL(capi_psa_zap);

/* With the last mapping, which may be long after the release */
void capi_psa_free(struct cxl_context *ctx)
{
	if (ctx->psa.ones)
		__free_page(ctx->psa.ones);
}

/* When it returns with @live false, no access runs and none will. */
void capi_psa_set_live(struct cxl_context *ctx, bool live)
{
	down_write(&ctx->psa.sem);
	ctx->psa.live = live;
	up_write(&ctx->psa.sem);
	capi_psa_zap(ctx);
}

/**
 * capi_psa_allow() - let the problem state area be mapped, or not
 * @ctx: the context
 * @allow: which
 *
 * Context: process, may sleep.
 */
void capi_psa_allow(struct cxl_context *ctx, bool allow)
{
	down_write(&ctx->psa.sem);
	ctx->psa.allowed = allow;
	up_write(&ctx->psa.sem);
	capi_psa_zap(ctx);
}
EXPORT_SYMBOL_GPL(capi_psa_allow);

/**
 * capi_psa_pinned() - can it be reached where capi_psa_zap() does not help?
 * @ctx: the context
 *
 * The kernel's mappings never fault, and those of the AFU's whole area are not
 * removed with the context's.
 *
 * Context: any.
 * Return: true while there is such a mapping.
 */
bool capi_psa_pinned(struct cxl_context *ctx)
{
	return atomic_read(&ctx->psa.kernel_maps) ||
	       atomic_read(&ctx->afu->area_maps);
}
EXPORT_SYMBOL_GPL(capi_psa_pinned);

static int check_access(struct cxl_context *ctx, u64 off, unsigned int width)
{
	if ((width != 4 && width != 8) || !IS_ALIGNED(off, width) ||
	    off >= ctx->afu->desc.psa_size)
		return -EINVAL;
	if (!ctx->psa.live || !READ_ONCE(ctx->link_up))
		return -EIO;
	return 0;
}

/**
 * capi_psa_read() - load from a context's problem state area
 * @ctx: the context
 * @off: where, in bytes, aligned to @width
 * @width: 4 or 8 bytes
 * @value: filled, unless an error is returned
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for an @off or @width that cannot be, -EIO if the context
 * is not started or the link is down.
 */
int capi_psa_read(struct cxl_context *ctx, u64 off, unsigned int width,
		  u64 *value)
{
	int rc;

	down_read(&ctx->psa.sem);
	rc = check_access(ctx, off, width);
	if (!rc)
		*value = capi_context_ops(ctx)->mmio_read(ctx, off, width);
	up_read(&ctx->psa.sem);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_psa_read);

/**
 * capi_psa_write() - store to a context's problem state area
 * @ctx: the context
 * @off: where, in bytes, aligned to @width
 * @width: 4 or 8 bytes
 * @value: what
 *
 * Context: process, may sleep.
 * Return: as capi_psa_read().
 */
int capi_psa_write(struct cxl_context *ctx, u64 off, unsigned int width,
		   u64 value)
{
	int rc;

	down_read(&ctx->psa.sem);
	rc = check_access(ctx, off, width);
	if (!rc)
		capi_context_ops(ctx)->mmio_write(ctx, off, width, value);
	up_read(&ctx->psa.sem);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_psa_write);

/**
 * struct capi_mapping - private data of the file behind a mapping
 * @ctx: whose problem state area, held
 * @file: the file that was mapped, held
 * @area: it is the AFU's whole area
 */
struct capi_mapping {
	struct cxl_context *ctx;
	struct file *file;
	bool area;
};

static int mapping_release(struct inode *inode, struct file *file)
{
	struct capi_mapping *mapping = file->private_data;

	if (mapping->area)
		atomic_dec(&mapping->ctx->afu->area_maps);
	fput(mapping->file);
	capi_context_put(mapping->ctx);
	kfree(mapping);
	return 0;
}

static const struct file_operations mapping_fops = {
	.owner = THIS_MODULE,
	.release = mapping_release,
	.llseek = noop_llseek,
};

/*
 * Caller holds psa.sem. Stores may have changed the page of ones, but whoever
 * made them can see no more of it than their own.
 */
static int mapping_pfn(struct capi_mapping *mapping, pgoff_t page,
		       unsigned long *pfn)
{
	struct cxl_context *ctx = mapping->ctx;
	const struct capi_backend_ops *ops = capi_context_ops(ctx);
	struct capi_psa *psa = &ctx->psa;

	if (psa->live && psa->allowed && READ_ONCE(ctx->link_up))
		return mapping->area ? ops->area_pfn(ctx, page, pfn) :
				       ops->psa_pfn(ctx, page, pfn);
	if (!psa->ones)
		return -EIO;
	memset(page_address(psa->ones), 0xff, PAGE_SIZE);
	*pfn = page_to_pfn(psa->ones);
	return 0;
}

static vm_fault_t mapping_fault(struct vm_fault *vmf)
{
	struct capi_mapping *mapping = vmf->vma->vm_file->private_data;
	struct cxl_context *ctx = mapping->ctx;
	unsigned long pfn;
	vm_fault_t ret;
	int rc;

	down_read(&ctx->psa.sem);
	rc = mapping_pfn(mapping, vmf->pgoff, &pfn);
	ret = rc ? vmf_error(rc) :
		   vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	up_read(&ctx->psa.sem);
	return ret;
}

static const struct vm_operations_struct mapping_vm_ops = {
	.fault = mapping_fault,
};

/* Caller holds psa.sem. */
static struct file *mapping_file(struct cxl_context *ctx, struct file *mapped,
				 bool area)
{
	struct inode *inode = ctx->psa.inode;
	struct capi_mapping *mapping;
	struct file *file;

	if (!inode)
		return ERR_PTR(-EIO);
	mapping = kmalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return ERR_PTR(-ENOMEM);

	/* Both go with the file, once there is one. */
	__module_get(mapping_fops.owner);
	ihold(inode);
	file = alloc_file_pseudo(inode, capi_mnt, "capi", O_RDWR,
				 &mapping_fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(mapping_fops.owner);
		kfree(mapping);
		return file;
	}
	capi_context_get(ctx);
	mapping->ctx = ctx;
	mapping->file = get_file(mapped);
	mapping->area = area;
	if (area)
		atomic_inc(&ctx->afu->area_maps);
	file->private_data = mapping;
	return file;
}

static int map(struct cxl_context *ctx, struct vm_area_struct *vma, u64 offset,
	       bool area)
{
	struct file *file;

	down_read(&ctx->psa.sem);
	file = mapping_file(ctx, vma->vm_file, area);
	up_read(&ctx->psa.sem);
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);

	vma->vm_pgoff = offset >> PAGE_SHIFT;
	vma->vm_ops = &mapping_vm_ops;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

/**
 * capi_psa_mmap() - map a context's problem state area to user space
 * @ctx: the context
 * @vma: where to; must be shared
 * @offset: where in the area it begins, in bytes
 *
 * Pages appear as they are touched, while the context is started, mapping is
 * allowed and the link is up; otherwise the access finds a page of ones, or gives
 * SIGBUS, as the context's user chose. The mapping keeps the file that was mapped
 * open.
 *
 * Context: process, mmap lock held for writing.
 * Return: 0, -EINVAL if @vma does not lie within what the AFU lets be mapped,
 * or is private, -ENOMEM.
 */
int capi_psa_mmap(struct cxl_context *ctx, struct vm_area_struct *vma,
		  u64 offset)
{
	const struct capi_afu_desc *desc = &ctx->afu->desc;
	u64 size = vma->vm_end - vma->vm_start;

	if (!capi_context_ops(ctx)->psa_pfn || !(vma->vm_flags & VM_SHARED) ||
	    !PAGE_ALIGNED(offset) || offset < desc->map_offset ||
	    size > desc->map_size ||
	    offset - desc->map_offset > desc->map_size - size)
		return -EINVAL;
	return map(ctx, vma, offset, false);
}
EXPORT_SYMBOL_GPL(capi_psa_mmap);

/*
 * The same for a file of the cxl user ABI: all that its node promises can be
 * mapped, what the AFU does not let be mapped gives SIGBUS. Returns -EIO as well
 * if the context is not started or the link is down.
 */
int capi_psa_mmap_file(struct cxl_context *ctx, struct vm_area_struct *vma)
{
	const struct capi_afu_desc *desc = &ctx->afu->desc;
	bool area = capi_context_master(ctx) &&
		    READ_ONCE(ctx->afu->mode) == CXL_MODE_DIRECTED;
	u64 limit = area ? desc->area_size : desc->map_size ? desc->psa_size : 0;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;

	if (capi_context_state(ctx) != CAPI_CONTEXT_STARTED ||
	    !READ_ONCE(ctx->link_up))
		return -EIO;
	/* Shared and for reading only, where the file is: VM_SHARED is not set. */
	if (!(vma->vm_flags & VM_MAYSHARE) || size > limit ||
	    offset > limit - size)
		return -EINVAL;
	return map(ctx, vma, offset, area);
}
