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
guest_parameters="console=ttyS0 quiet mitigations=off panic=-1 oops=panic pci=noearly vm=guest"

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

# guest_boot NAME [QEMU-ARGUMENT]...: $! is QEMU. Programs in the guest get their
# interrupts through VFIO, which needs an IOMMU there.
guest_boot()
{
	local name=$1 console=$logs/$test-$1.console
	shift

	guest_open "$name"
	touch "$console"
	chmod 666 "$console"
	$as_user qemu-system-x86_64 -accel $accel -cpu $cpu -machine q35 -m 256 \
		-nodefaults -display none -no-reboot -device intel-iommu,caching-mode=on \
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

	while IFS= read -r -t 120 line <&"${job_out[$1]}"; do
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

# guest_end NAME [SECONDS]: print what it prints, return what it returns.
guest_end()
{
	local line

	while IFS= read -r -t "${2:-120}" line <&"${job_out[$1]}"; do
		line=${line%$'\r'}
		case $line in
		"~exit "*) return "${line#* }" ;;
		esac
		printf '%s\n' "$line"
	done
	echo "guest $1 does not answer"
	return 125
}

# guest_run NAME COMMAND [SECONDS]
guest_run()
{
	guest_begin "$1" "$2"
	guest_end "$1" "${3:-120}"
}

# qmp NAME COMMAND [ARGUMENTS-AS-JSON]: print what it returns. What happens
# meanwhile is kept for qmp_event.
qmp()
{
	local line

	printf '{"execute": "%s", "arguments": %s}\n' "$2" "${3:-{\}}" >&"${qmp_in[$1]}"
	while IFS= read -r -t 60 line <&"${qmp_out[$1]}"; do
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
		IFS= read -r -t "${3:-60}" line <&"${qmp_out[$1]}" || return
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
	local line rest status planned=-1 given=0 output

	output=$(guest_end "$1" "${3:-120}")
	status=$?
	while IFS= read -r line; do
		rest=${line#*ok }
		case $line in
		1..*) planned=${line#1..} ;;
		"ok "*"# SKIP"*) ktap_test_skip "$2:${rest#* }"; given=$((given + 1)) ;;
		"ok "*) ktap_test_pass "$2:${rest#* }"; given=$((given + 1)) ;;
		"not ok "*) ktap_test_fail "$2:${rest#* }"; given=$((given + 1)) ;;
		*) echo "# $line" ;;
		esac
	done <<<"$output"
	expect "$2 ran to its end" "0 $planned" "$status $given"
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
	local line

	while IFS= read -r -t 60 line <&"${job_out[$1]}"; do
		line=${line%$'\r'}
		[ "$line" != "$2" ] || return 0
		echo "# $line"
		case $line in "~exit "*) break ;; esac
	done
	return 1
}

# The plan, when results of guests are among ours: as many as there were. A test
# that ends before this has no plan, and fails for it.
ktap_plan_at_end()
{
	ktap_set_plan $((KTAP_CNT_PASS + KTAP_CNT_FAIL + KTAP_CNT_SKIP))
}

# Nor do the guests' kernels have anything worse than a warning to say. Warnings
# are not on their consoles: an emulated CPU gets one at every boot.
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
