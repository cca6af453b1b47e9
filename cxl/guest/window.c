// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event window: what the host has for the context that has the VF. A driver
 * event is acknowledged when its reader in this machine has it, so none is lost
 * on the way; the next is fetched at once, so that it keeps its precedence.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "guest.h"

/* How often it is looked before others are let run */
#define MAX_LOOKS	64

#define CONTROL		(CAPI_MDEV_EVENT_ENABLE | CAPI_MDEV_EVENT_NO_IRQS | \
			 CAPI_MDEV_EVENT_LINK_AWARE)

static struct cxl_context *owner_locked(struct guest_window *window)
{
	return rcu_dereference_protected(window->owner,
					 lockdep_is_held(&window->lock));
}

static void acknowledge(struct guest_card *card, u32 token)
{
	guest_store(card, CAPI_MDEV_REG_EVENT_ACK, token);
}

static void load(struct guest_card *card, void *to, unsigned int off, size_t n)
{
	memcpy_fromio(to, card->regs + CAPI_MDEV_REG_EVENT_DATA + off, n);
}

/* Keeps a driver event until it is read. Returns false if nobody wants it. */
static bool keep(struct guest_card *card, u32 token,
		 const struct cxl_event_header *header)
{
	struct guest_window *window = &card->window;
	size_t size = header->size;

	if (!window->asked || size < sizeof(*header) || size > CXL_READ_MIN_SIZE)
		return false;
	window->event->data_size = size - sizeof(*header);
	load(card, window->event->data, sizeof(*header),
	     window->event->data_size);
	window->token = token;
	cxl_context_events_pending(owner_locked(window), 1);
	return true;
}

/* Tells the core. Returns false if the event is kept. */
static bool pass_on(struct guest_card *card, u32 token)
{
	struct cxl_context *owner = owner_locked(&card->window);
	struct cxl_event event;

	load(card, &event, 0, sizeof(event.header));
	switch (event.header.type) {
	case CXL_EVENT_AFU_INTERRUPT:
		load(card, &event, 0, sizeof(event.header) + sizeof(event.irq));
		capi_raise_afu_irq(owner, event.irq.irq);
		return true;
	case CXL_EVENT_DATA_STORAGE:
		load(card, &event, 0,
		     sizeof(event.header) + sizeof(event.fault));
		capi_raise_fault(owner, event.fault.addr, event.fault.dsisr);
		return true;
	case CXL_EVENT_AFU_ERROR:
		load(card, &event, 0,
		     sizeof(event.header) + sizeof(event.afu_error));
		capi_raise_afu_error(owner, event.afu_error.error);
		return true;
	case CXL_EVENT_AFU_DRIVER:
		return !keep(card, token, &event.header);
	default:
		return true;
	}
}

/* Shows the next event. Returns false if there is none, or no VF any more. */
static bool look(struct guest_card *card, u32 *token)
{
	u32 status;

	guest_store(card, CAPI_MDEV_REG_EVENT_LOOK, 1);
	*token = guest_load(card, CAPI_MDEV_REG_EVENT_TOKEN);
	if (*token)
		return *token != ~0U;
	/* One that could not be delivered is gone; others may wait behind it. */
	status = guest_load(card, CAPI_MDEV_REG_EVENT_STATUS);
	return status != ~0U && status & CAPI_MDEV_EVENT_STATUS_FAILED;
}

/**
 * guest_window_pump() - take what the window has, up to a driver event
 * @card: the card
 *
 * Driver events that nobody asked for are dropped, as if they had never been
 * posted. While no context has the VF, all stays with the host. Where there is
 * no end of events, it goes on in guest_card.change.
 *
 * Context: process; the caller holds window.lock.
 */
void guest_window_pump(struct guest_card *card)
{
	struct guest_window *window = &card->window;
	unsigned int looks = 0;
	u32 token;

	while (owner_locked(window) && !window->token && look(card, &token)) {
		if (token && pass_on(card, token))
			acknowledge(card, token);
		if (++looks == MAX_LOOKS) {
			schedule_work(&card->change);
			break;
		}
	}
}

static struct cxl_event_afu_driver_reserved *fetch_event(struct cxl_context *ctx)
{
	return guest_context_card(ctx)->window.event;
}

static void event_delivered(struct cxl_context *ctx,
			    struct cxl_event_afu_driver_reserved *event, int rc)
{
	struct guest_card *card = guest_context_card(ctx);
	struct guest_window *window = &card->window;

	/* Nobody will read it: the reset that follows takes it away. */
	if (rc == -ECANCELED)
		return;
	mutex_lock(&window->lock);
	if (!window->token || owner_locked(window) != ctx)
		goto out;
	if (rc) {
		/* Nobody has it: the next reader shall. */
		cxl_context_events_pending(ctx, 1);
	} else {
		acknowledge(card, window->token);
		window->token = 0;
		guest_window_pump(card);
	}
out:
	mutex_unlock(&window->lock);
}

struct cxl_afu_driver_ops guest_driver_ops = {
	.fetch_event = fetch_event,
	.event_delivered = event_delivered,
};

/* Caller holds window.lock. Nothing of the owner's is left. */
static void give(struct guest_card *card)
{
	struct guest_window *window = &card->window;

	guest_command(card, CAPI_MDEV_COMMAND_RESET);
	window->token = 0;
	window->asked = false;
	RCU_INIT_POINTER(window->owner, NULL);
	synchronize_rcu();
}

/**
 * guest_window_take() - let a context have the VF
 * @card: the card
 * @ctx: the context
 *
 * It is taken from one that neither works nor waits for driver events.
 *
 * Context: process; the caller holds window.lock.
 * Return: 0, or -ENOSPC if another has it.
 */
int guest_window_take(struct guest_card *card, struct cxl_context *ctx)
{
	struct guest_window *window = &card->window;
	struct cxl_context *owner = owner_locked(window);

	if (owner && owner != ctx && (window->started || window->asked))
		return -ENOSPC;
	if (owner && owner != ctx)
		give(card);
	rcu_assign_pointer(window->owner, ctx);
	/* Also after a function level reset */
	guest_store(card, CAPI_MDEV_REG_EVENT_CONTROL, CONTROL);
	return 0;
}

/* The context is no more, or has no use for the VF. */
void guest_window_give(struct guest_card *card, struct cxl_context *ctx)
{
	mutex_lock(&card->window.lock);
	if (owner_locked(&card->window) == ctx)
		give(card);
	mutex_unlock(&card->window.lock);
}

/* Driver events are asked for: those that wait since before are among them. */
int guest_driver_attach(struct cxl_context *ctx)
{
	struct guest_card *card = guest_context_card(ctx);
	int rc;

	mutex_lock(&card->window.lock);
	rc = guest_window_take(card, ctx);
	if (!rc) {
		cxl_set_driver_ops(ctx, &guest_driver_ops);
		card->window.asked = true;
		guest_window_pump(card);
	}
	mutex_unlock(&card->window.lock);
	return rc == -ENOSPC ? -EBUSY : rc;
}

void guest_driver_detach(struct cxl_context *ctx)
{
	struct guest_card *card = guest_context_card(ctx);

	mutex_lock(&card->window.lock);
	if (owner_locked(&card->window) == ctx && !card->window.started)
		give(card);
	mutex_unlock(&card->window.lock);
}

/* The function is as after a reset: have it tell what we want to hear. */
void guest_window_listen(struct guest_card *card)
{
	struct guest_window *window = &card->window;

	mutex_lock(&window->lock);
	guest_store(card, CAPI_MDEV_REG_EVENT_CONTROL,
		    rcu_access_pointer(window->owner) ?
		    CONTROL : CAPI_MDEV_EVENT_LINK_AWARE);
	mutex_unlock(&window->lock);
}

/* Nobody looks. */
void guest_window_leave(struct guest_card *card)
{
	guest_store(card, CAPI_MDEV_REG_EVENT_CONTROL, 0);
}

int guest_window_init(struct guest_card *card)
{
	mutex_init(&card->window.lock);
	card->window.event = kzalloc(sizeof(*card->window.event) +
				     CXL_READ_MIN_SIZE, GFP_KERNEL);
	return card->window.event ? 0 : -ENOMEM;
}

void guest_window_exit(struct guest_card *card)
{
	kfree(card->window.event);
	mutex_destroy(&card->window.lock);
}
