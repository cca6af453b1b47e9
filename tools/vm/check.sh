#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh [lint] [kunit] [selftest] [vm]: run the static checks, the tests beside
# the code in User Mode Linux, the selftests on each of the stock kernels $KERNELS,
# and those that need guests of their own on $KERNEL.
# The last line says how many results passed, failed and were skipped.

. "$(dirname "$0")/lib.sh"

lint()
{
	"$top/tools/lint/lint.sh" || echo "not ok - lint"
}

"$top/tools/vm/host.sh" run check vm
linted=$(mktemp)
trap 'rm -f "$linted"' EXIT
for part in "$@"; do
	case $part in
	lint)
		# Nested guests have one CPU; the other has time for it.
		case " $* " in
		*" vm "*) ;;
		*) lint ;;
		esac
		;;
	kunit)
		"$top/tools/uml/kunit.sh" || echo "not ok - kunit"
		;;
	selftest)
		for series in ${KERNELS:-6.1 6.12}; do
			"$top/tools/vm/selftest.sh" "$series" || echo "not ok - $series"
		done
		;;
	vm)
		case " $* " in
		*" lint "*) lint >"$linted" & ;;
		esac
		"$top/tools/vm/selftest.sh" "${KERNEL:-6.1}" vm || echo "not ok - vm"
		wait
		cat "$linted"
		;;
	esac
done | awk -f "$top/tools/vm/tally.awk"
