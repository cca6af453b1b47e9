# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced: packs the guest, which is one initramfs.

# Stock modules that the guest gets besides those that ours depend on.
stock_modules="vfio_iommu_type1 vfio_pci virtio_pci virtio_blk ext4 9pnet_virtio 9p
	kvm_amd kvm_intel"

# Copy the stock modules, and what they depend on, to FOLDER.
pack_stock_modules()
{
	local kernel=$1 release=$2 folder=$3 module name

	# Names that the stock kernel does not have are our own.
	for module in $stock_modules \
		      $(modinfo -F depends "$folder"/updates/*.ko | tr , '\n'); do
		modprobe -d "$kernel" -S "$release" --show-depends "$module" 2>/dev/null || :
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
		while read -r module; do
			name=${module##*/}
			case $name in
			*.xz) xz -dc "$module" >"$folder/${name%.xz}" ;;
			*) cp "$module" "$folder/" ;;
			esac
		done
	cp "$kernel/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$folder/"
}

# The shared libraries of the programs in FOLDER go to where they look for them.
# Static ones would make a guest of a guest, which unpacks all, slow.
pack_libraries()
{
	local root=$1 folder=$2

	# ldd fails for those that are scripts or static.
	{ find "$folder" -type f -perm -100 -exec ldd {} + 2>/dev/null || :; } |
		sed -n 's/^\t[^/]*\(\/[^ ]*\) (0x.*/\1/p' | sort -u |
		xargs -r cp -L --parents -t "$root"
}

# pack KERNEL JOB OUTPUT [SELFTESTS]: JOB is the shell command the guest runs,
# SELFTESTS a folder with installed selftests.
pack()
(
	local kernel=$1 job=$2 output=$3 installed=${4:-} root release modules

	root=$(mktemp -d)
	chmod 755 "$root"	# it is the guest's /
	trap 'rm -rf "$root"' EXIT
	trap 'exit 130' INT TERM
	release=$(cat "$kernel/release")
	modules=$root/lib/modules/$release

	mkdir -p "$root"/{bin,dev,proc,run,sbin,selftests,sys,tmp} \
		"$root"/usr/{bin,sbin} "$modules/updates"
	cp "$kernel/bin/busybox" "$root/bin/"
	cp "$top"/tools/vm/guest/* "$top/tools/vm/demo.sh" "$root/"
	printf '%s\n' "$job" >"$root/job"
	cp "$programs"/tools/capi-*/capi-{events,memcpy} "$root/bin/"
	if [ -n "$installed" ]; then
		cp -a "$installed/." "$root/selftests/"
		pack_libraries "$root" "$root/selftests"
	fi

	cp "$(modules_dir "$kernel")"/*.ko "$modules/updates/"
	strip --strip-debug "$modules"/updates/*.ko
	pack_stock_modules "$kernel" "$release" "$modules"
	depmod -b "$root" "$release"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$output"
)
