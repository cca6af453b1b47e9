#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A driver that is bound to an AFU by hand while the adapter goes. On a real
# machine: make CAPI_TEST=m && make CAPI_TEST=m install. In a guest it is the VF
# that loses its driver.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

module=/sys/module/capi_late_test/parameters
driver=/sys/bus/pci/drivers/capi_late_test
guest=/sys/bus/pci/drivers/capi_guest

load()
{
	if grep -q vm=guest /proc/cmdline; then
		rmmod capi_guest 2>/dev/null
		modprobe capi_guest
	else
		capi_load afus=echo:4
	fi
}

bound()
{
	# shellcheck disable=SC2010
	ls "$driver" | grep :
}

# What the AFU belongs to: the VF in a guest, the adapter on a host
owner()
{
	card=$(readlink -f "/sys/class/cxl/$(basename "$1")/device/device")
	basename "$card"
}

# take_away OWNER: it goes by and by.
take_away()
{
	if [ -e "$guest" ]; then
		echo "$1" >$guest/unbind &
	else
		echo 1 >"/sys/kernel/debug/capi_sim/$1/drop"
	fi
}

reads()
{
	[ "$(cat $module/reading)" = 1 ]
}

handles()
{
	[ "$(cat $module/handling)" = Y ]
}

# nodes_are NUMBER
nodes_are()
{
	# shellcheck disable=SC2012
	[ "$(ls /dev/cxl | wc -l)" -eq "$1" ]
}

# Who pulls an adapter does not wait for a driver that handles an error.
test_slow_handler()
{
	if [ -e "$guest" ]; then
		ktap_test_skip "nobody has the link of a VF in hand"
		return
	fi
	load
	modprobe capi_late_test slow=1
	function=$(bound)
	afu=$(echo /sys/class/cxl/afu*.0)
	owner=$(owner "$afu")
	echo 0 >"/sys/kernel/debug/capi_sim/$owner/link" &
	wait_until handles
	take_away "$owner" &
	check "an adapter goes while a driver handles an error" \
		wait_until [ ! -e "$afu" ]
	echo 0 >$module/slow
	wait
	wait_until [ ! -e "/sys/bus/pci/devices/$function" ]
	rmmod capi_late_test
	capi_unload
}

ktap_print_header
if ! modinfo capi_late_test >/dev/null 2>&1; then
	ktap_skip_all "the module capi_late_test is not installed"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 7

load
# shellcheck disable=SC2012
nodes=$(ls /dev/cxl | wc -l)
log_mark
modprobe capi_late_test
function=$(bound)
file=$(echo /sys/kernel/debug/capi/afu*/*/held)
owner=$(owner "${file%/*/held}")
cat "$file" 2>/dev/null &
reader=$!
check "a file in a context is read" wait_until reads
take_away "$owner"
check "the adapter goes, and its driver" wait_until [ ! -e "$driver/$function" ]
echo "# binding it again: $(write_error $driver/bind "$function")"
kill -KILL $reader
wait $reader 2>/dev/null
check "the AFU's function goes" wait_until [ ! -e "/sys/bus/pci/devices/$function" ]
expect "no AFU is gone before its driver is" 0 "$(cat $module/early)"
expect "one line says what the driver left" "a driver has left contexts behind" \
	"$(log_dirty | sed 's/.*: //')"
rmmod capi_late_test
if [ -e "$guest" ]; then
	check "the VF can be used again" \
		eval "echo $owner >$guest/bind && wait_until nodes_are $nodes"
else
	check "all unloads" capi_unload
fi
test_slow_handler
ktap_finished
