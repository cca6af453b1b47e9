#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh: print the folder of a User Mode Linux kernel, made from Debian's
# source first if need be: see the file "config" for what it has. The folder has
# what that of a stock kernel has, see tools/vm/kernel.sh.

. "$(dirname "$0")/../vm/lib.sh"
. "$top/tools/vm/deb.sh"

source=linux-source-6.12
config=$top/tools/uml/config

resolve()
{
	local busybox version

	busybox=$(deb_field busybox-static Version) && [ -n "$busybox" ] &&
		version=$(deb_field "$source" Version) && [ -n "$version" ] &&
		echo "busybox-static=$busybox" "$source=$version"
}

# Most of the source is what this kernel is not made of.
unpack()
{
	mkdir headers &&
		tar -xf "usr/src/$source.tar.xz" --strip-components=1 -C headers \
			--wildcards --exclude="$source/arch/[!ux]*/*.[chS]" \
			--exclude="$source/arch/*/dts" \
			--exclude="$source/Documentation/*/*" \
			--exclude="$source/drivers/gpu/*.[ch]" \
			--exclude="$source/drivers/media/*.[ch]" \
			--exclude="$source/drivers/staging/*.[ch]" \
			--exclude="$source/drivers/net/ethernet/*.[ch]" \
			--exclude="$source/drivers/net/wireless/*.[ch]" \
			--exclude="$source/sound/*.[ch]" \
			--exclude="$source/tools/perf" \
			--exclude="$source/tools/testing" &&
		rm -r usr
}

# It knows what it is: who builds against it need not say ARCH=um.
configure()
{
	local lost

	sed -i 's/^ARCH[ \t]*?=.*/ARCH := um/' headers/Makefile &&
		cat "$top/tools/uml/Kconfig" >>headers/arch/um/Kconfig &&
		make -C headers KCONFIG_ALLCONFIG="$config" allnoconfig || return
	lost=$(grep '^CONFIG_.*=[^n]' "$config" | grep -v -x -F -f headers/.config) ||
		return 0
	echo "lost: $lost"
	return 1
}

# Modules need no more to be built against it than these folders.
prune()
{
	find headers -mindepth 1 -maxdepth 1 -type d ! -name arch ! -name include \
		! -name scripts -exec rm -rf {} + &&
		find headers \( -name '*.o' -o -name '*.a' -o -name '*.cmd' \) -delete &&
		rm -f headers/vmlinux headers/linux
}

compile()
{
	unpack && configure &&
		nice make -j "$(nproc)" -C headers vmlinux modules &&
		make -C headers INSTALL_MOD_PATH="$PWD" modules_install &&
		make -s -C headers kernelrelease >release &&
		rm -f lib/modules/*/{build,source} &&
		mkdir boot && strip --strip-debug -o boot/kernel headers/vmlinux &&
		prune && depmod -b . "$(cat release)"
}

finish()
{
	"$top/tools/vm/host.sh" uml &&
		say "building User Mode Linux, which takes some minutes" &&
		quietly compile
}

folder=uml-$({ cat "$config" "$top/tools/uml/Kconfig" "$0"; gcc --version; } | sha1sum | cut -c 1-12)
deb_cached "$folder" resolve finish
touch "$cache/$folder"
find "$cache" -mindepth 1 -maxdepth 1 -name 'uml-*' -mtime +7 -exec rm -rf {} +
