#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh [NAME...]: print which part of each file was run by what was counted
# under these names, see tools/uml/boot.sh; under all names if none is given, and
# then the lines themselves are left in the cache, as HTML.

. "$(dirname "$0")/../vm/lib.sh"

"$top/tools/vm/host.sh" coverage
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$top"

# lines BOOT OUTPUT: what gcov says of the files that have not changed since; no
# output if it ran none of them, as the one that is for the checkers' sake
lines()
{
	local unchanged

	mapfile -t unchanged < <(sha1sum -c "$1/sources" 2>/dev/null |
				 sed -n 's/: OK$//p')
	geninfo -q -o "$tmp/raw" "$1" &&
		sed 's#^SF:.*/\(\(cxl\|mdev\)/.*\)$#SF:\1#' "$tmp/raw" >"$tmp/named" ||
		return
	! printf 'SF:%s\n' "${unchanged[@]}" | grep -q -x -F -f - "$tmp/named" ||
		lcov -q -e "$tmp/named" "${unchanged[@]}" -o "$2"
}

# One file may be in several objects: x.c is, where x_test.c includes it.
merge()
{
	local sources name merged=()

	while read -r sources; do
		name=${sources%%/*}
		[[ $# -eq 0 || " $* " == *" $name "* ]] || continue
		quietly lines "$cache/coverage/${sources%/*}" "$tmp/boot" || return
		[ -e "$tmp/boot" ] || continue
		mv "$tmp/boot" "$tmp/${#merged[@]}"
		merged+=(-a "$tmp/${#merged[@]}")
	done < <(cd "$cache/coverage" 2>/dev/null && find . -name sources -printf '%P\n')
	[ ${#merged[@]} -ne 0 ] || die "nothing was counted yet"
	lcov -q "${merged[@]}" -o "$tmp/merged"
}

# Of each file, what was run of how much. No kernel here is built of the others.
table()
{
	{ cat "$tmp/merged"; git ls-files 'cxl/*.c' 'mdev/*.c'; } | awk '
		/^SF:/ { file = substr($0, 4) }
		/^LF:/ { lines[file] = substr($0, 4) }
		/^LH:/ { run[file] = substr($0, 4) }
		/\.c$/ && !/:/ && !/_test\.c$/ { files[n++] = $0 }

		function row(name, run, lines)
		{
			printf "# %-26s %5d of %5d lines  %5.1f %%\n",
				name, run, lines, int(1000 * run / lines) / 10
		}

		END {
			for (i = 0; i < n; i++) {
				file = files[i]
				if (!lines[file]) {
					printf "# %-26s is not built there\n", file
					continue
				}
				row(file, run[file], lines[file])
				all_run += run[file]
				all += lines[file]
			}
			if (!all)
				exit 1
			row("all", all_run, all)
		}'
}

merge "$@"
table
if [ $# -eq 0 ]; then
	html=$cache/coverage/html
	quietly genhtml -q -p "$top" --legend -o "$html" "$tmp/merged"
	echo "# line by line: $html/index.html"
fi
