#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The main job, step by step, in the guest of "make run": an accelerator's
# context becomes a mediated device, and a VFIO program gets its events.

# busybox has pipefail
# shellcheck disable=SC3040
set -eu -o pipefail

device=/sys/bus/pci/devices/ca00:00:00.0
uuid=0ca00000-0000-4000-8000-000000000001
mdev=/sys/bus/mdev/devices/$uuid
seen=/tmp/seen

step()
{
	echo
	printf '# %s\n' "$@"
}

fail()
{
	printf '\nFAILED: %s\n' "$*"
	exit 1
}

# run COMMAND: show it and what it prints, which is kept for expect.
run()
{
	printf '$ %s\n' "$1"
	sh -c "$1" 2>&1 | tee $seen || fail "$1"
}

refused()
{
	printf '$ %s\n' "$1"
	! sh -c "$1" >$seen 2>&1 || fail "this should have been refused"
	cat $seen
}

# expect COUNT PATTERN: that many lines of what the last command printed.
expect()
{
	[ "$(grep -c -e "$2" $seen)" -eq "$1" ] || fail "expected $1 times: $2"
}

step "Load the software adapter. A CAPI card appears, a PCI function like any" \
     "other: IBM's vendor number, in a PCI domain of its own."
run "modprobe capi_sim"
run "cat $device/vendor $device/device"
expect 1 0x1014
expect 1 0x0477

step "Load the mdev driver. It binds to the card and offers contexts of its" \
     "accelerators (AFUs) as mediated devices, one type per kind of AFU."
run "modprobe capi_mdev"
cd $device/mdev_supported_types/capi_mdev-echo ||
	fail "the card offers no type capi_mdev-echo"
run "cd $PWD; grep . name description device_api available_instances"
expect 1 device_api:vfio-pci
free=$(cat available_instances)

step "Take one context: an mdev with a UUID of our choice. One fewer is free."
run "echo $uuid > create"
run "cat available_instances"
expect 1 "^$((free - 1))\$"

step "A UUID names one device only: taking it again is refused."
refused "echo $uuid > create"
expect 1 "File exists"

step "Open the mdev through VFIO and put the AFU to work: its driver in the" \
     "kernel posts an event every 0.2 s, and the program's poll and read get it."
run "capi-events --via fd --emit 5 --period 200000 --count 5 $uuid"
expect 5 driver

step "Now as a VM would: an interrupt says that there is an event, registers" \
     "show it. Besides driver events come an AFU interrupt and a page fault."
run "capi-events --via irq --json --emit 2 --interrupt 1 --fault 0xdead000 --count 4 $uuid"
expect 2 '"driver"'
expect 1 '"interrupt"'
expect 1 '"fault"'

step "The device kept count: each event raised reached the program once."
run "cd $mdev/capi; grep . events_*"
expect 1 '^events_raised:9$'
expect 1 '^events_delivered:9$'

step "Give the context back, and unload everything."
run "echo 1 > $mdev/remove"
[ "$(cat available_instances)" -eq "$free" ] || fail "the context did not come back"
cd /
run "rmmod capi_mdev capi_sim capi"
[ ! -e $device ] || fail "the card is still there"

printf '\nDone on Linux %s: a context became an mdev, 9 events were raised in the\n' "$(uname -r)"
printf 'kernel and 9 read through VFIO, and all was given back.\n'
