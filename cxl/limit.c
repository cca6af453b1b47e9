// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many driver events of a context may be queued. An event takes its place
 * when it is announced and leaves it when it is settled, so one that is held
 * counts. It has left when event_delivered() is told: an event that failed can
 * be announced again there.
 */
#include "core.h"

static unsigned int room(struct capi_events *events, unsigned int queued)
{
	unsigned int limit = READ_ONCE(events->limit) ?: UINT_MAX;

	return limit > queued ? limit - queued : 0;
}

/* Any context but NMI, no lock. Returns how many of @wanted may be queued. */
unsigned int capi_event_take_room(struct cxl_context *ctx, unsigned int wanted)
{
	struct capi_events *events = &ctx->events;
	int queued = atomic_read(&events->queued);
	unsigned int taken;

	do {
		taken = min(wanted, room(events, queued));
	} while (!atomic_try_cmpxchg(&events->queued, &queued, queued + taken));
	return taken;
}

/* As capi_event_take_room(). */
void capi_event_give_room(struct cxl_context *ctx, unsigned int n)
{
	atomic_sub(n, &ctx->events.queued);
}

/**
 * capi_event_room() - how many driver events can be announced now
 * @ctx: the context
 *
 * An AFU driver that must not lose events, and can wait, announces no more than
 * this. What others announce at the same time takes room too, so it makes its
 * announcements one at a time. Each event_delivered() and flush means that there
 * is room again.
 *
 * Context: any but NMI.
 * Return: how many; more are dropped.
 */
unsigned int capi_event_room(struct cxl_context *ctx)
{
	struct capi_events *events = &ctx->events;

	return room(events, atomic_read(&events->queued));
}
EXPORT_SYMBOL_GPL(capi_event_room);

/**
 * capi_event_set_limit() - choose how many driver events may be queued
 * @ctx: the context
 * @limit: how many; 0 for as many as can be counted
 *
 * What is queued already stays.
 *
 * Context: any.
 */
void capi_event_set_limit(struct cxl_context *ctx, unsigned int limit)
{
	WRITE_ONCE(ctx->events.limit, limit);
}
EXPORT_SYMBOL_GPL(capi_event_set_limit);

/**
 * capi_event_limit() - how many driver events may be queued
 * @ctx: the context
 *
 * Context: any.
 * Return: as capi_event_set_limit() set it; 0 at first.
 */
unsigned int capi_event_limit(struct cxl_context *ctx)
{
	return READ_ONCE(ctx->events.limit);
}
EXPORT_SYMBOL_GPL(capi_event_limit);
