#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The sample driver, which uses the kernel API as an AFU driver does, on a memcpy
# AFU. On a real machine: make CAPI_SAMPLES=m && make CAPI_SAMPLES=m install

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

free_memcpy()
{
	cat "$bus/$(parents | head -n 1)"/mdev_supported_types/*-memcpy/available_instances
}

# copied TEXT: what comes out when the AFU copies it.
copied()
{
	echo "$1" >"$sample/copy" && cat "$sample/copy"
}

# copy_many: more often than the queue has elements
copy_many()
{
	for i in $(seq 150); do
		[ "$(copied "text $i")" = "text $i" ] || return
	done
}

# set_link UP
set_link()
{
	for file in /sys/kernel/debug/capi_sim/*/link; do
		echo "$1" >"$file"
	done
}

ktap_print_header
if ! modinfo capi_memcpy_sample >/dev/null 2>&1; then
	ktap_skip_all "the module capi_memcpy_sample is not installed"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 13

capi_load afus=memcpy:8
log_mark
before=$(free_memcpy)
check "it loads" modprobe capi_memcpy_sample
sample=$(echo /sys/kernel/debug/capi_memcpy-*)
expect "it has the default context" $((before - 1)) "$(free_memcpy)"
expect "the AFU copies kernel memory" hello "$(copied hello)"
expect "and raises an interrupt" 1 "$(cat "$sample/interrupts")"
check "the queue wraps" copy_many
expect "with an interrupt each" 151 "$(cat "$sample/interrupts")"

set_link 0
expect "the driver is told of an error" error_detected "$(cat "$sample/recovery")"
expect "nothing is copied then" "Input/output error" \
	"$(write_error "$sample/copy" lost)"
set_link 1
expect "and in order when it is over" "error_detected slot_reset resume" \
	"$(tr '\n' ' ' <"$sample/recovery" | sed 's/ $//')"
expect "the AFU copies again" again "$(copied again)"
check "it unloads" rmmod capi_memcpy_sample
expect "and its context is given back" "$before" "$(free_memcpy)"
check "the log is clean" log_clean
capi_unload
ktap_finished
