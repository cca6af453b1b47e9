// SPDX-License-Identifier: GPL-2.0-only
/*
 * What <misc/cxl.h> defines. Compiled twice: with our header for the table ours,
 * and with the distribution's, if it has one, for theirs.
 */
#if __has_include("misc/cxl.h")
#include <misc/cxl.h>
#endif

#include "uapi_layout.h"

/* Of the types in the header, these can be negative. */
#define SIGNED(_type)							\
	(__builtin_types_compatible_p(_type, __s16) ||			\
	 __builtin_types_compatible_p(_type, __s32))

#define AT_ZERO(_type) (*(__typeof__(_type) *)0)

#define TYPE_ROW(_group, _type) {					\
	.group = _group, .name = "(all of it)",				\
	.value = __alignof__(_type), .size = sizeof(_type),		\
}

#define MEMBER_ROW(_group, _name, _member) {				\
	.group = _group, .name = _name, .value = (size_t)&(_member),	\
	.size = sizeof(_member), .is_signed = SIGNED(__typeof__(_member)), \
}

#define STRUCT(_tag) TYPE_ROW(#_tag, struct _tag)
#define MEMBER(_tag, _member)						\
	MEMBER_ROW(#_tag, #_member, AT_ZERO(struct _tag)._member)

#define CONSTANT(_group, _name) {					\
	.group = _group, .name = #_name, .value = _name,		\
	.size = sizeof(_name), .is_signed = SIGNED(__typeof__(_name)),	\
}

const struct layout_row TABLE[] = {
#ifdef CXL_MAGIC
	STRUCT(cxl_ioctl_start_work),
	MEMBER(cxl_ioctl_start_work, flags),
	MEMBER(cxl_ioctl_start_work, work_element_descriptor),
	MEMBER(cxl_ioctl_start_work, amr),
	MEMBER(cxl_ioctl_start_work, num_interrupts),
	MEMBER(cxl_ioctl_start_work, tid),
	MEMBER(cxl_ioctl_start_work, reserved1),
	MEMBER(cxl_ioctl_start_work, reserved2),
	MEMBER(cxl_ioctl_start_work, reserved3),
	MEMBER(cxl_ioctl_start_work, reserved4),
	MEMBER(cxl_ioctl_start_work, reserved5),

	STRUCT(cxl_afu_id),
	MEMBER(cxl_afu_id, flags),
	MEMBER(cxl_afu_id, card_id),
	MEMBER(cxl_afu_id, afu_offset),
	MEMBER(cxl_afu_id, afu_mode),
	MEMBER(cxl_afu_id, reserved1),
	MEMBER(cxl_afu_id, reserved2),
	MEMBER(cxl_afu_id, reserved3),
	MEMBER(cxl_afu_id, reserved4),
	MEMBER(cxl_afu_id, reserved5),
	MEMBER(cxl_afu_id, reserved6),

	STRUCT(cxl_adapter_image),
	MEMBER(cxl_adapter_image, flags),
	MEMBER(cxl_adapter_image, data),
	MEMBER(cxl_adapter_image, len_data),
	MEMBER(cxl_adapter_image, len_image),
	MEMBER(cxl_adapter_image, reserved1),
	MEMBER(cxl_adapter_image, reserved2),
	MEMBER(cxl_adapter_image, reserved3),
	MEMBER(cxl_adapter_image, reserved4),

	STRUCT(cxl_event_header),
	MEMBER(cxl_event_header, type),
	MEMBER(cxl_event_header, size),
	MEMBER(cxl_event_header, process_element),
	MEMBER(cxl_event_header, reserved1),

	STRUCT(cxl_event_afu_interrupt),
	MEMBER(cxl_event_afu_interrupt, flags),
	MEMBER(cxl_event_afu_interrupt, irq),
	MEMBER(cxl_event_afu_interrupt, reserved1),

	STRUCT(cxl_event_data_storage),
	MEMBER(cxl_event_data_storage, flags),
	MEMBER(cxl_event_data_storage, reserved1),
	MEMBER(cxl_event_data_storage, reserved2),
	MEMBER(cxl_event_data_storage, addr),
	MEMBER(cxl_event_data_storage, dsisr),
	MEMBER(cxl_event_data_storage, reserved3),

	STRUCT(cxl_event_afu_error),
	MEMBER(cxl_event_afu_error, flags),
	MEMBER(cxl_event_afu_error, reserved1),
	MEMBER(cxl_event_afu_error, reserved2),
	MEMBER(cxl_event_afu_error, error),

	STRUCT(cxl_event_afu_driver_reserved),
	MEMBER(cxl_event_afu_driver_reserved, data_size),
	MEMBER(cxl_event_afu_driver_reserved, data[0]),

	STRUCT(cxl_event),
	MEMBER(cxl_event, header),
	MEMBER(cxl_event, irq),
	MEMBER(cxl_event, fault),
	MEMBER(cxl_event, afu_error),
	MEMBER(cxl_event, afu_driver_event),

	CONSTANT("flags", CXL_START_WORK_AMR),
	CONSTANT("flags", CXL_START_WORK_NUM_IRQS),
	CONSTANT("flags", CXL_START_WORK_ERR_FF),
	CONSTANT("flags", CXL_START_WORK_TID),
	CONSTANT("flags", CXL_START_WORK_ALL),
	CONSTANT("flags", CXL_AFUID_FLAG_SLAVE),
	CONSTANT("flags", CXL_AI_NEED_HEADER),
	CONSTANT("flags", CXL_AI_ALL),

	CONSTANT("ioctls", CXL_MAGIC),
	CONSTANT("ioctls", CXL_IOCTL_START_WORK),
	CONSTANT("ioctls", CXL_IOCTL_GET_PROCESS_ELEMENT),
	CONSTANT("ioctls", CXL_IOCTL_GET_AFU_ID),
	CONSTANT("ioctls", CXL_IOCTL_DOWNLOAD_IMAGE),
	CONSTANT("ioctls", CXL_IOCTL_VALIDATE_IMAGE),

	CONSTANT("numbers", CXL_MODE_DEDICATED),
	CONSTANT("numbers", CXL_MODE_DIRECTED),
	CONSTANT("numbers", CXL_AI_HEADER_SIZE),
	CONSTANT("numbers", CXL_AI_BUFFER_SIZE),
	CONSTANT("numbers", CXL_AI_MAX_ENTRIES),
	CONSTANT("numbers", CXL_AI_MAX_CHUNK_SIZE),
	CONSTANT("numbers", CXL_READ_MIN_SIZE),

	CONSTANT("enum cxl_event_type", CXL_EVENT_RESERVED),
	CONSTANT("enum cxl_event_type", CXL_EVENT_AFU_INTERRUPT),
	CONSTANT("enum cxl_event_type", CXL_EVENT_DATA_STORAGE),
	CONSTANT("enum cxl_event_type", CXL_EVENT_AFU_ERROR),
	CONSTANT("enum cxl_event_type", CXL_EVENT_AFU_DRIVER),
#endif
	{ .name = NULL }
};
