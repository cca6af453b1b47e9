#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# /dev/cxl in a guest: the tests that run on a host run there, on two VFs that
# capi_guest drives, and then the VFs go in all ways there are.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

device()
{
	echo "-device vfio-pci,sysfsdev=$mdevs/$1,bus=$2,id=$3"
}

# With a disk to swap to, and no IOMMU: a VF needs none.
boot()
{
	guest_iommu=
	guest_memory=$((2 * guest_memory))
	truncate -s 256M $guests/swap
	# shellcheck disable=SC2046
	guest_boot a \
		-device pcie-root-port,id=port0,slot=1 \
		-device pcie-root-port,id=port1,slot=2 \
		-drive file=$guests/swap,if=virtio,format=raw,cache=unsafe \
		$(device "$echo" port0 echo) $(device "$memcpy" port1 memcpy) \
		-action reboot=reset
	qemu=$!
	must "a guest boots" guest_ready a
	qmp a qmp_capabilities >/dev/null
}

load_driver()
{
	guest_run a "modprobe capi_guest && ls -1 /dev/cxl" >nodes
}

state_is()
{
	[ "$(cat "$mdevs/$1/capi/state")" = "$2" ]
}

test_driver()
{
	check "the driver loads" load_driver
	expect "and brings a card for each VF" \
		"afu0.0m afu0.0s afu1.0m afu1.0s " "$(tr '\n' ' ' <nodes)"
	guest_run a "modprobe -a virtio_pci virtio_blk && mkswap /dev/vda && swapon /dev/vda" >said
	expect "the guest swaps" 0 $?
}

# test_events COUNT -d|-m: driver events alone, or among others
test_events()
{
	guest_begin a "/selftests/vf/vf_file $1"
	must "a program reads its file" guest_line a ready
	posted=$(vf/post_events "$2" "$echo" "$1")
	expect "$1 driver events are posted" 0 $?
	echo "# posted $posted"
	guest_end a 300 >events
	expect "the guest reads $1 driver events, none lost, none twice" \
		"0 driver=$1" "$? $(tail -n 1 events | cut -d ' ' -f 1)"
	sed 's/^/# read /' events
}

# Each kind of the others was read, as one or as several.
other_events_came()
{
	[ "$(tail -n 1 events | tr ' ' '\n' | grep -c '=[1-9]')" = 4 ]
}

# A kernel driver that is there first: it is for the AFU, not for the VF.
test_kernel_driver()
{
	guest_run a "rmmod capi_guest && modprobe capi_memcpy_sample && \
		modprobe capi_guest && cd /sys/kernel/debug/capi_memcpy-* && \
		echo hello >copy && cat copy interrupts" >said
	expect "a kernel driver's AFU copies and raises an interrupt" \
		"0 hello 1 " "$? $(tr '\n' ' ' <said)"
	guest_run a "rmmod capi_memcpy_sample" >said
	expect "it can go" 0 $?
}

test_cost()
{
	guest_run a "/selftests/vf/vf_exit 2000" >said
	expect "a load from BAR0 can be measured" 0 $?
	sed 's/^/# one exit: /' said
	guest_run a "cd /sys/kernel/debug/capi_guest; grep . */*" >said
	sed 's/^/# /' said
}

# lose VF HOW COMMAND...: a program in the guest uses it, and loses it.
lose()
{
	local vf=$1 how=$2
	shift 2

	guest_begin a "/selftests/vf/vf_lost $vf"
	must "a program uses the $vf AFU" guest_line a ready
	"$@" >said
	guest_end a >lost
	expect "it finds the $vf AFU $how" "0 lost as it must be" \
		"$? $(tail -n 1 lost)"
}

unplug()
{
	qmp a device_del "{\"id\": \"$1\"}"
}

# plugged ID UUID PORT: QEMU takes it back once it has let go of it.
plugged()
{
	[ "$(qmp a device_add "{\"driver\": \"vfio-pci\", \"id\": \"$1\",
		\"bus\": \"$3\", \"sysfsdev\": \"$mdevs/$2\"}")" = "{}" ]
}

nodes_are()
{
	[ "$(guest_run a "ls -1 /dev/cxl 2>/dev/null" | wc -l)" = "$1" ]
}

test_unplug()
{
	lose memcpy unplugged unplug memcpy
	check "hot unplug" qmp_event a DEVICE_DELETED
	check "unplug closes the context" wait_until state_is "$memcpy" closed
	check "its nodes are gone" nodes_are 2
	check "hot plug" wait_until plugged memcpy "$memcpy" port1
	check "and its nodes are back" wait_until nodes_are 4
	lose echo unplugged unplug echo
	check "hot unplug of the other" qmp_event a DEVICE_DELETED
	check "hot plug of the other" wait_until plugged echo "$echo" port0
	check "and all nodes are back" wait_until nodes_are 4
	guest_run a "rmmod capi_guest && modprobe capi_guest" >said
	expect "the driver goes and comes" 0 $?
}

# Where the guest's kernel can tell
test_leaks()
{
	guest_run a "/leaks leaks" >said
	sed 's/^/# /' said
	check "nothing has leaked in the guest" eval "! grep -q '^not ok' said"
}

# The kernel dies while the AFU works in its memory.
test_panic()
{
	check "nothing in the guest's log so far" guests_are_clean
	guest_begin a "/selftests/vf/vf_lost memcpy | \
		{ read -r _; echo c >/proc/sysrq-trigger; }"
	must "a guest panics, and boots again" guest_ready a
	check "a panic is what it was" \
		grep -q "sysrq triggered crash" "$logs/$test-a.console"
	: >"$logs/$test-a.console"
	check "nothing of its work is left" state_is "$memcpy" opened
	check "the driver loads again" load_driver
	guest_tap a memcpy_load
}

# The adapter goes while a guest works with it, and QEMU unplugs the VF.
test_drop()
{
	lose memcpy dropped host_does a 4350 drop
	check "the VF is unplugged" qmp_event a DEVICE_DELETED
	check "the adapter goes" wait_until [ ! -e "$mdevs/$memcpy" ]
	lose echo dropped host_does a 4563 drop
	check "so does the other" wait_until [ ! -e "$mdevs/$echo" ]
	check "the guest has no card any more" wait_until nodes_are 0
	guest_run a "rmmod capi_guest && rmmod capi" >said
	expect "and its driver can go" 0 $?
	qmp a quit >/dev/null
	wait $qemu
	expect "QEMU ends as usual" 0 $?
}

ktap_print_header
capi_load adapters=2 || exit
log_mark
make_vfs a
boot
test_driver
guest_suite a memcpy_mirror memcpy_clean memcpy_stack guest_memory guest_life \
	fail_nth_guest fail_nth_modules fail_nth_sites late_driver.sh
test_events $((10000 / slow)) -d
test_events 500 -m
check "events of all kinds came" other_events_came
test_kernel_driver
test_cost
test_unplug
test_leaks
test_panic
test_drop
check "nothing in the log" log_clean
check "nothing in the guests' logs" guests_are_clean
ktap_plan_at_end
ktap_finished
