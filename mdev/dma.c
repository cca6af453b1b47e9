// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AFU's accesses to the consumer's memory, by IOVA or by what the driver of
 * the function translates to that. They come from the AFU's thread alone, which
 * is stopped before the device is closed.
 *
 * That thread never takes capi_mdev.lock: a reset holds it while it waits for
 * the thread.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "mdev.h"

/* How long nothing is pinned after an unmapping met a pin */
#define PIN_BREAK	(HZ / 10)
/* How long VFIO is not asked for a page after the consumer could lock none */
#define PIN_REFUSED	HZ

/*
 * VFIO has many ways to say that there is no such memory. Some containers
 * cannot do it at all: the first version of type1 does not pin.
 */
static int dma_error(int rc)
{
	return rc == -EACCES || rc == -ENOTTY ? -ENODEV : -EFAULT;
}

/* Only in the AFU's thread, and never under capi_mdev.lock */
int capi_mdev_iova_rw(struct capi_mdev *m, u64 iova, void *buf, size_t len,
		      bool store)
{
	int rc;

	if (!READ_ONCE(m->pins.allowed))
		return -EIO;
	rc = vfio_dma_rw(&m->vdev, iova, buf, len, store);
	return rc ? dma_error(rc) : 0;
}

/* All at once; page by page only to find out what is missing. */
static int direct_rw(struct capi_mdev *m, u64 addr, void *buf, size_t len,
		     bool store, u64 *bad)
{
	int rc = capi_mdev_iova_rw(m, addr, buf, len, store);
	size_t piece;

	while (rc && len) {
		piece = min_t(u64, len, PAGE_SIZE - offset_in_page(addr));
		rc = capi_mdev_iova_rw(m, addr, buf, piece, store);
		if (rc) {
			*bad = addr;
			return rc;
		}
		len -= piece;
		addr += piece;
		buf += piece;
		rc = len ? -EAGAIN : 0;
	}
	return rc;
}

/* Each page may be elsewhere, and may go elsewhere when it is done. */
static int translated_rw(struct capi_mdev *m, u64 addr, void *buf, size_t len,
			 bool store, u64 *bad)
{
	u64 need = store ? CAPI_MDEV_ENTRY_STORE : CAPI_MDEV_ENTRY_LOAD;
	size_t piece;
	u64 iova;
	int rc = 0;

	for (; len; len -= piece, addr += piece, buf += piece) {
		piece = min_t(u64, len, SZ_4K - addr % SZ_4K);
		rc = capi_mdev_translate(m, addr, len, need, &iova);
		if (!rc) {
			rc = capi_mdev_iova_rw(m, iova, buf, piece, store);
			capi_mdev_translate_end(m);
		}
		if (rc) {
			*bad = addr;
			break;
		}
	}
	capi_mdev_translate_forget_once(&m->translations);
	return rc;
}

static int dma_rw(struct capi_mdev *m, u64 addr, void *buf, size_t len,
		  bool store, u64 *bad)
{
	return capi_mdev_translating(m) ?
	       translated_rw(m, addr, buf, len, store, bad) :
	       direct_rw(m, addr, buf, len, store, bad);
}

int capi_mdev_dma_read(struct cxl_context *ctx, void *priv, u64 addr,
		       void *buf, size_t len, u64 *bad)
{
	return dma_rw(priv, addr, buf, len, false, bad);
}

int capi_mdev_dma_write(struct cxl_context *ctx, void *priv, u64 addr,
			const void *buf, size_t len, u64 *bad)
{
	return dma_rw(priv, addr, (void *)buf, len, true, bad);
}

/* Returns with pins.lock held, or -EFAULT if the thread is to end. */
static int begin_pin(struct capi_mdev *m)
{
	long left;

	for (;;) {
		mutex_lock(&m->pins.lock);
		left = m->pins.not_before - jiffies;
		if (left <= 0)
			return 0;
		mutex_unlock(&m->pins.lock);
		if (fatal_signal_pending(current))
			return -EFAULT;
		schedule_timeout_killable(min_t(long, left, PIN_BREAK));
	}
}

/*
 * Caller holds pins.lock. What is pinned is locked memory of the consumer, who may
 * not have much. VFIO says so in the log each time, and so is not asked again soon:
 * a queue can have the AFU try as often as it likes.
 */
static int pin_page(struct capi_mdev *m, dma_addr_t iova, int prot,
		    struct page **page)
{
	int rc;

	if (time_before(jiffies, m->pins.ask_after))
		return -ENOMEM;
	rc = vfio_pin_pages(&m->vdev, iova, 1, prot, page);
	if (rc == -ENOMEM)
		m->pins.ask_after = jiffies + PIN_REFUSED;
	return rc == 1 ? 0 : rc ?: -EFAULT;
}

static int iova_cmpxchg64(struct capi_mdev *m, u64 at, u64 *old, u64 new)
{
	dma_addr_t iova = at & PAGE_MASK;
	struct page *page;
	void *map;
	int rc;

	if (!READ_ONCE(m->pins.allowed))
		return -EIO;
	rc = begin_pin(m);
	if (rc)
		return rc;
	rc = pin_page(m, iova, IOMMU_READ | IOMMU_WRITE, &page);
	if (!rc) {
		map = kmap_local_page(page);
		*old = cmpxchg64((u64 *)(map + offset_in_page(at)), *old, new);
		kunmap_local(map);
		vfio_unpin_pages(&m->vdev, iova, 1);
	}
	mutex_unlock(&m->pins.lock);
	return rc ? dma_error(rc) : 0;
}

int capi_mdev_dma_cmpxchg64(struct cxl_context *ctx, void *priv, u64 addr,
			    u64 *old, u64 new)
{
	struct capi_mdev *m = priv;
	u64 iova;
	int rc;

	if (!capi_mdev_translating(m))
		return iova_cmpxchg64(m, addr, old, new);
	rc = capi_mdev_translate(m, addr, sizeof(*old),
				 CAPI_MDEV_ENTRY_LOAD | CAPI_MDEV_ENTRY_STORE,
				 &iova);
	if (!rc) {
		rc = iova_cmpxchg64(m, iova, old, new);
		capi_mdev_translate_end(m);
	}
	capi_mdev_translate_forget_once(&m->translations);
	return rc;
}

/*
 * While the AFU is idle, the page with the next element of its queue is pinned:
 * it can be looked at without any lock of the consumer. Who cannot have a page
 * pinned is asked once after a start.
 */
static int watch(struct capi_mdev *m, u64 addr, u64 at)
{
	dma_addr_t iova = at & PAGE_MASK;
	int rc = -EAGAIN;

	mutex_lock(&m->pins.lock);
	if (READ_ONCE(m->pins.unwatchable)) {
		rc = -EOPNOTSUPP;
	} else if (time_after_eq(jiffies, m->pins.not_before)) {
		rc = pin_page(m, iova, IOMMU_READ, &m->pins.watched);
		m->pins.iova = iova;
		m->pins.offset = offset_in_page(at);
		m->pins.address = addr;
		WRITE_ONCE(m->pins.unwatchable, rc);
		rc = rc ? -EOPNOTSUPP : 0;
	}
	if (rc)
		m->pins.watched = NULL;
	mutex_unlock(&m->pins.lock);
	return rc;
}

/* Nobody is asked to translate only for that. */
int capi_mdev_dma_watch(struct cxl_context *ctx, void *priv, u64 addr)
{
	struct capi_mdev *m = priv;
	int rc = -EAGAIN;
	u64 iova;

	if (!capi_mdev_translating(m))
		return watch(m, addr, addr);
	mutex_lock(&m->translations.use);
	if (capi_mdev_translate_known(m, addr, CAPI_MDEV_ENTRY_LOAD, &iova))
		rc = watch(m, addr, iova);
	mutex_unlock(&m->translations.use);
	return rc;
}

/* Caller holds pins.lock. */
static void unwatch(struct capi_mdev *m)
{
	if (m->pins.watched)
		vfio_unpin_pages(&m->vdev, m->pins.iova, 1);
	m->pins.watched = NULL;
}

void capi_mdev_dma_unwatch(struct cxl_context *ctx, void *priv)
{
	struct capi_mdev *m = priv;

	mutex_lock(&m->pins.lock);
	unwatch(m);
	mutex_unlock(&m->pins.lock);
}

/*
 * Something was invalidated: the page that is watched is looked at no more, if
 * it was that. Caller holds translations.use.
 */
void capi_mdev_dma_check_watch(struct capi_mdev *m)
{
	u64 iova;

	if (mutex_lock_killable(&m->pins.lock))
		return;
	if (!capi_mdev_translate_known(m, m->pins.address,
				       CAPI_MDEV_ENTRY_LOAD, &iova))
		unwatch(m);
	mutex_unlock(&m->pins.lock);
}

/* In a thread that looks for others too, and must not wait for this one. */
int capi_mdev_dma_peek(struct cxl_context *ctx, void *priv, u64 addr,
		       u8 *value)
{
	struct capi_mdev *m = priv;
	u8 *map;
	int rc = -EFAULT;

	if (!mutex_trylock(&m->pins.lock))
		return -EAGAIN;
	if (m->pins.watched && READ_ONCE(m->pins.allowed)) {
		map = kmap_local_page(m->pins.watched);
		*value = READ_ONCE(map[m->pins.offset]);
		kunmap_local(map);
		rc = 0;
	}
	mutex_unlock(&m->pins.lock);
	return rc;
}

/*
 * The consumer unmaps memory of which VFIO has seen a page pinned. It looks
 * again when this returns, and does not put up with finding one ten times: the
 * pins that there are end now, and the next waits until that look is long over.
 */
void capi_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct capi_mdev *m = to_capi_mdev(vdev);

	mutex_lock(&m->pins.lock);
	unwatch(m);
	m->pins.not_before = jiffies + PIN_BREAK;
	mutex_unlock(&m->pins.lock);
}

/* A function that is no bus master has no memory to work with. */
void capi_mdev_dma_allow(struct capi_mdev *m, bool allow)
{
	WRITE_ONCE(m->pins.allowed, allow);
}

void capi_mdev_dma_init(struct capi_mdev *m)
{
	mutex_init(&m->pins.lock);
	m->pins.not_before = jiffies;
	m->pins.ask_after = jiffies;
}

void capi_mdev_dma_release(struct capi_mdev *m)
{
	mutex_destroy(&m->pins.lock);
}
