#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lint.sh: the static checks, each one TAP result.

. "$(dirname "$0")/../vm/lib.sh"
. "$top/tools/vm/build.sh"

scripts=$(dirname "$("$top/tools/vm/kselftest.sh")")/../../scripts
kernel=$("$top/tools/vm/kernel.sh" 6.12)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cd "$top"

# files PATTERN...: tracked ones and new ones.
files()
{
	git ls-files -co --exclude-standard "$@" | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done
}

licence()
{
	local status=0

	for file in $(files ':!*.md' ':!COPYING*' ':!Documentation/ABI'); do
		if ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only'; then
			echo "$file: not marked as GPL-2.0-only"
			status=1
		fi
	done
	return $status
}

run_checkpatch()
{
	xargs perl "$scripts/checkpatch.pl" --no-tree --strict --quiet --terse \
		--no-summary --show-types --ignore "$1" -f
}

# cxl_get_fd() fills in a struct file_operations, which is not constant then. The
# macros of trace headers have a layout of their own, what a kernel lacks is a
# macro that does nothing with its arguments, and elf.h has names of its own.
checkpatch()
{
	local status=0

	files '*.[chS]' Kbuild '*Makefile' ':!*/trace.h' ':!*/capi-compat.h' \
		':!*/fail_nth_sites.c' |
		run_checkpatch EMBEDDED_FILENAME,CONST_STRUCT || status=1
	files '*/trace.h' |
		run_checkpatch PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE || status=1
	files '*/capi-compat.h' | run_checkpatch MACRO_ARG_UNUSED || status=1
	files '*/fail_nth_sites.c' | run_checkpatch CAMELCASE || status=1
	return $status
}

# Only what is found in our files is ours.
sparse()
{
	local dir

	dir=$(modules_dir "$kernel")
	lock_builds
	build_modules "$kernel" && build_modules "$kernel" C=2 || return
	! grep "^$dir/.*: \(warning\|error\): " "$dir/.build.log"
}

# Every exported function has its comment, and none is malformed.
kernel_doc()
{
	local status=0

	files '*.[ch]' | xargs perl "$scripts/kernel-doc" -none -Werror || status=1
	for name in $(files '*.c' |
		      xargs sed -n 's/^EXPORT_SYMBOL\(_GPL\)\?(\(.*\));/\2/p'); do
		if ! files '*.[ch]' | xargs grep -q "^ \* $name() - "; then
			echo "$name() is exported but not documented"
			status=1
		fi
	done
	return $status
}

shell()
{
	files | xargs grep -l -m 1 -E '^#!/bin/(ba|busybox )?sh' |
		xargs shellcheck -a -x -P SCRIPTDIR -P "$top"
}

for check in licence checkpatch sparse kernel_doc shell; do
	if $check >"$log" 2>&1; then
		echo "ok - lint: $check"
	else
		sed 's/^/# /' "$log"
		echo "not ok - lint: $check"
	fi
done
