// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules that are loaded and unloaded, drivers that are bound, and adapters that
 * go, where the kernel runs out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "fail.h"

#define AFUS		"adapters=1 afus=echo:2,memcpy:2"

FIXTURE(modules) {
	struct fail fail;
	struct fail_state before;
};

/* By hand: what is loaded on behalf of others is not this thread's. */
static int module_file(const char *name)
{
	char command[64], path[PATH_MAX] = "";
	FILE *modinfo;

	snprintf(command, sizeof(command), "modinfo -F filename %s", name);
	modinfo = popen(command, "r");
	if (!modinfo)
		return -errno;
	if (!fgets(path, sizeof(path), modinfo))
		path[0] = '\0';
	pclose(modinfo);
	path[strcspn(path, "\n")] = '\0';
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The kernel says EINVAL of what it had no memory to name. */
static int load(int file, const char *parameters)
{
	if (!syscall(SYS_finit_module, file, parameters, 0))
		return 0;
	return errno == EINVAL ? -ENOMEM : -errno;
}

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* Does the @n'th come before the module's own code runs? */
static bool in_loader(struct fail *fail, int file, const char *parameters,
		      const char *name, unsigned int n)
{
	int ret;

	fail->n = n;
	fail_arm(fail);
	ret = load(file, parameters);
	fail_disarm(fail);
	fail_log_ok(fail);
	if (!ret)
		unload(name);
	return fail->injected && !fail->site[0];
}

/* Some say no place: then look at the next ones. */
static bool all_in_loader(struct fail *fail, int file, const char *parameters,
			  const char *name, unsigned int n, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!in_loader(fail, file, parameters, name, n + i))
			return false;
	return true;
}

#define SURE	16

static unsigned int after_loader(struct fail *fail, int file,
				 const char *parameters, const char *name)
{
	unsigned int low = 1, high = FAIL_MAX, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (all_in_loader(fail, file, parameters, name, middle, 4))
			low = middle + 1;
		else
			high = middle;
	}
	/* That many say no place only before the module's first. */
	while (low > SURE && !all_in_loader(fail, file, parameters, name,
					    low - SURE, SURE))
		low -= SURE;
	return low > SURE ? low - SURE : 1;
}

/* What the kernel does until it calls the module is not tested here: so many, or more. */
static void skip_loader(struct fail *fail, int file, const char *parameters,
			const char *name)
{
	enum fail_what what;

	for (what = FAIL_STEADY; what <= FAIL_REST; what++) {
		fail_choose(fail, what);
		fail->first[what] = after_loader(fail, file, parameters, name);
	}
}

FIXTURE_SETUP(modules)
{
	NOT_IN_GUEST(return, "needs the software adapter");
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, cxl_unload());
	unload("capi");
	/* Not each step, or the loading of a module takes minutes. */
	self->fail.coarse = 8;
	fail_state(&self->before);
}

FIXTURE_TEARDOWN(modules)
{
	unload("capi_memcpy_sample");
	unload("capi_test");
	unload("capi_mdev");
	unload("capi_sim");
	unload("capi");
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
}

FAIL_TEST(modules, capi)
{
	int file = module_file("capi");

	ASSERT_GE(file, 0);
	skip_loader(&self->fail, file, "", "capi");
	self->fail.coarse = 0;
	FAIL_EACH(&self->fail, NOTHING, load(file, ""),
		  ASSERT_EQ(0, unload("capi")));
	close(file);
}

FAIL_TEST(modules, capi_sim)
{
	int file = module_file("capi_sim");

	ASSERT_GE(file, 0);
	ASSERT_EQ(0, system("modprobe capi"));
	skip_loader(&self->fail, file, AFUS, "capi_sim");
	FAIL_EACH(&self->fail, NOTHING, load(file, AFUS),
		  ASSERT_EQ(0, unload("capi_sim")));
	close(file);
}

FAIL_TEST(modules, capi_mdev)
{
	int file = module_file("capi_mdev");

	ASSERT_GE(file, 0);
	ASSERT_EQ(0, system("modprobe mdev; modprobe capi_sim " AFUS));
	skip_loader(&self->fail, file, "", "capi_mdev");
	FAIL_EACH(&self->fail, NOTHING, load(file, ""),
		  ASSERT_EQ(0, unload("capi_mdev")));
	close(file);
}

/*
 * A driver of AFUs that has all that <misc/cxl.h> offers. What it takes for an
 * AFU's context once stays until the adapter goes: it finds a new one each time.
 */
FAIL_TEST(modules, sample_driver)
{
	const char *afus = "adapters=1 afus=memcpy:1";
	int file = module_file("capi_memcpy_sample");
	int sim = module_file("capi_sim");

	if (file < 0)
		SKIP(return, "the module capi_memcpy_sample is not installed");
	ASSERT_EQ(0, system("modprobe capi"));
	ASSERT_EQ(0, load(sim, afus));
	skip_loader(&self->fail, file, "", "capi_memcpy_sample");
	ASSERT_EQ(0, unload("capi_sim"));
	self->fail.coarse = 0;
	FAIL_EACH(&self->fail, ASSERT_EQ(0, load(sim, afus)), load(file, ""),
		  ASSERT_EQ(0, unload("capi_memcpy_sample"));
		  ASSERT_EQ(0, unload("capi_sim")));
	close(file);
	close(sim);
}

/* Its file returns a descriptor of a context. */
static int start_file(int driver, int *fd)
{
	struct cxl_ioctl_start_work work = { };

	*fd = ioctl(driver, CXL_IOCTL_START_WORK, &work);
	return *fd < 0 ? -errno : 0;
}

FAIL_TEST(modules, sample_file)
{
	glob_t found;
	int driver, fd;

	if (system("modprobe capi_sim " AFUS "; modprobe capi_memcpy_sample"))
		SKIP(return, "the module capi_memcpy_sample is not installed");
	ASSERT_TRUE(WAIT_UNTIL(!glob("/dev/capi_memcpy-*", 0, NULL, &found)));
	driver = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	ASSERT_GE(driver, 0);
	self->fail.coarse = 0;
	FAIL_EACH(&self->fail, NOTHING, start_file(driver, &fd),
		  ASSERT_EQ(0, close(fd)));
	close(driver);
}

/* What was unloaded at the first attempt is gone at the second. */
static int unload_all(void)
{
	static const char * const names[] = { "capi_mdev", "capi_sim", "capi" };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(names) && (!ret || ret == -ENOENT); i++)
		ret = unload(names[i]);
	return ret;
}

FAIL_TEST(modules, unload)
{
	int capi = module_file("capi"), sim = module_file("capi_sim");
	int mdev = module_file("capi_mdev");

	ASSERT_EQ(0, system("modprobe mdev"));
	FAIL_EACH(&self->fail,
		  ASSERT_EQ(0, load(capi, ""));
		  ASSERT_EQ(0, load(sim, AFUS));
		  ASSERT_EQ(0, load(mdev, "")),
		  unload_all(), NOTHING);
	close(capi);
	close(sim);
	close(mdev);
}

/* In a guest: the driver of VFs */

FIXTURE(guest_module) {
	struct fail fail;
	struct fail_state before;
};

/* Only a driver of that name is for them from here on, or with an empty line any. */
static int override_vfs(const char *driver)
{
	char path[PATH_MAX], vendor[16];
	glob_t vfs;
	size_t i;
	int ret = 0;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &vfs))
		return -ENODEV;
	for (i = 0; i < vfs.gl_pathc && !ret; i++) {
		snprintf(path, sizeof(path), "%s/vendor", vfs.gl_pathv[i]);
		if (read_file(path, vendor, sizeof(vendor)) < 0 ||
		    strncmp(vendor, "0x1014", strlen("0x1014")))
			continue;
		snprintf(path, sizeof(path), "%s/driver_override", vfs.gl_pathv[i]);
		ret = write_file(path, driver);
	}
	globfree(&vfs);
	return ret;
}

FIXTURE_SETUP(guest_module)
{
	NEEDS_VF(return);
	FAIL_INIT(return, &self->fail);
	ASSERT_EQ(0, cxl_unload());
	/* Binding is another test. */
	ASSERT_EQ(0, override_vfs("none\n"));
	self->fail.coarse = 8;
	fail_state(&self->before);
}

FIXTURE_TEARDOWN(guest_module)
{
	unload("capi_guest");
	EXPECT_TRUE(fail_state_is(&self->before));
	fail_exit(&self->fail);
	EXPECT_EQ(0, override_vfs("\n"));
	EXPECT_EQ(0, cxl_load("memcpy"));
}

FAIL_TEST(guest_module, capi_guest)
{
	int file = module_file("capi_guest");

	ASSERT_GE(file, 0);
	ASSERT_EQ(0, system("modprobe capi"));
	skip_loader(&self->fail, file, "", "capi_guest");
	FAIL_EACH(&self->fail, NOTHING, load(file, ""),
		  ASSERT_EQ(0, unload("capi_guest")));
	close(file);
}

TEST_HARNESS_MAIN
