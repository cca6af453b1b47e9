#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Two guests and a program of the host on one adapter: none sees anything of
# another, floods slow the others by no more than their share, and a guest that
# does its worst harms nobody.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

declare -A ids

start_guest()
{
	ids[$1]=$(uuid)
	mdev_create "${ids[$1]}" "$parent"
	guest_boot "$1" -device "vfio-pci,sysfsdev=$mdevs/${ids[$1]}"
}

test_memory()
{
	expect "a starts with cleared memory" 0 "$(run a 'vf_mark check 0')"
	expect "a stores" 0 "$(run a 'vf_mark put 0xaa')"
	expect "b sees nothing of it" 0 "$(run b 'vf_mark check 0')"
	expect "b stores" 0 "$(run b 'vf_mark put 0x55')"
	expect "a sees nothing of that" 0 "$(run a 'vf_mark check 0xaa')"
}

run()
{
	guest_run "$1" "/selftests/vf/$2" 100 >&2
	echo $?
}

# Each reader counts and numbers all it gets, and knows what it must be.
test_events()
{
	guest_begin a "/selftests/vf/vf_read 1000"
	guest_begin b "/selftests/vf/vf_read 1000"
	must "both guests read" eval "guest_line a ready && guest_line b ready"
	for guest in a b; do
		vf/post_events "${ids[$guest]}" 1000 >$guest.posted &
		posters="$posters $!"
	done
	capi-events --json --emit 1000 --period 1000 --count 1000 "$host" >host.events
	expect "the host's program reads its events" 0 $?
	expect "and no others" "1000 1000" \
		"$(jq -c . host.events | sort -u | wc -l) $(cat "$mdevs/$host/capi/events_raised")"
	for poster in $posters; do
		wait "$poster"
		expect "events are posted" 0 $?
	done
	for guest in a b; do
		guest_end $guest >$guest.read
		status=$?
		expect "$guest reads its events and no others" "0 $(cat $guest.posted)" \
			"$status $(tail -n 1 $guest.read | cut -d ' ' -f 1-4)"
	done
}

# How many events a second b gets, one after another
rate()
{
	guest_run b "/selftests/vf/vf_rate 6" >rate
	sed 's/^/# b: /' rate >&2
	sed -n 's/.*rate=\([0-9]*\).*/\1/p' rate
}

# One CPU: whoever computes takes half of it.
is_fair()
{
	guest_begin a "timeout 15 sh -c 'while :; do :; done'"
	computing=$(rate)
	guest_end a
	guest_begin a "/selftests/vf/vf_flood 15"
	flooded=$(rate)
	guest_end a && floods=true || floods=false
	echo "# events a second: alone $alone, beside a guest that computes" \
		"$computing, beside one that floods $flooded"
	[ $((flooded * 2)) -ge "$computing" ]
}

# The two are measured one after the other: what else the machine did meanwhile is
# not there twice.
test_share()
{
	alone=$(rate)
	is_fair || is_fair
	fair=$?
	check "a floods" "$floods"
	check "b gets its events meanwhile" [ "$computing" -gt 0 ]
	check "a flood costs others no more than computing does" [ $fair -eq 0 ]
}

# The host's log is looked at when all is over.
test_hostile()
{
	guest_begin b "/selftests/vf/vf_read 2000"
	must "b reads" guest_line b ready
	guest_begin a "/selftests/vf/vf_hostile $RANDOM"
	vf/post_events "${ids[b]}" 2000 >b.posted
	expect "events are posted meanwhile" 0 $?
	guest_end b >b.read
	status=$?
	expect "events go on in b" "0 $(cat b.posted)" \
		"$status $(tail -n 1 b.read | cut -d ' ' -f 1-4)"
	capi-events --count 100 --emit 100 "$host" >host.events
	expect "and in the host's program" "0 100" "$? $(wc -l <host.events)"
	guest_tap_end a vf/vf_hostile 350
	guest_tap a vf/vf_pci
	guest_tap b vf/vf_echo
}

ktap_print_header
capi_load || exit
log_mark
parent=$(parents)
host=$(uuid)
mdev_create "$host" "$parent"
start_guest a
start_guest b
must "both guests boot" eval "guest_ready a && guest_ready b"
test_memory
test_events
test_share
check "nothing in the host's log" log_clean
log_mark
test_hostile
check "a hostile guest has no line of ours written to it" log_clean 7
check "nothing in the guests' logs" guests_are_clean
ktap_plan_at_end
ktap_finished
