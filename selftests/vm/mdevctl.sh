#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mdevctl: what is defined, with its attributes, starts and comes back.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

id=$(uuid)
type=capi_mdev-echo
capi=$mdevs/$id/capi

attributes()
{
	cat "$capi/label" "$capi/irqs" "$capi/max_events" 2>/dev/null | tr '\n' ' '
}

test_types()
{
	mdevctl types --dumpjson >types.json
	expect "types has every parent" "$(parents | sort)" \
		"$(jq -r '.[] | keys[]' types.json | sort)"
	expect "types has the type" "vfio-pci $(free_instances "$parent")" \
		"$(jq -r --arg parent "$parent" ".[][\$parent][]?.\"$type\" | values |
			.device_api + \" \" + (.available_instances | tostring)" types.json)"
}

attributes_are()
{
	[ "$(attributes)" = "$1" ]
}

start_fails()
{
	! mdevctl start -u "$id" 2>error
}

define_with()
{
	mdevctl define -u "$id" -p "$parent" -t $type || return
	while [ $# -gt 0 ]; do
		mdevctl modify -u "$id" --addattr="capi/$1" --value="$2" || return
		shift 2
	done
}

test_define()
{
	check "define, with attributes" define_with label accelerator \
		irqs 16 max_events 5 max_events 7
	check "what is defined does not run" [ ! -e "$mdevs/$id" ]
	expect "list --defined" "$id $parent $type manual" \
		"$(mdevctl list --defined -u "$id" | sed 's/ *$//')"
	check "start" mdevctl start -u "$id"
	expect "attributes are written in order" "accelerator 16 7 " "$(attributes)"
	expect "list" "$id $parent $type manual (defined)" \
		"$(mdevctl list -u "$id" | sed 's/ *$//')"
	check "stop" mdevctl stop -u "$id"
	check "what is stopped is gone" [ ! -e "$mdevs/$id" ]
}

test_bad_attributes()
{
	mdevctl undefine -u "$id"
	log_mark
	for bad in "irqs 0" "irqs 100000" "irqs many" "max_events -1" \
		   "label $(printf %064d 0)"; do
		# shellcheck disable=SC2086
		define_with $bad
		check "start fails with $bad" start_fails
		check "and says why: $(cat error)" grep -q "${bad%% *}" error
		check "and leaves nothing" [ ! -e "$mdevs/$id" ]
		mdevctl undefine -u "$id"
	done
	check "bad attributes leave no trace in the log" log_clean
}

test_auto()
{
	define_with label accelerator irqs 16 max_events 7
	mdevctl modify -u "$id" --auto
	check "start what is to start by itself" mdevctl start -u "$id"
	log_mark
	driver=$bus/$parent/driver
	folder=$(readlink -f "$driver")
	echo "$parent" >"$folder/unbind"
	check "unbinding removes the device" [ ! -e "$mdevs/$id" ]
	echo "$parent" >"$folder/bind"
	check "binding brings the device back" wait_until [ -e "$capi/max_events" ]
	check "with its attributes" wait_until attributes_are "accelerator 16 7 "

	check "the modules are loaded again" capi_load adapters=2
	check "so does loading the modules" \
		wait_until attributes_are "accelerator 16 7 "
	check "coming back leaves no trace in the log" log_clean
	mdevctl stop -u "$id"
	mdevctl undefine -u "$id"
	expect "nothing is defined at the end" "" "$(mdevctl list --defined -u "$id")"
}

ktap_print_header
capi_load adapters=2 || exit
ktap_set_plan 34
parent=$(parents | head -n 1)
test_types
test_define
test_bad_attributes
test_auto
ktap_finished
