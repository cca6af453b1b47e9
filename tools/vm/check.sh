#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh [lint] [kunit] [um] [selftest] [vm]: run the static checks, the tests
# beside the code and the selftests in User Mode Linux, the selftests on each of the
# stock kernels $KERNELS, and those that need guests of their own on $KERNEL.
# The last line says how many results passed, failed and were skipped.

. "$(dirname "$0")/lib.sh"

part()
{
	local series

	case $1 in
	lint)
		"$top/tools/lint/lint.sh"
		;;
	kunit)
		"$top/tools/uml/kunit.sh"
		;;
	um)
		"$top/tools/vm/selftest.sh" um
		;;
	selftest)
		for series in ${KERNELS:-6.1 6.12}; do
			"$top/tools/vm/selftest.sh" "$series" || echo "not ok - $series"
		done
		;;
	vm)
		"$top/tools/vm/selftest.sh" "${KERNEL:-6.1}" vm
		;;
	esac || echo "not ok - $1"
}

# The guest with guests has one CPU; the other has time for what needs no virtual
# machine.
beside=
case " $* " in
*" vm "*)
	for name in "$@"; do
		case $name in
		lint | kunit | um)
			beside+=" $name"
			;;
		esac
	done
	;;
esac

"$top/tools/vm/host.sh" run check vm kernels coverage
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for name in "$@"; do
	case " $beside " in
	*" $name "*)
		continue
		;;
	esac
	if [ "$name" = vm ]; then
		for other in $beside; do
			part "$other"
		done >"$output" &
	fi
	part "$name"
	wait
	cat "$output"
done | "$top/tools/vm/tally.pl"
