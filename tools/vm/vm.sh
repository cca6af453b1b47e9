#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh demo | shell | cmd COMMAND: build for the kernel series $KERNEL,
# boot it and run the demonstration, a shell, or one shell command in it.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"

series=${KERNEL:-6.1}
limit=${TIMEOUT:-300}
. "$top/tools/kernels/boot.sh"
with_selftests=
case ${1:-} in
demo)
	job="exec /demo.sh"
	;;
shell)
	[ -t 0 ] || die "a shell needs a terminal"
	job=". /start-shell"
	limit=0
	;;
cmd)
	job=$2
	[ ! -e "$top/selftests/Makefile" ] || with_selftests=y
	;;
*)
	die "demo, shell or cmd?"
	;;
esac

"$top/tools/vm/host.sh" run ${with_selftests:+check}
kernel=$("$top/tools/vm/kernel.sh" "$series")
release=$(cat "$kernel/release")

say "building for Linux $release"
lock_builds
build_modules "$kernel" || die "the modules do not build"
build_programs || die "the programs do not build"
if [ "$with_selftests" ] && ! build_selftests; then
	say "going on without the selftests"
	with_selftests=
fi
pack "$kernel" "$job" "$run/initramfs" "${with_selftests:+$selftests}"
unlock_builds

say "booting it"
status=0
boot "$kernel" "$run/initramfs" "$limit" || status=$?
complaints >"$run/complaints"
if [ -s "$run/complaints" ]; then
	cat "$run/complaints" >&2
	[ $status -ne 0 ] || status=1
fi
exit $status
