#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What an administrator does: types, creating and removing, parents, modules.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Tests, each in a function of its own and listed at the end

test_type_attributes()
{
	type=$(echo_type)
	expect "device_api" vfio-pci "$(cat "$type/device_api")"
	for attribute in name description available_instances device_api; do
		[ -e "$type/$attribute" ] || continue
		expect "$attribute is one line" 1 "$(wc -l <"$type/$attribute")"
	done
}

test_mdev_attributes()
{
	id=$(uuid)
	mdev_create "$id"
	bad=
	count=0
	for attribute in "$mdevs/$id/capi"/*; do
		count=$((count + 1))
		[ "$(wc -l <"$attribute")" = 1 ] || bad="$bad ${attribute##*/}"
	done
	check "an mdev has attributes" [ $count -ge 9 ]
	expect "each attribute is one line" "" "$bad"
	expect "the context is opened" opened "$(cat "$mdevs/$id/capi/state")"
	mdev_remove "$id"
	check "an mdev removed is gone" [ ! -e "$mdevs/$id" ]
}

test_available_instances()
{
	before=$(free_instances)
	id=$(uuid)
	mdev_create "$id"
	expect "creating takes an instance" $((before - 1)) "$(free_instances)"
	mdev_remove "$id"
	expect "removing gives it back" "$before" "$(free_instances)"
}

test_bad_uuid()
{
	log_mark
	for id in x "" 12345678-1234-1234-1234-12345678901 \
		  g2345678-1234-1234-1234-123456789012; do
		[ "$(create_error "$id")" = "Invalid argument" ] ||
			{ ktap_test_fail "bad UUID '$id'"; return; }
	done
	ktap_test_pass "bad UUIDs are invalid arguments"
	check "bad UUIDs leave no trace in the log" log_clean
}

test_duplicate()
{
	id=$(uuid)
	second=$(parents | sed -n 2p)
	free=$(free_instances "$second")
	mdev_create "$id"
	log_mark
	expect "duplicate on the same adapter" "File exists" "$(create_error "$id")"
	expect "duplicate on another adapter" "File exists" \
		"$(create_error "$id" "$second")"
	expect "a duplicate takes no instance" "$free" "$(free_instances "$second")"
	check "duplicates leave no trace in the log" log_clean
	mdev_remove "$id"
}

test_concurrent_creates()
{
	log_mark
	wrong=0
	for round in 1 2 3 4 5 6 7 8 9 10; do
		id=$(uuid)
		won=$(for i in 1 2 3 4 5 6 7 8; do
			(mdev_create "$id" "$(parents | sed -n $((1 + i % 2))p)" &&
				echo "$round") &
		done | wc -l)
		[ "$won" = 1 ] || wrong=$((wrong + 1))
		mdev_remove "$id"
	done
	expect "of concurrent creates of one UUID, one wins" 0 "$wrong"
	check "concurrent creates leave no trace in the log" log_clean
}

test_none_free()
{
	ids=
	while [ "$(free_instances)" -gt 0 ]; do
		id=$(uuid)
		mdev_create "$id" || break
		ids="$ids $id"
	done
	log_mark
	expect "all instances can be taken" 0 "$(free_instances)"
	expect "one more is refused" "No space left on device" \
		"$(create_error "$(uuid)")"
	# The driver core says that its probe failed; nobody else says anything.
	expect "a refusal is one line of the driver core" 0 \
		"$(log_dirty | grep -c -v 'probe.*failed with error -28')"
	for id in $ids; do
		mdev_remove "$id"
	done
}

test_rebind()
{
	parent=$(parents | head -n 1)
	driver=$(basename "$(readlink "$bus/$parent/driver")")
	id=$(uuid)
	mdev_create "$id"
	log_mark
	echo "$parent" >"/sys/bus/pci/drivers/$driver/unbind"
	check "unbinding removes the parent" [ ! -e "$bus/$parent" ]
	check "unbinding removes the mdevs of the parent" [ ! -e "$mdevs/$id" ]
	echo "$parent" >"/sys/bus/pci/drivers/$driver/bind"
	check "binding brings the parent back" mdev_create "$id" "$parent"
	check "unbinding and binding give no warning" log_clean
	mdev_remove "$id"
}

state_is()
{
	[ "$(cat "$mdevs/$1/capi/state" 2>/dev/null)" = "$2" ]
}

test_in_use()
{
	id=$(uuid)
	mdev_create "$id"
	capi-events "$id" >/dev/null 2>&1 &
	user=$!
	check "an mdev can be used" wait_until state_is "$id" started
	log_mark
	for module in capi_mdev capi_sim capi; do
		rmmod $module 2>/dev/null
		check "$module stays while an mdev is used" \
			[ -e /sys/module/$module ]
	done

	# The request makes the user leave, and only then removal goes on.
	mdev_remove "$id"
	check "removing an mdev waits for its user" [ ! -e "$mdevs/$id" ]
	wait $user
	expect "the user is asked to leave" 3 $?
	check "removing while in use gives no warning" log_clean
}

# What the modules hold: references, IOMMU groups, large objects. The slab
# caches give back what is free first.
held()
{
	for cache in kmalloc-8k kmalloc-4k kmalloc-2k; do
		echo 1 >/sys/kernel/slab/$cache/shrink
	done
	cat /sys/module/capi/refcnt /sys/module/capi_sim/refcnt \
		/sys/module/capi_mdev/refcnt
	find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | wc -l
	find /sys/kernel/debug/capi | wc -l
}

large_objects()
{
	held >/dev/null
	[ ! -e /proc/slabinfo ] ||
		awk '/^kmalloc-[248]k / { n += $2 } END { print n }' /proc/slabinfo
}

# few_more WHAT BEFORE: each mdev has some large objects; the rest of the system has
# its own ups and downs.
few_more()
{
	if [ "$2" ]; then
		check "$1" [ "$(large_objects)" -lt $(($2 + 500)) ]
	else
		ktap_test_skip "$1: this kernel counts no objects"
	fi
}

# The loops start no process of their own, to be quick.

create_and_remove()
{
	type=$(echo_type)
	n=0
	while [ $n -lt "$1" ]; do
		read -r id </proc/sys/kernel/random/uuid
		echo "$id" >"$type/create" || return
		echo 1 >"$mdevs/$id/remove" || return
		n=$((n + 1))
	done
}

test_many_in_turn()
{
	create_and_remove 50
	before=$(held)
	objects=$(large_objects)
	log_mark
	check "1000 mdevs one after another" create_and_remove 1000
	expect "1000 mdevs in turn leave nothing behind" "$before" "$(held)"
	few_more "1000 mdevs in turn leave no memory behind" "$objects"
	check "1000 mdevs in turn give no warning" log_clean
}

create_many()
{
	type=$(echo_type)
	n=0
	while [ $n -lt "$1" ]; do
		read -r id </proc/sys/kernel/random/uuid
		echo "$id" >"$type/create" || return
		n=$((n + 1))
	done
}

test_many_at_once()
{
	before=$(held)
	objects=$(large_objects)
	log_mark
	check "500 mdevs at once" create_many 500
	expect "500 mdevs are there" 500 "$(find $mdevs -mindepth 1 | wc -l)"
	expect "500 mdevs leave 11 of 511 free" 11 "$(free_instances)"
	for id in "$mdevs"/*; do
		echo 1 >"$id/remove"
	done
	expect "500 mdevs at once leave nothing behind" "$before" "$(held)"
	few_more "500 mdevs at once leave no memory behind" "$objects"
	check "500 mdevs at once give no warning" log_clean
}

test_unload()
{
	id=$(uuid)
	mdev_create "$id"
	log_mark
	check "modules can be unloaded" capi_unload
	check "unloading removes the mdevs" [ ! -e "$mdevs/$id" ]
	check "unloading gives no warning" log_clean
}

ktap_print_header
if ! capi_load adapters=2; then
	ktap_skip_all "the modules cannot be loaded"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 49

test_type_attributes
test_mdev_attributes
test_available_instances
test_bad_uuid
test_duplicate
test_concurrent_creates
test_none_free
test_rebind
test_in_use
test_many_in_turn
test_unload
capi_load afus=echo:511
test_many_at_once
test_unload
ktap_finished
