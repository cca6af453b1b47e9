#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The AFU driver's side of the event rules, checked by a module. On a real
# machine: make CAPI_TEST=m && make CAPI_TEST=m install

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ktap_print_header
if ! modinfo capi_test >/dev/null 2>&1; then
	ktap_skip_all "the module capi_test is not installed"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 7

capi_load
# shellcheck disable=SC2119
before=$(free_instances)
log_mark
check "callbacks, counts and releasing are as documented" modprobe capi_test
dmesg | sed -n "/$mark/,\$s/.*capi_test: /# /p"
# shellcheck disable=SC2119
expect "its context is given back" "$before" "$(free_instances)"
check "nobody's ops hold a module" rmmod capi_test
check "none is lost while ops come and go and contexts are reset" \
	modprobe capi_race events="$((20000 * ${RACE:-1}))"
dmesg | sed -n "/$mark/,\$s/.*capi_race: /# /p"
rmmod capi_race

modprobe capi_test drive=1
# shellcheck disable=SC2119
expect "a driver bound to an AFU takes a context" $((before - 1)) "$(free_instances)"
log_mark
echo 1 >"/sys/bus/pci/devices/$(parents | head -n 1)/remove"
check "the card may go while it has one" log_clean
check "and all unloads" eval "rmmod capi_test && capi_unload"
ktap_finished
