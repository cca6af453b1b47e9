# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the shell tests: modules, mdevs and the kernel log. Needs no more
# than busybox.

# Where this file is, unless its reader knows.
: "${dir:=$(cd "$(dirname "$0")" && pwd)}"
# Installed beside us, or where the framework's Makefile says.
helpers=$dir/ktap_helpers.sh
[ -e "$helpers" ] || helpers=${KSELFTEST:?}/kselftest/ktap_helpers.sh
# shellcheck source=/dev/null
. "$helpers"

bus=/sys/class/mdev_bus
mdevs=/sys/bus/mdev/devices

# capi_load [PARAMETER]...: the modules, with these parameters of capi_sim.
# shellcheck disable=SC2120
capi_load()
{
	capi_unload && modprobe capi_sim "$@" && modprobe capi_mdev &&
		modprobe vfio_iommu_type1
}

capi_unload()
{
	# What was never loaded need not go.
	[ ! -e /sys/module/capi_mdev ] || rmmod capi_mdev || return
	[ ! -e /sys/module/capi_sim ] || rmmod capi_sim || return
	[ ! -e /sys/module/capi ] || rmmod capi
}

# The parents, one a line.
parents()
{
	ls "$bus" 2>/dev/null
}

# echo_type [PARENT]: the folder of the echo type, on the first parent.
echo_type()
{
	echo "$bus/${1:-$(parents | head -n 1)}"/mdev_supported_types/*-echo
}

uuid()
{
	cat /proc/sys/kernel/random/uuid
}

# mdev_create UUID [PARENT]: prints nothing, fails as the kernel does.
mdev_create()
{
	(echo "$1" >"$(echo_type "$2")/create") 2>/dev/null
}

mdev_remove()
{
	(echo 1 >"$mdevs/$1/remove") 2>/dev/null
}

# write_error FILE TEXT: why it cannot be written, in the words of strerror.
write_error()
{
	# shellcheck disable=SC2116
	if error=$(echo "$2" 2>&1 >"$1"); then
		echo none
	else
		echo "${error##*: }"
	fi
}

# create_error UUID [PARENT]: why it cannot be created.
create_error()
{
	write_error "$(echo_type "$2")/create" "$1"
}

# shellcheck disable=SC2120
free_instances()
{
	cat "$(echo_type "$1")/available_instances"
}

# expect DESCRIPTION EXPECTED GOT: one result
expect()
{
	if [ "$2" = "$3" ]; then
		ktap_test_pass "$1"
	else
		echo "# expected '$2', got '$3'"
		ktap_test_fail "$1"
	fi
}

# check DESCRIPTION COMMAND...: one result
check()
{
	name=$1
	shift
	if "$@"; then
		ktap_test_pass "$name"
	else
		ktap_test_fail "$name"
	fi
}

uptime()
{
	sed 's/\..*//' /proc/uptime
}

# wait_until COMMAND...: until it succeeds, for a minute at most.
wait_until()
{
	deadline=$(($(uptime) + 60))
	until "$@"; do
		[ "$(uptime)" -lt $deadline ] ||
			{ echo "# waited in vain: $*"; return 1; }
		usleep 10000
	done
}

# log_mark: what log_dirty looks at begins here.
log_mark()
{
	mark="selftest $(uuid)"
	echo "<6>$mark" >/dev/kmsg
}

# log_dirty [LEVEL]: print what the kernel said since log_mark that should worry
# anybody: warnings, oopses, and whatever of ours is above LEVEL, or that of
# information. Who had a part in a data race is for run-tests to find out.
log_dirty()
{
	dmesg | grep -q "${mark:?}" || echo "the log has lost its beginning"
	dmesg -r | sed -n "/$mark/,\$p" | awk -v "than=${1:-6}" '
		{ level = substr($1, 2) + 0 }
		/BUG: KCSAN:/ { race = 1 }
		race { race = !/==========/; next }
		/WARNING:|BUG:|Oops|Call Trace|general protection/ { print; next }
		/capi|cxl (card|afu)[0-9]/ && level % 8 < than { print }'
}

# log_clean [LEVEL]: is there nothing of that kind?
log_clean()
{
	[ -z "$(log_dirty "$@")" ] || { log_dirty "$@" | sed 's/^/# /'; false; }
}
