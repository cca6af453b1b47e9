#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fuzz.sh: run the fuzzer on kernel series $KERNEL for $MINUTES, or the programs in
# the file $REPLAY and no others, in $GUESTS guests at once: User Mode Linux has but
# one CPU. Prints TAP. What was found goes to the cache, and is where the next run
# begins; so does the end of the log where it failed.
#
# fuzz.sh GUEST FOLDER: what it runs for each guest, whose results go to the folder.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"

series=${KERNEL:-um}
minutes=${MINUTES:-10}
replay=${REPLAY:-}
corpus=$cache/corpus
logs=$cache/logs
. "$top/tools/kernels/boot.sh"

# not_ok NAME: what explains it comes on stdin.
not_ok()
{
	sed 's/^/# /'
	echo "not ok - $label: fuzz: $1"
}

# What a guest is given besides the selftests
pack_inputs()
{
	if [ "$replay" ]; then
		cp "$replay" "$selftests/fuzz/replay"
	elif [ -e "$corpus" ]; then
		cp "$corpus" "$selftests/fuzz/corpus"
	fi
}

arguments()
{
	printf '%s ' "-s $seed" "-t $((minutes * 60))" "-w ${SMP:-1}" \
		"-p $((30 * patience))"
	if [ "$replay" ]; then
		echo "-r /selftests/fuzz/replay"
	else
		echo "/selftests/fuzz/seeds $([ ! -e "$corpus" ] || echo /selftests/fuzz/corpus)"
	fi
}

# Of a guest that came to its end, what is worth keeping; of another all it found.
found()
{
	if grep -q '^corpus: ' "$1"; then
		sed -n 's/^corpus: //p' "$1"
	else
		cat "$corpus" 2>/dev/null || :
		sed -n 's/^find: //p' "$1"
	fi
}

# The programs that ran last, up to when the kernel first complained
keep_replay()
{
	local file=$logs/fuzz-$seed

	mkdir -p "$logs"
	sed -E "/$(grep -v '^#' "$top/tools/vm/guest/complaints" | paste -s -d '|')/q" \
		"$run/console" | sed -n 's/^.*\(fuzz: [0-9]\)/\1/p' | tail -n 400 >"$file"
	[ ! -s "$file" ] || echo "# to run these programs again: make fuzz REPLAY=$file KERNEL=$series"
}

# one_guest NUMBER FOLDER
one_guest()
{
	local label=$series kernel part

	[ "$guests" -eq 1 ] || label+=" $1"
	seed=$((seed + $1 - 1))
	: >"$2/$1"
	kernel=$("$top/tools/vm/kernel.sh" "$series" 2>"$run/log") ||
		{ not_ok kernel <"$run/log"; return; }
	lock_builds
	for part in modules programs selftests; do
		build_$part "$kernel" >"$run/log" 2>&1 ||
			{ not_ok "build $part" <"$run/log"; return; }
	done
	pack_inputs
	pack "$kernel" "exec /run-fuzz $(arguments)" "$run/initramfs" "$selftests"
	unlock_builds

	[ "$series" != um ] || count_as "fuzz/$1"
	boot "$kernel" "$run/initramfs" $((minutes * 60 + 180 * patience)) 2>&1 |
		sed -u -e '/^\(find\|corpus\): /d' -e "s/^\(not ok -\|ok -\|#\) /&$label: /" || :
	complaints >"$run/log" || :
	if [ -s "$run/log" ]; then
		not_ok "kernel log" <"$run/log"
	else
		echo "ok - $label: fuzz: kernel log"
	fi
	if [ -s "$run/log" ] || grep -q '^not ok' "$run/output"; then
		keep_replay
	fi
	cp "$run/output" "$2/$1"
}

all_guests()
{
	local results=$run/results output i

	mkdir "$results"
	for ((i = 1; i <= guests; i++)); do
		{ "$0" "$i" "$results" || echo "not ok - $series: fuzz: guest $i"; } &
	done
	wait
	for output in "$results"/*; do
		[ -n "$replay" ] || found "$output"
	done | sort -u >"$run/corpus"
	[ ! -s "$run/corpus" ] || cp "$run/corpus" "$corpus"
	sed -n 's/^\(not \)\?ok - fuzz: \([0-9]*\) operations in .*/\2/p' "$results"/* |
		awk '{ n += $1 } END { print "# " n + 0 " operations in all" }'
}

export SEED=${SEED:-$(od -An -N 3 -t u4 /dev/urandom | tr -d ' ')}
export GUESTS=${GUESTS:-$([ "$series" = um ] && nproc || echo 1)}
seed=$SEED guests=$GUESTS
if [ $# -ne 0 ]; then
	one_guest "$@"
else
	"$top/tools/vm/host.sh" run check kernels
	[ "$series" != um ] || rm -rf "$cache/coverage/fuzz"
	{
		echo "# MINUTES=$minutes SEED=$seed KERNEL=$series GUESTS=$guests"
		all_guests
	} | "$top/tools/vm/tally.pl"
fi
