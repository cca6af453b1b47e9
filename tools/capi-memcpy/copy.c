// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one process does.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "capi-memcpy.h"
#include "capi_memcpy.h"

/* Whole pages, as many as one element can copy */
#define CHUNK		(60 * 1024)
#define CHUNKS		((WINDOW_SIZE + CHUNK - 1) / CHUNK)
#define UNITS		((CHUNKS + CAPI_MEMCPY_DEPTH_UNIT - 1) / CAPI_MEMCPY_DEPTH_UNIT)

/* How long an element may take, in seconds */
#define PATIENCE	60

/**
 * struct copier - a process that copies
 * @job: what
 * @mc: its context
 * @src: the window it copies now, in the file or made by make_pattern()
 * @dst: where to
 */
struct copier {
	const struct job *job;
	struct capi_memcpy mc;
	const char *src;
	char *dst;
};

static void *new_window(void)
{
	void *window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return window == MAP_FAILED ? NULL : window;
}

/* No two words of it are equal. */
static void make_pattern(void *window, uint64_t offset)
{
	uint64_t *words = window;
	size_t i;

	for (i = 0; i < WINDOW_SIZE / sizeof(*words); i++)
		words[i] = (offset / sizeof(*words) + i) * 0x9e3779b97f4a7c15;
}

/* What is not copied must not be right by chance. */
static void make_wrong(char *dst, const char *src, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		dst[i] = ~src[i];
}

static int report_fault(struct copier *copier, int status)
{
	union capi_cxl_event event;
	int type = capi_cxl_event(&copier->mc.cxl, &event, PATIENCE * 1000);

	if (type != CXL_EVENT_DATA_STORAGE)
		return complain("the AFU stopped with status 0x%02x, and does not say why",
				status);
	return complain("the AFU faulted at address 0x%llx (status 0x%02x, dsisr 0x%llx)",
			(unsigned long long)event.event.fault.addr, status,
			(unsigned long long)event.event.fault.dsisr);
}

/* An adapter that is gone gives no status any more. */
static int patient_wait(struct copier *copier,
			const struct capi_memcpy_element *element)
{
	int status = -ETIMEDOUT;
	int i;

	for (i = 0; status == -ETIMEDOUT && i < PATIENCE; i++) {
		status = capi_memcpy_wait(element, 1000);
		if (status == -ETIMEDOUT && capi_cxl_check(&copier->mc.cxl))
			break;
	}
	return status;
}

static int wait_for(struct copier *copier,
		    const struct capi_memcpy_element *element)
{
	int status = patient_wait(copier, element);

	if (status != CAPI_MEMCPY_STATUS_COMPLETE &&
	    capi_cxl_check(&copier->mc.cxl))
		return complain("%s", copier->mc.cxl.error);
	switch (status) {
	case CAPI_MEMCPY_STATUS_COMPLETE:
		return EXIT_OK;
	case CAPI_MEMCPY_STATUS_TRANSLATION:
	case CAPI_MEMCPY_STATUS_DATA:
	case CAPI_MEMCPY_STATUS_PSL:
		return report_fault(copier, status);
	case -ETIMEDOUT:
		return complain("the AFU did nothing for %u seconds", PATIENCE);
	default:
		return complain("the AFU failed with status 0x%02x", status);
	}
}

/* Has the AFU copy the first @size bytes of the window. */
static int copy_window(struct copier *copier, size_t size)
{
	const struct capi_memcpy_element *elements[CHUNKS];
	size_t at, chunks = 0, i;
	int status = EXIT_OK;

	for (at = 0; at < size; at += CHUNK)
		elements[chunks++] =
			capi_memcpy_copy(&copier->mc, copier->dst + at,
					 copier->src + at,
					 size - at < CHUNK ? size - at : CHUNK);
	for (i = 0; !status && i < chunks; i++)
		status = wait_for(copier, elements[i]);
	return status;
}

static int check_window(struct copier *copier, uint64_t offset, size_t size)
{
	size_t i = 0;

	if (!memcmp(copier->src, copier->dst, size))
		return EXIT_OK;
	while (copier->src[i] == copier->dst[i])
		i++;
	complain("byte %llu of the copy is 0x%02x, it should be 0x%02x",
		 (unsigned long long)offset + i, (unsigned char)copier->dst[i],
		 (unsigned char)copier->src[i]);
	return EXIT_WRONG;
}

static int copy_windows(struct copier *copier, uint64_t start, uint64_t end,
			uint64_t *done)
{
	const char *memory = copier->job->memory;
	uint64_t at, size;
	char *pattern;
	int status = EXIT_OK;

	copier->dst = new_window();
	pattern = new_window();
	if (!copier->dst || !pattern)
		return complain("no memory for the copy");

	for (at = start; !status && at < end; at += size) {
		size = end - at < WINDOW_SIZE ? end - at : WINDOW_SIZE;
		if (!memory)
			make_pattern(pattern, at);
		copier->src = memory ? memory + at : pattern;
		make_wrong(copier->dst, copier->src, size);
		status = copy_window(copier, size);
		if (!status)
			status = check_window(copier, at, size);
		if (!status)
			__atomic_add_fetch(done, size, __ATOMIC_RELAXED);
	}
	return status;
}

int copy_share(const struct job *job, uint64_t start, uint64_t end,
	       uint64_t *done)
{
	struct copier copier = { .job = job };
	struct capi_memcpy *mc = &copier.mc;
	int status;

	if (capi_memcpy_open(mc, job->node))
		return complain("%s", mc->cxl.error);
	if (capi_memcpy_start(mc, UNITS, -1))
		status = complain("%s", mc->cxl.error);
	else
		status = copy_windows(&copier, start, end, done);
	capi_memcpy_close(mc);
	return status;
}
