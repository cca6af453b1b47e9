#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What processes and consumers do, be it wrong, leaves not one line of ours in the
# log: the programs that do it all are run, and what is left is what an administrator
# does: devices come and go, and a link.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

programs="cxl_open cxl_start cxl_mmap cxl_events memcpy_fault event_fault vfio_irq
	vfio_bar vfio_control vfio_memcpy_fault vfio_translate_hostile"
administrator="(Adding to|Removing from) iommu group|MDEV: (Unr|R)egister|link (down|up)$"

# What the kernel finds wrong, our functions among it or not, is for others.
says_nothing()
{
	log_mark
	"$dir/$1" >/dev/null 2>&1
	dmesg | grep -q "$mark" || return
	! dmesg | sed "1,/$mark/d" | grep -E "^\[ *[0-9.]+\] (capi|cxl (card|afu)[0-9])" |
		grep -v -E "$administrator" | sed 's/^/# /' | grep .
}

ktap_print_header
capi_load || exit
# shellcheck disable=SC2086
ktap_set_plan "$(echo $programs | wc -w)"
for program in $programs; do
	check "$program" says_nothing "$program"
done
ktap_finished
