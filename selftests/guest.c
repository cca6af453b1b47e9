// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest.h>
#include <misc/capi_echo.h>
#include <misc/capi_mdev.h>

#include "guest.h"
#include "vfio_mdev.h"

#define DEVICES		"/sys/bus/pci/devices"
/* How long an event takes to come that may not come at all, in milliseconds */
#define SETTLE		300

bool in_guest(void)
{
	static int answer = -1;
	char line[1024];

	/* The module may come and go, the guests of the tests stay what they are. */
	if (answer < 0)
		answer = !access("/sys/module/capi_guest", F_OK) ||
			 (read_file("/proc/cmdline", line, sizeof(line)) > 0 &&
			  strstr(line, "vm=guest"));
	return answer;
}

/* Requests */

bool host_listens(void)
{
	return getenv("CAPI_HOST");
}

/* The answer is a line of its own: ~ and an exit status. */
static int answer_of(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char line[64];
	ssize_t len;
	int status;

	if (poll(&wait, 1, PATIENCE) <= 0)
		return -ETIMEDOUT;
	len = read(fd, line, sizeof(line) - 1);
	if (len <= 0)
		return -EIO;
	line[len] = '\0';
	return sscanf(line, "~%d", &status) == 1 && !status ? 0 : -EIO;
}

int host_ask(const char *function, const char *what)
{
	char path[PATH_MAX], device[16];
	int fd, ret;

	if (!host_listens())
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), DEVICES "/%s/device", function);
	ret = read_file(path, device, sizeof(device));
	if (ret < 0)
		return ret;
	fd = open(getenv("CAPI_HOST"), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = dprintf(fd, "~host %.4s %s\n", device + 2, what);
	ret = ret < 0 ? -errno : answer_of(fd);
	close(fd);
	return ret;
}

long long guest_count(const char *name)
{
	char pattern[128], text[32];
	long long sum = 0;
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/capi_guest/*/%s",
		 name);
	if (glob(pattern, 0, NULL, &found))
		return -1;
	for (i = 0; i < found.gl_pathc; i++)
		if (read_file(found.gl_pathv[i], text, sizeof(text)) > 0)
			sum += atoll(text);
	globfree(&found);
	return sum;
}

/* The AFU's registers */

static const struct {
	const char *word;
	unsigned int reg;
	bool raises;
} words[] = {
	{ "period", CAPI_ECHO_REG_PERIOD, false },
	{ "size", CAPI_ECHO_REG_SIZE, false },
	{ "emit", CAPI_ECHO_REG_EMIT, true },
	{ "irq", CAPI_ECHO_REG_IRQ, true },
	{ "fault", CAPI_ECHO_REG_FAULT, true },
	{ "error", CAPI_ECHO_REG_ERROR, true },
};

static void *map_bar(const char *function, unsigned int bar, size_t size)
{
	char path[PATH_MAX];
	void *base;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/resource%u", function, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return base == MAP_FAILED ? NULL : base;
}

static __u32 load32(void *bar, unsigned int off)
{
	return __atomic_load_n((__u32 *)(bar + off), __ATOMIC_SEQ_CST);
}

/* A driver event is shown: those behind it come when it has been read. */
static bool shows_event(const struct context *context)
{
	void *bar = map_bar(context->card, 0, CAPI_MDEV_BAR0_SIZE);
	__u32 token;
	bool shown;

	if (!bar)
		return false;
	token = load32(bar, CAPI_MDEV_REG_EVENT_TOKEN);
	shown = token && token != ~0U &&
		(load32(bar, CAPI_MDEV_REG_EVENT_DATA) & 0xffff) ==
		CXL_EVENT_AFU_DRIVER;
	munmap(bar, CAPI_MDEV_BAR0_SIZE);
	return shown;
}

/* -EIO where the context is not started, as the host's file says */
static int store(const struct context *context, unsigned int reg, __u64 value)
{
	void *bar = map_bar(context->card, 2, sysconf(_SC_PAGESIZE));
	int ret = 0;

	if (!bar)
		return -ENODEV;
	if (__atomic_load_n((__u64 *)(bar + CAPI_ECHO_REG_ID),
			    __ATOMIC_SEQ_CST) == CAPI_ECHO_ID)
		__atomic_store_n((__u64 *)(bar + reg), value, __ATOMIC_SEQ_CST);
	else
		ret = -EIO;
	munmap(bar, sysconf(_SC_PAGESIZE));
	return ret;
}

/* What is raised is on its way through the VF: the caller shall find it here. */
static int store_and_wait(const struct context *context, unsigned int reg,
			  __u64 value)
{
	long long before = context_count(context, "events_raised");
	int ret, i;

	if (reg == CAPI_ECHO_REG_EMIT && shows_event(context))
		return store(context, reg, value);
	ret = store(context, reg, value);
	for (i = 0; !ret && i < SETTLE; i++) {
		if (context_count(context, "events_raised") > before)
			break;
		poll(NULL, 0, 1);
	}
	return ret;
}

int guest_post(const struct context *context, const char *what)
{
	unsigned long long value;
	char word[16];
	size_t i;

	if (sscanf(what, "%15s %lli", word, (long long *)&value) != 2)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, word))
			continue;
		return words[i].raises ?
		       store_and_wait(context, words[i].reg, value) :
		       store(context, words[i].reg, value);
	}
	return -EINVAL;
}

/* The adapter */

/* A configuration record is all ones while the link is down. */
static bool link_is(const struct context *context, bool up)
{
	char path[PATH_MAX];
	unsigned char id[3];

	snprintf(path, sizeof(path), "/sys/class/cxl/%s/cr0/config",
		 context->afu);
	return read_file(path, (char *)id, sizeof(id)) == 2 &&
	       (id[0] != 0xff || id[1] != 0xff) == up;
}

/*
 * The adapter has the new state before its contexts are told. An AFU in use is not
 * reset, but who asks for it waits until they are.
 */
int guest_link(const struct context *context, bool up)
{
	int ret = host_ask(context->card, up ? "link 1" : "link 0");
	char path[PATH_MAX];

	if (ret)
		return ret;
	if (!WAIT_UNTIL(link_is(context, up)))
		return -ETIMEDOUT;
	snprintf(path, sizeof(path), "/sys/class/cxl/%s/reset", context->afu);
	write_file(path, "1");
	return 0;
}

/* To the driver it makes no difference who removes the function. */
int guest_drop(const struct context *context)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/remove", context->card);
	return write_file(path, "1");
}

void guest_rescan(void)
{
	write_file("/sys/bus/pci/rescan", "1");
}

/* Numbers of driver events */

#define NO_NUMBER	~0ULL

static unsigned long long *first;

void guest_numbers(void)
{
	if (!first)
		first = mmap(NULL, sizeof(*first), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (first == MAP_FAILED)
		abort();
	*first = NO_NUMBER;
}

unsigned long long guest_number(unsigned long long number)
{
	unsigned long long none = NO_NUMBER;

	if (!first)
		return number;
	__atomic_compare_exchange_n(first, &none, number, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return number - *first;
}
