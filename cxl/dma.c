// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an AFU reads and writes: the memory of a process, of the kernel, or of
 * the context's user.
 *
 * Software AFUs work in kernel threads. A process may be gone, or make its
 * memory so slow that an access never ends: whoever stops such a thread sends
 * it SIGKILL, and the access fails.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "core.h"

/**
 * capi_dma_begin() - an AFU is about to read and write
 * @ctx: the context that it works for; attached until capi_dma_end()
 *
 * Where the addresses are those of a process, its memory is held and becomes
 * the thread's. Keep it short: a process that exits waits with it.
 *
 * Context: kernel thread, may sleep.
 * Return: 0, or -ESRCH if the process is gone.
 */
int capi_dma_begin(struct cxl_context *ctx)
{
	if (!ctx->mm)
		return 0;
	if (!mmget_not_zero(ctx->mm))
		return -ESRCH;
	kthread_use_mm(ctx->mm);
	return 0;
}
EXPORT_SYMBOL_GPL(capi_dma_begin);

/**
 * capi_dma_end() - opposite of capi_dma_begin()
 * @ctx: the context
 *
 * If the process has exited meanwhile, its memory is taken apart by somebody
 * else: that may wait for what the thread itself is to finish.
 *
 * Context: kernel thread, may sleep.
 */
void capi_dma_end(struct cxl_context *ctx)
{
	if (!ctx->mm)
		return;
	kthread_unuse_mm(ctx->mm);
	mmput_async(ctx->mm);
}
EXPORT_SYMBOL_GPL(capi_dma_end);

/**
 * capi_get_pages() - get_user_pages_remote() for no more than what is mapped
 * @mm: the memory of a process
 * @addr: the first page
 * @nr: how many; those that are not in the mapping of the first are left out
 * @flags: FOLL_*
 * @pages: filled; may be NULL
 * @locked: as there
 *
 * Who asks for what is just below a stack has a warning in the log.
 *
 * Context: process, may sleep; the caller holds the mmap lock, see @locked.
 * Return: how many there are, or an error: -EFAULT where nothing is mapped.
 */
long capi_get_pages(struct mm_struct *mm, unsigned long addr, unsigned long nr,
		    unsigned int flags, struct page **pages, int *locked)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (!vma)
		return -EFAULT;
	nr = min(nr, (vma->vm_end - addr) >> PAGE_SHIFT);
	return get_user_pages_remote(mm, addr, nr, flags, pages, locked);
}
EXPORT_SYMBOL_GPL(capi_get_pages);

/* Why the memory of this process at @addr cannot be reached */
static int process_error(u64 addr, bool store)
{
	unsigned int flags = FOLL_HWPOISON | (store ? FOLL_WRITE : 0);
	struct mm_struct *mm = current->mm;
	struct page *page;
	int locked = 1;
	long n;

	if ((unsigned long)addr != addr || mmap_read_lock_killable(mm))
		return -EFAULT;
	n = capi_get_pages(mm, addr & PAGE_MASK, 1, flags, &page, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (n == 1)
		put_page(page);
	return n == -EHWPOISON ? -EHWPOISON : -EFAULT;
}

/* Each of those that follow returns how many bytes are left to do. */

static size_t process_rw(u64 addr, void *buf, size_t len, bool store)
{
	void __user *at = u64_to_user_ptr(addr);

	if ((unsigned long)addr != addr)
		return len;
	return store ? copy_to_user(at, buf, len) : copy_from_user(buf, at, len);
}

/**
 * capi_kernel_page() - the memory behind an address of the kernel
 * @addr: the address
 *
 * Context: any; whoever gave the address keeps the memory.
 * Return: the page, or NULL for what is no memory: user space, holes, registers
 * of devices.
 */
struct page *capi_kernel_page(u64 addr)
{
	void *at = (void *)(unsigned long)addr;
	struct page *page;

	if ((unsigned long)addr != addr)
		return NULL;
	if (!is_vmalloc_addr(at))
		return virt_addr_valid(at) ? virt_to_page(at) : NULL;
	page = vmalloc_to_page(at);
	return page && pfn_valid(page_to_pfn(page)) ? page : NULL;
}
EXPORT_SYMBOL_GPL(capi_kernel_page);

static size_t kernel_store(u8 *at, const u8 *buf, size_t len)
{
	pagefault_disable();
	for (; len; len--, at++, buf++)
		__put_kernel_nofault(at, buf, u8, fault);
fault:
	pagefault_enable();
	return len;
}

/* That there is a page does not mean that it can be reached there. */
static size_t kernel_rw(u64 addr, void *buf, size_t len, bool store)
{
	size_t piece, left;

	while (len) {
		void *at = (void *)(unsigned long)addr;

		if (!capi_kernel_page(addr))
			return len;
		piece = min_t(size_t, len, PAGE_SIZE - offset_in_page(at));
		if (store)
			left = kernel_store(at, buf, piece);
		else
			left = copy_from_kernel_nofault(buf, at, piece) ?
			       piece : 0;
		len -= piece - left;
		if (left)
			return len;
		addr += piece;
		buf += piece;
	}
	return 0;
}

static int user_rw(struct cxl_context *ctx, u64 addr, void *buf, size_t len,
		   bool store, u64 *bad)
{
	const struct capi_context_user *user = ctx->user;

	if (store)
		return user->dma_write(ctx, ctx->user_priv, addr, buf, len,
				       bad);
	return user->dma_read(ctx, ctx->user_priv, addr, buf, len, bad);
}

static bool has_user_dma(struct cxl_context *ctx)
{
	return !ctx->mm && ctx->user && ctx->user->dma_read;
}

static int dma_rw(struct cxl_context *ctx, u64 addr, void *buf, size_t len,
		  bool store, u64 *bad)
{
	size_t left;

	if (!len)
		return 0;
	if (addr + (len - 1) < addr) {
		*bad = addr;
		return -EFAULT;
	}
	if (has_user_dma(ctx))
		return user_rw(ctx, addr, buf, len, store, bad);

	left = ctx->mm ? process_rw(addr, buf, len, store) :
			 kernel_rw(addr, buf, len, store);
	if (!left)
		return 0;
	*bad = addr + (len - left);
	return ctx->mm ? process_error(*bad, store) : -EFAULT;
}

/**
 * capi_dma_read() - an AFU reads memory
 * @ctx: the context that it works for
 * @addr: where: an address of the process, of the kernel, or as the context's
 *	user understands it
 * @buf: filled; what is in it after an error is not what is there
 * @len: how many bytes
 * @bad: after an error, the first address that could not be read
 *
 * Context: kernel thread, between capi_dma_begin() and capi_dma_end(); may
 * sleep.
 * Return: 0, -EFAULT if there is no such memory or the thread was killed,
 * -EHWPOISON if it is broken, -ENODEV or -EIO if there is no address space.
 */
int capi_dma_read(struct cxl_context *ctx, u64 addr, void *buf, size_t len,
		  u64 *bad)
{
	return dma_rw(ctx, addr, buf, len, false, bad);
}
EXPORT_SYMBOL_GPL(capi_dma_read);

/**
 * capi_dma_write() - an AFU writes memory
 * @ctx: the context that it works for
 * @addr: where; see capi_dma_read()
 * @buf: what
 * @len: how many bytes
 * @bad: after an error, the first address that could not be written; what is
 *	before it is, what is behind it may be
 *
 * Context: as capi_dma_read().
 * Return: as capi_dma_read().
 */
int capi_dma_write(struct cxl_context *ctx, u64 addr, const void *buf,
		   size_t len, u64 *bad)
{
	return dma_rw(ctx, addr, (void *)buf, len, true, bad);
}
EXPORT_SYMBOL_GPL(capi_dma_write);

static u64 page_cmpxchg64(struct page *page, unsigned int offset, u64 old,
			  u64 new)
{
	void *map = kmap_local_page(page);
	u64 was = cmpxchg64((u64 *)(map + offset), old, new);

	kunmap_local(map);
	return was;
}

/* It is touched first, as a load would: only that makes a stack grow. */
static int process_cmpxchg64(u64 addr, u64 *old, u64 new)
{
	struct page *page;
	u8 byte;

	if (process_rw(addr, &byte, sizeof(byte), false) ||
	    pin_user_pages_fast(addr & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
		return process_error(addr, true);
	*old = page_cmpxchg64(page, offset_in_page(addr), *old, new);
	unpin_user_pages_dirty_lock(&page, 1, true);
	return 0;
}

/* The kernel itself, which may be read only, has reserved pages. */
static int kernel_cmpxchg64(u64 addr, u64 *old, u64 new)
{
	struct page *page = capi_kernel_page(addr);
	u64 now;

	if (!page || PageReserved(page) ||
	    copy_from_kernel_nofault(&now, (void *)(unsigned long)addr,
				     sizeof(now)))
		return -EFAULT;
	*old = cmpxchg64((u64 *)(unsigned long)addr, *old, new);
	return 0;
}

/**
 * capi_dma_cmpxchg64() - an AFU compares and swaps 8 bytes of memory
 * @ctx: the context that it works for
 * @addr: where, a multiple of 8; see capi_dma_read()
 * @old: what must be there; replaced by what was there
 * @new: what to store then
 * @bad: after an error, @addr
 *
 * @old and @new are as they are in memory. Other processors see no state
 * between.
 *
 * Context: as capi_dma_read().
 * Return: as capi_dma_read(), whether or not it was swapped; -EINVAL for an
 * address that is no multiple of 8.
 */
int capi_dma_cmpxchg64(struct cxl_context *ctx, u64 addr, u64 *old, u64 new,
		       u64 *bad)
{
	*bad = addr;
	if (!IS_ALIGNED(addr, 8))
		return -EINVAL;
	if (ctx->mm)
		return process_cmpxchg64(addr, old, new);
	if (has_user_dma(ctx))
		return ctx->user->dma_cmpxchg64(ctx, ctx->user_priv, addr, old,
						new);
	return kernel_cmpxchg64(addr, old, new);
}
EXPORT_SYMBOL_GPL(capi_dma_cmpxchg64);

/**
 * capi_dma_watch() - get ready to look at memory again and again
 * @ctx: the context
 * @addr: where; see capi_dma_read()
 *
 * Context: kernel thread, not between capi_dma_begin() and capi_dma_end(); may
 * sleep.
 * Return: 0, to be followed by capi_dma_unwatch(), or an error where
 * capi_dma_peek() is not for that address.
 */
int capi_dma_watch(struct cxl_context *ctx, u64 addr)
{
	if (ctx->mm)
		return capi_watch_start(ctx, addr);
	if (!has_user_dma(ctx))
		return 0;
	if (!ctx->user->dma_watch)
		return -EOPNOTSUPP;
	return ctx->user->dma_watch(ctx, ctx->user_priv, addr);
}
EXPORT_SYMBOL_GPL(capi_dma_watch);

/**
 * capi_dma_unwatch() - opposite of capi_dma_watch()
 * @ctx: the context
 *
 * Context: as capi_dma_watch(). No capi_dma_peek() runs.
 */
void capi_dma_unwatch(struct cxl_context *ctx)
{
	if (ctx->mm)
		capi_watch_stop(ctx);
	else if (has_user_dma(ctx))
		ctx->user->dma_unwatch(ctx, ctx->user_priv);
}
EXPORT_SYMBOL_GPL(capi_dma_unwatch);

/**
 * capi_dma_peek() - look at a byte of memory without waiting for anybody
 * @ctx: the context, which stays attached meanwhile
 * @addr: where; what capi_dma_watch() was called with
 * @value: filled, unless an error is returned
 *
 * Context: process, also outside the context's own thread.
 * Return: 0, -EAGAIN if it cannot be seen at this moment, -EFAULT if
 * capi_dma_read() must be called to see it.
 */
int capi_dma_peek(struct cxl_context *ctx, u64 addr, u8 *value)
{
	if (ctx->mm)
		return capi_watch_look(ctx, value);
	if (has_user_dma(ctx))
		return ctx->user->dma_peek(ctx, ctx->user_priv, addr, value);
	return kernel_rw(addr, value, 1, false) ? -EFAULT : 0;
}
EXPORT_SYMBOL_GPL(capi_dma_peek);
