// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset: of the context, by command; of the whole function, by ioctl, by
 * function level reset and at open. Eventfds stay, as on vfio-pci.
 */
#include "mdev.h"

/* Who looks at the link goes on doing so. */
static void reset_registers(struct capi_mdev *m)
{
	capi_mdev_window_control(m, m->window.control &
				 CAPI_MDEV_EVENT_LINK_AWARE);
	capi_mdev_translate_reset(m);
	m->window.stale = 0;
	m->wed = 0;
	m->result = 0;
}

/* Caller holds capi_mdev.lock. What depends on the context is not touched. */
void capi_mdev_reset_function(struct capi_mdev *m)
{
	capi_mdev_window_control(m, 0);
	reset_registers(m);
	capi_mdev_config_reset(m);
	capi_mdev_msix_reset(m);
	capi_mdev_irqs_reset(m);
}

/* Caller holds capi_mdev.lock. -ENODEV if the adapter is gone. */
int capi_mdev_reset_context(struct capi_mdev *m)
{
	int rc;

	reset_registers(m);
	rc = capi_context_reset(m->ctx);
	capi_mdev_irqs_reset(m);
	/* An AFU that is not stopped may have raised events behind the reset. */
	if (capi_events_available(m->ctx))
		capi_mdev_raise_msix(m, CAPI_MDEV_VECTOR_EVENT);
	return rc;
}

/* Caller holds capi_mdev.lock. -ENODEV if the adapter is gone. */
int capi_mdev_reset(struct capi_mdev *m)
{
	capi_mdev_reset_function(m);
	return capi_mdev_reset_context(m);
}
