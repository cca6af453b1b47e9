# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by the tests whose mdevs go to guests: guests, and programs in them.
# A guest is named; /share/logs has its console, and what QEMU said.

dir=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=../lib.sh
. "$dir/lib.sh"

guests=/run/guests
logs=/share/logs
mkdir -p $guests
chmod 711 $guests
test=$(basename "$0" .sh)

# What guests boot: the initramfs that this machine came from, and lspci.
guest_initrd=$guests/initrd
if [ ! -e $guest_initrd ]; then
	mkdir $guests/tree
	{ command -v lspci; ldd "$(command -v lspci)" | grep -o '/[^ ]*'; } |
		xargs cp -L --parents -t $guests/tree
	(cat /share/initramfs; cd $guests/tree && find . | cpio --quiet -o -H newc) \
		>$guest_initrd
	install -m 644 /share/kernel $guests/kernel
fi

accel=tcg cpu=max
[ ! -e /dev/kvm ] || accel=kvm cpu=host
as_user=	# a command before QEMU
# Kernels that are slow take more of everything.
slow=${PATIENCE:-1}
guest_memory=$((slow > 1 ? 768 : 256))
# The registers of a function that has a driver are for programs as well.
guest_parameters="console=ttyS0 quiet mitigations=off panic=-1 oops=panic pci=noearly iomem=relaxed vm=guest"
# A guest stands still when the machine that emulates it does.
guest_parameters+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
[ "$slow" -eq 1 ] || guest_parameters+=" workqueue.watchdog_thresh=120"
# Programs in the guest get their interrupts through VFIO, which needs an IOMMU.
guest_iommu="-device intel-iommu,caching-mode=on"

# guest_open NAME: its pipes: "job", what it runs, and "qmp", QEMU's monitor.
# Opened to read and write, so that nobody waits for the other end.
declare -A job_in job_out qmp_in qmp_out
guest_open()
{
	local in out pipe

	rm -f $guests/"$1.events"
	for pipe in job qmp; do
		rm -f $guests/"$1.$pipe".{in,out}
		mkfifo -m 666 $guests/"$1.$pipe".{in,out}
		exec {in}<>$guests/"$1.$pipe.in" {out}<>$guests/"$1.$pipe.out"
		eval "${pipe}_in[$1]=$in ${pipe}_out[$1]=$out"
	done
}

# guest_boot NAME [QEMU-ARGUMENT]...: $! is QEMU.
guest_boot()
{
	local name=$1 console=$logs/$test-$1.console
	shift

	guest_open "$name"
	touch "$console"
	chmod 666 "$console"
	# shellcheck disable=SC2086
	$as_user qemu-system-x86_64 -accel $accel -cpu $cpu -machine q35 \
		-m $guest_memory \
		-nodefaults -display none -no-reboot $guest_iommu \
		-kernel $guests/kernel -initrd $guest_initrd -append "$guest_parameters" \
		-chardev "file,id=console,path=$console,append=on" \
		-serial chardev:console \
		-chardev "pipe,id=job,path=$guests/$name.job" -serial chardev:job \
		-chardev "pipe,id=qmp,path=$guests/$name.qmp" -mon chardev=qmp,mode=control \
		"$@" >>"$logs/$test-$name.qemu" 2>&1 &
	qemus="$qemus $!"
}

# Tests begin with nothing in use, however the one before ended.
qemus=
cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$qemus" ] || { kill -KILL $qemus; wait $qemus; } 2>/dev/null
}
trap cleanup EXIT
pkill -KILL qemu-system
while pgrep qemu-system >/dev/null; do
	usleep 10000
done
rm -rf /etc/mdevctl.d/ca*

# guest_ready NAME: it has booted.
guest_ready()
{
	local line

	while IFS= read -r -t $((300 * slow)) line <&"${job_out[$1]}"; do
		[ "${line%$'\r'}" != "~ready" ] || return 0
	done
	echo "# guest $1 does not answer"
	return 1
}

# guest_begin NAME COMMAND: without waiting for its end.
guest_begin()
{
	printf '%s\n' "$2" >&"${job_in[$1]}"
}

# make_vfs NAME: for a guest, a context of the first adapter's echo AFU and one of
# the second's memcpy AFU, with as many interrupts as the tests ask for: $echo and
# $memcpy.
make_vfs()
{
	local first second

	read -r first second <<<"$(parents | tr '\n' ' ')"
	echo=$(uuid)
	mdev_create "$echo" "$first"
	echo 32 >"$mdevs/$echo/capi/irqs"
	memcpy=$(uuid)
	echo "$memcpy" >"$bus/$second/mdev_supported_types/capi_mdev-memcpy/create"
	echo 8 >"$mdevs/$memcpy/capi/irqs"
	vfs[$1-4563]=$echo
	vfs[$1-4350]=$memcpy
}

# What a guest may ask its host to do is done for a VF of its, given by the device
# id that the guest sees, as four hexadecimal digits: vfs[NAME-ID] is the mdev.
declare -A vfs

# host_does NAME ID link 0|1: the adapter's link
# host_does NAME ID reset: the card, whatever is at work
# host_does NAME ID drop: the adapter
# host_does NAME ID post WORD NUMBER: a register of the echo AFU
host_does()
{
	local id=${vfs[$1-$2]} card afu
	shift 2

	[ -e "$mdevs/$id" ] || return
	card=$(basename "$(dirname "$(readlink -f "$mdevs/$id")")")
	afu=$(cat "$mdevs/$id/capi/afu")
	case $1 in
	link | drop) echo "${2:-1}" >"/sys/kernel/debug/capi_sim/$card/$1" ;;
	reset) echo -1 >"/sys/class/cxl/$afu/device/reset" ;;
	post) echo "$2 $3" >"/sys/kernel/debug/capi/$afu/$(cat \
		"$mdevs/$id/capi/process_element")/post" ;;
	*) false ;;
	esac
}

# guest_asks NAME LINE: do it, and answer.
guest_asks()
{
	# shellcheck disable=SC2086
	host_does "$1" ${2#"~host "}
	printf '~%s\n' $? >&"${job_in[$1]}"
}

# guest_read NAME SECONDS: the next line of what it prints, in $line. Fails at the
# end, with the status in $ended. What is asked of the host meanwhile is done.
guest_read()
{
	while IFS= read -r -t $(($2 * slow)) line <&"${job_out[$1]}"; do
		line=${line%$'\r'}
		case $line in
		"~host "*) guest_asks "$1" "$line" ;;
		"~exit "*) ended=${line#* }; return 1 ;;
		*) return 0 ;;
		esac
	done
	echo "# guest $1 does not answer"
	ended=125
	return 1
}

# guest_end NAME [SECONDS]: print what it prints, return what it returns.
guest_end()
{
	local line ended

	while guest_read "$1" "${2:-300}"; do
		printf '%s\n' "$line"
	done
	return "$ended"
}

# guest_run NAME COMMAND [SECONDS]
guest_run()
{
	guest_begin "$1" "$2"
	guest_end "$1" "${3:-300}"
}

# qmp NAME COMMAND [ARGUMENTS-AS-JSON]: print what it returns. What happens
# meanwhile is kept for qmp_event.
qmp()
{
	local line

	printf '{"execute": "%s", "arguments": %s}\n' "$2" "${3:-{\}}" >&"${qmp_in[$1]}"
	while IFS= read -r -t 180 line <&"${qmp_out[$1]}"; do
		case $line in
		'{"return"'*) echo "$line" | jq -c .return; return ;;
		'{"error"'*) echo "$line" | jq -r .error.desc; return 1 ;;
		'{"timestamp"'*) echo "$line" >>$guests/"$1.events" ;;
		esac
	done
	echo "no answer from QEMU's monitor"
	return 1
}

# qmp_event NAME EVENT [SECONDS]: wait until it has happened.
qmp_event()
{
	local line

	while ! grep -s -q "\"event\": \"$2\"" $guests/"$1.events"; do
		IFS= read -r -t "${3:-180}" line <&"${qmp_out[$1]}" || return
		echo "$line" >>$guests/"$1.events"
	done
	sed -i "0,/\"event\": \"$2\"/{/\"event\": \"$2\"/d}" $guests/"$1.events"
}

# guest_tap NAME PROGRAM: the results of a program in the guest become results
# here, and that it ran to its end is one more.
guest_tap()
{
	guest_begin "$1" "/selftests/$2"
	guest_tap_end "$1" "$2"
}

# guest_tap_end NAME PROGRAM [SECONDS]: of what guest_begin began.
guest_tap_end()
{
	local line ended rest planned=-1 given=0

	while guest_read "$1" "${3:-300}"; do
		rest=${line#*ok }
		case $line in
		1..*) planned=${line#1..} ;;
		"ok "*"# SKIP"*) ktap_test_skip "$2:${rest#* }"; given=$((given + 1)) ;;
		"ok "*) ktap_test_pass "$2:${rest#* }"; given=$((given + 1)) ;;
		"not ok "*) ktap_test_fail "$2:${rest#* }"; given=$((given + 1)) ;;
		*) echo "# $line" ;;
		esac
	done
	expect "$2 ran to its end" "0 $planned" "$ended $given"
}

# guest_suite NAME PROGRAM...: those that run on hosts as well
guest_suite()
{
	local name=$1 program began
	shift

	for program in "$@"; do
		began=$(uptime)
		guest_tap "$name" "$program"
		echo "# $program took $(($(uptime) - began)) s in the guest"
	done
}

# devices_are NAME COUNT: so many functions of ours does the guest see.
devices_are()
{
	[ "$(guest_run "$1" "lspci -n -d 1014: | wc -l")" = "$2" ]
}

# guest_line NAME LINE: wait until what runs in the guest prints it. If that
# ends instead, so does this.
guest_line()
{
	local line ended

	while guest_read "$1" 60; do
		[ "$line" != "$2" ] || return 0
		echo "# $line"
	done
	return 1
}

# The plan, when results of guests are among ours: as many as there were. A test
# that ends before this has no plan, and fails for it.
ktap_plan_at_end()
{
	ktap_set_plan $((KTAP_CNT_PASS + KTAP_CNT_FAIL + KTAP_CNT_SKIP))
}

# Nor do the guests' kernels warn, once they have booted. Before, warnings are not
# on their consoles: an emulated CPU gets one at every boot.
guests_are_clean()
{
	! grep -h -E -f /complaints "$logs/$test"-*.console | sed 's/^/# /' | grep .
}

# must DESCRIPTION COMMAND...: one result, without which the others mean nothing.
must()
{
	local name=$1
	shift

	"$@" || { ktap_test_fail "$name"; ktap_exit_fail_msg "$name"; }
	ktap_test_pass "$name"
}
