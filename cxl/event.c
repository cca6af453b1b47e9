// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event engine: what is pending for a context, in which order it leaves,
 * and who is told what became of it.
 *
 * An event is raised, taken by whoever delivers it, and settled. A driver
 * event that was taken is held, in one slot per context, until it is settled;
 * a generic event goes back to where it came from when its delivery fails.
 */
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

#define MAX_DRIVER_DATA	(CXL_READ_MIN_SIZE - sizeof(struct cxl_event_header))
#define MAX_FLUSHES	100

static void count(struct cxl_context *ctx, enum capi_event_counter which,
		  unsigned int n)
{
	atomic64_add(n, &ctx->events.counters[which]);
}

/**
 * capi_event_count() - read a counter of a context's events
 * @ctx: the context
 * @which: the counter
 *
 * Context: any.
 * Return: its value since the context was created.
 */
u64 capi_event_count(struct cxl_context *ctx, enum capi_event_counter which)
{
	return atomic64_read(&ctx->events.counters[which]);
}
EXPORT_SYMBOL_GPL(capi_event_count);

void capi_events_init(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;

	spin_lock_init(&events->lock);
	mutex_init(&events->turn);
	init_waitqueue_head(&events->wait);
}

/*
 * Runs in any context but NMI, and takes no lock but the wait queue's. An AFU driver
 * that holds the context may announce when the user is gone.
 */
void capi_events_wake(struct cxl_context *ctx)
{
	const struct capi_context_user *user;

	wake_up_all(&ctx->events.wait);
	rcu_read_lock();
	user = rcu_dereference(ctx->told);
	if (user && user->event)
		user->event(ctx, ctx->user_priv);
	rcu_read_unlock();
}

/* Has the user got interrupt @irq by itself? */
static bool user_has_irq(struct cxl_context *ctx, unsigned int irq)
{
	const struct capi_context_user *user;
	bool has;

	rcu_read_lock();
	user = rcu_dereference(ctx->told);
	has = user && user->irq && user->irq(ctx, ctx->user_priv, irq);
	rcu_read_unlock();
	return has;
}

/*
 * Gives events.turn back. Whoever was turned away from it is woken: the event
 * that it was woken for before may still be there, and it may wait for the next.
 */
void capi_events_end_turn(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;

	mutex_unlock(&events->turn);
	/* Orders the two; pairs with that in take_turn(). */
	smp_mb();
	if (READ_ONCE(events->turned_away) && xchg(&events->turned_away, false))
		wake_up_all(&events->wait);
}

/* Caller holds events.lock. */
bool capi_events_pending_locked(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;

	return events->held.token || events->fault || events->error ||
	       (events->ops && atomic_read(&events->driver_pending)) ||
	       !bitmap_empty(events->irqs, CAPI_MAX_IRQS + 1);
}

/**
 * capi_events_available() - is there an event to read?
 * @ctx: the context
 *
 * Context: any but NMI; takes the context's event lock.
 * Return: true if a reader would find one.
 */
bool capi_events_available(struct cxl_context *ctx)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&ctx->events.lock, flags);
	pending = capi_events_pending_locked(ctx);
	spin_unlock_irqrestore(&ctx->events.lock, flags);
	return pending;
}
EXPORT_SYMBOL_GPL(capi_events_available);

/* Raising */

/**
 * cxl_context_events_pending() - announce driver events
 * @ctx: the context
 * @new_events: how many; 0 does nothing
 *
 * Each event announced is fetched once. What goes over the limit set with
 * capi_event_set_limit(), or does not fit into 32 bits, is dropped and counted
 * as overrun; see capi_event_room() for how to avoid that.
 *
 * Context: any but NMI. Takes no lock that is held while fetch_event runs, so
 * the caller may hold the lock that its fetch_event takes.
 */
void cxl_context_events_pending(struct cxl_context *ctx,
				unsigned int new_events)
{
	unsigned int queued;

	if (!new_events)
		return;

	queued = capi_event_take_room(ctx, new_events);
	atomic_add(queued, &ctx->events.driver_pending);
	count(ctx, CAPI_EVENTS_RAISED, new_events);
	count(ctx, CAPI_EVENTS_OVERRUN, new_events - queued);
	trace_capi_event_raised(ctx, CXL_EVENT_AFU_DRIVER, new_events);
	if (queued)
		capi_events_wake(ctx);
}
EXPORT_SYMBOL_GPL(cxl_context_events_pending);

/**
 * capi_raise_afu_irq() - the AFU raised an interrupt
 * @ctx: the context
 * @irq: its number, from 1
 *
 * Runs the handler that cxl_map_afu_irq() mapped, or becomes an event where
 * there is none. An event that is still pending when it is raised again is read
 * once.
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL if the context has no such interrupt.
 */
int capi_raise_afu_irq(struct cxl_context *ctx, unsigned int irq)
{
	struct capi_events *events = &ctx->events;
	unsigned long flags;

	if (!irq || irq > capi_context_irqs(ctx))
		return -EINVAL;

	if (capi_irqs_handle(ctx, irq)) {
		trace_capi_event_raised(ctx, CXL_EVENT_AFU_INTERRUPT, irq);
		return 0;
	}

	if (user_has_irq(ctx, irq)) {
		count(ctx, CAPI_EVENTS_RAISED, 1);
		count(ctx, CAPI_EVENTS_DELIVERED, 1);
		trace_capi_event_raised(ctx, CXL_EVENT_AFU_INTERRUPT, irq);
		return 0;
	}

	spin_lock_irqsave(&events->lock, flags);
	count(ctx, CAPI_EVENTS_RAISED, 1);
	if (__test_and_set_bit(irq, events->irqs))
		count(ctx, CAPI_EVENTS_COALESCED, 1);
	spin_unlock_irqrestore(&events->lock, flags);

	trace_capi_event_raised(ctx, CXL_EVENT_AFU_INTERRUPT, irq);
	capi_events_wake(ctx);
	return 0;
}
EXPORT_SYMBOL_GPL(capi_raise_afu_irq);

/* Caller holds events.lock. Is an event of this type held by the window? */
static bool holds(struct capi_events *events, u16 type)
{
	return events->held.token && events->held.event.header.type == type;
}

/**
 * capi_raise_fault() - the AFU used an address that it may not use
 * @ctx: the context
 * @addr: the address
 * @dsisr: why not, in the bits of the PSL's DSISR register
 *
 * If an older fault was not read yet, this one is only counted.
 *
 * Context: any but NMI.
 */
void capi_raise_fault(struct cxl_context *ctx, u64 addr, u64 dsisr)
{
	struct capi_events *events = &ctx->events;
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	count(ctx, CAPI_EVENTS_RAISED, 1);
	if (events->fault || holds(events, CXL_EVENT_DATA_STORAGE)) {
		count(ctx, CAPI_EVENTS_OVERRUN, 1);
	} else {
		events->fault = true;
		events->fault_addr = addr;
		events->fault_dsisr = dsisr;
	}
	spin_unlock_irqrestore(&events->lock, flags);

	trace_capi_event_raised(ctx, CXL_EVENT_DATA_STORAGE, addr);
	capi_events_wake(ctx);
}
EXPORT_SYMBOL_GPL(capi_raise_fault);

/**
 * capi_raise_afu_error() - the AFU reports an error of its own
 * @ctx: the context
 * @error: the AFU's code for it
 *
 * If an older error was not read yet, this one is only counted.
 *
 * Context: any but NMI.
 */
void capi_raise_afu_error(struct cxl_context *ctx, u64 error)
{
	struct capi_events *events = &ctx->events;
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	count(ctx, CAPI_EVENTS_RAISED, 1);
	if (events->error || holds(events, CXL_EVENT_AFU_ERROR)) {
		count(ctx, CAPI_EVENTS_OVERRUN, 1);
	} else {
		events->error = true;
		events->error_code = error;
	}
	spin_unlock_irqrestore(&events->lock, flags);

	trace_capi_event_raised(ctx, CXL_EVENT_AFU_ERROR, error);
	capi_events_wake(ctx);
}
EXPORT_SYMBOL_GPL(capi_raise_afu_error);

/* Taking */

static void set_header(struct cxl_context *ctx, struct capi_event *event,
		       u16 type, size_t body)
{
	event->event.header.type = type;
	event->event.header.size = sizeof(event->event.header) + body;
	event->event.header.process_element = cxl_process_element(ctx);
}

/* Caller holds events.lock and events.turn. */
static void hold(struct capi_events *events, struct capi_event *event)
{
	/* Neither 0, which is none, nor what a function that is gone reads. */
	if (++events->last_token == U32_MAX)
		events->last_token = 1;
	event->token = events->last_token;
	events->held = *event;
}

/*
 * Caller holds events.lock and events.turn. Fills @event from the AFU driver;
 * returns -EINVAL if what it gave cannot be delivered.
 */
static int fetch(struct cxl_context *ctx, struct capi_event *event)
{
	struct capi_events *events = &ctx->events;
	u32 size;

	atomic_dec(&events->driver_pending);
	event->ops = events->ops;
	event->driver = events->ops->fetch_event(ctx);
	if (!event->driver)
		return -EINVAL;

	/* The one look at it: the driver's memory may change under us. */
	size = READ_ONCE(event->driver->data_size);
	if (size > MAX_DRIVER_DATA)
		return -EINVAL;

	set_header(ctx, event, CXL_EVENT_AFU_DRIVER, size);
	return 0;
}

/* Caller holds events.lock. */
static bool take_generic(struct cxl_context *ctx, struct capi_event *event)
{
	struct capi_events *events = &ctx->events;
	unsigned int irq = find_first_bit(events->irqs, CAPI_MAX_IRQS + 1);

	if (irq <= CAPI_MAX_IRQS) {
		__clear_bit(irq, events->irqs);
		set_header(ctx, event, CXL_EVENT_AFU_INTERRUPT,
			   sizeof(event->event.irq));
		event->event.irq.irq = irq;
	} else if (events->fault) {
		events->fault = false;
		set_header(ctx, event, CXL_EVENT_DATA_STORAGE,
			   sizeof(event->event.fault));
		event->event.fault.addr = events->fault_addr;
		event->event.fault.dsisr = events->fault_dsisr;
	} else if (events->error) {
		events->error = false;
		set_header(ctx, event, CXL_EVENT_AFU_ERROR,
			   sizeof(event->event.afu_error));
		event->event.afu_error.error = events->error_code;
	} else {
		return false;
	}
	return true;
}

/**
 * capi_event_take() - take the event that is to be delivered next
 * @ctx: the context
 * @event: filled with it
 * @keep: hold a generic event too, until it is settled
 *
 * Context: process; the caller holds events.turn, and calls capi_event_settle()
 * or capi_event_untake() before it gives that up, or leaves the event held.
 * Return: 0, -EAGAIN if there is none, -EFAULT if the AFU driver gave one that
 * cannot be delivered; the driver was told then.
 */
int capi_event_take(struct cxl_context *ctx, struct capi_event *event,
		    bool keep)
{
	struct capi_events *events = &ctx->events;
	int rc = 0;

	lockdep_assert_held(&events->turn);
	memset(event, 0, sizeof(*event));

	spin_lock_irq(&events->lock);
	if (events->held.token) {
		*event = events->held;
	} else if (events->ops && atomic_read(&events->driver_pending)) {
		rc = fetch(ctx, event);
		if (!rc)
			hold(events, event);
	} else if (!take_generic(ctx, event)) {
		rc = -EAGAIN;
	} else if (keep) {
		hold(events, event);
	}
	spin_unlock_irq(&events->lock);

	if (rc == -EINVAL) {
		capi_event_settle(ctx, event, -EINVAL);
		rc = -EFAULT;
	}
	return rc;
}

/**
 * capi_event_untake() - delivery failed; keep the event for the next reader
 * @ctx: the context
 * @event: what capi_event_take() gave
 *
 * A driver event stays held. A generic event is pending again, unless a newer
 * fault or AFU error has come, which gives way to it.
 *
 * Context: process; the caller holds events.turn.
 */
void capi_event_untake(struct cxl_context *ctx, struct capi_event *event)
{
	struct capi_events *events = &ctx->events;

	lockdep_assert_held(&events->turn);
	if (event->ops)
		return;

	spin_lock_irq(&events->lock);
	events->held.token = 0;
	switch (event->event.header.type) {
	case CXL_EVENT_AFU_INTERRUPT:
		if (__test_and_set_bit(event->event.irq.irq, events->irqs))
			count(ctx, CAPI_EVENTS_COALESCED, 1);
		break;
	case CXL_EVENT_DATA_STORAGE:
		if (events->fault)
			count(ctx, CAPI_EVENTS_OVERRUN, 1);
		events->fault = true;
		events->fault_addr = event->event.fault.addr;
		events->fault_dsisr = event->event.fault.dsisr;
		break;
	case CXL_EVENT_AFU_ERROR:
		if (events->error)
			count(ctx, CAPI_EVENTS_OVERRUN, 1);
		events->error = true;
		events->error_code = event->event.afu_error.error;
		break;
	}
	spin_unlock_irq(&events->lock);
	capi_events_wake(ctx);
}

/* Settling */

/**
 * capi_event_settle() - an event has reached its end
 * @ctx: the context
 * @event: what capi_event_take() gave
 * @rc: what became of it, as struct cxl_afu_driver_ops.event_delivered says
 *
 * Context: process; the caller holds events.turn.
 */
void capi_event_settle(struct cxl_context *ctx, struct capi_event *event,
		       int rc)
{
	struct capi_events *events = &ctx->events;

	lockdep_assert_held(&events->turn);
	count(ctx, !rc ? CAPI_EVENTS_DELIVERED :
		   rc == -ECANCELED ? CAPI_EVENTS_CANCELLED :
				      CAPI_EVENTS_FAILED, 1);
	trace_capi_event_settled(ctx, event->event.header.type ?:
				 CXL_EVENT_AFU_DRIVER, rc);

	if (event->token) {
		spin_lock_irq(&events->lock);
		events->held.token = 0;
		spin_unlock_irq(&events->lock);
	}
	if (event->ops) {
		capi_event_give_room(ctx, 1);
		event->ops->event_delivered(ctx, event->driver, rc);
	}
}

/* Caller holds events.lock. Nobody will fetch what was announced. */
static void drop_announced(struct cxl_context *ctx)
{
	unsigned int n = atomic_xchg(&ctx->events.driver_pending, 0);

	count(ctx, CAPI_EVENTS_CANCELLED, n);
	capi_event_give_room(ctx, n);
}

/*
 * Caller holds events.turn. An AFU that is not stopped by what happens to the
 * context may announce at any time. What comes before its driver's flush is
 * forgotten by both; what comes after it is not, so the driver is told again.
 * One that announces whenever it is told does not keep us for ever.
 */
static void flush(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;
	struct cxl_afu_driver_ops *ops;
	unsigned int tries;

	for (tries = 0; tries < MAX_FLUSHES; tries++) {
		spin_lock_irq(&events->lock);
		ops = events->ops;
		drop_announced(ctx);
		spin_unlock_irq(&events->lock);
		if (!ops || !ops->flush)
			return;
		ops->flush(ctx);
		if (!atomic_read(&events->driver_pending))
			return;
	}
	spin_lock_irq(&events->lock);
	drop_announced(ctx);
	spin_unlock_irq(&events->lock);
}

/* Caller holds events.turn. */
static void throw_away(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;
	struct capi_event held;

	spin_lock_irq(&events->lock);
	held = events->held;
	count(ctx, CAPI_EVENTS_CANCELLED, events->fault + events->error +
	      bitmap_weight(events->irqs, CAPI_MAX_IRQS + 1));
	bitmap_zero(events->irqs, CAPI_MAX_IRQS + 1);
	events->fault = false;
	events->error = false;
	spin_unlock_irq(&events->lock);

	if (held.token)
		capi_event_settle(ctx, &held, -ECANCELED);
	flush(ctx);
}

/**
 * capi_events_cancel() - throw all events of a context away
 * @ctx: the context
 *
 * The event held is settled with -ECANCELED, and the AFU driver is told to
 * forget what it announced.
 *
 * Context: process; the caller holds ctx->mutex.
 */
void capi_events_cancel(struct cxl_context *ctx)
{
	mutex_lock(&ctx->events.turn);
	throw_away(ctx);
	capi_events_end_turn(ctx);
}

/**
 * capi_events_end() - the same, and the AFU driver's callbacks are over
 * @ctx: the context
 *
 * When it returns, no callback runs and none will.
 *
 * Context: process; the caller holds ctx->mutex.
 */
void capi_events_end(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;

	mutex_lock(&events->turn);
	throw_away(ctx);
	spin_lock_irq(&events->lock);
	drop_announced(ctx);
	events->ops = NULL;
	spin_unlock_irq(&events->lock);
	capi_events_end_turn(ctx);
}

/* The AFU driver's callbacks */

/**
 * cxl_set_driver_ops() - let an AFU driver post events of its own
 * @ctx: the context
 * @ops: both fetch_event and event_delivered must be there; valid until
 *	cxl_unset_driver_ops() returns 0 or the context is released
 *
 * The count of driver events announced starts at 0. An event that is held
 * meanwhile is settled with the ops that fetched it. Incomplete ops are refused
 * with a line in the log, and change nothing.
 *
 * Context: process, not from one of the callbacks.
 */
void cxl_set_driver_ops(struct cxl_context *ctx,
			struct cxl_afu_driver_ops *ops)
{
	struct capi_events *events = &ctx->events;

	if (!ops || !ops->fetch_event || !ops->event_delivered) {
		dev_err(&ctx->afu->dev,
			"AFU driver ops without fetch_event or event_delivered refused\n");
		return;
	}

	spin_lock_irq(&events->lock);
	drop_announced(ctx);
	events->ops = ops;
	spin_unlock_irq(&events->lock);
}
EXPORT_SYMBOL_GPL(cxl_set_driver_ops);

/**
 * cxl_unset_driver_ops() - end what cxl_set_driver_ops() began
 * @ctx: the context
 *
 * When it returns 0, no callback runs and none will.
 *
 * Context: process, may sleep; not from one of the callbacks.
 * Return: 0, or -EBUSY while driver events are announced or held.
 */
int cxl_unset_driver_ops(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;
	int rc = 0;

	/* Callbacks run under the turn only. */
	mutex_lock(&events->turn);
	spin_lock_irq(&events->lock);
	if (events->ops && (atomic_read(&events->driver_pending) ||
			    (events->held.token && events->held.ops)))
		rc = -EBUSY;
	else
		events->ops = NULL;
	spin_unlock_irq(&events->lock);
	capi_events_end_turn(ctx);
	return rc;
}
EXPORT_SYMBOL_GPL(cxl_unset_driver_ops);
