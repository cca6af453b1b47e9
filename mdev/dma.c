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
#include <linux/workqueue.h>

#include "mdev.h"

/* How long nothing is pinned after an unmapping met a pin */
#define PIN_BREAK	(HZ / 10)
/* How long an unmapping waits for a pin to end, when it first meets it */
#define PIN_PATIENCE	(HZ / 20)
#define PIN_PATIENCE_MAX	(HZ * 10)
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
	int rc = -EIO;

	mutex_lock(&m->pins.access);
	if (READ_ONCE(m->pins.allowed)) {
		rc = vfio_dma_rw(&m->vdev, iova, buf, len, store);
		rc = rc ? dma_error(rc) : 0;
	}
	mutex_unlock(&m->pins.access);
	return rc;
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

/* Caller holds pins.lock. */
static bool may_pin(struct capi_mdev_pins *pins)
{
	return !pins->unmapping && pins->rested == pins->unmaps;
}

/*
 * After an unmapping that met pins, the AFU's thread takes a break, itself: while it
 * is in VFIO, where memory may keep it, who unmaps does not get on. Returns 0, or
 * -EFAULT if the thread is to end. Caller holds no lock of VFIO.
 */
static int take_break(struct capi_mdev *m)
{
	struct capi_mdev_pins *pins = &m->pins;
	unsigned int unmaps;
	bool due;

	for (;;) {
		spin_lock(&pins->lock);
		due = !may_pin(pins);
		unmaps = pins->unmaps;
		spin_unlock(&pins->lock);
		if (!due)
			return 0;
		schedule_timeout_killable(PIN_BREAK);
		if (fatal_signal_pending(current))
			return -EFAULT;
		spin_lock(&pins->lock);
		pins->rested = unmaps;
		spin_unlock(&pins->lock);
	}
}

/*
 * If it returns true, end_pin() has to follow. No lock is held from here to there:
 * VFIO has some of its own around pinning, and others around capi_mdev_dma_unmap().
 */
static bool try_begin_pin(struct capi_mdev *m, unsigned int *unmaps)
{
	struct capi_mdev_pins *pins = &m->pins;
	bool may;

	spin_lock(&pins->lock);
	may = may_pin(pins);
	*unmaps = pins->unmaps;
	pins->count += may;
	spin_unlock(&pins->lock);
	return may;
}

static void end_pin(struct capi_mdev *m)
{
	struct capi_mdev_pins *pins = &m->pins;

	spin_lock(&pins->lock);
	if (!--pins->count) {
		pins->patience = PIN_PATIENCE;
		wake_up_all(&pins->gone);
	}
	spin_unlock(&pins->lock);
}

/*
 * What is pinned is locked memory of the consumer, who may not have much. VFIO
 * says so in the log each time, and so is not asked again soon: a queue can have
 * the AFU try as often as it likes.
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

static int cmpxchg_if_allowed(struct capi_mdev *m, u64 *at, u64 *old, u64 new)
{
	int rc = -EIO;

	mutex_lock(&m->pins.access);
	if (READ_ONCE(m->pins.allowed)) {
		*old = cmpxchg64(at, *old, new);
		rc = 0;
	}
	mutex_unlock(&m->pins.access);
	return rc;
}

/* A pin was begun, and ends here. */
static int pinned_cmpxchg64(struct capi_mdev *m, u64 at, u64 *old, u64 new)
{
	dma_addr_t iova = at & PAGE_MASK;
	struct page *page;
	void *map;
	int rc;

	rc = pin_page(m, iova, IOMMU_READ | IOMMU_WRITE, &page);
	if (rc) {
		rc = dma_error(rc);
	} else {
		map = kmap_local_page(page);
		rc = cmpxchg_if_allowed(m, map + offset_in_page(at), old, new);
		kunmap_local(map);
		vfio_unpin_pages(&m->vdev, iova, 1);
	}
	end_pin(m);
	return rc;
}

/* -EAGAIN if a break is due: nobody waits for that who invalidates. */
static int translated_cmpxchg64(struct capi_mdev *m, u64 addr, u64 *old, u64 new)
{
	bool translating = capi_mdev_translating(m);
	unsigned int unmaps;
	u64 iova = addr;
	int rc = 0;

	if (translating)
		rc = capi_mdev_translate(m, addr, sizeof(*old),
					 CAPI_MDEV_ENTRY_LOAD |
					 CAPI_MDEV_ENTRY_STORE, &iova);
	if (rc)
		return rc;
	rc = try_begin_pin(m, &unmaps) ? pinned_cmpxchg64(m, iova, old, new) :
					 -EAGAIN;
	if (translating)
		capi_mdev_translate_end(m);
	return rc;
}

int capi_mdev_dma_cmpxchg64(struct cxl_context *ctx, void *priv, u64 addr,
			    u64 *old, u64 new)
{
	struct capi_mdev *m = priv;
	int rc;

	do {
		rc = READ_ONCE(m->pins.allowed) ? take_break(m) : -EIO;
		if (!rc)
			rc = translated_cmpxchg64(m, addr, old, new);
	} while (rc == -EAGAIN);
	capi_mdev_translate_forget_once(&m->translations);
	return rc;
}

/* Watches what was pinned, unless something was unmapped meanwhile. */
static bool keep_watched(struct capi_mdev *m, struct page *page, u64 addr,
			 u64 at, unsigned int unmaps)
{
	struct capi_mdev_pins *pins = &m->pins;
	bool keep;

	spin_lock(&pins->lock);
	keep = pins->unmaps == unmaps;
	if (keep) {
		pins->watched = page;
		pins->iova = at & PAGE_MASK;
		pins->offset = offset_in_page(at);
		pins->address = addr;
	}
	spin_unlock(&pins->lock);
	return keep;
}

/*
 * While the AFU is idle, the page with the next element of its queue is pinned:
 * it can be looked at without any lock of the consumer. Who cannot have a page
 * pinned is asked once after a start.
 */
static int watch(struct capi_mdev *m, u64 addr, u64 at)
{
	dma_addr_t iova = at & PAGE_MASK;
	unsigned int unmaps;
	struct page *page;
	int rc;

	if (READ_ONCE(m->pins.unwatchable))
		return -EOPNOTSUPP;
	if (!try_begin_pin(m, &unmaps))
		return -EAGAIN;
	rc = pin_page(m, iova, IOMMU_READ, &page);
	if (rc) {
		WRITE_ONCE(m->pins.unwatchable, true);
		rc = -EOPNOTSUPP;
	} else {
		if (keep_watched(m, page, addr, at, unmaps))
			return 0;
		vfio_unpin_pages(&m->vdev, iova, 1);
		rc = -EAGAIN;
	}
	end_pin(m);
	return rc;
}

/* Nobody is asked to translate only for that. */
int capi_mdev_dma_watch(struct cxl_context *ctx, void *priv, u64 addr)
{
	struct capi_mdev *m = priv;
	int rc = -EAGAIN;
	u64 iova;

	if (take_break(m))
		return -EAGAIN;
	if (!capi_mdev_translating(m))
		return watch(m, addr, addr);
	mutex_lock(&m->translations.use);
	if (capi_mdev_translate_known(m, addr, CAPI_MDEV_ENTRY_LOAD, &iova))
		rc = watch(m, addr, iova);
	mutex_unlock(&m->translations.use);
	return rc;
}

/* Whoever comes first ends the pin. */
static void unwatch(struct capi_mdev *m)
{
	struct capi_mdev_pins *pins = &m->pins;
	struct page *page = NULL;
	dma_addr_t iova;

	spin_lock(&pins->lock);
	swap(page, pins->watched);
	iova = pins->iova;
	spin_unlock(&pins->lock);
	if (page) {
		vfio_unpin_pages(&m->vdev, iova, 1);
		end_pin(m);
	}
}

static void unwatch_work(struct work_struct *work)
{
	unwatch(container_of(work, struct capi_mdev, pins.unwatch));
}

void capi_mdev_dma_unwatch(struct cxl_context *ctx, void *priv)
{
	unwatch(priv);
}

/*
 * Something was invalidated: the page that is watched is looked at no more, if
 * it was that. Caller holds translations.use.
 */
void capi_mdev_dma_check_watch(struct capi_mdev *m)
{
	struct capi_mdev_pins *pins = &m->pins;
	bool watched;
	u64 address;
	u64 iova;

	spin_lock(&pins->lock);
	watched = pins->watched;
	address = pins->address;
	spin_unlock(&pins->lock);
	if (watched && !capi_mdev_translate_known(m, address,
						  CAPI_MDEV_ENTRY_LOAD, &iova))
		unwatch(m);
}

/* In a thread that looks for others too, and must not wait for this one. */
int capi_mdev_dma_peek(struct cxl_context *ctx, void *priv, u64 addr,
		       u8 *value)
{
	struct capi_mdev *m = priv;
	struct capi_mdev_pins *pins = &m->pins;
	int rc = -EFAULT;
	u8 *map;

	spin_lock(&pins->lock);
	if (pins->watched && READ_ONCE(pins->allowed)) {
		map = kmap_local_page(pins->watched);
		*value = READ_ONCE(map[pins->offset]);
		kunmap_local(map);
		rc = 0;
	}
	spin_unlock(&pins->lock);
	return rc;
}

/*
 * iommufd holds nothing that unpinning needs, and asks but once where the device
 * leaves a space of addresses: there, all pins have to be gone.
 */
static bool is_patient(struct vfio_device *vdev)
{
#if IS_ENABLED(CONFIG_IOMMUFD)
	return vdev->iommufd_access;
#else
	return false;
#endif
}

/*
 * The consumer unmaps memory of which VFIO has seen a page pinned. It looks again
 * when this returns, and does not put up with finding one ten times: the pins that
 * there are end now, and the next waits until that look is long over.
 *
 * They end elsewhere, as unpinning takes a lock that another unmapping may hold,
 * which waits for this one to return. Only time tells: this waits for longer each
 * time that the same pins are still there.
 */
void capi_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct capi_mdev *m = to_capi_mdev(vdev);
	struct capi_mdev_pins *pins = &m->pins;
	long patience;

	spin_lock(&pins->lock);
	pins->unmaps++;
	pins->unmapping++;
	patience = pins->patience;
	pins->patience = min_t(long, 2 * patience, PIN_PATIENCE_MAX);
	if (pins->watched)
		queue_work(system_highpri_wq, &pins->unwatch);
	spin_unlock(&pins->lock);

	if (!is_patient(vdev) || wait_event_killable(pins->gone, !READ_ONCE(pins->count)))
		wait_event_timeout(pins->gone, !READ_ONCE(pins->count), patience);

	spin_lock(&pins->lock);
	pins->unmaps++;
	pins->unmapping--;
	if (!pins->count)
		pins->patience = PIN_PATIENCE;
	spin_unlock(&pins->lock);
}

/* The context is closed: nothing is pinned any more. */
void capi_mdev_dma_close(struct capi_mdev *m)
{
	cancel_work_sync(&m->pins.unwatch);
}

/* A function that is no bus master has no memory to work with. */
void capi_mdev_dma_allow(struct capi_mdev *m, bool allow)
{
	WRITE_ONCE(m->pins.allowed, allow);
}

/*
 * Waits until an access that began while it was one is over. Who is killed
 * meanwhile does not see the store complete. Without capi_mdev.lock, as the access
 * may wait for the consumer's memory.
 */
void capi_mdev_dma_drain(struct capi_mdev *m)
{
	if (!READ_ONCE(m->pins.allowed) &&
	    !mutex_lock_killable(&m->pins.access))
		mutex_unlock(&m->pins.access);
}

void capi_mdev_dma_init(struct capi_mdev *m)
{
	mutex_init(&m->pins.access);
	spin_lock_init(&m->pins.lock);
	init_waitqueue_head(&m->pins.gone);
	INIT_WORK(&m->pins.unwatch, unwatch_work);
	m->pins.patience = PIN_PATIENCE;
	m->pins.ask_after = jiffies;
}

void capi_mdev_dma_release(struct capi_mdev *m)
{
	mutex_destroy(&m->pins.access);
}
