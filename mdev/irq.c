// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: eventfds that VFIO_DEVICE_SET_IRQS brings and that are signalled
 * in any context but NMI.
 *
 * A trigger is raised by setting its pending bit, then sending it if it may be
 * sent. Whoever makes it possible to send (an eventfd, bus master, the function
 * mask) does so first and looks at the pending bits after. One of the two finds
 * both, and only one clears the bit.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mdev.h"

#define NR_TRIGGERS(irqs)	((irqs)->max_msix + 2)
#define TRIGGER_ERR(irqs)	((irqs)->max_msix)
#define TRIGGER_REQ(irqs)	((irqs)->max_msix + 1)

int capi_mdev_irqs_init(struct capi_mdev *m)
{
	struct capi_mdev_irqs *irqs = &m->irqs;

	irqs->nr_msix = 1 + m->desc->irqs;
	irqs->max_msix = 1 + m->desc->irqs_max;
	irqs->triggers = kcalloc(NR_TRIGGERS(irqs), sizeof(*irqs->triggers),
				 GFP_KERNEL);
	irqs->exchange = kcalloc(NR_TRIGGERS(irqs), sizeof(*irqs->exchange),
				 GFP_KERNEL);
	irqs->pending = bitmap_zalloc(irqs->max_msix, GFP_KERNEL);
	return irqs->triggers && irqs->exchange && irqs->pending ? 0 : -ENOMEM;
}

/* The device is closed. Caller holds capi_mdev.lock. */
int capi_mdev_irqs_set_number(struct capi_mdev *m, unsigned int irqs)
{
	int rc = capi_context_set_irqs(m->ctx, irqs);

	if (!rc)
		m->irqs.nr_msix = 1 + irqs;
	return rc;
}

void capi_mdev_irqs_release(struct capi_mdev *m)
{
	kfree(m->irqs.triggers);
	kfree(m->irqs.exchange);
	bitmap_free(m->irqs.pending);
}

/* ERR and REQ, and what the consumer does to itself: now or never. */
static void signal(struct capi_mdev_irqs *irqs, unsigned int i)
{
	struct eventfd_ctx *trigger;

	rcu_read_lock();
	trigger = rcu_dereference(irqs->triggers[i]);
	if (trigger)
		eventfd_signal(trigger);
	rcu_read_unlock();
}

/* Is there a trigger, so that it was sent, or will be? */
static bool send(struct capi_mdev_irqs *irqs, unsigned int i)
{
	struct eventfd_ctx *trigger;
	bool found;

	rcu_read_lock();
	trigger = rcu_dereference(irqs->triggers[i]);
	if (trigger && READ_ONCE(irqs->may_send) &&
	    test_and_clear_bit(i, irqs->pending))
		eventfd_signal(trigger);
	found = trigger;
	rcu_read_unlock();
	return found;
}

static bool raise(struct capi_mdev_irqs *irqs, unsigned int i)
{
	set_bit(i, irqs->pending);
	/* See the top of the file; pairs with that in send_pending(). */
	smp_mb__after_atomic();
	return send(irqs, i);
}

static void send_pending(struct capi_mdev_irqs *irqs)
{
	unsigned int i;

	/* See the top of the file; pairs with that in raise(). */
	smp_mb();
	for_each_set_bit(i, irqs->pending, irqs->nr_msix)
		send(irqs, i);
}

/* Returns whether the consumer has a trigger for it. */
bool capi_mdev_raise_msix(struct capi_mdev *m, unsigned int vector)
{
	return vector < m->irqs.max_msix && raise(&m->irqs, vector);
}

void capi_mdev_raise_err(struct capi_mdev *m)
{
	signal(&m->irqs, TRIGGER_ERR(&m->irqs));
}

void capi_mdev_raise_req(struct capi_mdev *m)
{
	signal(&m->irqs, TRIGGER_REQ(&m->irqs));
}

/* Caller holds capi_mdev.lock. */
void capi_mdev_irqs_allow(struct capi_mdev *m, bool may_send)
{
	WRITE_ONCE(m->irqs.may_send, may_send);
	if (may_send)
		send_pending(&m->irqs);
}

/* MSI-X messages that were not sent are forgotten. */
void capi_mdev_irqs_reset(struct capi_mdev *m)
{
	unsigned int i;

	for (i = 0; i < m->irqs.nr_msix; i++)
		clear_bit(i, m->irqs.pending);
}

static void put_all(struct eventfd_ctx **ctxs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (ctxs[i])
			eventfd_ctx_put(ctxs[i]);
}

/*
 * Puts what is in irqs->exchange in place of the triggers from @first on, and
 * lets go of these once nobody can be signalling them. Caller holds
 * capi_mdev.lock.
 */
static void exchange(struct capi_mdev *m, unsigned int first, unsigned int n)
{
	struct capi_mdev_irqs *irqs = &m->irqs;
	struct eventfd_ctx **ctxs = irqs->exchange;
	bool used = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		ctxs[i] = rcu_replace_pointer(irqs->triggers[first + i],
					      ctxs[i],
					      lockdep_is_held(&m->lock));
		if (ctxs[i])
			used = true;
	}
	send_pending(irqs);
	if (used)
		synchronize_rcu();
	put_all(ctxs, n);
}

static void disable(struct capi_mdev *m, unsigned int first, unsigned int n)
{
	memset(m->irqs.exchange, 0, n * sizeof(*m->irqs.exchange));
	exchange(m, first, n);
}

/* Nothing is signalled any more. Caller holds capi_mdev.lock. */
void capi_mdev_irqs_disable(struct capi_mdev *m)
{
	struct capi_mdev_irqs *irqs = &m->irqs;

	disable(m, 0, NR_TRIGGERS(irqs));
	capi_mdev_config_set_msix(m, false);
	capi_mdev_irqs_reset(m);
}

/* All of @fds, or none. Caller holds capi_mdev.lock. */
static int set_eventfds(struct capi_mdev *m, unsigned int first,
			unsigned int n, const s32 *fds)
{
	struct eventfd_ctx **ctxs = m->irqs.exchange;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (fds[i] == -1)
			ctxs[i] = NULL;
		else if (fds[i] < 0)
			ctxs[i] = ERR_PTR(-EINVAL);
		else
			ctxs[i] = eventfd_ctx_fdget(fds[i]);
		if (IS_ERR(ctxs[i])) {
			put_all(ctxs, i);
			return PTR_ERR(ctxs[i]);
		}
	}
	exchange(m, first, n);
	return 0;
}

/* The consumer signals itself, as a test. */
static void loop_back(struct capi_mdev *m, unsigned int first, unsigned int n,
		      const u8 *wanted)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!wanted || wanted[i])
			signal(&m->irqs, first + i);
}

static unsigned int nr_irqs_of(struct capi_mdev *m, u32 index)
{
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return m->irqs.nr_msix;
	case VFIO_PCI_ERR_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	default:
		return 0;
	}
}

static unsigned int first_trigger(struct capi_mdev *m, u32 index)
{
	switch (index) {
	case VFIO_PCI_ERR_IRQ_INDEX:
		return TRIGGER_ERR(&m->irqs);
	case VFIO_PCI_REQ_IRQ_INDEX:
		return TRIGGER_REQ(&m->irqs);
	default:
		return 0;
	}
}

/* Caller holds capi_mdev.lock; @hdr and @data are checked. */
static int set_irqs(struct capi_mdev *m, const struct vfio_irq_set *hdr,
		    const void *data)
{
	unsigned int base = first_trigger(m, hdr->index);
	unsigned int first;
	bool msix = hdr->index == VFIO_PCI_MSIX_IRQ_INDEX;
	int rc = 0;

	if ((hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) !=
	    VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;

	first = base + array_index_nospec(hdr->start, nr_irqs_of(m, hdr->index));
	switch (hdr->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		if (hdr->count) {
			loop_back(m, first, hdr->count, NULL);
			break;
		}
		disable(m, base, nr_irqs_of(m, hdr->index));
		if (msix)
			capi_mdev_config_set_msix(m, false);
		break;
	case VFIO_IRQ_SET_DATA_BOOL:
		if (!hdr->count)
			return -EINVAL;
		loop_back(m, first, hdr->count, data);
		break;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		if (!hdr->count)
			return -EINVAL;
		rc = set_eventfds(m, first, hdr->count, data);
		if (!rc && msix)
			capi_mdev_config_set_msix(m, true);
		break;
	default:
		rc = -EINVAL;
	}
	return rc;
}

long capi_mdev_set_irqs(struct capi_mdev *m, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set hdr;
	size_t size = 0;
	u8 *data = NULL;
	long rc;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	rc = vfio_set_irqs_validate_and_prepare(&hdr, nr_irqs_of(m, hdr.index),
						VFIO_PCI_NUM_IRQS, &size);
	if (rc)
		return rc;
	if (size) {
		data = memdup_user(arg + minsz, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}

	mutex_lock(&m->lock);
	rc = set_irqs(m, &hdr, data);
	mutex_unlock(&m->lock);
	kfree(data);
	return rc;
}

long capi_mdev_get_irq_info(struct capi_mdev *m, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;

	info.count = nr_irqs_of(m, info.index);
	info.flags = info.count ? VFIO_IRQ_INFO_EVENTFD : 0;
	if (info.index == VFIO_PCI_MSIX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}
