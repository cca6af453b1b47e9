#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh [lint] [selftest]: run them, on each of the stock kernels $KERNELS.
# The last line says how many results passed, failed and were skipped.

. "$(dirname "$0")/lib.sh"

"$top/tools/vm/host.sh" run check
for part in "$@"; do
	case $part in
	lint)
		"$top/tools/lint/lint.sh" || echo "not ok - lint"
		;;
	selftest)
		for series in ${KERNELS:-6.1 6.12}; do
			"$top/tools/vm/selftest.sh" "$series" || echo "not ok - $series"
		done
		;;
	esac
done | awk -f "$top/tools/vm/tally.awk"
