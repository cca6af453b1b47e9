#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# host.sh PURPOSE...: install what is missing on the host for these purposes,
# named in the file "packages". Needs root only when something is missing.

. "$(dirname "$0")/lib.sh"

command -v apt-get >/dev/null || die "this harness needs Debian's apt-get"

missing=()
while read -r purpose packages; do
	[[ " $* " == *" $purpose "* ]] || continue
	for package in $packages; do
		status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || true
		[ "${status##* }" = installed ] || missing+=("$package")
	done
done <"$top/tools/vm/packages"
[ ${#missing[@]} -gt 0 ] || exit 0

install()
{
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}"
}

say "installing ${missing[*]}"
install >/dev/null 2>&1 </dev/null ||
	{ quietly as_root apt-get update && quietly install; } ||
	die "could not install the packages above"
