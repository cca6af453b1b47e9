#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool capi-events: what it prints, how it ends, what it says is missing.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

out=$(mktemp)
err=$(mktemp)
trap 'rm -f "$out" "$err"' EXIT

run()
{
	capi-events "$@" >"$out" 2>"$err"
}

# Without number and time. Sorted: the AFU emits in its own time.
json_events()
{
	sed 's/"type_id":[0-9]*,"pe":[0-9]*,//; s/,"time":[0-9.]*}$/}/' "$out" |
		sort
}

test_events()
{
	run --via "$1" --json --emit 2:12 --interrupt 2 --fault 0xdead000 \
		--error 7 --count 5 "$id"
	expect "$1: ends after --count events" 0 $?
	expect "$1: events as JSON" "$(cat <<-END
		{"type":"driver","size":20,"data":"0000000000000000ecececec"}
		{"type":"driver","size":20,"data":"0100000000000000ecececec"}
		{"type":"error","size":24,"error":"0x7"}
		{"type":"fault","size":40,"addr":"0xdead000","dsisr":"0x8000000000000000"}
		{"type":"interrupt","size":16,"irq":2}
		END
	)" "$(json_events)"
	expect "$1: how many it saw" "capi-events: 5 events" "$(cat "$err")"

	run --via "$1" --emit 1 --interrupt 1 --count 2 "$id"
	expect "$1: one line for each event" 2 \
		"$(grep -c -E '^\[ *[0-9.]+\] pe [0-9]+ +(driver|interrupt) ' "$out")"
}

seen()
{
	[ "$(wc -l <"$out")" -ge "$1" ]
}

state_is()
{
	[ "$(cat "$mdevs/$id/capi/state")" = "$1" ]
}

test_signals()
{
	for signal in INT TERM; do
		: >"$out"	# of the last one, which seen would see
		capi-events --via "$1" --emit 3 "$id" >"$out" 2>"$err" &
		user=$!
		wait_until seen 3
		kill -$signal $user
		wait $user
		expect "$1: SIG$signal ends it in order" 0 $?
		expect "$1: SIG$signal is followed by the summary" \
			"capi-events: 3 events" "$(cat "$err")"
		check "$1: SIG$signal stops the context" state_is closed
	done
}

test_link_down()
{
	link=$(echo /sys/kernel/debug/capi_sim/*/link)
	capi-events --via "$1" "$id" >"$out" 2>"$err" &
	user=$!
	wait_until state_is started
	echo 0 >"$link"
	wait $user
	expect "$1: ends when the link goes down" 1 $?
	check "$1: says so" grep -q "link to the adapter is down" "$err"
	echo 1 >"$link"
}

test_removed()
{
	capi-events --via "$1" "$id" >"$out" 2>"$err" &
	user=$!
	wait_until state_is started
	echo 1 >"$(echo /sys/kernel/debug/capi_sim/*/drop)"
	wait $user
	expect "$1: ends with the adapter, and says so by its status" 3 $?
	capi_load && mdev_create "$id"
}

# complains DESCRIPTION STATUS WORDS ARGUMENT...
complains()
{
	when=$1
	status=$2
	words=$3
	shift 3
	run "$@"
	expect "$when: exit status" "$status" $?
	check "$when: says what to do" grep -q -e "$words" "$err"
}

test_complaints()
{
	complains "wrong option" 2 "capi-events --help" --bogus "$id"
	complains "no UUID" 2 "capi-events --help"
	complains "wrong number" 2 "capi-events --help" --count x "$id"
	complains "wrong way" 2 "fd, region or irq" --via x "$id"
	complains "too large an event" 2 "at most 32" --emit 1:33 "$id"
	complains "no such interrupt" 1 "only 1 to" --interrupt 9 "$id"
	complains "no UUID at all" 1 "not a UUID" x
	other=$(uuid)
	complains "no such mdev" 1 "echo $other > .*/create" "$other"

	capi-events "$id" >/dev/null 2>&1 &
	user=$!
	wait_until state_is started
	complains "in use" 1 "in use by another program" "$id"
	kill $user
	wait $user

	echo "$id" >"$(readlink -f "$mdevs/$id/driver")/unbind"
	complains "no driver" 1 "/remove" "$id"
	capi_unload
	complains "no adapter" 1 "modprobe capi_sim" "$id"
	capi_load
}

ktap_print_header
if ! command -v capi-events >/dev/null || ! capi_load; then
	ktap_skip_all "capi-events is not in PATH, or the modules cannot be loaded"
	exit "$KSFT_SKIP"
fi
id=$(uuid)
mdev_create "$id"
ktap_set_plan 62

for way in fd region irq; do
	test_events $way
	test_signals $way
	test_link_down $way
	test_removed $way
done
test_complaints
run --help
expect "--help is no error" 0 $?
ktap_finished
