#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# selftest.sh SERIES: run the selftests whose names contain one of the words in
# $TESTS (all when empty) on the stock kernel of that series. Prints TAP.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"

series=$1
tests=${TESTS:-}

# not_ok NAME: what explains it comes on stdin.
not_ok()
{
	sed 's/^/# /'
	echo "not ok - $series: $1"
}

# The programs to run, one a line.
list_tests()
{
	make_selftests make -s --no-print-directory COLLECTION=capi emit_tests |
		sed 's/^capi://' |
		grep -F -e "${tests// /$'\n'}"
}

# died TESTS-FILE: blame the program that was running, keep those after it.
died()
{
	local running

	running=$(sed -n "s/^# $series: //p" "$run/output" | tail -n 1)
	complaints | not_ok "${running:-boot}"
	if [ -n "$running" ]; then
		sed -i "0,/^$running\$/d" "$1"
	else
		: >"$1"
	fi
}

kernel=$("$top/tools/vm/kernel.sh" "$series" 2>"$run/log") ||
	{ not_ok "kernel" <"$run/log"; exit; }

lock_builds
for part in modules programs selftests; do
	build_$part "$kernel" >"$run/log" 2>&1 || { not_ok "build $part" <"$run/log"; exit; }
	echo "ok - $series: build $part"
done
list_tests >"$run/tests" || { echo "TESTS=$tests" | not_ok "no such test"; exit; }

export SMP=${SMP:-2}
while [ -s "$run/tests" ]; do
	lock_builds
	pack "$kernel" "exec /run-tests $series $(tr '\n' ' ' <"$run/tests")" \
		"$run/initramfs" "$selftests"
	unlock_builds
	status=0
	boot "$kernel" "$run/initramfs" "${TIMEOUT:-600}" 2>&1 || status=$?
	if [ $status -eq 125 ]; then
		died "$run/tests"
		continue
	fi
	complaints >"$run/log"
	if [ -s "$run/log" ]; then
		not_ok "kernel log" <"$run/log"
	else
		echo "ok - $series: kernel log"
	fi
	break
done
