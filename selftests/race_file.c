// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of /dev/cxl: started and read by one, while another closes them, resets
 * the card or changes the AFU.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "race.h"

/**
 * struct open_file - what both have
 * @afu: the AFU
 * @context: the file's
 * @fd: the file
 */
struct open_file {
	struct afu afu;
	struct context context;
	int fd;
};

/* What runs */

/* One way to start and use it after another, as long as it can be */
static int start_and_use(void *arg)
{
	struct open_file *file = arg;
	struct from from = { .fd = file->fd, .offset = -1, .nowait = true };
	union event event;
	int ret = cxl_start(file->fd);

	if (ret)
		return ret;
	ret = event_read(from, &event);
	return ret > 0 || ret == -EAGAIN ? 0 : ret;
}

static int start_and_map(void *arg)
{
	struct open_file *file = arg;
	size_t page = sysconf(_SC_PAGESIZE);
	int ret = cxl_start_ones(file->fd);
	__u32 *memory, value;
	int i;

	if (ret)
		return ret;
	memory = cxl_map(file->fd, page, page);
	if (memory == MAP_FAILED)
		return -errno;
	for (i = 0; i < 10 && !ret; i++) {
		if (!can_load(memory, &value))
			ret = -EFAULT;
		else if (value && value != ~0U)
			ret = -EBADMSG;
		madvise(memory, page, MADV_DONTNEED);
	}
	munmap(memory, page);
	return ret;
}

static int ask_and_start(void *arg)
{
	struct open_file *file = arg;
	int ret = cxl_driver_events(file->fd, CAPI_ECHO_ABI);

	return ret ? ret : cxl_start(file->fd);
}

static int open_and_start(void *arg)
{
	struct open_file *file = arg;
	int fd = node_open(&file->afu, 's', 0);
	int ret;

	if (fd < 0)
		return fd;
	ret = cxl_start_irqs(fd, ECHO_IRQS_MAX);
	close(fd);
	return ret;
}

/* Against what */

static int close_file(void *arg)
{
	struct open_file *file = arg;

	return close(file->fd) ? -errno : 0;
}

static int flap(void *arg)
{
	struct open_file *file = arg;
	int ret = context_link(&file->context, false);

	return ret ? ret : context_link(&file->context, true);
}

static int reset_card(void *arg)
{
	struct open_file *file = arg;

	return afu_card_set(&file->afu, "reset", "-1");
}

static int post(void *arg)
{
	struct open_file *file = arg;

	return context_post(&file->context, "irq 1");
}

static int change_mode(void *arg)
{
	struct open_file *file = arg;
	int ret = afu_set(&file->afu, "mode", "dedicated_process");

	return ret ? ret : afu_set(&file->afu, "mode", "afu_directed");
}

/* What a context may have, while contexts ask for as many as there may be */
static int change_irqs_max(void *arg)
{
	struct open_file *file = arg;
	int ret = afu_set(&file->afu, "irqs_max", "4");

	return ret ? ret : afu_set(&file->afu, "irqs_max", "32");
}

/* All contexts can be had, and one that is started has an event. */
static bool all_free(struct open_file *file)
{
	struct from from = { .offset = -1, .nowait = true };
	int fds[ECHO_CONTEXTS], i;
	union event event;
	bool ok = true;

	for (i = 0; i < ECHO_CONTEXTS; i++) {
		fds[i] = node_open(&file->afu, 's', 0);
		ok = ok && fds[i] >= 0;
	}
	from.fd = fds[0];
	ok = ok && !cxl_start(fds[0]) &&
	     !cxl_context(&file->afu, fds[0], &file->context) &&
	     !context_post(&file->context, "irq 2") &&
	     event_read_type(from, &event) == CXL_EVENT_AFU_INTERRUPT &&
	     event.event.irq.irq == 2;
	for (i = 0; i < ECHO_CONTEXTS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return ok;
}

/**
 * struct pair - two that run against each other
 * @what: what the one does, for people
 * @run: it
 * @may: what that may return
 * @other: what the other does
 * @against: it
 * @other_may: what that may return
 */
struct pair {
	const char *what;
	int (*run)(void *arg);
	unsigned long long may;
	const char *other;
	int (*against)(void *arg);
	unsigned long long other_may;
};

static const struct pair pairs[] = {
	{
		"start and read", start_and_use, MAY(0) | MAY(EBADF),
		"close", close_file, MAY(0),
	}, {
		"start and map", start_and_map, MAY(0) | MAY(EBADF),
		"close", close_file, MAY(0),
	}, {
		"ask for events and start", ask_and_start, MAY(0) | MAY(EBADF),
		"close", close_file, MAY(0),
	}, {
		"start and read", start_and_use, MAY(0) | MAY(EIO),
		"link down and up", flap, MAY(0),
	}, {
		"start and map", start_and_map, MAY(0) | MAY(EIO),
		"link down and up", flap, MAY(0),
	}, {
		"ask for events and start", ask_and_start, MAY(0) | MAY(EIO),
		"link down and up", flap, MAY(0),
	}, {
		"start and read", start_and_use, MAY(0) | MAY(EIO) | MAY(EBUSY),
		"reset of the card", reset_card, MAY(0),
	}, {
		"start and map", start_and_map, MAY(0) | MAY(EIO) | MAY(EBUSY),
		"reset of the card", reset_card, MAY(0),
	}, {
		"open and start", open_and_start, MAY(0) | MAY(EIO) | MAY(EBUSY),
		"reset of the card", reset_card, MAY(0),
	}, {
		"start and read", start_and_use, MAY(0),
		"an interrupt", post, MAY(0) | MAY(EIO),
	}, {
		"link down and up", flap, MAY(0),
		"reset of the card", reset_card, MAY(0) | MAY(EIO),
	}, {
		"open and start", open_and_start, MAY(0) | MAY(EINVAL),
		"change of irqs_max", change_irqs_max, MAY(0),
	},
};

FIXTURE(race_file) {
	struct race race;
	struct open_file file;
};

FIXTURE_SETUP(race_file)
{
	ASSERT_EQ(0, cxl_load(ECHO_AFU));
	ASSERT_EQ(0, afu_find(&self->file.afu, 0));
}

FIXTURE_TEARDOWN(race_file)
{
	EXPECT_EQ(0, cxl_unload());
}

TEST_F_TIMEOUT(race_file, pairs, 3600)
{
	struct open_file *file = &self->file;
	const struct pair *pair;

	for (pair = pairs; pair < pairs + ARRAY_SIZE(pairs); pair++) {
		race_init(&self->race, file);
		race_add(&self->race, pair->what, pair->run);
		race_add(&self->race, pair->other, pair->against);
		while (race_more(&self->race, 8)) {
			file->fd = node_open(&file->afu, 's', 0);
			ASSERT_GE(file->fd, 0);
			ASSERT_EQ(0, cxl_context(&file->afu, file->fd,
						 &file->context));
			race_run(&self->race);
			EXPECT_TRUE(race_may(&self->race.racer[0], pair->may));
			EXPECT_TRUE(race_may(&self->race.racer[1],
					     pair->other_may));
			if (pair->against != close_file)
				close(file->fd);
			EXPECT_TRUE(all_free(file));
		}
		EXPECT_TRUE(race_end(&self->race));
	}
}

/* An AFU changes its mode only while it has no context. */
TEST_F_TIMEOUT(race_file, mode_against_open, 3600)
{
	const unsigned long long may = MAY(0) | MAY(ENOENT) | MAY(ENODEV) |
				       MAY(ENXIO) | MAY(EBUSY);
	struct open_file *file = &self->file;

	race_init(&self->race, file);
	race_add(&self->race, "open", open_and_start);
	race_add(&self->race, "mode", change_mode);
	while (race_more(&self->race, 15)) {
		race_run(&self->race);
		EXPECT_TRUE(race_may(&self->race.racer[0], may));
		EXPECT_TRUE(race_may(&self->race.racer[1],
				     MAY(0) | MAY(EBUSY)));
		EXPECT_EQ(0, afu_set(&file->afu, "mode", "afu_directed"));
		EXPECT_TRUE(WAIT_UNTIL(node_exists(&file->afu, 's')));
		EXPECT_TRUE(all_free(file));
	}
	EXPECT_TRUE(race_end(&self->race));
}

TEST_HARNESS_MAIN
