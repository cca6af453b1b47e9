// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event window of BAR0: look at the next event, then acknowledge it. All
 * callers hold capi_mdev.lock.
 */
#include "mdev.h"

#define WINDOW_BITS	(CAPI_MDEV_EVENT_ENABLE | CAPI_MDEV_EVENT_NO_IRQS)

static void clear(struct capi_mdev_window *window)
{
	window->token = 0;
	window->failed = false;
	memset(window->data, 0, CXL_READ_MIN_SIZE);
}

/*
 * @control is any of CAPI_MDEV_EVENT_*. What was looked at and not acknowledged
 * is for the next reader.
 */
void capi_mdev_window_control(struct capi_mdev *m, u32 control)
{
	struct capi_mdev_window *window = &m->window;
	bool enable = control & CAPI_MDEV_EVENT_ENABLE;
	bool enabled = window->control & CAPI_MDEV_EVENT_ENABLE;

	if (enable != enabled && !capi_event_window_enable(m->ctx, enable))
		enabled = enable;
	WRITE_ONCE(window->control,
		   (control & CAPI_MDEV_EVENT_LINK_AWARE) |
		   (enabled ? control & WINDOW_BITS : 0));
	if (!enabled)
		clear(window);
}

/* Without any lock: is @bit set in EVENT_CONTROL? */
bool capi_mdev_window_says(struct capi_mdev *m, u32 bit)
{
	return READ_ONCE(m->window.control) & bit;
}

void capi_mdev_window_look(struct capi_mdev *m)
{
	struct capi_mdev_window *window = &m->window;
	int rc;

	if (!(window->control & CAPI_MDEV_EVENT_ENABLE))
		return;
	clear(window);
	rc = capi_event_look(m->ctx, window->data, &window->token);
	window->failed = rc == -EFAULT;
}

/* An event that was not shown cannot have been taken. */
void capi_mdev_window_acknowledge(struct capi_mdev *m, u32 token)
{
	if (token == m->window.token && capi_event_acknowledge(m->ctx, token)) {
		clear(&m->window);
	} else {
		m->window.stale++;
		atomic_inc(&m->stale);
	}
}

u32 capi_mdev_window_status(struct capi_mdev *m)
{
	u32 status = 0;

	if (capi_events_available(m->ctx))
		status |= CAPI_MDEV_EVENT_STATUS_PENDING;
	if (m->window.failed)
		status |= CAPI_MDEV_EVENT_STATUS_FAILED;
	return status;
}
