#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kunit.sh: run the tests beside the code in User Mode Linux. Prints TAP, then how
# much of each file they ran.

. "$(dirname "$0")/../vm/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"
. "$top/tools/uml/boot.sh"

# Modules with tests in them stay among themselves.
modules_dir()
{
	echo "$builds/kunit"
}

# not_ok NAME: what explains it comes on stdin.
not_ok()
{
	sed 's/^/# /'
	echo "not ok - kunit: $1"
}

# Of each suite, its tests as comments and then its result
results()
{
	sed -n -e "s|$(modules_dir)/||" -e 's/^    \( *\(not \)\?ok \)/# \1/p; t' \
		-e 's/^\(not \)\?ok [0-9]* /\1ok - kunit: /p; t' \
		-e '/^ *\(KTAP version\|1\.\.\)/d' -e 's/^/# /p' "$run/output"
}

# Each x_test.c has one suite, which ran. capi_guest is not for this kernel.
all_suites()
{
	local expected ran

	expected=$(find "$(modules_dir)"/{cxl,mdev} -name guest -prune -o \
		-name '*_test.c' -print | wc -l)
	ran=$(grep -c '^    # Subtest: ' "$run/output") || :
	[ "$ran" -eq "$expected" ] || echo "$expected suites, $ran of them ran"
}

# coverage: per file, which gcov knows by the name that it was built by
coverage()
{
	local counts object

	find "$share" -name '*.gcda' | while read -r counts; do
		object=${counts#"$share"}
		cp "${object%.gcda}.gcno" "${counts%.gcda}.gcno" &&
			(cd "$share" && gcov -n "$counts")
	done 2>/dev/null | awk -v prefix="$(modules_dir)/" -F "[': %]+" '
		/^File / {
			file = ""
			if (index($2, prefix) == 1)
				file = substr($2, length(prefix) + 1)
		}
		/^Lines executed/ && file ~ /^(cxl|mdev)\/.*\.c$/ && file !~ /_test\.c$/ {
			print file, $3, $5
			file = ""
		}' | sort -u | awk '
		{
			printf "# %-26s %5.1f %% of %3d lines\n", $1, $2, $3
			run += $2 * $3 / 100
			lines += $3
		}
		END {
			if (!lines) exit 1
			printf "# %-26s %5.1f %% of %d lines\n", "all", 100 * run / lines, lines
		}'
}

share=$run/share
mkdir "$share"
parameters="hostfs=$share time-travel"

kernel=$("$top/tools/vm/kernel.sh" um 2>"$run/log") || { not_ok kernel <"$run/log"; exit; }
lock_builds
{ build_modules "$kernel" CAPI_TEST= CAPI_SAMPLES= CAPI_KUNIT=m &&
	build_programs; } >"$run/log" 2>&1 || { not_ok build <"$run/log"; exit; }
pack "$kernel" "exec /run-kunit" "$run/initramfs"
unlock_builds
boot "$kernel" "$run/initramfs" 60 >/dev/null 2>&1 || :

results
all_suites >"$run/log"
complaints >>"$run/log"
grep -q . "$run/log" && not_ok "kernel log" <"$run/log" || echo "ok - kunit: kernel log"
coverage || echo "no coverage" | not_ok coverage
