# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced: starts the guest and judges how it went. Each start leaves in the
# folder $run: "console", the guest's kernel log, and "output", its job's.

# What this guest gets besides: QEMU's arguments, the kernel's parameters.
qemu_arguments=(-m 1024)
parameters=
# The log has room for all that a thousand devices say. A clock that is found wanting
# on a busy machine has the kernel patch its own text, on which emulated CPUs may trip.
kernel_parameters="console=ttyS0 printk.devkmsg=on log_buf_len=4M"
kernel_parameters+=" mitigations=off panic=-1 oops=panic tsc=reliable"
# An emulated CPU may stand still for half a minute, which is nobody's fault.
kernel_parameters+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
qemu_pid=
run=$(mktemp -d)
trap '[ -z "$qemu_pid" ] || kill "$qemu_pid"; rm -rf "$run"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Whether KVM works is known only from a guest that ran: the device node may be
# there and guests still hang. Asked once per boot of this machine.
find_accel()
{
	local kernel=$1 answer=$cache/accel boot_id found=tcg

	boot_id=$(cat /proc/sys/kernel/random/boot_id)
	if ! grep -qs "$boot_id" "$answer"; then
		if [ -w /dev/kvm ] &&
		   timeout -k 1 15 qemu-system-x86_64 -accel kvm -cpu host -m 256 \
			-nodefaults -display none -no-reboot -append "panic=-1" \
			-kernel "$kernel/boot/kernel" </dev/null >/dev/null 2>&1; then
			found=kvm
		fi
		echo "$boot_id $found" >"$answer"
	fi
	cut -d ' ' -f 2 "$answer"
}

# reaches_user_space QEMU: if the guest does not, in two minutes, end it. Kernels
# that are slow get $patience times that.
reaches_user_space()
{
	local i

	for ((i = 0; i < 120 * ${patience:-1}; i++)); do
		! grep -s -q 'vm: start' "$run/console" || return 0
		sleep 1
	done
	kill "$1"
}

# The processor time that the child of process $1 has used, in hundredths of seconds
time_used()
{
	local child

	child=$(<"/proc/$1/task/$1/children") && [ -n "$child" ] &&
		sed 's/.*) //' "/proc/${child%% *}/stat" | awk '{ print $12 + $13 }'
}

# An emulated CPU at times misses its timer's interrupt, and what runs on it waits
# until another comes. stalls PARENT: have one come all the time, and end a QEMU
# that does next to nothing for two minutes even so. What is typed for that is not
# seen by anybody: a terminal takes it for "go on printing".
stalls()
{
	local before=0 now idle=0

	while sleep 2; do
		printf '\021' >&8
		now=$(time_used "$1") || return
		idle=$((now - before < 4 ? idle + 1 : 0))
		before=$now
		[ $idle -ne 60 ] || { touch "$run/stalled"; kill "$1"; }
	done 2>/dev/null
}

# start_guest KERNEL INITRAMFS LIMIT: until it powers off or LIMIT seconds are
# over; 0 means a terminal and all the time in the world.
start_guest()
{
	local kernel=$1 initramfs=$2 limit=$3 accel=tcg,thread=multi cpu=max
	local job=stdio,id=job,logfile=$run/output input=$run/input watchers

	if [ "${ACCEL:-$(find_accel "$kernel")}" = kvm ]; then
		accel=kvm cpu=host
	fi
	if [ "$limit" -eq 0 ]; then
		job+=,signal=off	# ^C is for the guest
		input=/dev/stdin
	fi
	[ -p "$run/input" ] || mkfifo "$run/input"
	exec 8<>"$run/input"

	# Two guests on a small machine would only miss their deadlines.
	exec 9>"$cache/vm.lock"
	if ! flock -n 9; then
		say "waiting for another VM"
		flock 9
	fi
	rm -f "$run/console" "$run/output"
	timeout --foreground -k 5 "$limit" \
		qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -machine q35 \
		-smp "${SMP:-1}" -nodefaults -display none -no-reboot \
		"${qemu_arguments[@]}" \
		-kernel "$kernel/boot/kernel" -initrd "$initramfs" \
		-append "$kernel_parameters $parameters" \
		-serial "file:$run/console" -chardev "$job" -serial chardev:job \
		<"$input" 7>&- 8>&- 9>&- &
	qemu_pid=$!
	watchers=
	if [ "$limit" -ne 0 ]; then
		reaches_user_space "$qemu_pid" 9>&- >/dev/null &
		watchers=$!
		stalls "$qemu_pid" 9>&- >/dev/null &
		watchers+=" $!"
	fi
	wait "$qemu_pid" || true
	# shellcheck disable=SC2086
	kill $watchers 2>/dev/null || true
	qemu_pid=
	exec 8>&- 9>&-
}

# boot KERNEL INITRAMFS LIMIT: return the status of the guest's job, or 125 when
# the guest did not live to tell it. With two CPUs, emulated kernels at times
# oops in their own code early on, so a guest that did gets a second chance.
boot()
{
	local status

	start_guest "$@"
	if ! grep -q 'vm: start' "$run/console"; then
		say "# the guest died before it reached user space: starting it again"
		start_guest "$@"
	fi
	status=$(sed -n 's/.*vm: exit \([0-9]*\).*/\1/p' "$run/console")
	return "${status:-125}"
}

# complaints: what is wrong in the guest's kernel log, nothing if all is well. What
# the kernel says before there is anything of ours is its own.
complaints()
{
	if ! grep -q 'vm: exit' "$run/console"; then
		echo "The guest died or hung. The end of its log:"
		sed -n '/vm: start/,$p' "$run/console" | grep . || tail -n 60 "$run/console"
		return
	fi
	sed -n '/vm: start/,$p' "$run/console" |
		awk -f "$top/tools/vm/guest/own.awk" >"$run/own"
	if grep -q -E -f "$top/tools/vm/guest/complaints" "$run/own"; then
		echo "The guest's kernel complained:"
		grep -E -f "$top/tools/vm/guest/complaints" -B 2 -A 40 "$run/own" |
			head -n 120
	fi
}
