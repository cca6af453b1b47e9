// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memcpy.h"
#include "vfio_mdev.h"

int memcpy_load(void)
{
	char node[64];

	if (!capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
			   sizeof(node)))
		return 0;
	return capi_reload("");
}

int memcpy_reload(const char *afus)
{
	char parameters[128];

	snprintf(parameters, sizeof(parameters), "afus=%s", afus);
	return capi_reload(parameters);
}

int memcpy_master_node(char *node, size_t size)
{
	int ret = capi_cxl_find(CAPI_MEMCPY_VENDOR, CAPI_MEMCPY_DEVICE, node,
				size);

	if (!ret)
		node[strlen(node) - 1] = 'm';
	return ret;
}

int memcpy_start(struct capi_memcpy *mc, unsigned int units)
{
	int ret = capi_memcpy_open(mc, NULL);

	if (ret)
		return ret;
	ret = capi_memcpy_start(mc, units, -1);
	if (ret)
		capi_memcpy_close(mc);
	return ret;
}

int memcpy_status(const struct capi_memcpy_element *element)
{
	return element ? capi_memcpy_wait(element, PATIENCE) : -EAGAIN;
}

int memcpy_wait_stopped(struct capi_memcpy *mc)
{
	return capi_memcpy_wait_stopped(mc, PATIENCE);
}

int memcpy_wait_running(struct capi_memcpy *mc)
{
	return WAIT_UNTIL(!capi_memcpy_stopped(mc)) ? 0 : -ETIMEDOUT;
}

/* Between two answers it looks at the queue. */
int memcpy_sync(struct capi_memcpy *mc)
{
	int i;

	for (i = 0; i < 2; i++) {
		capi_cxl_put(&mc->cxl, CAPI_MEMCPY_REG_TIMEBASE, 0);
		if (!WAIT_UNTIL(capi_cxl_get(&mc->cxl,
					     CAPI_MEMCPY_REG_TIMEBASE)))
			return -ETIMEDOUT;
	}
	return 0;
}

int memcpy_expect_irq(struct capi_memcpy *mc, unsigned int irq)
{
	union capi_cxl_event event;
	int type = capi_cxl_event(&mc->cxl, &event, PATIENCE);

	if (type < 0)
		return type;
	return type == CXL_EVENT_AFU_INTERRUPT &&
	       event.event.irq.irq == irq ? 0 : -EPROTO;
}

void *memcpy_pages(unsigned int pages)
{
	void *memory = mmap(NULL, pages * page_size(), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

long long locked_memory(void)
{
	char line[128];
	long long kib = -1;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmLck: %lld kB", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib < 0 ? kib : kib << 10;
}

int child_join(pid_t pid)
{
	int status;

	if (!WAIT_UNTIL(waitpid(pid, &status, WNOHANG) == pid))
		return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}
