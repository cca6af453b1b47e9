# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by selftest.sh: whether a kernel that looks for bugs finds them, and
# whether a test fails when it does. In a boot of its own each of $bugs is
# committed by a test that says "ok".

declare -A complaint=(
	[atomic]="BUG: sleeping function called from invalid context"
	[locks]="WARNING: possible circular locking dependency"
	[shift]="UBSAN: shift-out-of-bounds in .*seeds.c"
	[array]="UBSAN: array-index-out-of-bounds in .*seeds.c"
	[slab]="BUG: KASAN: slab-out-of-bounds in .*capi_seeds"
	[stack]="BUG: KASAN: stack-out-of-bounds in .*capi_seeds"
	[vmalloc]="BUG: KASAN: vmalloc-out-of-bounds in .*capi_seeds"
	[freed]="BUG: KASAN: slab-use-after-free in .*capi_seeds"
	[object]="(ODEBUG: free active|WARNING: .* debug_print_object)"
	[hang]="blocked for more than"
	[race]="BUG: KCSAN: data-race in .*capi_seeds"
)

# caught BUG
caught()
{
	if [ "$1" = leak ]; then
		grep -q "^not ok - $label: leaks" "$run/output" &&
			grep -q "capi_seeds lost" "$run/output"
	else
		grep -Eq "^not ok - $label: ../seeds/$1 # kernel: .*${complaint[$1]}" \
			"$run/output"
	fi
}

cast_net()
{
	local bug

	lock_builds
	# shellcheck disable=SC2086
	pack "$kernel" "export PATIENCE=$patience; mkdir /seeds
		for bug in $bugs; do ln -s /seed /seeds/\$bug; done
		cd /seeds; exec /run-tests '$label' $(printf '../seeds/%s ' $bugs)" \
		"$run/initramfs" "$selftests"
	unlock_builds
	boot "$kernel" "$run/initramfs" $((120 * patience)) >"$run/log" 2>&1 || :
	for bug in $bugs; do
		if caught "$bug"; then
			echo "ok - $label: net: $bug"
		else
			cat "$run/output" "$run/console" | not_ok "net: $bug"
		fi
	done
}
