# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced: Debian packages unpacked into the cache, never installed.

# deb_field PACKAGE FIELD: as the package lists on this machine have it.
deb_field()
{
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p"
}

# Called where "set -e" does not reach, hence the chain.
deb_unpack()
(
	local dest=$1 finish=$2 tmp packages=("${@:3}")

	say "fetching ${packages[*]}"
	tmp=$(mktemp -d "$cache/tmp.XXXXXX") || exit
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT TERM

	cd "$tmp" && mkdir root &&
		quietly apt-get download -q -o APT::Sandbox::User=root "${packages[@]}" &&
		find . -name '*.deb' -exec dpkg-deb -x {} root \; &&
		cd root && "$finish" "$dest" && mv "$tmp/root" "$dest"
)

deb_try()
{
	local kind=$1 resolve=$2 finish=$3 packages version

	packages=$("$resolve") || return
	version=${packages##*=}
	# shellcheck disable=SC2086
	[ -d "$kind/$version" ] || deb_unpack "$kind/$version" "$finish" $packages || return
	# What an older version left behind.
	find "$kind" -mindepth 1 -maxdepth 1 ! -name "$version" -exec rm -rf {} +
	touch "$kind/$version"
	echo "$kind/$version"
}

# deb_cached KIND RESOLVE FINISH: print the folder of the newest version.
#
# RESOLVE prints NAME=VERSION of each package; the last one's version is the
# key. FINISH runs in the unpacked tree, with the place it will move to as its
# argument. The package lists on this machine say what is newest: without lists,
# or with none newer than our last look, what is in the cache will do. What they
# cannot deliver is worth one refresh.
deb_cached()
{
	local kind=$cache/$1 old

	mkdir -p "$kind"
	exec 8>"$cache/fetch.lock"
	flock 8
	old=$(find "$kind" -mindepth 1 -maxdepth 1 | sort -V | tail -n 1)
	if [ -n "$old" ] && { [ "$old" -nt /var/lib/apt/lists ] || ! "$2" >/dev/null; }; then
		echo "$old"
	elif deb_try "$kind" "${@:2}"; then
		:
	elif say "refreshing the package lists" && quietly as_root apt-get update &&
	     deb_try "$kind" "${@:2}"; then
		:
	elif [ -n "$old" ]; then
		say "using $1 ${old##*/} from the cache"
		echo "$old"
	else
		die "cannot fetch $1"
	fi
}
