#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests for which it matters how the device is opened and memory is mapped,
# with VFIO's character devices and iommufd in place of group and container.

. "$(dirname "$0")/lib.sh"

programs="vfio_config vfio_irq vfio_control vfio_memcpy vfio_memcpy_fault
	vfio_translate vfio_translate_hostile event_life teardown next_user limits
	race_dma race_mdev race_drop race_device"

ktap_print_header
modprobe -q iommufd
if [ ! -e /dev/iommu ]; then
	ktap_skip_all "the kernel has no iommufd"
	exit "$KSFT_SKIP"
fi

# Each result of a program is one of ours, and one that gave too few fails.
export CAPI_VFIO=cdev
output=$(mktemp)
for program in $programs; do
	"$dir/$program" >"$output" 2>&1
	planned=$(sed -n 's/^1\.\.//p' "$output")
	given=0
	while IFS= read -r line; do
		case $line in
		ok\ *SKIP*) given=$((given + 1)); ktap_test_skip "$program: ${line#ok * }" ;;
		ok\ *) given=$((given + 1)); ktap_test_pass "$program: ${line#ok * }" ;;
		not\ ok\ *) given=$((given + 1)); ktap_test_fail "$program: ${line#not ok * }" ;;
		*) echo "# $line" ;;
		esac
	done <"$output"
	expect "$program gave all its results" "${planned:-some}" "$given"
done
rm "$output"
echo "1..$((KTAP_TESTNO - 1))"
[ "$KTAP_CNT_FAIL" -eq 0 ]
