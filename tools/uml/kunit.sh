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

# Each x_test.c has one suite, which ran.
all_suites()
{
	local expected ran

	expected=$(find "$(modules_dir)"/{cxl,mdev} -name '*_test.c' | wc -l)
	ran=$(grep -c '^    # Subtest: ' "$run/output") || :
	[ "$ran" -eq "$expected" ] || echo "$expected suites, $ran of them ran"
}

parameters=time-travel
count_as kunit

kernel=$("$top/tools/vm/kernel.sh" um 2>"$run/log") || { not_ok kernel <"$run/log"; exit; }
lock_builds
{ build_modules "$kernel" CAPI_TEST= CAPI_SAMPLES= CAPI_KUNIT=m &&
	build_programs; } >"$run/log" 2>&1 || { not_ok build <"$run/log"; exit; }
pack "$kernel" "exec /run-kunit" "$run/initramfs"
unlock_builds
boot "$kernel" "$run/initramfs" 300 >/dev/null 2>&1 || :

results
all_suites >"$run/log"
complaints >>"$run/log"
grep -q . "$run/log" && not_ok "kernel log" <"$run/log" || echo "ok - kunit: kernel log"
"$top/tools/uml/coverage.sh" kunit || echo "not ok - kunit: coverage"
