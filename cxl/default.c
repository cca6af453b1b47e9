// SPDX-License-Identifier: GPL-2.0-only
#include "core.h"
void capi_default_context_renew(struct cxl_afu *afu) { }
void capi_default_context_drop(struct cxl_afu *afu) { }
