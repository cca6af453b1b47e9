#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# libvirt: node devices and domains, from the examples in Documentation/.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

examples=$dir/examples
id=$(sed -n "s|.*<uuid>\(.*\)</uuid>|\1|p" "$examples/mdev.xml")
node=mdev_${id//-/_}_ca00_00_00_0
capi=$mdevs/$id/capi

# What virsh says is of interest only when it should not.
virsh()
{
	command virsh -q "$@" >said 2>&1 && return
	sed 's/^/# virsh: /' said
	return 1
}

# What udev tells libvirt takes its time.
parents_are()
{
	virsh nodedev-list --cap mdev_types && [ "$(tr '\n' ' ' <said)" = "$1" ]
}

node_is_active()
{
	virsh nodedev-info "$node" && grep -q 'Persistent: *yes' said &&
		grep -q 'Autostart: *yes' said && grep -q 'Active: *yes' said
}

node_is_listed()
{
	virsh nodedev-list --cap mdev && grep -q "$node" said
}

attributes()
{
	cat "$capi/label" "$capi/irqs" "$capi/max_events" 2>/dev/null | tr '\n' ' '
}

test_node_devices()
{
	check "libvirtd answers" wait_until command virsh -q list
	check "nodedev-list has the parents" wait_until parents_are \
		"pci_ca00_00_00_0 pci_ca01_00_00_0 "
	virsh nodedev-dumpxml pci_ca00_00_00_0
	check "a parent has the type" grep -q "type id='capi_mdev-echo'" said

	check "nodedev-create" virsh nodedev-create "$examples/mdev.xml"
	expect "the attributes are written" "example 8 4096 " "$(attributes)"
	check "nodedev-list --cap mdev" wait_until node_is_listed
	check "nodedev-destroy" virsh nodedev-destroy "$node"
	check "what is destroyed is gone" [ ! -e "$mdevs/$id" ]
}

test_persistent_devices()
{
	check "nodedev-define" virsh nodedev-define "$examples/mdev.xml"
	check "what is defined does not run" [ ! -e "$mdevs/$id" ]
	check "nodedev-autostart" wait_until virsh nodedev-autostart "$node"
	check "nodedev-start" virsh nodedev-start "$node"
	expect "the attributes are written at start" "example 8 4096 " "$(attributes)"
	check "nodedev-info" wait_until node_is_active
}

# The example, with what the tests talk to the guest through.
make_domain()
{
	console="<serial type='file'><source path='$logs/$test-capi.console'"
	console="$console append='on'/></serial>"
	job="<serial type='pipe'><source path='$guests/capi.job'/>"
	job="$job<target port='1'/></serial>"
	virt=kvm libvirt_cpu=host-passthrough
	[ $accel = kvm ] || virt=qemu libvirt_cpu=maximum
	iommu="<iommu model='intel'><driver caching_mode='on'/></iommu>"
	sed -e "s|/var/lib/libvirt/images/|$guests/|" \
	    -e "s|<cmdline>.*<|<cmdline>$guest_parameters<|" \
	    -e "s|type='kvm'|type='$virt'|" \
	    -e "s|host-passthrough|$libvirt_cpu|" \
	    -e "s|<serial type='pty'/>|$console$job$iommu|" \
	    "$examples/domain.xml" >domain.xml
	guest_open capi
}

test_domain()
{
	make_domain
	must "a domain starts with the device" virsh create domain.xml
	must "its guest boots" guest_ready capi
	check "the guest has the device" devices_are capi 1
	(echo 9 >"$capi/irqs") 2>error
	check "attributes are frozen" grep -q "Device or resource busy" error
	guest_begin capi "/selftests/vf/vf_read 10000"
	must "a program reads events in the guest" guest_line capi ready
	posted=$(vf/post_events "$id" 10000)
	expect "10000 events are posted" 0 $?
	echo "# posted $posted"
	guest_end capi 300 >events
	expect "the guest reads 10000 events, none lost, none twice" 0 $?
	sed 's/^/# read /' events
	expect "of the kinds that were posted" "$posted" \
		"$(tail -n 1 events | cut -d ' ' -f 1-4)"
	check "destroy" virsh destroy capi
}

# The XML of a device
hostdev()
{
	sed -n "s|$id|$1|; /<hostdev/,\$p" "$examples/hostdev.xml"
}

# What a host promises of /dev/cxl, in a guest
test_suite()
{
	make_vfs capi
	{
		sed -e "s|>256<|>512<|" -e '/<hostdev/,$d' domain.xml
		hostdev "$echo"
		hostdev "$memcpy"
		echo "</devices></domain>"
	} >suite.xml
	must "a domain starts with two devices" virsh create suite.xml
	must "its guest boots as well" guest_ready capi
	guest_run capi "modprobe capi_guest && ls -1 /dev/cxl" >nodes
	expect "the driver brings two cards" \
		"afu0.0m afu0.0s afu1.0m afu1.0s " "$(tr '\n' ' ' <nodes)"
	guest_suite capi cxl_open cxl_start cxl_mmap cxl_events cxl_life \
		cxl_many cxl_recovery event_read event_wait event_fault \
		memcpy_afu memcpy_fault memcpy_process memcpy_load
	check "destroy that domain" virsh destroy capi
	echo 1 >"$mdevs/$echo/remove"
	echo 1 >"$mdevs/$memcpy/remove"
}

# What the host has of domains and devices
held()
{
	cat /sys/module/capi*/refcnt
	find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | wc -l
	find /dev/vfio | wc -l
	find "/proc/$(cat /run/libvirtd.pid)/fd" | wc -l
}

is_detached()
{
	virsh dumpxml capi && ! grep -q '<hostdev' said
}

cycle()
{
	virsh create domain.xml && guest_ready capi &&
		virsh detach-device capi "$examples/hostdev.xml" &&
		wait_until devices_are capi 0 && wait_until is_detached &&
		virsh attach-device capi "$examples/hostdev.xml" &&
		wait_until devices_are capi 1 &&
		virsh destroy capi
}

# held_at_most HELD: in no respect more than that
held_at_most()
{
	paste <(echo "$1") <(held) | awk '$2 > $1 { exit 1 }'
}

test_cycles()
{
	cycle
	# libvirt may be about to let go of its last client.
	before=$(held)
	for n in 1 2 3 4 5 6 7 8 9 10; do
		check "cycle $n: start, detach, attach, destroy" cycle
	done
	check "ten cycles leave nothing behind" wait_until held_at_most "$before"
}

test_end()
{
	check "nodedev-destroy of what is defined" virsh nodedev-destroy "$node"
	check "nodedev-undefine" virsh nodedev-undefine "$node"
	expect "nothing is defined at the end" "" "$(mdevctl list --defined)"
	expect "nothing is left" "" "$(ls "$mdevs")"
}

cleanup_libvirt()
{
	command virsh destroy capi
	command virsh nodedev-destroy "$node"
	command virsh nodedev-undefine "$node"
}
trap 'cleanup_libvirt >/dev/null 2>&1' EXIT

ktap_print_header
capi_load adapters=2 || exit
log_mark
test_node_devices
test_persistent_devices
test_domain
test_suite
test_cycles
test_end
check "nothing in the log" log_clean
check "nothing in the guests' logs" guests_are_clean
ktap_plan_at_end
ktap_finished
