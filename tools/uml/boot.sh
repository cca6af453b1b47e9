# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after tools/vm/boot.sh: the guest is User Mode Linux, a process of this
# machine. The kernel's log goes to its standard error, and the job's input and
# output are on a serial port, as with QEMU.

# Room for what KASAN keeps. A bug of which there is a second one shows both.
memory=${UML_MEMORY:-512M}
kernel_parameters="con=null ssl0=null,fd:2 console=ttyS0 ssl1=fd:0,fd:3 printk.devkmsg=on"
kernel_parameters+=" log_buf_len=4M panic=-1 oops=panic kasan_multi_shot"
kernel_parameters+=" kasan.fault=report"
# kmemleak goes on to scan what held the initrd, also when the pages are free and hold
# what kmemleak itself writes down: then nothing is lost, as all is mentioned there.
kernel_parameters+=" retain_initrd"

# What the guest has of the host's files
host=$run/host
kernel_parameters+=" hostfs=$host"

# memcpy_clean counts on pages being dirty that the kernel has stored to for a process,
# which they are not here; for memcpy_cost see tools/kernels/boot.sh.
export without="memcpy_cost memcpy_clean"

# count_as NAME: from now on, what gcov counts in each boot is kept by that name,
# for tools/uml/coverage.sh.
counts=
count_as()
{
	counts=$cache/coverage/$1
	boots=0
	rm -rf "$counts"
}

# Beside each file's counts is what the compiler wrote of it. The sources may
# change before somebody asks. There is nothing where the guest died.
keep_counts()
{
	local built=$1 folder=$counts/$((boots += 1)) object

	[ -d "$host/$built" ] || return 0
	mkdir -p "$folder"
	(cd "$built" && sha1sum cxl/*.c cxl/*/*.c mdev/*.c) >"$folder/sources"
	(cd "$host/$built" && find . -name '*.gcda') | while read -r object; do
		mkdir -p "$folder/${object%/*}"
		mv "$host/$built/$object" "$folder/$object"
		cp "$built/${object%.gcda}.gcno" "$folder/${object%.gcda}.gcno"
	done
}

# start_guest KERNEL INITRAMFS LIMIT: see tools/vm/boot.sh.
start_guest()
{
	local kernel=$1 initramfs=$2 limit=$3 input=/dev/null

	[ "$limit" -ne 0 ] || input=/dev/stdin
	rm -rf "$run/console" "$run/output" "$host"
	mkdir "$host"
	mkfifo "$run/job"
	tee "$run/output" <"$run/job" 7>&- &
	# shellcheck disable=SC2086
	timeout --foreground -k 5 "$limit" "$kernel/boot/kernel" mem="$memory" \
		initrd="$initramfs" uml_dir="$run" $kernel_parameters $parameters \
		<$input >/dev/null 2>"$run/console" 3>"$run/job" 7>&- &
	qemu_pid=$!
	wait $qemu_pid || true
	qemu_pid=
	wait
	rm "$run/job"
	[ -z "$counts" ] || keep_counts "$(modules_dir "$kernel")"
}
