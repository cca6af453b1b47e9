#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh SERIES: print the folder of a kernel that watches what our modules do,
# made from Debian's source first if need be. The folder has what that of a stock
# kernel has, see tools/vm/kernel.sh. What it was made of is in its name:
# configuration, recipe, compiler; but not what only looks different.

. "$(dirname "$0")/../vm/lib.sh"
. "$top/tools/vm/deb.sh"

source=linux-source-6.12
series=${1:-}
case $series in
um) fragments=(common memory um) ;;
kasan) fragments=(common memory x86 kasan) ;;
kcsan) fragments=(common x86 kcsan) ;;
*) die "um, kasan or kcsan?" ;;
esac

# config: for "make allnoconfig" with KCONFIG_ALLCONFIG
config()
{
	cat "${fragments[@]/%/.config}"
}

resolve()
{
	local busybox version

	busybox=$(deb_field busybox-static Version) && [ -n "$busybox" ] &&
		version=$(deb_field "$source" Version) && [ -n "$version" ] &&
		echo "busybox-static=$busybox" "$source=$version"
}

# Most of the source is what these kernels are not made of.
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

# User Mode Linux knows what it is: who builds against it need not say ARCH=um.
configure()
{
	local lost

	if [ "$series" = um ]; then
		sed -i 's/^ARCH[ \t]*?=.*/ARCH := um/' headers/Makefile || return
	fi
	cat "$here/Kconfig" >>headers/Kconfig &&
		(cd "$here" && config) >headers/capi.config &&
		make -C headers KCONFIG_ALLCONFIG=capi.config allnoconfig || return
	lost=$(grep '^CONFIG_.*=[^n]' headers/capi.config |
		grep -v -x -F -f headers/.config) || return 0
	echo "lost: $lost"
	return 1
}

# Modules need no more to be built against it than these folders.
prune()
{
	find headers -mindepth 1 -maxdepth 1 -type d ! -name arch ! -name include \
		! -name scripts ! -name tools -exec rm -rf {} + &&
		find headers/tools -type f ! -path headers/tools/objtool/objtool -delete &&
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
	"$top/tools/vm/host.sh" kernels &&
		say "building the kernel \"$series\", which takes some minutes" &&
		quietly compile
}

here=$top/tools/kernels
key=$({ (cd "$here" && config | grep ^CONFIG | sort && grep -v '^#' Kconfig) &&
	declare -f unpack configure prune compile && gcc --version; } | sha1sum)
folder=kernel-$series-${key:0:12}
deb_cached "$folder" resolve finish
touch "$cache/$folder"
find "$cache" -mindepth 1 -maxdepth 1 -name "kernel-$series-*" -mtime +7 -exec rm -rf {} +
