# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by every script here: where things are, how to say them.

set -eu -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin		# depmod, modprobe for non-root users

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/capi-mdev
mkdir -p "$cache"

say()
{
	echo "$*" >&2
}

die()
{
	say "${0##*/}: $*"
	exit 1
}

# as_root COMMAND...: with sudo where needed.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root or sudo to run: $*"
	fi
}

# quietly COMMAND...: show what it printed only when it fails.
quietly()
{
	local log status=0

	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" -eq 0 ] || cat "$log" >&2
	rm -f "$log"
	return "$status"
}
