// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core knows of a VF: a card, an AFU, and the AFU's PCI function.
 *
 * A VF may come and go with the PCI rescan lock held, by hot plug, or without.
 * What needs that lock is done in work items, for which nobody waits who may
 * have it.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "guest.h"

static struct workqueue_struct *plug_queue;

static const struct capi_adapter_desc adapter_desc = {
	.caia_major = 1,
	.user_image = true,
};

static void card_free(struct kref *kref)
{
	struct guest_card *card = container_of(kref, struct guest_card, kref);

	pci_dev_put(card->vf);
	mutex_destroy(&card->lock);
	kfree(card);
}

void guest_card_put(struct guest_card *card)
{
	kref_put(&card->kref, card_free);
}

static int register_card(struct guest_card *card)
{
	card->adapter = capi_adapter_register(card->vf, &adapter_desc,
					      &guest_backend_ops, card);
	if (IS_ERR(card->adapter))
		return PTR_ERR(card->adapter);
	card->afu = capi_afu_add(card->adapter,
				 capi_vphb_function(card->vphb, 0),
				 &card->desc, card);
	if (!IS_ERR(card->afu))
		return 0;
	capi_adapter_unregister(card->adapter);
	return PTR_ERR(card->afu);
}

/* Caller holds the PCI rescan lock, and card->lock. */
static int build(struct guest_card *card)
{
	int rc;

	card->vphb = capi_vphb_create(&card->function, 1);
	if (IS_ERR(card->vphb)) {
		rc = PTR_ERR(card->vphb);
		card->vphb = NULL;
		return rc;
	}
	rc = register_card(card);
	if (rc) {
		card->adapter = NULL;
		capi_vphb_destroy(card->vphb);
		card->vphb = NULL;
		return rc;
	}
	capi_vphb_publish(card->vphb);
	/* The link may have gone down before there was anybody to be told. */
	schedule_work(&card->change);
	return 0;
}

static void plug(struct work_struct *work)
{
	struct guest_card *card = container_of(work, struct guest_card, plug);
	int rc = 0;

	pci_lock_rescan_remove();
	mutex_lock(&card->lock);
	if (!card->leaving) {
		rc = build(card);
	} else if (card->vphb) {
		capi_vphb_stop(card->vphb);
		capi_adapter_unregister(card->adapter);
		card->adapter = NULL;
		capi_vphb_destroy(card->vphb);
		card->vphb = NULL;
	}
	if (rc)
		pci_err(card->vf, "cannot be a card: error %d\n", rc);
	mutex_unlock(&card->lock);
	pci_unlock_rescan_remove();
	guest_card_put(card);
}

static void queue_plug(struct guest_card *card)
{
	kref_get(&card->kref);
	if (!queue_work(plug_queue, &card->plug))
		guest_card_put(card);
}

/* There is a VF. */
void guest_card_plug(struct guest_card *card)
{
	queue_plug(card);
}

/*
 * The VF is going, or its driver is. Kernel drivers of the AFU are unbound, and
 * files are cut off; when this returns, the core does not call the backend. The
 * AFU's function goes later, and the adapter with it: a driver may have been bound
 * to the function by hand meanwhile. They have nothing to do with the VF any more.
 */
void guest_card_unplug(struct guest_card *card)
{
	mutex_lock(&card->lock);
	card->leaving = true;
	if (card->adapter) {
		capi_adapter_gone(card->adapter);
		device_release_driver(&capi_vphb_function(card->vphb, 0)->dev);
		capi_adapter_sever(card->adapter);
		queue_plug(card);
	}
	mutex_unlock(&card->lock);
}

/*
 * There are more events than were taken at once, or the state changed without
 * our doing: the link, or the adapter behind it is gone, or the host closed the
 * context. One that somebody else is stopping is his business: he may start it
 * again.
 */
static void follow_state(struct guest_card *card)
{
	struct guest_window *window = &card->window;
	struct cxl_context *ctx = NULL;
	u32 state;
	bool up;

	mutex_lock(&card->lock);
	state = card->resetting ? CAPI_MDEV_STATE_LINK_DOWN :
		guest_load(card, CAPI_MDEV_REG_STATE);
	up = !(state & CAPI_MDEV_STATE_LINK_DOWN);
	if (!card->adapter || card->leaving)
		goto out;
	if (state == ~0U) {
		capi_adapter_gone(card->adapter);
		goto out;
	}
	if (up != card->link_up) {
		WRITE_ONCE(card->link_up, up);
		if (!capi_adapter_set_link(card->adapter, up)) {
			capi_adapter_gone(card->adapter);
			goto out;
		}
	}

	mutex_lock(&window->lock);
	guest_window_pump(card);
	if (window->running && (guest_load(card, CAPI_MDEV_REG_STATE) &
				CAPI_MDEV_STATE_MASK) != CAPI_MDEV_STATE_STARTED) {
		ctx = rcu_dereference_protected(window->owner, true);
		capi_context_get(ctx);
	}
	mutex_unlock(&window->lock);
	if (ctx) {
		cxl_stop_context(ctx);
		capi_context_put(ctx);
	}
out:
	mutex_unlock(&card->lock);
}

static void change(struct work_struct *work)
{
	follow_state(container_of(work, struct guest_card, change));
}

/* When it returns, contexts are stopped, or can be started again. */
void guest_card_set_resetting(struct guest_card *card, bool resetting)
{
	mutex_lock(&card->lock);
	card->resetting = resetting;
	mutex_unlock(&card->lock);
	if (!resetting)
		guest_window_listen(card);
	follow_state(card);
}

void guest_card_init(struct guest_card *card, struct pci_dev *vf)
{
	kref_init(&card->kref);
	card->vf = pci_dev_get(vf);
	mutex_init(&card->lock);
	INIT_WORK(&card->plug, plug);
	INIT_WORK(&card->change, change);
	card->link_up = true;
}

int guest_cards_init(void)
{
	plug_queue = alloc_ordered_workqueue("capi_guest", 0);
	return plug_queue ? 0 : -ENOMEM;
}

/* Waits until all that came and went is there and gone. */
void guest_cards_flush(void)
{
	flush_workqueue(plug_queue);
}

void guest_cards_exit(void)
{
	destroy_workqueue(plug_queue);
}
