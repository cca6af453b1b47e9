// SPDX-License-Identifier: GPL-2.0-only
/*
 * What administrators and consumers do at once: creating, removing, opening,
 * attributes.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "race.h"
#include "vfio_mdev.h"

#define TYPES	"/sys/class/mdev_bus/*/mdev_supported_types/*-echo"
#define MDEVS	"/sys/bus/mdev/devices"

FIXTURE(race_mdev) {
	struct race race;
	struct mdev mdev;
	char type[2][PATH_MAX];
	long long free;
	int turn;
};

static long long number_in(const char *dir, const char *name)
{
	char path[PATH_MAX + 32], text[32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return read_file(path, text, sizeof(text)) > 0 ? atoll(text) : -1;
}

/* Contexts that are free on both adapters */
static long long free_on_both(FIXTURE_DATA(race_mdev) * self)
{
	return number_in(self->type[0], "available_instances") +
	       number_in(self->type[1], "available_instances");
}

FIXTURE_SETUP(race_mdev)
{
	glob_t types;
	int i;

	ASSERT_EQ(0, capi_reload("adapters=2"));
	ASSERT_EQ(0, glob(TYPES, 0, NULL, &types));
	ASSERT_EQ(2, types.gl_pathc);
	for (i = 0; i < 2; i++)
		snprintf(self->type[i], PATH_MAX, "%s", types.gl_pathv[i]);
	globfree(&types);
	self->free = free_on_both(self);
	self->mdev.vfio = (struct capi_vfio){
		.container = -1, .group = -1, .device = -1,
	};
	race_init(&self->race, self);
}

FIXTURE_TEARDOWN(race_mdev)
{
	EXPECT_TRUE(race_end(&self->race));
	EXPECT_EQ(self->free, free_on_both(self));
	/* Fails where something is still held. */
	EXPECT_EQ(0, capi_reload(""));
}

static void new_uuid(struct mdev *mdev)
{
	read_file("/proc/sys/kernel/random/uuid", mdev->uuid,
		  sizeof(mdev->uuid));
}

static bool exists(struct mdev *mdev)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), MDEVS "/%s", mdev->uuid);
	return !access(path, F_OK);
}

static int create_on(FIXTURE_DATA(race_mdev) * self, int i)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/create", self->type[i]);
	return write_file(path, self->mdev.uuid);
}

static int create_on_first(void *arg)
{
	return create_on(arg, 0);
}

static int create_on_second(void *arg)
{
	return create_on(arg, 1);
}

static int remove_it(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), MDEVS "/%s/remove", self->mdev.uuid);
	return write_file(path, "1");
}

/* Is an mdev there, alone, that can be used? */
#define EXPECT_USABLE()							\
do {									\
	EXPECT_EQ(self->free - 1, free_on_both(self));			\
	EXPECT_EQ(0, mdev_start(&self->mdev));				\
	EXPECT_EQ(0, echo_emit(&self->mdev, 1));			\
	EXPECT_TRUE(mdev_balanced(&self->mdev, 1));			\
	mdev_close(&self->mdev);					\
} while (0)

#define EXPECT_GONE()							\
do {									\
	EXPECT_FALSE(exists(&self->mdev));				\
	EXPECT_EQ(self->free, free_on_both(self));			\
} while (0)

/* One UUID on two adapters */
TEST_F_TIMEOUT(race_mdev, create_against_create, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "create", create_on_first);
	race_add(&self->race, "create on another adapter", create_on_second);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY(0) | MAY(EEXIST)));
		EXPECT_EQ(racer[0].ret ? 0 : -EEXIST, racer[1].ret);
		if (i % 16 == 0)
			EXPECT_USABLE();
		EXPECT_EQ(0, remove_it(self));
		EXPECT_GONE();
	}
}

/* A UUID moves to another adapter. */
TEST_F_TIMEOUT(race_mdev, create_against_remove, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "remove", remove_it);
	race_add(&self->race, "create on another adapter", create_on_second);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		ASSERT_EQ(0, create_on(self, 0));
		race_run(&self->race);
		EXPECT_EQ(0, racer[0].ret);
		EXPECT_TRUE(race_may(&racer[1], MAY(0) | MAY(EEXIST)));
		if (!racer[1].ret) {
			EXPECT_USABLE();
			EXPECT_EQ(0, remove_it(self));
		}
		EXPECT_GONE();
	}
}

/* Both say that it is gone, and both are right. */
TEST_F_TIMEOUT(race_mdev, remove_against_remove, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "remove", remove_it);
	race_add(&self->race, "remove as well", remove_it);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		ASSERT_EQ(0, create_on(self, 0));
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY(0) | MAY(ENOENT) | MAY(ENODEV)));
		EXPECT_TRUE(race_may(&racer[1], MAY(0) | MAY(ENOENT) | MAY(ENODEV)));
		EXPECT_TRUE(!racer[0].ret || !racer[1].ret);
		EXPECT_GONE();
	}
}

/* Uses the device for a moment: who removes it waits for that. */
static int open_and_close(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	struct mdev *mdev = &self->mdev;
	int ret = mdev_open(mdev);

	if (ret)
		return ret;
	if (bar0_get(mdev, CAPI_MDEV_REG_ID, 4) != CAPI_MDEV_ID)
		ret = -EBADMSG;
	mdev_close(mdev);
	return ret;
}

TEST_F_TIMEOUT(race_mdev, open_against_remove, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "open", open_and_close);
	race_add(&self->race, "remove", remove_it);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		ASSERT_EQ(0, create_on(self, i % 2));
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY_OPEN));
		EXPECT_EQ(0, racer[1].ret);
		EXPECT_GONE();
	}
}

static const char * const writable[] = { "irqs", "label", "max_events" };

/* One after another, as long as it works */
static int write_attributes(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	int ret = 0;
	int i;

	for (i = 0; i < 12 && (!ret || ret == -EBUSY); i++)
		ret = mdev_set(&self->mdev, writable[i % 3], i % 2 ? "4" : "32");
	return ret == -EBUSY ? 0 : ret;
}

static const char * const readable[] = {
	"label", "irqs", "max_events", "state", "events_raised",
};

static int read_attributes(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	char text[128];
	int ret = 0;
	int i;

	for (i = 0; i < 10 && !ret; i++)
		ret = mdev_attr_text(&self->mdev, readable[i % 5], text,
				     sizeof(text));
	return ret;
}

TEST_F_TIMEOUT(race_mdev, attributes_against_remove, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "write attributes", write_attributes);
	race_add(&self->race, "remove", remove_it);
	race_add(&self->race, "read attributes", read_attributes);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		ASSERT_EQ(0, create_on(self, i % 2));
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY(0) | MAY(ENOENT) | MAY(ENODEV)));
		EXPECT_EQ(0, racer[1].ret);
		EXPECT_TRUE(race_may(&racer[2], MAY(0) | MAY(ENOENT) | MAY(ENODEV)));
		EXPECT_GONE();
	}
}

/* What a group says that is open, and a device that another is bound to */
#define MAY_BE_BUSY	(MAY(0) | MAY(EBUSY) | MAY(EINVAL))

/* The same device, opened by another */
static int open_as_well(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	struct mdev mdev = self->mdev;
	int ret = mdev_open(&mdev);

	mdev_close(&mdev);
	return ret;
}

TEST_F_TIMEOUT(race_mdev, open_against_open, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "open", open_and_close);
	race_add(&self->race, "open as well", open_as_well);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		ASSERT_EQ(0, create_on(self, i % 2));
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY_BE_BUSY));
		EXPECT_TRUE(race_may(&racer[1], MAY_BE_BUSY));
		EXPECT_TRUE(!racer[0].ret || !racer[1].ret);
		EXPECT_USABLE();
		EXPECT_EQ(0, remove_it(self));
		EXPECT_GONE();
	}
}

/* Unbinding the adapter's driver removes the mdevs; binding offers them anew. */
static int rebind(void *arg)
{
	FIXTURE_DATA(race_mdev) * self = arg;
	char path[PATH_MAX], card[32];
	char *end;
	int ret;

	snprintf(card, sizeof(card), "%s",
		 self->type[0] + strlen("/sys/class/mdev_bus/"));
	end = strchr(card, '/');
	*end = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/capi_mdev/unbind");
	ret = write_file(path, card);
	if (ret)
		return ret;
	self->turn = exists(&self->mdev);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/capi_mdev/bind");
	return write_file(path, card);
}

TEST_F_TIMEOUT(race_mdev, create_against_unbind, 3600)
{
	struct racer *racer = self->race.racer;
	unsigned int i;

	race_add(&self->race, "create", create_on_first);
	race_add(&self->race, "unbind", rebind);
	for (i = 0; race_more(&self->race, 10); i++) {
		new_uuid(&self->mdev);
		race_run(&self->race);
		EXPECT_TRUE(race_may(&racer[0], MAY(0) | MAY(ENOENT) | MAY(ENODEV)));
		EXPECT_EQ(0, racer[1].ret);
		if (exists(&self->mdev))
			EXPECT_EQ(0, remove_it(self));
		EXPECT_GONE();
	}
}

TEST_HARNESS_MAIN
