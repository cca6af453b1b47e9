// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "context.h"
#include "guest.h"
#include "vfio_mdev.h"

#define DEBUGFS		"/sys/kernel/debug"

void context_init(struct context *context, const char *card, const char *afu,
		  int pe)
{
	snprintf(context->dir, sizeof(context->dir), DEBUGFS "/capi/%s/%d", afu,
		 pe);
	context->pe = pe;
	snprintf(context->afu, sizeof(context->afu), "%s", afu);
	snprintf(context->card, sizeof(context->card), "%s", card);
}

static int write_in(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return write_file(path, text);
}

int context_post(const struct context *context, const char *what)
{
	return in_guest() ? guest_post(context, what) :
	       write_in(context->dir, "post", what);
}

int context_emit(const struct context *context, unsigned int n)
{
	char what[32];

	snprintf(what, sizeof(what), "emit %u", n);
	return context_post(context, what);
}

int context_next_fetch(const struct context *context, const char *what)
{
	return write_in(context->dir, "next_fetch", what);
}

long long context_count(const struct context *context, const char *name)
{
	char path[PATH_MAX], text[64];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", context->dir, name);
	ret = read_file(path, text, sizeof(text));
	return ret < 0 ? ret : atoll(text);
}

long long context_count_wait(const struct context *context, const char *name,
			     long long value)
{
	WAIT_UNTIL(context_count(context, name) >= value);
	return context_count(context, name);
}

bool context_balanced(const struct context *context, long long pending)
{
	long long raised = context_count(context, "events_raised");
	long long sum = context_count(context, "events_delivered") +
			context_count(context, "events_coalesced") +
			context_count(context, "events_overrun") +
			context_count(context, "events_failed") +
			context_count(context, "events_cancelled");

	/* An event that failed meanwhile is raised again. */
	return raised == sum + pending &&
	       raised == context_count(context, "events_raised");
}

static int card_write(const struct context *context, const char *name,
		      const char *text)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), DEBUGFS "/capi_sim/%s", context->card);
	return write_in(dir, name, text);
}

int context_link(const struct context *context, bool up)
{
	return in_guest() ? guest_link(context, up) :
	       card_write(context, "link", up ? "1" : "0");
}

int context_drop(const struct context *context)
{
	return in_guest() ? guest_drop(context) :
	       card_write(context, "drop", "1");
}
