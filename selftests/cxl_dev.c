// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cxl_dev.h"
#include "guest.h"

#define CLASS		"/sys/class/cxl"
#define NODES		"/dev/cxl"
#define FUNCTIONS	"/sys/bus/pci/devices"
#define MODULE		"/sys/module/capi_sim"

/* In a guest, the configuration record of the AFUs that were asked for */
static char wanted_device[16];

/* Modules */

static bool parameter_is(const char *name, const char *value)
{
	char path[PATH_MAX], text[128];

	snprintf(path, sizeof(path), MODULE "/parameters/%s", name);
	if (read_file(path, text, sizeof(text)) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, value);
}

static bool loaded(const char *afus)
{
	struct afu afu;

	return parameter_is("afus", afus) && parameter_is("adapters", "1") &&
	       !afu_find(&afu, 0);
}

/* What a test that failed may have left behind */
static int restore(void)
{
	struct context context;
	struct afu afu;
	unsigned int i;
	int ret;

	for (i = 0; !afu_find(&afu, i); i++) {
		context_init(&context, afu.card, afu.name, 0);
		ret = in_guest() ? 0 : context_link(&context, true);
		if (!ret)
			ret = afu_set(&afu, "mode", "afu_directed");
		if (!ret)
			ret = afu_set(&afu, "irqs_max", "32");
		/* A VF may have fewer. */
		if (ret && (ret != -EINVAL || !in_guest()))
			return ret;
	}
	return 0;
}

int cxl_unload(void)
{
	if (in_guest())
		return system("rmmod capi_guest 2>/dev/null") ? -EBUSY : 0;
	if (!access("/sys/module/capi_mdev", F_OK) &&
	    system("rmmod capi_mdev 2>/dev/null"))
		return -EBUSY;
	if (!access(MODULE, F_OK) && system("rmmod capi_sim 2>/dev/null"))
		return -EBUSY;
	return 0;
}

/* AFUs of one kind, whatever VFs have them; somebody may have removed those. */
static int load_guest(const char *afus)
{
	struct afu afu;

	snprintf(wanted_device, sizeof(wanted_device), "0x%04x",
		 strncmp(afus, "echo", 4) ? CAPI_MEMCPY_DEVICE :
		 CAPI_ECHO_DEVICE);
	if (system("modprobe capi_guest"))
		return -ENODEV;
	if (afu_find(&afu, 0))
		guest_rescan();
	if (!WAIT_UNTIL(!afu_find(&afu, 0) && node_exists(&afu, 's')))
		return -ENODEV;
	return restore();
}

int cxl_load(const char *afus)
{
	char command[256];

	if (in_guest())
		return load_guest(afus);
	if (loaded(afus) && !restore())
		return 0;
	if (cxl_unload())
		return -EBUSY;
	snprintf(command, sizeof(command), "modprobe capi_sim afus=%s", afus);
	return system(command) ? -ENODEV : 0;
}

/* AFUs */

/* afuN.M and nothing behind it; its nodes have a letter there. */
static bool parse_name(const char *name, struct afu *afu)
{
	int length = 0;

	if (sscanf(name, "afu%u.%u%n", &afu->num, &afu->slice, &length) != 2 ||
	    name[length])
		return false;
	snprintf(afu->name, sizeof(afu->name), "%s", name);
	return true;
}

/* The PCI function is where the links called device lead from an AFU. */
static int find_card(struct afu *afu)
{
	char path[PATH_MAX], real[PATH_MAX];

	snprintf(path, sizeof(path), CLASS "/%s/device/device", afu->name);
	if (!realpath(path, real))
		return -errno;
	snprintf(afu->card, sizeof(afu->card), "%.31s", basename(real));
	return 0;
}

static bool is_wanted(const struct afu *afu)
{
	char device[16];

	return !wanted_device[0] ||
	       (!afu_text(afu, "cr0/device", device, sizeof(device)) &&
		!strcmp(device, wanted_device));
}

int afu_find(struct afu *afu, unsigned int index)
{
	glob_t found;
	size_t i;
	int ret = -ENOENT;

	if (glob(CLASS "/afu*", 0, NULL, &found))
		return -ENOENT;
	for (i = 0; i < found.gl_pathc && ret; i++)
		if (parse_name(basename(found.gl_pathv[i]), afu) &&
		    is_wanted(afu) && !index--)
			ret = find_card(afu);
	globfree(&found);
	return ret;
}

static int read_line(const char *path, char *text, size_t size)
{
	int ret = read_file(path, text, size);

	if (ret < 0)
		return ret;
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int afu_text(const struct afu *afu, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CLASS "/%s/%s", afu->name, name);
	return read_line(path, text, size);
}

long long afu_number(const struct afu *afu, const char *name)
{
	char text[64];
	int ret = afu_text(afu, name, text, sizeof(text));

	return ret ? ret : atoll(text);
}

int afu_set(const struct afu *afu, const char *name, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CLASS "/%s/%s", afu->name, name);
	return write_file(path, value);
}

int afu_card_text(const struct afu *afu, const char *name, char *text,
		  size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CLASS "/card%u/%s", afu->num, name);
	return read_line(path, text, size);
}

int afu_card_set(const struct afu *afu, const char *name, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CLASS "/card%u/%s", afu->num, name);
	return write_file(path, value);
}

/* Nodes */

void node_path(const struct afu *afu, char node, char *path, size_t size)
{
	snprintf(path, size, NODES "/%s%c", afu->name, node);
}

bool node_exists(const struct afu *afu, char node)
{
	char path[PATH_MAX];
	struct stat status;

	node_path(afu, node, path, sizeof(path));
	return !stat(path, &status) && S_ISCHR(status.st_mode);
}

long long node_number(const struct afu *afu, char node, const char *name)
{
	char path[PATH_MAX], text[64];
	int ret;

	snprintf(path, sizeof(path), CLASS "/%s%c/%s", afu->name, node, name);
	ret = read_line(path, text, sizeof(text));
	return ret ? ret : atoll(text);
}

int node_open(const struct afu *afu, char node, int flags)
{
	char path[PATH_MAX];
	int fd;

	node_path(afu, node, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

int node_open_patiently(const struct afu *afu, char node, int error)
{
	int fd;

	WAIT_UNTIL((fd = node_open(afu, node, 0)) != error);
	return fd;
}

/* Descriptors */

int cxl_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) ? -errno : 0;
}

int cxl_start(int fd)
{
	struct cxl_ioctl_start_work work = { };

	return cxl_ioctl(fd, CXL_IOCTL_START_WORK, &work);
}

int cxl_start_irqs(int fd, int irqs)
{
	struct cxl_ioctl_start_work work = {
		.flags = CXL_START_WORK_NUM_IRQS,
		.num_interrupts = irqs,
	};

	return cxl_ioctl(fd, CXL_IOCTL_START_WORK, &work);
}

int cxl_start_ones(int fd)
{
	struct cxl_ioctl_start_work work = { .flags = CXL_START_WORK_ERR_FF };

	return cxl_ioctl(fd, CXL_IOCTL_START_WORK, &work);
}

int cxl_process_element(int fd)
{
	__u32 pe;
	int ret = cxl_ioctl(fd, CXL_IOCTL_GET_PROCESS_ELEMENT, &pe);

	return ret ? ret : (int)pe;
}

int cxl_driver_events(int fd, const char *abi)
{
	struct capi_ioctl_driver_events ask = { };

	int ret;

	snprintf(ask.abi, sizeof(ask.abi), "%s", abi);
	ret = cxl_ioctl(fd, CAPI_IOCTL_DRIVER_EVENTS, &ask);
	if (!ret && in_guest())
		guest_numbers();
	return ret;
}

int cxl_context(const struct afu *afu, int fd, struct context *context)
{
	int pe = cxl_process_element(fd);

	if (pe < 0)
		return pe;
	context_init(context, afu->card, afu->name, pe);
	/* A context at work has the number of the VF, and its folder another. */
	if (in_guest() && access(context->dir, F_OK))
		context_init(context, afu->card, afu->name, 0);
	context->pe = pe;
	return 0;
}

/* Mappings */

void *cxl_map(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static __thread sigjmp_buf bus_error;
static __thread const void *loading;

static void on_bus_error(int signal, siginfo_t *info, void *frame)
{
	(void)frame;
	if (loading && info->si_code == BUS_ADRERR && info->si_addr == loading)
		siglongjmp(bus_error, 1);
	/* It comes again, and ends the test. */
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

bool can_load(const void *address, __u32 *value)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGBUS, &action, NULL);
	loading = address;
	if (sigsetjmp(bus_error, 1)) {
		loading = NULL;
		return false;
	}
	*value = __atomic_load_n((const __u32 *)address, __ATOMIC_RELAXED);
	loading = NULL;
	return true;
}

/* Adapters */

static size_t count_paths(const char *pattern)
{
	size_t count = 0;
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		count = found.gl_pathc;
		globfree(&found);
	}
	return count;
}

bool functions_left(const struct context *context)
{
	char pattern[64];

	/* Each VF has one function for its AFU, in a domain of its own. */
	if (in_guest())
		return count_paths(FUNCTIONS "/ca*") >
		       count_paths(CLASS "/card*");
	snprintf(pattern, sizeof(pattern), FUNCTIONS "/%.5s*", context->card);
	return count_paths(pattern);
}

/* More than stacks keep away from what is below them */
#define ROOM	(8UL << 20)

char *new_stack(size_t page)
{
	char *at = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	if (at == MAP_FAILED || munmap(at, ROOM))
		return NULL;
	at = mmap(at + ROOM - page, page, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1,
		  0);
	return at == MAP_FAILED ? NULL : at + page;
}
