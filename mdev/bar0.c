// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR0: the function's registers. Described in <misc/capi_mdev.h> and
 * Documentation/vf.rst.
 */
#include "mdev.h"

static u64 bar0_size(struct capi_mdev *m)
{
	return CAPI_MDEV_BAR0_SIZE;
}

static u32 state(struct capi_mdev *m)
{
	static const u32 states[] = {
		[CAPI_CONTEXT_OPENED] = CAPI_MDEV_STATE_OPENED,
		[CAPI_CONTEXT_STARTED] = CAPI_MDEV_STATE_STARTED,
		[CAPI_CONTEXT_CLOSED] = CAPI_MDEV_STATE_CLOSED,
	};
	u32 value = states[capi_context_state(m->ctx)];

	if (!capi_context_link_ok(m->ctx))
		value |= CAPI_MDEV_STATE_LINK_DOWN;
	return value;
}

/* The name is NUL padded. */
static u32 load_abi(struct capi_mdev *m, u64 off)
{
	__le32 word;

	memcpy(&word, m->abi + off, sizeof(word));
	return le32_to_cpu(word);
}

/* What has 64 bits, and 0 for what there is not */
static u64 load64(struct capi_mdev *m, u64 reg)
{
	switch (reg) {
	case CAPI_MDEV_REG_WED:
		return m->wed;
	case CAPI_MDEV_REG_PSA_SIZE:
		return m->desc->psa_size;
	case CAPI_MDEV_REG_MAP_OFFSET:
		return m->desc->map_offset;
	case CAPI_MDEV_REG_MAP_SIZE:
		return m->desc->map_size;
	case CAPI_MDEV_REG_TRANSLATION:
		return m->translation;
	default:
		return 0;
	}
}

/* The 32 bits at @reg; a 64-bit register is two of them. */
static u32 load32(struct capi_mdev *m, u64 reg)
{
	switch (reg) {
	case CAPI_MDEV_REG_ID:
		return CAPI_MDEV_ID;
	case CAPI_MDEV_REG_VERSION:
		return CAPI_MDEV_VERSION;
	case CAPI_MDEV_REG_STATE:
		return state(m);
	case CAPI_MDEV_REG_RESULT:
		return m->result;
	case CAPI_MDEV_REG_PE:
		return cxl_process_element(m->ctx);
	case CAPI_MDEV_REG_IRQS:
		return capi_context_irqs(m->ctx);
	case CAPI_MDEV_REG_AFU_ID:
		return m->desc->device << 16 | m->desc->vendor;
	case CAPI_MDEV_REG_IRQS_MIN:
		return m->desc->irqs;
	case CAPI_MDEV_REG_EVENT_CONTROL:
		return m->window.control;
	case CAPI_MDEV_REG_EVENT_STATUS:
		return capi_mdev_window_status(m);
	case CAPI_MDEV_REG_EVENT_TOKEN:
		return m->window.token;
	case CAPI_MDEV_REG_EVENT_STALE:
		return m->window.stale;
	case CAPI_MDEV_REG_TRANSLATION_STALE:
		return READ_ONCE(m->translations.stale);
	case CAPI_MDEV_REG_ABI ... CAPI_MDEV_REG_ABI + CAPI_MDEV_ABI_SIZE - 4:
		return load_abi(m, reg - CAPI_MDEV_REG_ABI);
	default:
		return load64(m, ALIGN_DOWN(reg, 8)) >> (8 * (reg % 8));
	}
}

/* Bytes of registers, whatever their width */
static void read_registers(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	u64 reg = 0;
	u32 value = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!i || IS_ALIGNED(off + i, 4)) {
			reg = ALIGN_DOWN(off + i, 4);
			value = load32(m, reg);
		}
		buf[i] = value >> (8 * (off + i - reg));
	}
}

static void bar0_read(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	size_t head = 0;

	if (off < CAPI_MDEV_REG_EVENT_DATA) {
		head = min_t(u64, count, CAPI_MDEV_REG_EVENT_DATA - off);
		read_registers(m, off, buf, head);
	}
	if (head < count)
		memcpy(buf + head, m->window.data + off + head -
		       CAPI_MDEV_REG_EVENT_DATA, count - head);
}

/* How a context that is started reaches memory is not touched. */
static int start(struct capi_mdev *m)
{
	struct capi_work work = { .wed = m->wed };
	int rc;

	if (capi_context_state(m->ctx) == CAPI_CONTEXT_STARTED)
		return capi_context_link_ok(m->ctx) ? -EBUSY : -EIO;
	WRITE_ONCE(m->pins.unwatchable, false);
	rc = capi_mdev_translate_start(m);
	return rc ?: capi_context_start(m->ctx, &work);
}

static void command(struct capi_mdev *m, u32 value)
{
	int rc = -EINVAL;

	switch (value) {
	case CAPI_MDEV_COMMAND_START:
		rc = start(m);
		break;
	case CAPI_MDEV_COMMAND_STOP:
		rc = cxl_stop_context(m->ctx);
		break;
	case CAPI_MDEV_COMMAND_RESET:
		rc = capi_mdev_reset_context(m);
		break;
	}
	m->result = -rc;
}

static void store32(struct capi_mdev *m, u64 reg, u32 value)
{
	switch (reg) {
	case CAPI_MDEV_REG_COMMAND:
		command(m, value);
		break;
	case CAPI_MDEV_REG_WED:
		m->wed = (m->wed & ~0xffffffffULL) | value;
		break;
	case CAPI_MDEV_REG_WED + 4:
		m->wed = lower_32_bits(m->wed) | (u64)value << 32;
		break;
	case CAPI_MDEV_REG_TRANSLATION:
		m->translation = (m->translation & ~0xffffffffULL) | value;
		break;
	case CAPI_MDEV_REG_TRANSLATION + 4:
		m->translation = lower_32_bits(m->translation) | (u64)value << 32;
		break;
	case CAPI_MDEV_REG_TRANSLATION_ANSWER:
		capi_mdev_translate_answer(m, value);
		break;
	case CAPI_MDEV_REG_INVALIDATE:
		capi_mdev_translate_invalidate(m, (u64)m->invalidate_high << 32 |
						  value);
		break;
	case CAPI_MDEV_REG_INVALIDATE + 4:
		m->invalidate_high = value;
		break;
	case CAPI_MDEV_REG_EVENT_CONTROL:
		capi_mdev_window_control(m, value);
		break;
	case CAPI_MDEV_REG_EVENT_LOOK:
		capi_mdev_window_look(m);
		break;
	case CAPI_MDEV_REG_EVENT_ACK:
		capi_mdev_window_acknowledge(m, value);
		break;
	}
}

static void store64(struct capi_mdev *m, u64 reg, u64 value)
{
	switch (reg) {
	case CAPI_MDEV_REG_WED:
		m->wed = value;
		break;
	case CAPI_MDEV_REG_TRANSLATION:
		m->translation = value;
		break;
	case CAPI_MDEV_REG_INVALIDATE:
		capi_mdev_translate_invalidate(m, value);
		break;
	}
}

static void bar0_write(struct capi_mdev *m, u64 off, const u8 *buf,
		       size_t count)
{
	if (count == 4)
		store32(m, off, le32_to_cpup((const __le32 *)buf));
	else if (count == 8)
		store64(m, off, le64_to_cpup((const __le64 *)buf));
}

static void bar0_settle(struct capi_mdev *m, u64 off)
{
	if (off == CAPI_MDEV_REG_INVALIDATE)
		capi_mdev_translate_drain(m);
}

const struct capi_mdev_region capi_mdev_bar0_region = {
	.size = bar0_size,
	.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
	.is_bar = true,
	.max_read = 256,
	.read = bar0_read,
	.write = bar0_write,
	.settle = bar0_settle,
};
