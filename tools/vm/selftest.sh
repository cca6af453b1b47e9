#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# selftest.sh SERIES [vm]: run the selftests whose names contain one of the words
# in $TESTS (all when empty) on the stock kernel of that series: those that need
# no more than the kernel, or those in the folder "vm", whose guest has Debian's
# QEMU and libvirt and guests of its own. Prints TAP. What the tests take from the
# environment they find there: RACE, EVENTS and SEED.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"

series=$1
label=$series${2:+ $2}
tests=${TESTS:-}
export SMP=${SMP:-2}
limit=${TIMEOUT:-$((2400 * ${RACE:-1}))}

# not_ok NAME: what explains it comes on stdin.
not_ok()
{
	touch "$run/failed"
	sed 's/^/# /'
	echo "not ok - $label: $1"
}

# The programs to run, one a line.
list_tests()
{
	make_selftests make -s --no-print-directory COLLECTION=capi emit_tests |
		sed 's/^capi://' |
		grep -v -x -F -e "${without// /$'\n'}" |
		grep -F -e "${tests// /$'\n'}"
}

prepare() { :; }
finished() { :; }
. "$top/tools/kernels/boot.sh"
. "$top/tools/kernels/net.sh"
[ "${2:-}" != vm ] || . "$top/tools/vm/nested.sh"
[ "$series" != um ] || count_as selftest

# Emulated CPUs may stall, and where there are two, trip over the text of their
# kernel that the other is changing.
emulator_failed()
{
	[ -e "$run/stalled" ] || grep -q 'int3: 0000 \[' "$run/console"
}

# died TESTS-FILE: blame the program that was running, keep those after it. Where
# the emulator is to blame, that program gets one more chance.
died()
{
	local running

	running=$(sed -n "s/^# $label: //p" "$run/output" | tail -n 1) || :
	if [ -n "$running" ] && [ "$running" != "${again:-}" ] &&
	   emulator_failed; then
		echo "# the emulator failed; $running is run again"
		again=$running
		rm -f "$run/stalled"
		sed -i "\\|^$running\$|,\$!d" "$1"
		return
	fi
	complaints | not_ok "${running:-boot}"
	if [ -n "$running" ]; then
		sed -i "0,\\|^$running\$|d" "$1"
	else
		: >"$1"
	fi
}

kernel=$("$top/tools/vm/kernel.sh" "$series" 2>"$run/log") ||
	{ not_ok "kernel" <"$run/log"; exit; }

lock_builds
for part in modules programs selftests; do
	build_$part "$kernel" >"$run/log" 2>&1 || { not_ok "build $part" <"$run/log"; exit; }
	echo "ok - $label: build $part"
done
list_tests >"$run/tests" || { echo "ok - $label: no $tests # SKIP"; exit; }

[ -n "$tests" ] || [ -z "$bugs" ] || cast_net
prepare
end=$((SECONDS + limit))
while [ -s "$run/tests" ]; do
	lock_builds
	pack "$kernel" "export PATIENCE=$patience RACE='${RACE:-}' EVENTS='${EVENTS:-}' \
			SEED='${SEED:-}'
		exec /run-tests '$label' $(tr '\n' ' ' <"$run/tests")" \
		"$run/initramfs" "$selftests"
	unlock_builds
	status=0
	boot "$kernel" "$run/initramfs" $((end - SECONDS)) 2>&1 || status=$?
	if [ $status -eq 125 ]; then
		died "$run/tests"
		[ $((end - SECONDS)) -gt 60 ] ||
			{ not_ok "time is up" <"$run/tests"; break; }
		continue
	fi
	complaints >"$run/log"
	if [ -s "$run/log" ]; then
		not_ok "kernel log" <"$run/log"
	else
		echo "ok - $label: kernel log"
	fi
	break
done
finished
