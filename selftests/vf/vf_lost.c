// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest with capi_guest: "vf_lost echo" and "vf_lost memcpy" use such an
 * AFU until it is taken away, which they learn from their files, and say "ready"
 * when they do: the first waits for events, the second has it copy all the time.
 * They end well if everything is as it must be then.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <misc/capi.h>
#include <misc/capi_echo.h>

#include "capi_memcpy.h"

/* How long it may take, in seconds */
#define TIMEOUT	90
#define PAGE	4096

static sigjmp_buf lost;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(lost, 1);
}

/* What is mapped raises SIGBUS. */
static void expect_lost(const char *memory)
{
	signal(SIGBUS, on_bus_error);
	if (sigsetjmp(lost, 1))
		return;
	errx(1, "what is mapped can still be loaded: 0x%02x",
	     __atomic_load_n(memory, __ATOMIC_SEQ_CST) & 0xff);
}

static void expect_errors(struct capi_cxl *cxl)
{
	struct pollfd wait = { .fd = cxl->fd, .events = POLLIN };
	__u32 pe;

	if (!ioctl(cxl->fd, CXL_IOCTL_GET_PROCESS_ELEMENT, &pe) || errno != EIO)
		errx(1, "ioctl does not say EIO");
	if (poll(&wait, 1, 0) != 1 || wait.revents != POLLERR)
		errx(1, "poll says 0x%x", wait.revents);
	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, cxl->fd, 0) != MAP_FAILED ||
	    errno != EIO)
		errx(1, "mmap does not say EIO");
}

/* Until there is no more to read; a fault may be. */
static void read_all(struct capi_cxl *cxl)
{
	union capi_cxl_event event;

	while (read(cxl->fd, &event, sizeof(event)) > 0)
		;
	if (errno != EIO)
		err(1, "read");
}

static void use_echo(void)
{
	struct capi_ioctl_driver_events ask = { .abi = CAPI_ECHO_ABI };
	struct capi_cxl cxl;
	char node[64], *memory;

	if (capi_cxl_find(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE, node,
			  sizeof(node)))
		errx(1, "there is no echo AFU");
	if (capi_cxl_open(&cxl, node) ||
	    ioctl(cxl.fd, CAPI_IOCTL_DRIVER_EVENTS, &ask) ||
	    capi_cxl_start(&cxl, 0, -1))
		errx(1, "%s", cxl.error);
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, cxl.fd,
		      PAGE);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	memory[0] = 1;
	puts("ready");
	read_all(&cxl);
	expect_lost(memory);
	expect_errors(&cxl);
	if (munmap(memory, PAGE))
		err(1, "munmap");
	capi_cxl_close(&cxl);
}

/* Gives the AFU work until it takes none any more. */
static void use_memcpy(void)
{
	const struct capi_memcpy_element *last = NULL, *element;
	static char from[CAPI_MEMCPY_MAX_LENGTH], to[sizeof(from)];
	struct capi_memcpy mc;

	if (capi_memcpy_open(&mc, NULL) || capi_memcpy_start(&mc, 64, -1))
		errx(1, "%s", mc.cxl.error);
	puts("ready");
	do {
		element = capi_memcpy_copy(&mc, to, from, sizeof(from));
		if (element)
			last = element;
	} while (element || capi_memcpy_wait(last, 5000) >= 0);
	read_all(&mc.cxl);
	expect_lost(mc.cxl.psa);
	expect_errors(&mc.cxl);
	capi_memcpy_close(&mc);
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	alarm(TIMEOUT);
	if (argc == 2 && !strcmp(argv[1], "echo"))
		use_echo();
	else if (argc == 2 && !strcmp(argv[1], "memcpy"))
		use_memcpy();
	else
		errx(2, "usage: vf_lost echo|memcpy");
	puts("lost as it must be");
	return 0;
}
