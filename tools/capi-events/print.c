// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, for people and as JSON.
 */
#include <stdio.h>
#include <time.h>

#include "capi-events.h"

static const char * const names[] = {
	[CXL_EVENT_RESERVED] = "reserved",
	[CXL_EVENT_AFU_INTERRUPT] = "interrupt",
	[CXL_EVENT_DATA_STORAGE] = "fault",
	[CXL_EVENT_AFU_ERROR] = "error",
	[CXL_EVENT_AFU_DRIVER] = "driver",
};

static const char *type_name(const struct cxl_event *event)
{
	return event->header.type < ARRAY_SIZE(names) ?
	       names[event->header.type] : "unknown";
}

/* The payload follows the header directly. */
static void print_hex(const struct cxl_event *event, unsigned int group)
{
	const unsigned char *data = (const unsigned char *)(&event->header + 1);
	unsigned int len = event->header.size - sizeof(event->header);
	unsigned int i;

	for (i = 0; i < len; i++)
		printf("%s%02x", group && i % group == 0 ? " " : "", data[i]);
}

static void print_text(const struct cxl_event *event, struct timespec now)
{
	printf("[%5lld.%06ld] pe %-3u %-9s ", (long long)now.tv_sec,
	       now.tv_nsec / 1000, event->header.process_element,
	       type_name(event));

	switch (event->header.type) {
	case CXL_EVENT_AFU_INTERRUPT:
		printf(" number %u", event->irq.irq);
		break;
	case CXL_EVENT_DATA_STORAGE:
		printf(" address 0x%llx, dsisr 0x%016llx", event->fault.addr,
		       event->fault.dsisr);
		break;
	case CXL_EVENT_AFU_ERROR:
		printf(" code 0x%llx", event->afu_error.error);
		break;
	default:
		printf("%5zu bytes ", event->header.size - sizeof(event->header));
		print_hex(event, 8);
	}
	printf("\n");
}

static void print_json(const struct cxl_event *event, struct timespec now)
{
	printf("{\"type\":\"%s\",\"type_id\":%u,\"pe\":%u,\"size\":%u,",
	       type_name(event), event->header.type,
	       event->header.process_element, event->header.size);

	switch (event->header.type) {
	case CXL_EVENT_AFU_INTERRUPT:
		printf("\"irq\":%u", event->irq.irq);
		break;
	case CXL_EVENT_DATA_STORAGE:
		printf("\"addr\":\"0x%llx\",\"dsisr\":\"0x%llx\"",
		       event->fault.addr, event->fault.dsisr);
		break;
	case CXL_EVENT_AFU_ERROR:
		printf("\"error\":\"0x%llx\"", event->afu_error.error);
		break;
	default:
		printf("\"data\":\"");
		print_hex(event, 0);
		printf("\"");
	}
	printf(",\"time\":%lld.%06ld}\n", (long long)now.tv_sec,
	       now.tv_nsec / 1000);
}

void print_event(const struct cxl_event *event, bool json)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (json)
		print_json(event, now);
	else
		print_text(event, now);
}
