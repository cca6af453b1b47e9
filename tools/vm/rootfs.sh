#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# rootfs.sh: print the image of a Debian root filesystem with QEMU, libvirt and
# mdevctl, for a guest that has guests of its own. Made first if need be; nothing
# of this project is in it.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/deb.sh"

packages=(bash busybox-static cpio iproute2 jq kmod libvirt-clients
	  libvirt-daemon-driver-qemu libvirt-daemon-system mdevctl pciutils
	  procps qemu-system-x86 udev)

# The recipe and what is newest of each package.
key()
{
	local package

	cat "$0"
	for package in "${packages[@]}"; do
		deb_field "$package" Version || :
	done
}

# How this machine's apt reaches its archives
proxies()
{
	apt-config dump | grep -E '^Acquire::https?::Proxy' || :
}

# pack FOLDER: run again as who seems to be root, so that the owners are right.
pack()
{
	tar -C "$1/root" --exclude="./dev/*" -xf "$1/tar" &&
		mkfs.ext4 -q -m 0 -O ^has_journal -d "$1/root" "$1/image" 2G
}

# Debian 12, whatever this machine runs: that is what the tests are about.
make_image()
(
	tmp=$(mktemp -d "$cache/tmp.XXXXXX") || exit
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT TERM

	say "making a root filesystem: ${packages[*]}"
	proxies >"$tmp/apt.conf" &&
		quietly as_root mmdebstrap --variant=minbase --format=tar \
		--aptopt="$tmp/apt.conf" --include="$(IFS=,; echo "${packages[*]}")" \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		bookworm "$tmp/tar" &&
		mkdir "$tmp/root" &&
		quietly fakeroot "$0" pack "$tmp" &&
		mv "$tmp/image" "$1"
)

if [ "${1:-}" = pack ]; then
	pack "$2"
	exit
fi

folder=$cache/rootfs
mkdir -p "$folder"
exec 8>"$cache/fetch.lock"
flock 8
image=$folder/$(key | sha1sum | cut -c 1-12)
if [ ! -e "$image" ] && ! make_image "$image"; then
	# Without a network, one of before will do.
	image=$(find "$folder" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
	[ "$image" ] || die "cannot make it"
	say "using the root filesystem of before"
fi
touch "$image"
find "$folder" -type f -mtime +7 -delete
echo "$image"
