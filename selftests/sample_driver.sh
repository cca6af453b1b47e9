#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The sample driver, which uses the kernel API as an AFU driver does, on two
# memcpy AFUs. On a real machine: make CAPI_SAMPLES=m && make CAPI_SAMPLES=m install

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

class=/sys/class/cxl
driver=/sys/bus/pci/drivers/capi_memcpy_sample
module=/sys/module/capi_memcpy_sample
io_error="Input/output error"

free_memcpy()
{
	cat "$bus/$(parents | head -n 1)"/mdev_supported_types/*-memcpy/available_instances
}

# The driver's folders, one for each AFU
samples()
{
	echo /sys/kernel/debug/capi_memcpy-*
}

# copied TEXT [SAMPLE]: what comes out when the AFU copies it.
copied()
{
	echo "$1" >"${2:-$sample}/copy" && cat "${2:-$sample}/copy"
}

# all_copy TEXT: do all AFUs?
all_copy()
{
	for each in $(samples); do
		[ "$(copied "$1" "$each")" = "$1" ] || return
	done
}

# copy_many: more often than the queue has elements
copy_many()
{
	for i in $(seq 150); do
		[ "$(copied "text $i")" = "text $i" ] || return
	done
}

# copy_until_gone: fails if a copy has to be waited for in vain.
copy_until_gone()
{
	while [ -e "$sample" ]; do
		case $(write_error "$sample/copy" text) in
		*"timed out"*) return 1 ;;
		esac
	done
	return 0
}

# set_link UP
set_link()
{
	for file in /sys/kernel/debug/capi_sim/*/link; do
		echo "$1" >"$file"
	done
}

# reset HOW: why the card cannot be reset.
reset()
{
	write_error "$(echo $class/card*)/reset" "$1"
}

# calls: the calls of error handlers since log_mark, each as AFU and name.
calls()
{
	dmesg | sed -n "/${mark:?}/,\$s/.*capi_memcpy_sample .*:00:0\([12]\)\.0: /\1 /p" |
		tr '\n' ',' | sed 's/,$//'
}

detected="1 error detected,2 error detected"
recovered="$detected,1 slot reset,2 slot reset,1 resume,2 resume"

# no_complaint_but LINE: did the log get that line, and nothing else?
no_complaint_but()
{
	log_dirty | grep -q "$1" && ! log_dirty | grep -q -v "$1"
}

unbound()
{
	[ -z "$(find $driver/ -name '*:*')" ]
}

# fresh: a card with two AFUs, the driver bound to both
fresh()
{
	rmmod capi_memcpy_sample 2>/dev/null
	capi_load afus=memcpy:4,memcpy:4
	modprobe capi_memcpy_sample "$@"
	sample=$(samples | sed 's/ .*//')
}

test_copy()
{
	capi_load afus=memcpy:4,memcpy:4
	before=$(free_memcpy)
	log_mark
	check "it loads" modprobe capi_memcpy_sample
	sample=$(samples | sed 's/ .*//')
	expect "it has the default contexts" $((before - 2)) "$(free_memcpy)"
	expect "the AFU copies kernel memory" hello "$(copied hello)"
	expect "and raises an interrupt" 1 "$(cat "$sample/interrupts")"
	check "the queue wraps" copy_many
	expect "with an interrupt each" 151 "$(cat "$sample/interrupts")"
	check "all AFUs copy" all_copy word
}

test_link()
{
	log_mark
	set_link 0
	expect "drivers are told of an error" "$detected" "$(calls)"
	expect "nothing is copied then" "$io_error" \
		"$(write_error "$sample/copy" lost)"
	set_link 1
	expect "and in order when it is over" "$recovered" "$(calls)"
	check "the AFUs copy again" all_copy again
	check "the log is clean" log_clean
}

test_reset()
{
	log_mark
	expect "drivers use the card" "Device or resource busy" "$(reset 1)"
	expect "so they are not told of a reset" "" "$(calls)"
	expect "unless it is forced" none "$(reset -1)"
	expect "which is in order, too" "$recovered" "$(calls)"
	check "and the AFUs copy again" all_copy reset
	check "this is not worth a warning" log_clean

	# One that is given up stays where it is, until another reset.
	log_mark
	echo 1 >$module/parameters/disconnect
	expect "a driver may find that it cannot be recovered" "$io_error" \
		"$(reset -1)"
	expect "and is not asked to" "$detected" "$(calls)"
	check "which the log says" no_complaint_but "an AFU driver gives it up"
	echo 0 >$module/parameters/disconnect
	log_mark
	expect "it can be reset while nothing is started" none "$(reset 1)"
	expect "with drivers bound" "$recovered" "$(calls)"
	check "who find that the AFUs copy" all_copy back
	check "nor is this worth one" log_clean
}

test_unload()
{
	log_mark
	check "it unloads" rmmod capi_memcpy_sample
	expect "and its contexts are given back" "$before" "$(free_memcpy)"
	check "without a word" log_clean
}

test_disconnect()
{
	fresh disconnect=1
	log_mark
	set_link 0
	check "a card that is given up goes" [ ! -e $class/card0 ]
	check "and its drivers are unbound" wait_until unbound
	expect "after one call each" "$detected" "$(calls)"
	check "and a line for all" no_complaint_but "an AFU driver gives it up"
}

test_drop()
{
	fresh
	log_mark
	check "a card is used" all_copy drop
	copy_until_gone &
	user=$!
	echo 1 >"$(echo /sys/kernel/debug/capi_sim/*/drop)"
	check "it goes" wait_until unbound
	check "and nobody waits for it in vain" wait $user
	check "as if nothing were" log_clean
	check "it unloads then" rmmod capi_memcpy_sample
}

ktap_print_header
if ! modinfo capi_memcpy_sample >/dev/null 2>&1; then
	ktap_skip_all "the module capi_memcpy_sample is not installed"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 37

test_copy
test_link
test_reset
test_unload
test_disconnect
test_drop
capi_unload
ktap_finished
