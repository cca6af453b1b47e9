#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel API for AFU drivers, checked by a module. On a real machine:
# make CAPI_TEST=m && make CAPI_TEST=m install

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# The interrupts that the module's handlers are mapped to
mapped()
{
	grep -c ' left$' /proc/interrupts
}

# said: what the kernel said since log_mark
said()
{
	dmesg | sed -n "/${mark:?}/,\$p"
}

ktap_print_header
if ! modinfo capi_api_test >/dev/null 2>&1; then
	ktap_skip_all "the module capi_api_test is not installed"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 12

capi_load afus=echo:8,memcpy:8
# shellcheck disable=SC2119
before=$(free_instances)
log_mark
check "contexts, interrupts and faults are as documented" modprobe capi_api_test
said | sed -n 's/.*capi_api_test: /# /p'
expect "all functions have their prototypes" "32 of 32" \
	"$(said | sed -n 's/.*prototypes: //p')"
# shellcheck disable=SC2119
expect "all contexts are given back" "$before" "$(free_instances)"
check "the log is clean" log_clean

card=$(echo /sys/class/cxl/card*)
expect "a driver can say that a reset loads the same image" 1 \
	"$(cat "$card/perst_reloads_same_image")"
expect "and there is none then" "Invalid argument" "$(write_error "$card/reset" 1)"
rmmod capi_api_test
expect "until it says otherwise" none "$(write_error "$card/reset" 1)"

capi_load afus=echo:8
modprobe capi_api_test leave=1
expect "a driver has its interrupts" 2 "$(mapped)"
log_mark
rmmod capi_api_test
expect "they go with the driver" 0 "$(mapped)"
# shellcheck disable=SC2119
expect "and so does the default context" "$before" "$(free_instances)"
expect "which is told in a line each" 2 \
	"$(said | grep -c 'afu0.0: context 0: ')"
check "and all unloads" capi_unload
ktap_finished
