#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /sys/class/cxl as Documentation/ABI/testing/sysfs-class-cxl describes it: what is
# where, what can be written, and the nodes of /dev/cxl that come with a mode.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

class=/sys/class/cxl
invalid="Invalid argument"
busy="Device or resource busy"

# Structure

# links_to NAME FOLDER: it is there, and links to its parent.
links_to()
{
	expect "$1 is in its parent's folder" "$2/$1" "$(readlink -f $class/"$1")"
	expect "$1's device is its parent" "${2%/cxl}" \
		"$(readlink -f $class/"$1"/device)"
}

node_number()
{
	stat -c '%t:%T' "/dev/cxl/$1" | {
		IFS=: read -r major minor
		echo $((0x$major)):$((0x$minor))
	}
}

test_structure()
{
	function=$(readlink -f "/sys/bus/pci/devices/$(parents)")
	links_to card0 "$function/cxl"
	links_to afu0.0 "$function/cxl/card0"
	for node in afu0.0m afu0.0s; do
		links_to $node "$function/cxl/card0/afu0.0"
		expect "/dev/cxl/$node is that of sysfs" \
			"$(cat $class/$node/dev)" "$(node_number $node)"
	done
}

# Values

# attributes FOLDER: names and permissions, but the driver core's own
attributes()
{
	find "$class/$1/" -maxdepth 1 -type f ! -name uevent ! -name dev |
		sort | while read -r file; do
			stat -c "${file##*/}:%a" "$file"
		done | tr '\n' ' '
}

# shows FOLDER NAME VALUE
shows()
{
	expect "$1/$2" "$3" "$(cat "$class/$1/$2")"
}

# ends_lines FOLDER: every attribute that can be read ends with a newline.
ends_lines()
{
	# Not by tail alone, which would go by the size that sysfs files claim.
	# shellcheck disable=SC2002
	bad=$(for file in "$class/$1"/[!ru]*; do
		[ ! -f "$file" ] || [ "$(cat "$file" | tail -c 1 | wc -l)" = 1 ] ||
			echo "$file"
	done)
	expect "every attribute of $1 ends with a newline" "" "$bad"
}

test_card()
{
	expect "attributes of the card" "base_image:444 caia_version:444 \
image_loaded:444 load_image_on_perst:644 perst_reloads_same_image:644 \
psl_revision:444 psl_timebase_synced:444 reset:200 tunneled_ops_supported:444 " \
		"$(attributes card0)"
	ends_lines card0
	shows card0 caia_version 1.0
	shows card0 psl_revision 1
	shows card0 base_image 1
	shows card0 image_loaded user
	shows card0 load_image_on_perst user
	shows card0 perst_reloads_same_image 0
	shows card0 psl_timebase_synced 1
	shows card0 tunneled_ops_supported 0
}

test_afu()
{
	expect "attributes of the AFU" "api_version:444 \
api_version_compatible:444 irqs_max:644 irqs_min:444 mmio_size:444 mode:644 \
modes_supported:444 prefault_mode:644 reset:200 " "$(attributes afu0.0)"
	ends_lines afu0.0
	shows afu0.0 api_version 3
	shows afu0.0 api_version_compatible 1
	shows afu0.0 irqs_min 4
	shows afu0.0 irqs_max 32
	shows afu0.0 mmio_size 8192
	shows afu0.0 modes_supported "$(printf 'dedicated_process\nafu_directed')"
	shows afu0.0 mode afu_directed
	shows afu0.0 prefault_mode none
	expect "attributes of the master node" \
		"mmio_size:444 pp_mmio_len:444 pp_mmio_off:444 " \
		"$(attributes afu0.0m)"
	ends_lines afu0.0m
	shows afu0.0m pp_mmio_len 8192
	expect "attributes of the slave node" "" "$(attributes afu0.0s)"
}

test_config()
{
	config=$class/afu0.0/cr0/config
	pci=$(dirname "$function")/$(basename "$function" 00.0)01.0
	expect "attributes of the configuration record" \
		"class:444 config:400 device:444 vendor:444 " \
		"$(attributes afu0.0/cr0)"
	for name in vendor device class; do
		shows afu0.0/cr0 $name "$(cat "$pci/$name")"
	done
	expect "the configuration record has a size" 256 "$(stat -c %s $config)"
	check "it is that of the AFU's function" cmp -s $config "$pci/config"
	expect "it can be read from anywhere" "$(od -An -tx1 -j 9 -N 3 "$pci/config")" \
		"$(dd if=$config bs=1 skip=9 count=3 2>/dev/null | od -An -tx1)"

	echo 0 >"$link"
	expect "it is all ones while the link is down" "ff" \
		"$(od -v -An -tx1 $config | tr -s ' ' '\n' | grep . | sort -u)"
	shows afu0.0/cr0 device "$(cat "$pci/device")"
	echo 1 >"$link"
}

# What can be written

# takes FOLDER NAME VALUE [SHOWN]
takes()
{
	error=$(write_error "$class/$1/$2" "$3")
	expect "$2 takes '$3'" "none, ${4-$3}" "$error, $(cat "$class/$1/$2")"
}

# refuses FOLDER NAME VALUE [ERROR]: and stays as it is
refuses()
{
	shown=$(cat "$class/$1/$2")
	error=$(write_error "$class/$1/$2" "$3")
	expect "$2 refuses '$3'" "${4:-$invalid}, $shown" \
		"$error, $(cat "$class/$1/$2")"
}

test_numbers()
{
	takes afu0.0 irqs_max 4
	takes afu0.0 irqs_max 0x1f 31
	takes afu0.0 irqs_max 017 15
	takes afu0.0 irqs_max " 5" 5
	printf 32 >$class/afu0.0/irqs_max
	shows afu0.0 irqs_max 32
	for bad in 3 33 0 -1 4294967300 99999999999999999999 5x x ""; do
		refuses afu0.0 irqs_max "$bad"
	done

	takes card0 perst_reloads_same_image 1
	takes card0 perst_reloads_same_image 0x0 0
	for bad in 2 -1 yes ""; do
		refuses card0 perst_reloads_same_image "$bad"
	done
}

test_words()
{
	for word in none factory user; do
		takes card0 load_image_on_perst $word
	done
	for word in work_element_descriptor all none; do
		takes afu0.0 prefault_mode $word
	done
	printf factory >$class/card0/load_image_on_perst
	shows card0 load_image_on_perst factory
	echo user >$class/card0/load_image_on_perst
	for bad in "" x nonesuch User 1; do
		refuses card0 load_image_on_perst "$bad"
		refuses afu0.0 prefault_mode "$bad"
		refuses afu0.0 mode "$bad"
	done
}

test_irqs_max_is_a_limit()
{
	mdev_create "$id"
	echo 16 >$class/afu0.0/irqs_max
	expect "a context has up to irqs_max interrupts" none \
		"$(write_error "$mdevs/$id/capi/irqs" 16)"
	expect "and not more" "$invalid" \
		"$(write_error "$mdevs/$id/capi/irqs" 17)"
	echo 32 >$class/afu0.0/irqs_max
	mdev_remove "$id"
}

# Modes, and the nodes of each

nodes()
{
	find /dev/cxl -type c 2>/dev/null | sed 's,.*/,,' | sort | tr '\n' ' '
}

test_modes()
{
	expect "nodes of an AFU in directed mode" "afu0.0m afu0.0s " "$(nodes)"
	expect "contexts in directed mode" 8 "$(free_instances)"
	takes afu0.0 mode dedicated_process
	expect "a dedicated process has one node" "afu0.0d " "$(nodes)"
	expect "and is one" 1 "$(free_instances)"
	expect "its attributes are the AFU's" "" "$(attributes afu0.0d)"
	check "sysfs has the same nodes" [ -e $class/afu0.0d ]
	check "and no others" [ ! -e $class/afu0.0m ]

	takes afu0.0 mode none
	expect "without a mode there is no node" "" "$(nodes)"
	expect "and no context" 0 "$(free_instances)"
	mdev_create "$id"
	check "nor an mdev" [ ! -e "$mdevs/$id" ]

	takes afu0.0 mode afu_directed
	expect "and back" "afu0.0m afu0.0s " "$(nodes)"
	takes afu0.0 mode afu_directed
}

# While contexts exist

# reset FOLDER VALUE ERROR
reset()
{
	expect "reset of $1 by '$2': $3" "$3" \
		"$(write_error "$class/$1/reset" "$2")"
}

has_contexts()
{
	refuses afu0.0 mode none "$busy"
	refuses afu0.0 mode afu_directed "$busy"
	refuses afu0.0 mode nonesuch
	reset afu0.0 1 "$busy"
	expect "$1 keeps its node" "afu0.0m afu0.0s " "$(nodes)"
}

test_contexts()
{
	reset afu0.0 1 none
	reset afu0.0 0 none
	mdev_create "$id"
	has_contexts "an mdev"
	mdev_remove "$id"
	reset afu0.0 1 none

	for node in s m; do
		exec 9</dev/cxl/afu0.0$node
		has_contexts "an open file"
		exec 9<&-
		reset afu0.0 1 none
	done

	echo 0 >"$link"
	reset afu0.0 1 "Input/output error"
	echo 1 >"$link"
}

state_is()
{
	[ "$(cat "$mdevs/$id/capi/state")" = "$1" ]
}

test_card_reset()
{
	for bad in 0 2 -2 x "" 1x; do
		reset card0 "$bad" "$invalid"
	done
	reset card0 1 none

	mdev_create "$id"
	reset card0 1 none
	capi-events "$id" >/dev/null 2>&1 &
	user=$!
	wait_until state_is started
	reset card0 1 "$busy"
	check "a reset that is refused leaves contexts alone" state_is started
	reset card0 -1 none
	check "one that is forced stops them" state_is closed
	kill $user 2>/dev/null
	wait $user
	mdev_remove "$id"

	echo 1 >$class/card0/perst_reloads_same_image
	reset card0 1 "$invalid"
	echo 0 >$class/card0/perst_reloads_same_image
	echo 0 >"$link"
	reset card0 1 "Input/output error"
	echo 1 >"$link"
	reset card0 0x1 none
}

# Removal

read_all()
{
	while [ -e $class/card0 ]; do
		cat $class/card0/[!r]* $class/afu0.0/[!r]* \
			$class/afu0.0/cr0/* $class/afu0.0m/*
	done >/dev/null 2>&1
}

# Not with the shell's >: a file that has just gone is not to be made.
write_all()
{
	while [ -e $class/card0 ]; do
		for mode in none dedicated_process afu_directed; do
			echo $mode | dd of=$class/afu0.0/mode conv=notrunc
			echo 8 | dd of=$class/afu0.0/irqs_max conv=notrunc
			echo 1 | dd of=$class/afu0.0/reset conv=notrunc
			echo -1 | dd of=$class/card0/reset conv=notrunc
		done
	done >/dev/null 2>&1
}

irqs_max_is()
{
	[ "$(cat $class/afu0.0/irqs_max)" = "$1" ]
}

test_removal()
{
	readers=
	for worker in read_all write_all read_all write_all; do
		$worker &
		readers="$readers $!"
	done
	# One that holds what goes away
	exec 9<$class/afu0.0/mmio_size
	wait_until irqs_max_is 8
	echo 1 >"${link%link}drop"
	check "the card goes while its attributes are used" [ ! -e $class/card0 ]
	# shellcheck disable=SC2086
	wait $readers
	expect "an attribute that has gone says so" "No such device" \
		"$(cat 2>&1 <&9 | sed 's/.*: //')"
	exec 9<&-
	expect "AFU and nodes go with the card" "" "$(find $class -type l)$(nodes)"
}

# set_modes AFU: its nodes come and go.
set_modes()
{
	for _ in $(seq 30); do
		for mode in none afu_directed; do
			echo "$mode" >"$class/$1/mode" || return
		done
	done
}

# Two AFUs take device numbers and give them back.
test_modes_at_once()
{
	set_modes afu0.0 &
	other=$!
	check "the mode of an AFU can be set" set_modes afu0.1
	check "while that of another is" wait $other
}

# An mdev gets its context from the other one.
test_mode_of_one()
{
	takes afu0.0 mode none
	expect "of two AFUs of a kind, one is in a mode" 1 "$(free_instances)"
	id=$(uuid)
	mdev_create "$id"
	expect "an mdev is that one's" afu0.1 "$(cat "$mdevs/$id/capi/afu")"
	mdev_remove "$id"
	takes afu0.1 mode none
	expect "without a mode there is no context" "No space left on device" \
		"$(create_error "$id")"
	takes afu0.0 mode afu_directed
	takes afu0.1 mode afu_directed
}

# An AFU with an error buffer, and with registers for a master. The page is 4096.
test_area()
{
	buffer=$class/afu0.0/afu_err_buff
	shows afu0.0/cr0 device 0x4350
	shows afu0.0 irqs_max 2037
	shows afu0.0 mmio_size 4096
	shows afu0.0m mmio_size $((16384 + 4 * 4096))
	shows afu0.0m pp_mmio_off 16384
	shows afu0.0m pp_mmio_len 4096
	expect "the error buffer has a size, and everybody may read it" 128:444 \
		"$(stat -c %s:%a $buffer)"
	expect "as much can be read" 128 "$(wc -c <$buffer)"
	expect "or a part of it" 8 "$(dd if=$buffer bs=1 skip=120 2>/dev/null | wc -c)"
	expect "without an error there is nothing in it" 00 \
		"$(od -v -An -tx1 $buffer | tr -s ' ' '\n' | grep . | sort -u)"
	link=$(echo /sys/kernel/debug/capi_sim/*/link)
	echo 0 >"$link"
	expect "the link is down" 0 "$(cat "$link")"
	expect "it is all ones while the link is down" ff \
		"$(od -v -An -tx1 $buffer | tr -s ' ' '\n' | grep . | sort -u)"
	echo 1 >"$link"
}

# refused PARAMETER: why the software adapters cannot be so, and what the log says
# of it. There are programs for loading modules that try everything twice.
refused()
{
	log_mark
	error=$(modprobe capi_sim "$1" 2>&1) || echo "${error##*: }:" \
		"$(dmesg | sed -n "/$mark/,\$s/.*capi_sim: \(.*cannot be\):.*/\1/p" | uniq)"
}

test_parameters()
{
	capi_unload
	for afus in "" echo echo:0 echo:999 other:8 "echo:8," \
		    echo:1,echo:1,echo:1,echo:1,echo:1,echo:1,echo:1,echo:1,echo:1; do
		expect "a card with '$afus' cannot be" \
			"Invalid argument: adapters=1 afus=$afus cannot be" \
			"$(refused "afus=$afus")"
	done
	for adapters in 0 17; do
		expect "$adapters cards cannot be" \
			"Invalid argument: adapters=$adapters afus=echo:8,memcpy:511 cannot be" \
			"$(refused "adapters=$adapters")"
	done
	check "and nothing is left of it" capi_load adapters=16 afus=echo:1
	expect "16 can be" 16 "$(find /sys/class/cxl/ -name 'card*' | wc -l)"
}

ktap_print_header
if ! command -v capi-events >/dev/null || ! capi_load afus=echo:8; then
	ktap_skip_all "capi-events is not in PATH, or the modules cannot be loaded"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 175

link=$(echo /sys/kernel/debug/capi_sim/*/link)
id=$(uuid)
log_mark
test_structure
test_card
test_afu
test_config
test_numbers
test_words
test_irqs_max_is_a_limit
test_modes
test_contexts
test_card_reset
test_removal
capi_load afus=echo:1,echo:1
test_modes_at_once
test_mode_of_one
capi_load afus=memcpy:4
test_area
expect "two mdevs that were refused gave a line each" 2 \
	"$(log_dirty | grep -c 'probe.*failed with error -28')"
expect "nothing else gives a warning" 2 "$(log_dirty | wc -l)"
test_parameters
ktap_finished
