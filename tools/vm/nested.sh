# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by selftest.sh: the guest has guests of its own. Its root filesystem is
# Debian's; the folder $share is seen in it as /share.

share=$run/share
# One CPU: with two, an emulated kernel at times oopses in its own code.
SMP=1
limit=${TIMEOUT:-$((3300 * patience))}
parameters=vm=host
# That the net holds is seen where it is cast for all other programs.
bugs=

list_tests()
{
	(cd "$top/selftests" && ls vm/*.sh) | grep -v '/lib.sh$' |
		grep -v -x -F -e "${without// /$'\n'}" |
		grep -F -e "${tests// /$'\n'}"
}

prepare()
{
	local rootfs

	rootfs=$("$top/tools/vm/rootfs.sh" 2>"$run/log") || {
		not_ok "root filesystem" <"$run/log"
		exit
	}
	mkdir -p "$share/logs"
	chmod 777 "$share" "$share/logs"
	ln "$kernel/boot/kernel" "$share/kernel" 2>/dev/null ||
		cp "$kernel/boot/kernel" "$share/kernel"
	touch "$run/initramfs"
	ln "$run/initramfs" "$share/initramfs"
	qemu_arguments=(-m $((patience > 1 ? 6144 : 3072))
		-drive "file=$rootfs,format=raw,if=virtio,snapshot=on,cache=unsafe"
		-virtfs "local,path=$share,mount_tag=share,security_model=none")
}

# Every guest's log is kept when something fails.
finished()
{
	local logs=$cache/logs/${label// /-}

	rm -rf "$logs"
	[ -e "$run/failed" ] || grep -q '^not ok' "$run/output" || return 0
	mkdir -p "$logs"
	cp -r "$run/console" "$run/output" "$share"/logs "$logs/"
	echo "# the logs of all guests are in $logs, their ends here:"
	find "$logs/logs" -type f -exec tail -v -n 15 {} + | sed 's/^/# /'
}
