// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that an AFU driver makes with cxl_get_fd(): those of the sample driver,
 * whose contexts a program uses as one of /dev/cxl, and which have events of
 * the driver's.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "cxl_dev.h"
#include "memcpy.h"
#include "reader.h"

#define DONE		CAPI_MEMCPY_STATUS_COMPLETE
#define READABLE	(POLLIN | POLLRDNORM)
#define UNITS		1
/* The driver has one of the AFU's contexts itself. */
#define AFUS		"memcpy:4"
#define CONTEXTS	3

FIXTURE(sample_file) {
	struct afu afu;
	struct context context;
	struct capi_memcpy mc[CONTEXTS + 1];
	union event event;
	int driver;
};

static bool driver_bound(void)
{
	glob_t found;
	int ret = glob("/dev/capi_memcpy-*", 0, NULL, &found);

	if (!ret)
		globfree(&found);
	return !ret;
}

static int driver_open(void)
{
	glob_t found;
	int fd;

	if (glob("/dev/capi_memcpy-*", 0, NULL, &found))
		return -ENOENT;
	fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	return fd < 0 ? -errno : fd;
}

static bool unload(void)
{
	return !system("rmmod capi_memcpy_sample 2>/dev/null");
}

FIXTURE_SETUP(sample_file)
{
	int i;

	for (i = 0; i <= CONTEXTS; i++)
		self->mc[i].cxl.fd = -1;
	self->driver = -1;
	if (system("modinfo capi_memcpy_sample >/dev/null 2>&1"))
		SKIP(return, "the module capi_memcpy_sample is not installed");
	ASSERT_EQ(0, memcpy_reload(AFUS));
	ASSERT_EQ(0, system("modprobe capi_memcpy_sample"));
	ASSERT_EQ(0, afu_find(&self->afu, 0));
	context_init(&self->context, self->afu.card, self->afu.name, 0);
	self->driver = driver_open();
	ASSERT_GE(self->driver, 0);
}

FIXTURE_TEARDOWN(sample_file)
{
	int i;

	for (i = 0; i <= CONTEXTS; i++)
		capi_memcpy_close(&self->mc[i]);
	close(self->driver);
	EXPECT_TRUE(unload());
}

/* A context from the driver, started with a queue, its registers mapped */
static int sample_start(int driver, struct capi_memcpy *mc)
{
	struct cxl_ioctl_start_work work = { };
	int fd;

	mc->depth = UNITS * CAPI_MEMCPY_DEPTH_UNIT;
	mc->next = 0;
	mc->wrap = 0;
	if (!mc->queue)
		mc->queue = memcpy_pages(1);
	if (!mc->queue)
		return -ENOMEM;
	memset(mc->queue, 0, page_size());
	work.work_element_descriptor = (uintptr_t)mc->queue | UNITS;
	fd = ioctl(driver, CXL_IOCTL_START_WORK, &work);
	if (fd < 0)
		return -errno;

	mc->cxl.fd = fd;
	mc->cxl.size = page_size();
	mc->cxl.psa = cxl_map(fd, mc->cxl.size, 0);
	if (mc->cxl.psa != MAP_FAILED)
		return 0;
	mc->cxl.psa = NULL;
	return -errno;
}

static bool copies(struct capi_memcpy *mc)
{
	char byte = 0;

	return memcpy_status(capi_memcpy_copy(mc, &byte, "x", 1)) == DONE &&
	       byte == 'x';
}

static struct from from(struct capi_memcpy *mc)
{
	return (struct from){ .fd = mc->cxl.fd, .offset = -1 };
}

/* Announces @n driver events on each of the files. */
static int announce(const char *n)
{
	glob_t found;
	int ret = -ENOENT;

	if (glob("/sys/kernel/debug/capi_memcpy-*/post", 0, NULL, &found))
		return ret;
	ret = write_file(found.gl_pathv[0], n);
	globfree(&found);
	return ret;
}

/* The number in the driver event that is read next, or a negative errno */
static long long next_number(struct capi_memcpy *mc)
{
	union event event;
	ssize_t size = event_read(from(mc), &event);
	__u64 number;

	if (size < 0)
		return size;
	if (size != 16 || event.header.type != CXL_EVENT_AFU_DRIVER ||
	    event.header.size != 16 ||
	    event.header.process_element != cxl_process_element(mc->cxl.fd))
		return -EPROTO;
	memcpy(&number, event.bytes + sizeof(event.header), sizeof(number));
	return number;
}

TEST_F(sample_file, works_in_memory)
{
	struct capi_memcpy *mc = &self->mc[0];
	__u64 pe;

	ASSERT_EQ(0, sample_start(self->driver, mc));
	EXPECT_TRUE(copies(mc));
	pe = cxl_process_element(mc->cxl.fd);
	EXPECT_EQ(pe << 48, capi_cxl_get(&mc->cxl, CAPI_MEMCPY_REG_HANDLE));
	ASSERT_NE(NULL, capi_memcpy_interrupt(mc, 3));
	EXPECT_EQ(0, memcpy_expect_irq(mc, 3));
	capi_memcpy_restart(mc);
	EXPECT_TRUE(copies(mc));
	/* It was started by the driver. */
	EXPECT_EQ(-EIO, cxl_start(mc->cxl.fd));
}

TEST_F(sample_file, refused)
{
	struct cxl_ioctl_start_work work = {
		.flags = CXL_START_WORK_NUM_IRQS, .num_interrupts = 3,
	};
	int i;

	EXPECT_EQ(-ENOTTY, cxl_ioctl(self->driver,
				     CXL_IOCTL_GET_PROCESS_ELEMENT, &work));
	EXPECT_EQ(-EFAULT, cxl_ioctl(self->driver, CXL_IOCTL_START_WORK, NULL));
	/* No context is lost by that. */
	for (i = 0; i <= CONTEXTS; i++)
		EXPECT_EQ(-EINVAL, cxl_ioctl(self->driver,
					     CXL_IOCTL_START_WORK, &work));
	EXPECT_EQ(0, sample_start(self->driver, &self->mc[0]));
}

TEST_F(sample_file, driver_events)
{
	struct capi_memcpy *mc = &self->mc[0];
	struct reader reader;

	ASSERT_EQ(0, sample_start(self->driver, mc));
	EXPECT_EQ(0, poll_now(mc->cxl.fd));
	ASSERT_EQ(0, announce("2"));
	EXPECT_EQ(READABLE, poll_now(mc->cxl.fd));
	/* One that could not be read comes again. */
	EXPECT_EQ(-EFAULT, from_read(from(mc), NULL, CXL_READ_MIN_SIZE));
	EXPECT_EQ(0, next_number(mc));
	EXPECT_EQ(1, next_number(mc));
	EXPECT_EQ(0, poll_now(mc->cxl.fd));

	ASSERT_EQ(0, reader_start(&reader, from(mc), &self->event,
				  sizeof(self->event)));
	ASSERT_TRUE(reader_asleep(&reader));
	ASSERT_EQ(0, announce("1"));
	EXPECT_EQ(16, reader_join(&reader));
	/* The driver's go first. */
	ASSERT_NE(NULL, capi_memcpy_interrupt(mc, 1));
	ASSERT_EQ(POLLIN, poll_for(mc->cxl.fd, POLLIN));
	ASSERT_EQ(0, announce("1"));
	EXPECT_EQ(3, next_number(mc));
	EXPECT_EQ(0, memcpy_expect_irq(mc, 1));
}

TEST_F(sample_file, each_has_its_own)
{
	struct capi_memcpy *one = &self->mc[0], *two = &self->mc[1];

	ASSERT_EQ(0, sample_start(self->driver, one));
	ASSERT_EQ(0, announce("1"));
	ASSERT_EQ(0, sample_start(self->driver, two));
	EXPECT_NE(cxl_process_element(one->cxl.fd),
		  cxl_process_element(two->cxl.fd));
	EXPECT_TRUE(copies(one));
	EXPECT_TRUE(copies(two));
	EXPECT_EQ(0, poll_now(two->cxl.fd));
	ASSERT_EQ(0, announce("1"));
	EXPECT_EQ(0, next_number(two));
	EXPECT_EQ(0, next_number(one));
	EXPECT_EQ(1, next_number(one));

	capi_memcpy_close(one);
	EXPECT_TRUE(copies(two));
	ASSERT_EQ(0, announce("1"));
	EXPECT_EQ(1, next_number(two));
}

/*
 * All contexts but those that are @taken can be had, and no more. Those of a process
 * that was killed come back by and by.
 */
#define EXPECT_FREE(taken)						\
do {									\
	int __taken = taken, __i;					\
									\
	for (__i = __taken; __i < CONTEXTS; __i++)			\
		EXPECT_TRUE(WAIT_UNTIL(!sample_start(self->driver,	\
						     &self->mc[__i])));	\
	EXPECT_EQ(-ENOSPC, sample_start(self->driver, &self->mc[__i]));	\
	while (__i-- > __taken)						\
		capi_memcpy_close(&self->mc[__i]);			\
} while (0)

TEST_F(sample_file, closed)
{
	EXPECT_FREE(0);
	ASSERT_EQ(0, sample_start(self->driver, &self->mc[0]));
	ASSERT_EQ(0, announce("1"));
	EXPECT_FREE(1);
	/* What was posted went with it. */
	capi_memcpy_close(&self->mc[0]);
	ASSERT_EQ(0, sample_start(self->driver, &self->mc[0]));
	EXPECT_EQ(0, poll_now(self->mc[0].cxl.fd));
}

TEST_F(sample_file, killed)
{
	int status, done[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(done));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (sample_start(self->driver, &self->mc[0]) ||
		    !copies(&self->mc[0]) || write(done[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(done[1]);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	ASSERT_EQ(0, announce("1"));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_FREE(0);
}

/* Nothing works any more, except that it can be closed. */
#define EXPECT_CLOSED(which)						\
do {									\
	struct capi_cxl *__cxl = &(which)->cxl;				\
	struct from __from = { .fd = __cxl->fd, .offset = -1 };		\
	__u32 __value;							\
									\
	EXPECT_EQ(-EIO, cxl_process_element(__cxl->fd));		\
	EXPECT_EQ(-EIO, event_read(__from, &self->event));		\
	EXPECT_EQ(POLLERR, poll_now(__cxl->fd));			\
	EXPECT_FALSE(can_load(__cxl->psa, &__value));			\
	EXPECT_EQ(MAP_FAILED, cxl_map(__cxl->fd, page_size(), 0));	\
	EXPECT_EQ(EIO, errno);						\
} while (0)

TEST_F(sample_file, link)
{
	ASSERT_EQ(0, sample_start(self->driver, &self->mc[0]));
	ASSERT_EQ(0, context_link(&self->context, false));
	EXPECT_CLOSED(&self->mc[0]);
	EXPECT_EQ(-ENODEV, sample_start(self->driver, &self->mc[1]));
	ASSERT_EQ(0, context_link(&self->context, true));
	EXPECT_CLOSED(&self->mc[0]);
	ASSERT_EQ(0, sample_start(self->driver, &self->mc[1]));
	EXPECT_TRUE(copies(&self->mc[1]));
}

TEST_F(sample_file, dropped)
{
	struct capi_memcpy *mc = &self->mc[0];
	struct reader reader;

	ASSERT_EQ(0, sample_start(self->driver, mc));
	ASSERT_TRUE(copies(mc));
	ASSERT_EQ(0, reader_start(&reader, from(mc), &self->event,
				  sizeof(self->event)));
	ASSERT_TRUE(reader_asleep(&reader));
	ASSERT_EQ(0, context_drop(&self->context));
	EXPECT_EQ(-EIO, reader_join(&reader));
	EXPECT_TRUE(WAIT_UNTIL(!driver_bound()));
	EXPECT_TRUE(WAIT_UNTIL(!functions_left(&self->context)));
	EXPECT_CLOSED(mc);
	EXPECT_EQ(-ENODEV, sample_start(self->driver, &self->mc[1]));

	/* Each of them holds the module. */
	close(self->driver);
	EXPECT_FALSE(unload());
	capi_memcpy_close(mc);
	EXPECT_TRUE(unload());
	ASSERT_EQ(0, system("modprobe capi_memcpy_sample"));
}

TEST_HARNESS_MAIN
