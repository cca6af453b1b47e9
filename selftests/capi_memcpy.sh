#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool capi-memcpy: copies that are right, by one process and by many, how it
# ends, what it says is missing.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

out=$(mktemp)
err=$(mktemp)
data=$(mktemp)
trap 'rm -f "$out" "$err" "$data"' EXIT

run()
{
	capi-memcpy "$@" >"$out" 2>"$err"
}

# copies DESCRIPTION SUMMARY ARGUMENT...
copies()
{
	what=$1
	summary=$2
	shift 2
	run "$@"
	expect "$what: exit status" 0 $?
	check "$what: summary" grep -q -E \
		"^$summary in [0-9.]+ s: [0-9.]+ ([KMG]i)?B/s$" "$out"
	expect "$what: nothing else" "" "$(cat "$err")"
	sed 's/^/# /' "$out" "$err"
}

test_copies()
{
	copies "a pattern" "64.0 MiB copied and checked by 1 process"
	copies "some bytes" "12.1 KiB copied .* by 2 processes" -s 12345 -p 2
	copies "nothing" "0 B copied .* by 1 process" -s 0
	copies "8 processes" "256 MiB copied .* by 8 processes" -s 256M -p 8
	copies "64 processes" "64.0 MiB copied .* by 64 processes" -p 64

	head -c 3333333 /dev/urandom >"$data"
	copies "a file" "3.2 MiB copied .* by 3 processes" -p 3 "$data"
	copies "a file without holes where it has some" "5.0 MiB copied .*" \
		"$(truncate -s 5M "$data" && echo "$data")"
	: >"$data"
	copies "an empty file" "0 B copied .*" "$data"
	copies "an AFU by its node" "1.0 MiB copied .*" -s 1m \
		--device "$(memcpy_node)"
}

# The node of the memcpy AFU
memcpy_node()
{
	for record in /sys/class/cxl/afu*/cr0/device; do
		if grep -q 0x4350 "$record"; then
			afu=${record%/cr0/device}
			echo "/dev/cxl/${afu##*/}s"
		fi
	done
}

# complained WORDS: what it said has them.
complained()
{
	grep -q -e "$1" "$err" || { sed 's/^/# /' "$err"; false; }
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
	check "$when: says what to do" complained "$words"
	expect "$when: no rate" "" "$(cat "$out")"
}

one_sentence()
{
	[ "$(wc -l <"$err")" -eq 1 ] || { sed 's/^/# /' "$err"; false; }
}

test_complaints()
{
	complains "wrong option" 2 "capi-memcpy --help" --bogus
	complains "wrong size" 2 "not a size" -s 12X
	complains "wrong number of processes" 2 "1 to 511" -p 0
	complains "two files" 2 "one file" "$data" "$data"
	complains "a file and a size" 2 "its own size" -s 1K "$data"
	complains "no such file" 1 "cannot open /nowhere" /nowhere
	complains "no file to map" 1 "no regular file" /dev/zero
	complains "no such node" 1 "there is no /dev/cxl/afu9.9s" -d /dev/cxl/afu9.9s
	complains "no AFU" 1 "is no AFU" -d /dev/null

	node=$(memcpy_node)
	echo_node=/dev/cxl/$(basename "$(dirname "$(dirname \
		"$(grep -l 0x4563 /sys/class/cxl/afu*/cr0/device)")")")s
	complains "another AFU" 1 "no memcpy AFU" -d "$echo_node"
	complains "many processes, one error" 1 "no memcpy AFU" -p 20 -d "$echo_node"
	check "many processes, one error: once" one_sentence

	chmod 0600 "$node"
	as_nobody "capi-memcpy -d $node" >"$out" 2>"$err"
	expect "not permitted: exit status" 1 $?
	check "not permitted: says what to do" complained "chown USER $node"
}

# as_nobody COMMAND; the guest of "make selftest" knows no users.
as_nobody()
{
	[ -e /etc/passwd ] || {
		mkdir -p /etc
		echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
	}
	su -s /bin/sh nobody -c "$1"
}

# started PROCESSES: the AFU works for all of them.
started()
{
	[ "$(grep -l '^capi-afu' /proc/[0-9]*/comm 2>/dev/null | wc -l)" -ge "$1" ]
}

test_adapter_goes()
{
	capi-memcpy -s 100G -p 4 >"$out" 2>"$err" &
	user=$!
	wait_until started 4
	echo 1 >"$(echo /sys/kernel/debug/capi_sim/*/drop)"
	wait $user
	expect "the adapter goes: exit status" 1 $?
	check "the adapter goes: says so" complained "the adapter is gone"
	check "the adapter goes: once" one_sentence
	complains "no adapter" 1 "modprobe capi_sim"
	capi_load
}

test_file_shrinks()
{
	truncate -s 100G "$data"
	capi-memcpy -p 2 "$data" >"$out" 2>"$err" &
	user=$!
	wait_until started 2
	truncate -s 0 "$data"
	wait $user
	expect "the file becomes shorter: exit status" 1 $?
	check "the file becomes shorter: says so" complained \
		"\(became shorter\|faulted at address\)"
}

ktap_print_header
if ! command -v capi-memcpy >/dev/null || ! capi_load; then
	ktap_skip_all "capi-memcpy is not in PATH, or the modules cannot be loaded"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 73

log_mark
test_copies
test_complaints
test_adapter_goes
test_file_shrinks
check "the log is clean" log_clean
run --help
expect "--help is no error" 0 $?
ktap_finished
