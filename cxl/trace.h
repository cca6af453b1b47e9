/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM capi

#if !defined(_CAPI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _CAPI_TRACE_H

#include <linux/tracepoint.h>

#include "core.h"

#define show_event_type(type) __print_symbolic(type,		\
	{ CXL_EVENT_AFU_INTERRUPT,	"interrupt" },		\
	{ CXL_EVENT_DATA_STORAGE,	"fault" },		\
	{ CXL_EVENT_AFU_ERROR,		"error" },		\
	{ CXL_EVENT_AFU_DRIVER,		"driver" })

DECLARE_EVENT_CLASS(capi_context,
	TP_PROTO(struct cxl_context *ctx, int rc),
	TP_ARGS(ctx, rc),
	TP_STRUCT__entry(
		__field(int, card)
		__field(int, pe)
		__field(int, rc)
	),
	TP_fast_assign(
		__entry->card = ctx->afu->adapter->num;
		__entry->pe = ctx->pe;
		__entry->rc = rc;
	),
	TP_printk("card%d pe %d rc %d", __entry->card, __entry->pe, __entry->rc)
);

DEFINE_EVENT(capi_context, capi_context_open,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));
DEFINE_EVENT(capi_context, capi_context_close,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));
DEFINE_EVENT(capi_context, capi_context_start,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));
DEFINE_EVENT(capi_context, capi_context_stop,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));
DEFINE_EVENT(capi_context, capi_context_reset,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));
DEFINE_EVENT(capi_context, capi_context_revoke,
	TP_PROTO(struct cxl_context *ctx, int rc), TP_ARGS(ctx, rc));

TRACE_EVENT(capi_event_raised,
	TP_PROTO(struct cxl_context *ctx, int type, u64 value),
	TP_ARGS(ctx, type, value),
	TP_STRUCT__entry(
		__field(int, pe)
		__field(int, type)
		__field(u64, value)
	),
	TP_fast_assign(
		__entry->pe = ctx->pe;
		__entry->type = type;
		__entry->value = value;
	),
	TP_printk("pe %d %s 0x%llx", __entry->pe,
		  show_event_type(__entry->type), __entry->value)
);

TRACE_EVENT(capi_event_settled,
	TP_PROTO(struct cxl_context *ctx, int type, int rc),
	TP_ARGS(ctx, type, rc),
	TP_STRUCT__entry(
		__field(int, pe)
		__field(int, type)
		__field(int, rc)
	),
	TP_fast_assign(
		__entry->pe = ctx->pe;
		__entry->type = type;
		__entry->rc = rc;
	),
	TP_printk("pe %d %s rc %d", __entry->pe,
		  show_event_type(__entry->type), __entry->rc)
);

#endif /* _CAPI_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
