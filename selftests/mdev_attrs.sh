#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What an administrator sets before a device is opened, and posts while it is.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

out=$(mktemp)
trap 'rm -f "$out"' EXIT

# attr NAME: what it says
attr()
{
	cat "$mdevs/$id/capi/$1"
}

# takes NAME VALUE [SHOWN]: it can be written, and shows that then.
takes()
{
	error=$(write_error "$mdevs/$id/capi/$1" "$2")
	expect "$1 takes '$2'" "none, ${3-$2}" "$error, $(attr "$1")"
}

# in_brief TEXT: fit for the name of a test
in_brief()
{
	printf %s "$1" | tr -c ' -~' '?' | cut -c 1-64
}

# refuses NAME VALUE [ERROR]: it cannot be written, and stays as it is.
refuses()
{
	shown=$(attr "$1")
	error=$(write_error "$mdevs/$id/capi/$1" "$2")
	expect "$1 refuses '$(in_brief "$2")'" "${3:-Invalid argument}, $shown" \
		"$error, $(attr "$1")"
}

settings()
{
	for name in irqs label max_events; do
		echo "$name=$(attr $name)"
	done
}

defaults="irqs=4
label=
max_events=0"

test_numbers()
{
	takes irqs 5
	takes irqs 0x20 32
	takes irqs 4
	for bad in 3 0 33 2038 -1 1.5 "5 6" x ""; do
		refuses irqs "$bad"
	done
	refuses irqs 4294967296 "Numerical result out of range"

	takes max_events 1
	takes max_events 4294967295
	takes max_events 0
	for bad in -1 x "1 2" ""; do
		refuses max_events "$bad"
	done
	refuses max_events 4294967296 "Numerical result out of range"
}

# repeat TEXT TIMES
repeat()
{
	printf "%$2s" "" | sed "s/ /$1/g"
}

test_label()
{
	takes label "web server 3, <blue> \"team\""
	takes label " "
	takes label "$(repeat x 63)"
	refuses label "$(repeat x 64)"
	refuses label "$(repeat x 4000)"
	refuses label "$(printf 'two\nlines')"
	refuses label "$(printf 'a\ttab')"
	refuses label "$(printf 'an \033[31mescape')"
	refuses label "$(printf 'del\177')"
	refuses label "$(printf 'caf\303\251')"
	printf 'no newline' >"$mdevs/$id/capi/label"
	expect "a label needs no newline" "no newline" "$(attr label)"
	printf 'nul\0' >"$mdevs/$id/capi/label" 2>/dev/null
	expect "a label has no NUL" "no newline" "$(attr label)"
	takes label ""
}

state_is()
{
	[ "$(attr state)" = "$1" ]
}

# Somebody has the device open, and its process is $user.
open_device()
{
	capi-events "$@" "$id" >"$out" 2>&1 &
	user=$!
	wait_until state_is started
}

close_device()
{
	kill $user
	wait $user
}

test_kept_and_frozen()
{
	takes irqs 32
	takes label kept
	takes max_events 7
	before=$(settings)
	capi-events --json --interrupt 32 --count 1 "$id" >"$out" 2>&1
	check "an interrupt that was chosen can be raised" \
		grep -q '"irq":32}*,' "$out"

	open_device
	expect "settings stay over close and open" "$before" "$(settings)"
	for setting in irqs=5 irqs=32 label=other label= max_events=0; do
		refuses "${setting%=*}" "${setting#*=}" "Device or resource busy"
	done
	close_device
	expect "settings stay over close" "$before" "$(settings)"
	takes irqs 5

	mdev_remove "$id"
	mdev_create "$id"
	expect "a new device starts from the defaults" "$defaults" "$(settings)"
}

# post TEXT: why it fails, or none
post()
{
	write_error "/sys/kernel/debug/capi/$(attr afu)/$(attr process_element)/post" \
		"$1"
}

stopped()
{
	grep -q '^State:.T' "/proc/$user/status"
}

# The numbers of the driver events read, in their order
numbers()
{
	sed -n 's/.*"type":"driver".*"data":"\(..\).*/\1/p' "$out" | tr '\n' ' '
}

test_limit()
{
	takes max_events 2
	overrun=$(attr events_overrun)
	raised=$(attr events_raised)
	open_device --json --count 9
	kill -STOP $user
	wait_until stopped
	post "emit 9" >/dev/null
	expect "as many events are queued as may be" 2 \
		$(($(attr events_raised) - raised))
	kill -CONT $user
	wait $user
	expect "all events are read once there is room" \
		"00 01 02 03 04 05 06 07 08 " "$(numbers)"
	expect "none is dropped" "$overrun" "$(attr events_overrun)"
	takes max_events 0
}

test_post()
{
	open_device --json --count 5
	for good in "period 0" "size 12" "emit 2" "irq 2" "fault 0xdead000" "error 7"; do
		expect "post '$good'" none "$(post "$good")"
	done
	wait $user
	expect "what is posted is read" "driver driver error fault interrupt " \
		"$(sed -n 's/.*"type":"\([a-z]*\)".*/\1/p' "$out" | sort | tr '\n' ' ')"
	check "size and numbers are those posted" eval "
		grep -q '\"size\":20,\"data\":\"0000000000000000ecececec\"' $out &&
		grep -q '\"addr\":\"0xdead000\"' $out && grep -q '\"irq\":2' $out &&
		grep -q '\"error\":\"0x7\"' $out"

	open_device
	raised=$(attr events_raised)
	for bad in "" emit "emit " "emit x" "emit 1 2" "emit 1x" " emit 1" "emit -1" \
		   "emit  1" "EMIT 1" "due 1" "emit1" "$(repeat x 100)"; do
		expect "post refuses '$bad'" "Invalid argument" "$(post "$bad")"
	done
	expect "post refuses too large a number" "Numerical result out of range" \
		"$(post "emit 18446744073709551616")"
	expect "what the AFU does not have does nothing" none "$(post "irq 5")"
	expect "what is refused raises nothing" "$raised" "$(attr events_raised)"
	close_device
}

ktap_print_header
if ! command -v capi-events >/dev/null || ! capi_load; then
	ktap_skip_all "capi-events is not in PATH, or the modules cannot be loaded"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 78

id=$(uuid)
mdev_create "$id"
log_mark
expect "defaults" "$defaults" "$(settings)"
test_numbers
test_label
test_kept_and_frozen
test_limit
test_post
check "nothing of this is logged" log_clean
mdev_remove "$id"
ktap_finished
