#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh SERIES: print the folder of Debian's stock kernel of that series,
# fetched first if need be. There are the kernel (boot/), its modules
# (lib/modules/), what modules are built against (headers/), a static busybox
# (bin/) and the kernel's release (a file). The series "um", "kasan" and "kcsan" are
# built, see tools/kernels/build.sh.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/deb.sh"

series=$1
case $series in
[a-z]*) exec "$top/tools/kernels/build.sh" "$series" ;;
esac

resolve()
{
	local meta=linux-image-$series-amd64 image headers kbuild version

	[ "$series" != 6.1 ] || meta=linux-image-amd64
	image=$(deb_field "$meta" Depends | grep -o "linux-image-${series}[^ ]*") &&
		headers=${image/image/headers} &&
		kbuild=$(deb_field "$headers" Depends | grep -o 'linux-kbuild-[^ ,]*') &&
		version=$(deb_field "$image" Version) || return
	echo "busybox-static=$(deb_field busybox-static Version)" \
		"$image=$version" "$headers=$version" \
		"${headers%-amd64}-common=$version" "$kbuild=$version"
}

# A kernel whose payload is xz takes seconds to unpack itself when emulated, so
# that is done here. Offsets: Documentation/x86/boot.rst.
unpack_payload()
{
	local image=$1 setup start length

	setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
	start=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
	head -c $(((setup + 1) * 512 + start + length)) "$image" | tail -c $((length)) |
		xz -dc --single-stream >boot/kernel 2>/dev/null ||
		cp "$image" boot/kernel
}

# The headers name their place by absolute paths. Dropping vmlinux drops BTF
# and with it the need for pahole; nothing here reads BTF of our modules.
finish()
{
	local dest=$1 headers

	headers=$(echo usr/src/linux-headers-*-amd64) &&
		basename boot/vmlinuz-* | sed 's/^vmlinuz-//' >release &&
		sed -i "s|/usr/src/|$dest/usr/src/|" "$headers/Makefile" &&
		rm -rf "$headers/vmlinux" usr/share &&
		ln -s "$headers" headers &&
		unpack_payload boot/vmlinuz-* &&
		depmod -b . "$(cat release)"
}

deb_cached "kernel-$series" resolve finish
