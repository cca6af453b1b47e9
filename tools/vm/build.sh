# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced: builds in the cache, so that the checkout stays as it is. A build
# that warns fails.

# One folder per checkout, so that two checkouts never mix.
builds=$cache/build/$(printf %s "$top" | sha1sum | cut -c 1-12)
programs=$builds/programs
selftests=$builds/selftests
mkdir -p "$builds"

# Builds take turns: nothing may change until the guest is packed.
lock_builds()
{
	exec 7>"$builds/lock"
	flock 7
}

unlock_builds()
{
	exec 7>&-
}

# sync_sources DEST: tracked files and new ones, no others. A file that differs
# is new there, whatever its time here: it may have changed during a build.
sync_sources()
(
	local dest=$1

	mkdir -p "$dest" && cd "$top" &&
		git ls-files -coz --exclude-standard |
		while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || echo "$file"
		done | sort -u >"$dest/.sources.new" || exit
	if [ -e "$dest/.sources" ]; then
		comm -13 "$dest/.sources.new" "$dest/.sources" |
			(cd "$dest" && xargs -r -d '\n' rm -f)
	fi
	while IFS= read -r file; do
		cmp -s "$file" "$dest/$file" || {
			mkdir -p "$dest/${file%"${file##*/}"}" &&
				cp --preserve=mode "$file" "$dest/$file" || exit
		}
	done <"$dest/.sources.new" &&
		mv "$dest/.sources.new" "$dest/.sources"
)

# build DIR MAKE-ARGUMENT...: a build that warned is thrown away, as make would
# say nothing about it the second time.
build()
{
	local dir=$1 log=$1/.build.log
	shift

	if ! make -j "$(nproc)" "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		return 1
	fi
	if grep -i 'warning: ' "$log" | grep -v 'compiler differs' >&2; then
		rm -rf "$dir"
		return 1
	fi
}

# modules_dir KERNEL: where its build is.
modules_dir()
{
	echo "$builds/$(cat "$1/release")"
}

# build_modules KERNEL MAKE-ARGUMENT...
build_modules()
{
	local kernel=$1 dir
	shift

	dir=$(modules_dir "$kernel") &&
		sync_sources "$dir" &&
		build "$dir" -C "$kernel/headers" M="$dir" W=1 \
			CONFIG_DEBUG_INFO_BTF_MODULES= CAPI_TEST=m CAPI_SAMPLES=m "$@" modules
}

# The tools are static, as in any guest that has nothing else.
build_programs()
{
	local tool

	sync_sources "$programs" || return
	for tool in "$programs"/tools/capi-*/; do
		build "$programs" -C "$tool" LDFLAGS=-static || return
	done
}

make_selftests()
{
	local kselftest

	kselftest=$("$top/tools/vm/kselftest.sh") &&
		"$@" -C "$programs/selftests" KSELFTEST="$kselftest" \
			OUTPUT="$programs/selftests"
}

build_selftests()
{
	rm -rf "$selftests"
	sync_sources "$programs" &&
		make_selftests build "$programs" INSTALL_PATH="$selftests" install
}
