#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# An mdev given to QEMU by hand, as an unprivileged user: a cold plug, a reboot,
# hot unplug and plug, removal and loss beneath it, and QEMU killed.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ports="-device pcie-root-port,id=port0,slot=1 -device pcie-root-port,id=port1,slot=2"

# The group's node is all that an unprivileged user needs.
give()
{
	chown nobody "/dev/vfio/$(basename "$(readlink "$mdevs/$1/iommu_group")")"
}

state_is()
{
	[ "$(cat "$mdevs/$1/capi/state")" = "$2" ]
}

plug()
{
	qmp a device_add "{\"driver\": \"vfio-pci\", \"id\": \"vf\", \"bus\": \"$1\",
		\"sysfsdev\": \"$mdevs/$2\"}" | tr -d '\n'
}

# traced EVENT COMMAND...: which of these events of KVM there were meanwhile
tracing=/sys/kernel/tracing
traced()
{
	local event=$tracing/events/kvm/$1
	shift

	echo >$tracing/trace
	echo 1 >"$event/enable"
	"$@" >said
	echo 0 >"$event/enable"
	cat $tracing/trace
}

# Whoever raises the interrupt does so through the kernel: the trace names it
# instead of QEMU.
test_irqfd()
{
	guest_begin a "/selftests/vf/vf_read 4"
	must "a program reads events" guest_line a ready
	traced kvm_msi_set_irq vf/post_events "$id" 4 >trace
	check "it has read them" guest_end a
	check "interrupts reach the guest by irqfd" grep -q '^ *post_events' trace
}

# The guest loads every byte of the part that it may map; where that traps, KVM
# traces each of them.
test_mapping()
{
	guest_run a "/selftests/vf/vf_mark put 90" >said
	traced kvm_mmio guest_run a "/selftests/vf/vf_mark check 90" >trace
	traps=$(grep -c kvm_mmio trace)
	check "registers trap" [ "$traps" -gt 0 ]
	check "the AFU's memory is mapped into the guest" [ "$traps" -lt 1000 ]
	expect "and has what was stored there" "check 0x5a" "$(cat said)"
}

test_cold_plug()
{
	id=$(uuid)
	mdev_create "$id"
	give "$id"
	# shellcheck disable=SC2086
	guest_boot a $ports -device "vfio-pci,sysfsdev=$mdevs/$id,bus=port0,id=vf" \
		-action reboot=reset
	qemu=$!
	must "a guest starts with the device" guest_ready a
	qmp a qmp_capabilities >/dev/null
	guest_run a "lspci -vvnn -d 1014:" >lspci
	check "lspci shows a PCI Express endpoint with MSI-X" eval \
		"grep -q 'Express.*Endpoint' lspci && grep -q 'MSI-X: Enable' lspci"
	check "lspci finds nothing odd" eval \
		"! grep -q -i -E 'unknown|virtual|unassigned|disabled\]|!!!' lspci"
	guest_tap a vf/vf_pci
	guest_tap a vf/vf_echo
	if [ $accel = kvm ]; then
		test_irqfd
		test_mapping
	else
		ktap_test_skip "no KVM: interrupts by irqfd, memory mapped"
	fi
}

test_reboot()
{
	guest_run a "/selftests/vf/vf_mark put 90" >said
	qmp a system_reset >said
	must "a guest reboots" guest_ready a
	check "a reboot resets the context" state_is "$id" opened
	guest_tap a vf/vf_echo
}

nothing_mapped()
{
	! grep -q capi "/proc/$qemu/maps"
}

test_hot_plug()
{
	guest_run a "/selftests/vf/vf_mark put 90" >said
	check "something is mapped" grep -q capi "/proc/$qemu/maps"
	qmp a device_del '{"id": "vf"}' >/dev/null
	check "hot unplug" qmp_event a DEVICE_DELETED
	check "the guest has lost it" devices_are a 0
	check "unplug leaves nothing mapped" wait_until nothing_mapped
	check "unplug closes the context" wait_until state_is "$id" closed
	expect "QEMU has said nothing up to here" "" "$(cat "$logs/$test-a.qemu")"
	expect "hot plug" "{}" "$(plug port1 "$id")"
	check "the guest finds it" wait_until devices_are a 1
	guest_tap a vf/vf_echo
}

# QEMU takes it for an error that the guest cannot survive.
test_link()
{
	local link

	link=/sys/kernel/debug/capi_sim/$(parents | head -n 1)/link
	echo 0 >"$link"
	check "the link down stops the guest" qmp_event a STOP
	check "QEMU says why" grep -q 'Unrecoverable error' "$logs/$test-a.qemu"
	echo 1 >"$link"
	qmp a system_reset >said
	qmp a cont >said
	must "the guest starts again" guest_ready a
	check "and has the device" devices_are a 1
}

# Its user lets go when the kernel asks.
test_remove()
{
	mdev_remove "$id"
	check "removing the mdev unplugs it" [ ! -e "$mdevs/$id" ]
	check "QEMU says so" qmp_event a DEVICE_DELETED
	check "the guest has lost that too" devices_are a 0
}

test_killed()
{
	id=$(uuid)
	mdev_create "$id"
	give "$id"
	expect "another one is plugged" "{}" "$(plug port0 "$id")"
	check "the guest finds the other" wait_until devices_are a 1
	guest_begin a "/selftests/vf/vf_flood 100"
	check "it works" wait_until state_is "$id" started
	kill -KILL $qemu
	wait $qemu 2>/dev/null
	check "QEMU killed leaves the context closed" state_is "$id" closed
	check "and the mdev can be removed" mdev_remove "$id"
}

# The adapter goes while a guest has its context.
test_drop()
{
	id=$(uuid)
	mdev_create "$id"
	give "$id"
	# shellcheck disable=SC2086
	guest_boot a $ports -device "vfio-pci,sysfsdev=$mdevs/$id,bus=port0,id=vf"
	qemu=$!
	must "another guest boots" guest_ready a
	qmp a qmp_capabilities >/dev/null
	guest_run a "/selftests/vf/vf_mark put 90" >said
	echo 1 >"/sys/kernel/debug/capi_sim/$(parents | head -n 1)/drop"
	check "dropping the adapter unplugs it" qmp_event a DEVICE_DELETED
	check "the guest lives" guest_run a true
	check "the adapter goes" wait_until [ ! -e "$mdevs/$id" ]
	qmp a quit >/dev/null
	wait $qemu
	expect "QEMU ends as usual" 0 $?
}

ktap_print_header
capi_load adapters=2 || exit
log_mark
as_user="setpriv --reuid=nobody --regid=nogroup --clear-groups"
test_cold_plug
test_reboot
test_hot_plug
test_link
test_remove
test_killed
test_drop
# Removing an mdev takes its group out of the container, and QEMU, which is about
# to do the same, complains: of any mdev's.
expect "QEMU says nothing else" "" "$(grep -v -E \
	'UNMAP_DMA failed|vfio_dma_unmap|error disconnecting group|Unrecoverable error' \
	"$logs/$test-a.qemu")"
check "nothing in the log" log_clean
check "nothing in the guests' logs" guests_are_clean
ktap_plan_at_end
ktap_finished
