/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context of an echo AFU, whoever has it, as the administrator sees it: its
 * files in debugfs, and those of its adapter. In a guest, what stands for them.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _CONTEXT_H
#define _CONTEXT_H

#include <limits.h>
#include <stdbool.h>

/**
 * struct context - a context of an echo AFU
 * @dir: its folder in debugfs
 * @afu: its AFU
 * @card: the PCI function of its adapter
 * @pe: its process element
 */
struct context {
	char dir[64];
	char afu[24];
	char card[32];
	int pe;
};

/* Process element @pe of the AFU called @afu, on @card */
void context_init(struct context *context, const char *card, const char *afu,
		  int pe);

/* Lets the AFU do something: "irq 1" and so on. It is done when it returns. */
int context_post(const struct context *context, const char *what);
int context_emit(const struct context *context, unsigned int n);
/* What the AFU driver's next fetch_event() is to return */
int context_next_fetch(const struct context *context, const char *what);

/* The number in one of its files, such as events_raised */
long long context_count(const struct context *context, const char *name);
/* Waits until it is at least @value; returns what it is then. */
long long context_count_wait(const struct context *context, const char *name,
			     long long value);
/* Whether all events raised are accounted for, @pending of them unread. */
bool context_balanced(const struct context *context, long long pending);

/* Its adapter's link, and pulling the adapter */
int context_link(const struct context *context, bool up);
int context_drop(const struct context *context);

#endif /* _CONTEXT_H */
