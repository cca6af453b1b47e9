// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside a guest: the echo AFU's work, registers and memory, and its events of
 * every type through the event window.
 */
#include <errno.h>

#include <kselftest_harness.h>

#include "msix.h"

#define WED	0x1122334455667788ULL

FIXTURE(vf_echo) {
	struct vf vf;
	struct msix msix;
	union vf_event event;
};

/* The messages of all vectors are forgotten. */
static void drain(struct msix *msix)
{
	unsigned int i;

	for (i = 0; i < msix->vectors; i++)
		msix_count(msix, i);
}

FIXTURE_SETUP(vf_echo)
{
	ASSERT_EQ(0, vf_open(&self->vf));
	ASSERT_EQ(0, msix_open(&self->msix, &self->vf));
	vf_window(&self->vf, true);
	/* Enabling the window sends a message. */
	ASSERT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	ASSERT_EQ(0, vf_start(&self->vf, WED));
}

FIXTURE_TEARDOWN(vf_echo)
{
	msix_close(&self->msix);
	vf_close(&self->vf);
}

static __u32 state(struct vf *vf)
{
	return vf_get(vf, CAPI_MDEV_REG_STATE);
}

/* Work */

TEST_F(vf_echo, start_and_stop)
{
	struct vf *vf = &self->vf;

	EXPECT_EQ(CAPI_MDEV_STATE_STARTED, state(vf));
	EXPECT_EQ(CAPI_ECHO_ID, vf_echo_get(vf, CAPI_ECHO_REG_ID));
	EXPECT_EQ(WED, vf_echo_get(vf, CAPI_ECHO_REG_WED));

	EXPECT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(CAPI_MDEV_STATE_CLOSED, state(vf));
	EXPECT_EQ(~0ULL, vf_echo_get(vf, CAPI_ECHO_REG_ID));

	EXPECT_EQ(0, vf_start(vf, 5));
	EXPECT_EQ(5, vf_echo_get(vf, CAPI_ECHO_REG_WED));
}

TEST_F(vf_echo, bad_commands)
{
	static const __u32 unknown[] = { 0, 4, 0x101, ~0U };
	struct vf *vf = &self->vf;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-EINVAL, vf_command(vf, unknown[i]));
		EXPECT_EQ(CAPI_MDEV_STATE_STARTED, state(vf));
	}
	EXPECT_EQ(-EBUSY, vf_command(vf, CAPI_MDEV_COMMAND_START));
	EXPECT_EQ(CAPI_MDEV_STATE_STARTED, state(vf));
	EXPECT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(-EBUSY, vf_command(vf, CAPI_MDEV_COMMAND_STOP));
}

/* Problem state area */

TEST_F(vf_echo, registers)
{
	struct vf *vf = &self->vf;

	EXPECT_EQ(CAPI_ECHO_DEFAULT_SIZE, vf_echo_get(vf, CAPI_ECHO_REG_SIZE));
	vf_echo_put(vf, CAPI_ECHO_REG_SIZE, CAPI_ECHO_MAX_SIZE + 1);
	EXPECT_EQ(CAPI_ECHO_DEFAULT_SIZE, vf_echo_get(vf, CAPI_ECHO_REG_SIZE));
	vf_store(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 4, 8);
	EXPECT_EQ(8, vf_load(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 4));
	EXPECT_EQ(0, vf_load(vf, VF_PSA, CAPI_ECHO_REG_SIZE + 4, 4));

	/* Other widths do not reach the AFU. */
	vf_store(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 1, 1);
	vf_store(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 2, 1);
	EXPECT_EQ(8, vf_echo_get(vf, CAPI_ECHO_REG_SIZE));
	EXPECT_EQ(0xff, vf_load(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 1));
	EXPECT_EQ(0xffff, vf_load(vf, VF_PSA, CAPI_ECHO_REG_SIZE, 2));
}

TEST_F(vf_echo, memory)
{
	struct vf *vf = &self->vf;
	unsigned int width;
	__u64 off, value;

	for (width = 1; width <= 8; width *= 2) {
		for (off = VF_MEMORY; off < vf->bars[VF_PSA].size; off += width)
			vf_store(vf, VF_PSA, off, width, off * 0x9e3779b97f4a7c15);
		for (off = VF_MEMORY; off < vf->bars[VF_PSA].size; off += width) {
			value = off * 0x9e3779b97f4a7c15;
			value &= ~0ULL >> (64 - 8 * width);
			ASSERT_EQ(value, vf_load(vf, VF_PSA, off, width)) {
				TH_LOG("0x%llx, %u bytes", off, width);
			}
		}
	}
}

/* Like the registers, it reads all ones unless the context is started. */
TEST_F(vf_echo, memory_over_stop_and_reset)
{
	struct vf *vf = &self->vf;
	__u64 off;

	EXPECT_EQ(0, vf_load(vf, VF_PSA, VF_MEMORY, 8));
	vf_store(vf, VF_PSA, VF_MEMORY, 8, WED);
	ASSERT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(~0ULL, vf_load(vf, VF_PSA, VF_MEMORY, 8));
	vf_store(vf, VF_PSA, VF_MEMORY, 8, 0);
	ASSERT_EQ(0, vf_start(vf, 0));
	EXPECT_EQ(WED, vf_load(vf, VF_PSA, VF_MEMORY, 8));

	ASSERT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(~0ULL, vf_load(vf, VF_PSA, VF_MEMORY, 8));
	ASSERT_EQ(0, vf_start(vf, 0));
	for (off = VF_MEMORY; off < vf->bars[VF_PSA].size; off += 8)
		ASSERT_EQ(0, vf_load(vf, VF_PSA, off, 8));
}

/* Events */

TEST_F(vf_echo, driver_events)
{
	unsigned char payload[CAPI_ECHO_MAX_SIZE + 1];
	struct vf *vf = &self->vf;
	__u64 first = 0, number;
	unsigned int size;
	__u32 token;

	/* From the largest: it has its number, others are cut off. */
	for (size = CAPI_ECHO_MAX_SIZE; size < sizeof(payload); size--) {
		vf_echo_put(vf, CAPI_ECHO_REG_SIZE, size);
		vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 1);
		EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
		token = vf_look(vf, &self->event);
		ASSERT_NE(0, token);
		EXPECT_EQ(CXL_EVENT_AFU_DRIVER, self->event.header.type);
		EXPECT_EQ(VF_PAYLOAD + size, self->event.header.size);
		EXPECT_EQ(vf_get(vf, CAPI_MDEV_REG_PE),
			  self->event.header.process_element);
		EXPECT_EQ(0, self->event.header.reserved1);

		if (size == CAPI_ECHO_MAX_SIZE)
			first = vf_number(&self->event);
		number = first + CAPI_ECHO_MAX_SIZE - size;
		memset(payload, CAPI_ECHO_FILL, sizeof(payload));
		memcpy(payload, &number, size < 8 ? size : 8);
		EXPECT_EQ(0, memcmp(payload, &self->event.bytes[VF_PAYLOAD],
				    size)) {
			TH_LOG("%u bytes", size);
		}
		vf_acknowledge(vf, token);
	}
	EXPECT_EQ(0, vf_look(vf, &self->event));
}

TEST_F(vf_echo, interrupts)
{
	unsigned int irqs = vf_get(&self->vf, CAPI_MDEV_REG_IRQS);
	struct vf *vf = &self->vf;
	unsigned int irq, i;
	__u32 token;

	ASSERT_GE(irqs, 4);
	for (irq = 1; irq <= irqs; irq++) {
		vf_echo_put(vf, CAPI_ECHO_REG_IRQ, irq);
		EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
		EXPECT_EQ(1, msix_wait(&self->msix, irq, MSIX_PATIENCE));
		token = vf_look(vf, &self->event);
		ASSERT_NE(0, token);
		EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, self->event.header.type);
		EXPECT_EQ(16, self->event.header.size);
		EXPECT_EQ(irq, self->event.event.irq.irq);
		vf_acknowledge(vf, token);
	}
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 0);
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, irqs + 1);
	EXPECT_EQ(0, vf_look(vf, &self->event));
	for (i = 0; i < self->msix.vectors; i++)
		EXPECT_EQ(0, msix_count(&self->msix, i));
}

TEST_F(vf_echo, fault_and_error)
{
	struct vf *vf = &self->vf;
	__u32 token;

	vf_echo_put(vf, CAPI_ECHO_REG_FAULT, 0xdeadbeef000);
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, self->event.header.type);
	EXPECT_EQ(40, self->event.header.size);
	EXPECT_EQ(0xdeadbeef000, self->event.event.fault.addr);
	EXPECT_EQ(CAPI_ECHO_DSISR, self->event.event.fault.dsisr);
	vf_acknowledge(vf, token);

	vf_echo_put(vf, CAPI_ECHO_REG_ERROR, 0x123456789abc);
	EXPECT_EQ(1, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	EXPECT_EQ(CXL_EVENT_AFU_ERROR, self->event.header.type);
	EXPECT_EQ(24, self->event.header.size);
	EXPECT_EQ(0x123456789abc, self->event.event.afu_error.error);
	vf_acknowledge(vf, token);
	EXPECT_EQ(0, vf_look(vf, &self->event));
}

/* One event of each type and two interrupts, the last in line first */
static void raise_all(struct vf *vf)
{
	vf_echo_put(vf, CAPI_ECHO_REG_ERROR, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_FAULT, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 3);
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 1);
	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 1);
}

static const unsigned int in_line[] = {
	CXL_EVENT_AFU_DRIVER, CXL_EVENT_AFU_INTERRUPT, CXL_EVENT_AFU_INTERRUPT,
	CXL_EVENT_DATA_STORAGE, CXL_EVENT_AFU_ERROR
};

/* Takes all events; whether they were those that raise_all() raised. */
static bool all_in_line(struct vf *vf)
{
	unsigned int i, irq = 1;
	union vf_event event;
	__u32 token;

	for (i = 0; i < ARRAY_SIZE(in_line); i++) {
		token = vf_look(vf, &event);
		if (!token || event.header.type != in_line[i])
			return false;
		if (in_line[i] == CXL_EVENT_AFU_INTERRUPT) {
			if (event.event.irq.irq != irq)
				return false;
			irq = 3;
		}
		vf_acknowledge(vf, token);
	}
	return !vf_look(vf, &event);
}

TEST_F(vf_echo, priority)
{
	raise_all(&self->vf);
	EXPECT_EQ(CAPI_MDEV_EVENT_STATUS_PENDING,
		  vf_get(&self->vf, CAPI_MDEV_REG_EVENT_STATUS));
	EXPECT_TRUE(all_in_line(&self->vf));
	EXPECT_EQ(0, vf_get(&self->vf, CAPI_MDEV_REG_EVENT_STATUS));
	EXPECT_EQ(0, vf_get(&self->vf, CAPI_MDEV_REG_EVENT_STALE));
}

TEST_F(vf_echo, look_again)
{
	struct vf *vf = &self->vf;
	__u32 first, second;
	__u64 number;

	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 2);
	first = vf_look(vf, &self->event);
	ASSERT_NE(0, first);
	number = vf_number(&self->event);
	EXPECT_EQ(first, vf_look(vf, &self->event));
	EXPECT_EQ(number, vf_number(&self->event));

	vf_acknowledge(vf, first);
	EXPECT_EQ(0, vf_get(vf, CAPI_MDEV_REG_EVENT_TOKEN));
	EXPECT_EQ(0, vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_EVENT_DATA, 8));
	second = vf_look(vf, &self->event);
	ASSERT_NE(0, second);
	EXPECT_NE(first, second);
	EXPECT_EQ(number + 1, vf_number(&self->event));
}

TEST_F(vf_echo, stale_token)
{
	struct vf *vf = &self->vf;
	__u32 token, next;
	__u64 number;

	vf_acknowledge(vf, 0);
	vf_acknowledge(vf, 1234);
	EXPECT_EQ(2, vf_get(vf, CAPI_MDEV_REG_EVENT_STALE));

	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 2);
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	number = vf_number(&self->event);
	vf_acknowledge(vf, token + 1);
	EXPECT_EQ(3, vf_get(vf, CAPI_MDEV_REG_EVENT_STALE));
	EXPECT_EQ(token, vf_look(vf, &self->event));
	EXPECT_EQ(number, vf_number(&self->event));

	/* Acknowledged twice: the next event is not lost by it. */
	vf_acknowledge(vf, token);
	next = vf_look(vf, &self->event);
	ASSERT_NE(0, next);
	vf_acknowledge(vf, token);
	EXPECT_EQ(4, vf_get(vf, CAPI_MDEV_REG_EVENT_STALE));
	EXPECT_EQ(next, vf_look(vf, &self->event));
	EXPECT_EQ(number + 1, vf_number(&self->event));
	vf_acknowledge(vf, next);
	EXPECT_EQ(0, vf_look(vf, &self->event));
}

/* An event not acknowledged is not lost, and has to be looked at again. */
TEST_F(vf_echo, window_disabled)
{
	struct vf *vf = &self->vf;
	__u32 token;

	raise_all(vf);
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	vf_window(vf, false);
	EXPECT_EQ(0, vf_look(vf, &self->event));
	EXPECT_EQ(0, vf_get(vf, CAPI_MDEV_REG_EVENT_TOKEN));
	vf_acknowledge(vf, token);
	vf_window(vf, true);
	vf_acknowledge(vf, token);
	EXPECT_EQ(2, vf_get(vf, CAPI_MDEV_REG_EVENT_STALE));
	EXPECT_TRUE(all_in_line(vf));
}

/* Reset with an event shown and others pending: none of them is ever seen. */
TEST_F(vf_echo, reset)
{
	struct vf *vf = &self->vf;
	__u64 number;
	__u32 token;

	raise_all(vf);
	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 2);
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	number = vf_number(&self->event);

	ASSERT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_RESET));
	EXPECT_EQ(CAPI_MDEV_STATE_OPENED, state(vf));
	EXPECT_EQ(0, vf_get(vf, CAPI_MDEV_REG_EVENT_CONTROL));
	EXPECT_EQ(0, vf_get(vf, CAPI_MDEV_REG_EVENT_TOKEN));
	EXPECT_EQ(0, vf_load(vf, VF_REGISTERS, CAPI_MDEV_REG_WED, 8));
	vf_window(vf, true);
	EXPECT_EQ(0, vf_look(vf, &self->event));
	EXPECT_EQ(0, vf_get(vf, CAPI_MDEV_REG_EVENT_STATUS));

	ASSERT_EQ(0, vf_start(vf, 0));
	EXPECT_EQ(0, vf_look(vf, &self->event));
	raise_all(vf);
	ASSERT_NE(0, vf_look(vf, &self->event));
	/* Three were thrown away. */
	EXPECT_EQ(number + 3, vf_number(&self->event));
	vf_acknowledge(vf, token);
	EXPECT_EQ(1, vf_get(vf, CAPI_MDEV_REG_EVENT_STALE));
	EXPECT_TRUE(all_in_line(vf));
}

/* Events due at the time of a reset are not emitted after it. */
TEST_F(vf_echo, reset_while_emitting)
{
	struct vf *vf = &self->vf;
	__u32 token;

	vf_echo_put(vf, CAPI_ECHO_REG_PERIOD, 1000);
	vf_echo_put(vf, CAPI_ECHO_REG_EMIT, 1000000);
	ASSERT_NE(0, msix_wait(&self->msix, 0, MSIX_PATIENCE));
	ASSERT_EQ(0, vf_command(vf, CAPI_MDEV_COMMAND_RESET));
	vf_window(vf, true);
	ASSERT_EQ(0, vf_start(vf, 0));
	EXPECT_EQ(0, vf_echo_get(vf, CAPI_ECHO_REG_DUE));
	drain(&self->msix);

	/* What comes first is the one event of now. */
	vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 2);
	EXPECT_EQ(1, msix_wait(&self->msix, 2, MSIX_PATIENCE));
	token = vf_look(vf, &self->event);
	ASSERT_NE(0, token);
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, self->event.header.type);
	vf_acknowledge(vf, token);
	EXPECT_EQ(0, vf_look(vf, &self->event));
}

TEST_F(vf_echo, stop_keeps_events)
{
	raise_all(&self->vf);
	ASSERT_EQ(0, vf_command(&self->vf, CAPI_MDEV_COMMAND_STOP));
	EXPECT_EQ(CAPI_MDEV_STATE_CLOSED, state(&self->vf));
	EXPECT_TRUE(all_in_line(&self->vf));
}

/* An interrupt raised again before it was read is read once. */
TEST_F(vf_echo, coalesced_and_overrun)
{
	struct vf *vf = &self->vf;
	unsigned int i;
	__u32 token;

	for (i = 1; i <= 3; i++) {
		vf_echo_put(vf, CAPI_ECHO_REG_IRQ, 1);
		vf_echo_put(vf, CAPI_ECHO_REG_FAULT, i);
	}
	token = vf_look(vf, &self->event);
	EXPECT_EQ(CXL_EVENT_AFU_INTERRUPT, self->event.header.type);
	vf_acknowledge(vf, token);
	token = vf_look(vf, &self->event);
	EXPECT_EQ(CXL_EVENT_DATA_STORAGE, self->event.header.type);
	EXPECT_EQ(1, self->event.event.fault.addr);
	vf_acknowledge(vf, token);
	EXPECT_EQ(0, vf_look(vf, &self->event));
	EXPECT_GE(msix_wait(&self->msix, 1, MSIX_PATIENCE), 1);
}

TEST_HARNESS_MAIN
