// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/capi/<AFU>/<process element>: a context's event counters.
 * AFU drivers add files of their own there.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "core.h"

static struct dentry *capi_root;

#define COUNTER(name, which)						\
static int name##_get(void *ctx, u64 *value)				\
{									\
	*value = capi_event_count(ctx, which);				\
	return 0;							\
}									\
DEFINE_DEBUGFS_ATTRIBUTE(name##_fops, name##_get, NULL, "%llu\n")

COUNTER(events_raised, CAPI_EVENTS_RAISED);
COUNTER(events_delivered, CAPI_EVENTS_DELIVERED);
COUNTER(events_coalesced, CAPI_EVENTS_COALESCED);
COUNTER(events_overrun, CAPI_EVENTS_OVERRUN);
COUNTER(events_failed, CAPI_EVENTS_FAILED);
COUNTER(events_cancelled, CAPI_EVENTS_CANCELLED);

static const struct {
	const char *name;
	const struct file_operations *fops;
} counters[] = {
	{ "events_raised", &events_raised_fops },
	{ "events_delivered", &events_delivered_fops },
	{ "events_coalesced", &events_coalesced_fops },
	{ "events_overrun", &events_overrun_fops },
	{ "events_failed", &events_failed_fops },
	{ "events_cancelled", &events_cancelled_fops },
};

void capi_debugfs_add_context(struct cxl_context *ctx)
{
	char name[12];
	int i;

	snprintf(name, sizeof(name), "%d", ctx->pe);
	ctx->debugfs = debugfs_create_dir(name, ctx->afu->debugfs);
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		debugfs_create_file_unsafe(counters[i].name, 0400, ctx->debugfs,
					   ctx, counters[i].fops);
}

void capi_debugfs_add_afu(struct cxl_afu *afu)
{
	afu->debugfs = debugfs_create_dir(dev_name(&afu->dev), capi_root);
}

void capi_debugfs_init(void)
{
	capi_root = debugfs_create_dir("capi", NULL);
}

void capi_debugfs_exit(void)
{
	debugfs_remove(capi_root);
}
