// SPDX-License-Identifier: GPL-2.0-only
/*
 * On the host of a guest with vf_read or vf_file: post_events [-d | -m] UUID COUNT
 * [SEED] has the AFU raise so many events of all types, mixed, for the mediated
 * device; with -d, driver events only, and with -m, so many among others.
 *
 * Of each interrupt, and of faults and AFU errors, one is raised when the one
 * before has been read: that is known whenever all events have been.
 */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/types.h>

#include <misc/capi_echo.h>

#define MDEVS		"/sys/bus/mdev/devices"
#define AFUS		"/sys/kernel/debug/capi"

/* How long no event may be read, in seconds */
#define PATIENCE	60
/* Unread driver events, of any sizes, that the AFU and its driver keep */
#define MAX_UNREAD	16

/* Faults, AFU errors, then interrupts from 1 */
#define FAULT		0
#define ERROR		1
#define IRQ(n)		(1 + (n))
#define MAX_SOURCES	64

/**
 * struct poster - what is posted
 * @uuid: for whom
 * @post: where to, a file
 * @irqs: how many interrupts there are
 * @random: the generator's state
 * @before: events that were read before
 * @driver: driver events posted
 * @generic: others posted, by source
 * @unread: whether the last of them may still be unread
 */
struct poster {
	const char *uuid;
	int post;
	unsigned int irqs;
	unsigned int random;
	unsigned long long before;
	unsigned long long driver;
	unsigned long long generic[MAX_SOURCES];
	bool unread[MAX_SOURCES];
};

/* Files */

static void read_attribute(struct poster *p, const char *name, char *text,
			   size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), MDEVS "/%s/capi/%s", p->uuid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	len = read(fd, text, size - 1);
	if (len <= 0)
		err(1, "%s", path);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(fd);
}

static unsigned long long counter(struct poster *p, const char *name)
{
	char text[32];

	read_attribute(p, name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static void open_post(struct poster *p)
{
	char path[PATH_MAX], afu[64];

	read_attribute(p, "afu", afu, sizeof(afu));
	snprintf(path, sizeof(path), AFUS "/%s/%llu/post", afu,
		 counter(p, "process_element"));
	p->post = open(path, O_WRONLY | O_CLOEXEC);
	if (p->post < 0)
		err(1, "%s", path);
}

static void post(struct poster *p, const char *word, unsigned long long number)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s %llu\n", word, number);

	if (write(p->post, text, len) != len)
		err(1, "%s %llu", word, number);
}

/* Counting */

static unsigned long long generic(const struct poster *p)
{
	unsigned long long sum = 0;
	unsigned int i;

	for (i = 0; i < MAX_SOURCES; i++)
		sum += p->generic[i];
	return sum;
}

static unsigned long long unread(struct poster *p)
{
	unsigned long long left = p->driver + generic(p) -
				  (counter(p, "events_delivered") - p->before);

	if (!left)
		memset(p->unread, 0, sizeof(p->unread));
	return left;
}

/* What is counted there was not read, and never will be. */
static unsigned long long lost(struct poster *p)
{
	return counter(p, "events_coalesced") + counter(p, "events_overrun") +
	       counter(p, "events_failed") + counter(p, "events_cancelled");
}

/* Sysfs counters cannot be polled. */
static void wait_until_unread(struct poster *p, unsigned long long most)
{
	unsigned long long now, last = ULLONG_MAX;
	time_t end = 0;

	while ((now = unread(p)) > most) {
		if (now != last)
			end = time(NULL) + PATIENCE;
		else if (time(NULL) > end)
			errx(1, "%llu events are not read", now);
		last = now;
		poll(NULL, 0, 1);
	}
}

/* Posting */

static unsigned int below(struct poster *p, unsigned int limit)
{
	return rand_r(&p->random) % limit;
}

static void post_driver(struct poster *p)
{
	/* The first has its whole number. */
	unsigned int size = p->driver ? below(p, CAPI_ECHO_MAX_SIZE + 1) :
			    CAPI_ECHO_MAX_SIZE;

	wait_until_unread(p, MAX_UNREAD - 1);
	post(p, "size", size);
	post(p, "emit", 1);
	p->driver++;
}

static void post_generic(struct poster *p)
{
	unsigned int source = below(p, IRQ(p->irqs) + 1);
	unsigned long long n = p->generic[source] + 1;

	if (p->unread[source])
		wait_until_unread(p, 0);
	if (source == FAULT)
		post(p, "fault", n);
	else if (source == ERROR)
		post(p, "error", n);
	else
		post(p, "irq", source - IRQ(0));
	p->generic[source] = n;
	p->unread[source] = true;
}

int main(int argc, char **argv)
{
	unsigned long long count, i, before;
	struct poster p = { .random = 1 };
	bool driver_only = argc > 1 && !strcmp(argv[1], "-d");
	bool among_others = argc > 1 && !strcmp(argv[1], "-m");

	argc -= driver_only || among_others;
	argv += driver_only || among_others;
	if (argc < 3 || argc > 4)
		errx(2, "usage: post_events [-d | -m] UUID COUNT [SEED]");
	p.uuid = argv[1];
	count = strtoull(argv[2], NULL, 0);
	if (argc == 4)
		p.random = strtoul(argv[3], NULL, 0);
	p.irqs = counter(&p, "irqs");
	if (IRQ(p.irqs) >= MAX_SOURCES)
		errx(1, "%u interrupts", p.irqs);
	open_post(&p);
	p.before = counter(&p, "events_delivered");
	before = lost(&p);

	for (i = 0; (among_others ? p.driver : i) < count; i++) {
		if (driver_only || below(&p, 2))
			post_driver(&p);
		else
			post_generic(&p);
	}
	wait_until_unread(&p, 0);
	printf("driver=%llu irq=%llu fault=%llu error=%llu\n", p.driver,
	       generic(&p) - p.generic[FAULT] - p.generic[ERROR],
	       p.generic[FAULT], p.generic[ERROR]);
	if (lost(&p) != before)
		errx(1, "%llu events are lost", lost(&p) - before);
	return 0;
}
