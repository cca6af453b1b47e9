// SPDX-License-Identifier: GPL-2.0-only
/*
 * An adapter goes away, or the modules are unloaded, at the same time as something
 * else happens to it or to one of its contexts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "race.h"

/* As many as there can be: each goes once before the module is loaded anew. */
#define ADAPTERS	16
#define EVENTS		100

/**
 * struct user - who uses an adapter
 * @afu: its AFU
 * @context: the context, for its adapter
 * @mdev: an mdev on it
 * @from: its event fd, or a file's
 * @read: events read so far
 * @wrong: some of them were not the next
 * @fd: a file of /dev/cxl, or -1
 */
struct user {
	struct afu afu;
	struct context context;
	struct mdev mdev;
	struct from from;
	unsigned int read;
	bool wrong;
	int fd;
};

/* What there is to be before the adapter goes */

static int have_nothing(struct user *user)
{
	(void)user;
	return 0;
}

static int create(void *arg)
{
	struct user *user = arg;

	return mdev_create_on(&user->mdev, user->afu.card);
}

static int have_mdev(struct user *user)
{
	int ret = create(user);

	if (!ret)
		context_init(&user->context, user->afu.card, user->afu.name,
			     mdev_attr(&user->mdev, "process_element"));
	return ret;
}

static int have_started_mdev(struct user *user)
{
	int ret = have_mdev(user);

	if (!ret)
		ret = mdev_start(&user->mdev);
	if (!ret)
		ret = from_event_fd(&user->mdev, 0, &user->from);
	return ret ? ret : echo_emit(&user->mdev, EVENTS);
}

static int have_file(struct user *user)
{
	user->fd = node_open(&user->afu, 's', 0);
	user->from = (struct from){ .fd = user->fd, .offset = -1 };
	return user->fd < 0 ? user->fd : 0;
}

static int have_started_file(struct user *user)
{
	int ret = have_file(user);

	if (!ret)
		ret = cxl_context(&user->afu, user->fd, &user->context);
	if (!ret)
		ret = cxl_driver_events(user->fd, CAPI_ECHO_ABI);
	if (!ret)
		ret = cxl_start(user->fd);
	return ret ? ret : context_emit(&user->context, EVENTS);
}

/* What runs against it */

static int drop(void *arg)
{
	struct user *user = arg;

	return context_drop(&user->context);
}

/* Reads all there is, and waits for more: 0 if that ends as it should. */
static int read_all(void *arg)
{
	struct user *user = arg;
	union event event;
	int ret;

	while ((ret = event_read(user->from, &event)) > 0)
		if (event_seq(&event) != user->read++)
			user->wrong = true;
	return ret == -EIO ? 0 : ret ? ret : -EBADMSG;
}

static int poll_all(void *arg)
{
	struct user *user = arg;
	union event event;
	int ret;

	user->from.nowait = true;
	do {
		ret = poll_for(user->from.fd, POLLIN);
		if (ret == POLLIN && event_read(user->from, &event) > 0 &&
		    event_seq(&event) != user->read++)
			user->wrong = true;
	} while (ret == POLLIN);
	return ret == POLLERR ? 0 : -ETIMEDOUT;
}

static int open_mdev(void *arg)
{
	struct user *user = arg;

	return mdev_open(&user->mdev);
}

static int open_node(void *arg)
{
	return have_file(arg);
}

static int start_file(void *arg)
{
	struct user *user = arg;

	return cxl_start(user->fd);
}

/* Loads from its memory as long as that is there. */
static int load_file(void *arg)
{
	struct user *user = arg;
	size_t page = sysconf(_SC_PAGESIZE);
	__u32 *memory, value = 0;

	memory = cxl_map(user->fd, page, page);
	if (memory == MAP_FAILED)
		return -errno;
	while (can_load(memory, &value) && !value)
		madvise(memory, page, MADV_DONTNEED);
	munmap(memory, page);
	return value ? -EBADMSG : 0;
}

/* The same through VFIO, where it reads ones instead. */
static int load_mdev(void *arg)
{
	struct user *user = arg;
	size_t page = sysconf(_SC_PAGESIZE);
	struct capi_vfio *vfio = &user->mdev.vfio;
	off_t offset = vfio->regions[VFIO_PCI_BAR2_REGION_INDEX].offset + page;
	__u32 *memory, value;

	memory = cxl_map(vfio->device, page, offset);
	if (memory == MAP_FAILED)
		return -errno;
	while (can_load(memory, &value) && !value)
		madvise(memory, page, MADV_DONTNEED);
	munmap(memory, page);
	return value == ~0U ? 0 : -EBADMSG;
}

static int exchange_eventfds(void *arg)
{
	struct user *user = arg;
	int ret = 0;
	int i, fd;

	for (i = 0; i < 20 && !ret; i++) {
		fd = eventfd(0, EFD_NONBLOCK);
		ret = capi_vfio_set_irq(&user->mdev.vfio,
					VFIO_PCI_MSIX_IRQ_INDEX, i % 5,
					i % 3 ? fd : -1);
		close(fd);
	}
	return ret;
}

static int command(void *arg)
{
	struct user *user = arg;
	int i;

	for (i = 0; i < 10; i++) {
		bar0_put(&user->mdev, CAPI_MDEV_REG_COMMAND, 4,
			 CAPI_MDEV_COMMAND_RESET);
		bar0_put(&user->mdev, CAPI_MDEV_REG_COMMAND, 4,
			 CAPI_MDEV_COMMAND_START);
		echo_put(&user->mdev, CAPI_ECHO_REG_EMIT, 10);
	}
	return 0;
}

static int flap(void *arg)
{
	struct user *user = arg;
	int ret = 0;
	int i;

	for (i = 0; i < 6 && !ret; i++)
		ret = context_link(&user->context, i % 2);
	return ret;
}

static int set_attribute(void *arg)
{
	struct user *user = arg;
	int ret = 0;
	int i;

	for (i = 0; i < 10 && !ret; i++)
		ret = mdev_set(&user->mdev, "irqs", i % 2 ? "4" : "32");
	return ret;
}

/**
 * struct against - what runs while something goes
 * @what: for people
 * @prepare: what there is to be before
 * @run: it
 * @may: what that may return
 * @go: what it runs against: an adapter or a module goes
 */
struct against {
	const char *what;
	int (*prepare)(struct user *user);
	int (*run)(void *arg);
	unsigned long long may;
	int (*go)(void *arg);
};

static const struct against against_drop[] = {
	{ "read of event fd", have_started_mdev, read_all,
	  MAY(0), drop },
	{ "read of file", have_started_file, read_all,
	  MAY(0), drop },
	{ "poll of event fd", have_started_mdev, poll_all,
	  MAY(0), drop },
	{ "poll of file", have_started_file, poll_all,
	  MAY(0), drop },
	{ "create", have_nothing, create,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV), drop },
	{ "open of mdev", have_mdev, open_mdev,
	  MAY_OPEN, drop },
	{ "open of node", have_nothing, open_node,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV) | MAY(ENXIO), drop },
	{ "START_WORK", have_file, start_file,
	  MAY(0) | MAY(EIO) | MAY(ENODEV), drop },
	{ "load from file's area", have_started_file, load_file,
	  MAY(0) | MAY(EIO), drop },
	{ "load from mdev's area", have_started_mdev, load_mdev,
	  MAY(0), drop },
	{ "SET_IRQS", have_started_mdev, exchange_eventfds,
	  MAY(0), drop },
	{ "commands", have_started_mdev, command,
	  MAY(0), drop },
	{ "link", have_started_mdev, flap,
	  MAY(0) | MAY(ENOENT), drop },
	{ "attribute", have_mdev, set_attribute,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV), drop },
};

FIXTURE(race_drop) {
	struct afu afus[ADAPTERS];
	unsigned int left;
	struct race race;
	struct user user;
};

FIXTURE_SETUP(race_drop)
{
}

FIXTURE_TEARDOWN(race_drop)
{
	/* Fails where something is still held. */
	EXPECT_EQ(0, capi_reload(""));
}

/* The next adapter of those that are left; loads new ones. */
static int next_adapter(FIXTURE_DATA(race_drop) * self, struct afu *afu)
{
	unsigned int i;
	int ret = 0;

	if (!self->left) {
		ret = capi_reload("adapters=16 afus=echo:4");
		for (i = 0; i < ADAPTERS && !ret; i++)
			ret = afu_find(&self->afus[i], i);
		self->left = ADAPTERS;
	}
	*afu = self->afus[--self->left];
	return ret;
}

static void user_init(struct user *user, const struct afu *afu)
{
	memset(user, 0, sizeof(*user));
	user->afu = *afu;
	context_init(&user->context, afu->card, afu->name, 0);
	user->mdev.vfio = (struct capi_vfio){
		.container = -1, .group = -1, .device = -1,
	};
	user->from.fd = -1;
	user->fd = -1;
}

/* Whether what is there says that it is gone, and goes when it is closed */
static bool says_gone(struct user *user)
{
	struct from from = user->from;
	union event event;
	bool ok = true;

	from.nowait = true;
	if (from.fd >= 0)
		ok = event_read(from, &event) == -EIO &&
		     poll_now(from.fd) == POLLERR;
	if (user->fd >= 0)
		ok = ok && cxl_start(user->fd) == -EIO;
	if (user->mdev.vfio.device >= 0)
		ok = ok && bar0_get(&user->mdev, CAPI_MDEV_REG_ID, 4) == ~0U &&
		     context_balanced(&user->context, 0) &&
		     capi_vfio_event_fd(&user->mdev.vfio, 0) == -ENODEV;
	mdev_close(&user->mdev);
	if (from.fd >= 0)
		close(from.fd);
	return ok && WAIT_UNTIL(!functions_left(&user->context));
}

TEST_F_TIMEOUT(race_drop, adapter, 3600)
{
	struct race *race = &self->race;
	struct user *user = &self->user;
	const struct against *row = against_drop;
	struct afu afu;

	for (; row < against_drop + ARRAY_SIZE(against_drop); row++) {
		race_init(race, user);
		race_add(race, row->what, row->run);
		race_add(race, "drop", row->go);
		while (race_more(race, 4)) {
			ASSERT_EQ(0, next_adapter(self, &afu));
			user_init(user, &afu);
			ASSERT_EQ(0, row->prepare(user));
			race_run(race);
			EXPECT_TRUE(race_may(&race->racer[0], row->may));
			EXPECT_EQ(0, race->racer[1].ret);
			EXPECT_FALSE(user->wrong);
			EXPECT_LE(user->read, EVENTS);
			EXPECT_TRUE(says_gone(user));
		}
		EXPECT_TRUE(race_end(race));
	}
}

/* Modules */

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

static int unload_mdev(void *arg)
{
	(void)arg;
	return unload("capi_mdev");
}

static int unload_sim(void *arg)
{
	(void)arg;
	return unload("capi_sim");
}

static const struct against against_unload[] = {
	{ "create", have_nothing, create,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV),
	  unload_mdev },
	{ "open of mdev", have_mdev, open_mdev,
	  MAY_OPEN,
	  unload_mdev },
	{ "attribute", have_mdev, set_attribute,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV),
	  unload_mdev },
	{ "open of node", have_nothing, open_node,
	  MAY(0) | MAY(ENOENT) | MAY(ENODEV) | MAY(ENXIO),
	  unload_sim },
	{ "open of mdev", have_mdev, open_mdev,
	  MAY_OPEN,
	  unload_sim },
};

static bool in_use(struct user *user)
{
	return user->fd >= 0 || user->mdev.vfio.device >= 0;
}

static int load(void)
{
	return system("modprobe capi_sim afus=echo:4 && modprobe capi_mdev");
}

TEST_F_TIMEOUT(race_drop, module, 3600)
{
	struct race *race = &self->race;
	struct user *user = &self->user;
	const struct against *row = against_unload;
	struct afu afu;

	ASSERT_EQ(0, capi_reload("afus=echo:4"));
	for (; row < against_unload + ARRAY_SIZE(against_unload); row++) {
		race_init(race, user);
		race_add(race, row->what, row->run);
		race_add(race, row->go == unload_sim ?
			 "unload of capi_sim" : "unload of capi_mdev",
			 row->go);
		while (race_more(race, 4)) {
			ASSERT_EQ(0, load());
			ASSERT_EQ(0, afu_find(&afu, 0));
			user_init(user, &afu);
			ASSERT_EQ(0, row->prepare(user));
			race_run(race);
			EXPECT_TRUE(race_may(&race->racer[0], row->may));
			EXPECT_TRUE(race_may(&race->racer[1],
					     MAY(0) | MAY(EAGAIN)));

			/* What is open holds it, and nothing else does. */
			if (in_use(user)) {
				EXPECT_EQ(-EAGAIN, race->racer[1].ret);
				EXPECT_EQ(-EAGAIN, row->go(NULL));
			}
			mdev_close(&user->mdev);
			if (user->fd >= 0)
				close(user->fd);
			if (race->racer[1].ret)
				EXPECT_EQ(0, row->go(NULL));
		}
		EXPECT_TRUE(race_end(race));
	}
}

TEST_HARNESS_MAIN
