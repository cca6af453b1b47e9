#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fuzz.sh: run the fuzzer on kernel series $KERNEL for $MINUTES, or the programs in
# the file $REPLAY and no others. Prints TAP. What was found goes to the cache, and
# is where the next run begins; so does the end of the log where it failed.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"
. "$top/tools/vm/initramfs.sh"
. "$top/tools/vm/boot.sh"

series=${KERNEL:-um}
minutes=${MINUTES:-10}
seed=${SEED:-$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')}
replay=${REPLAY:-}
corpus=$cache/corpus
logs=$cache/logs
. "$top/tools/kernels/boot.sh"
[ "$series" != um ] || count_as fuzz

# not_ok NAME: what explains it comes on stdin.
not_ok()
{
	sed 's/^/# /'
	echo "not ok - $series: fuzz: $1"
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

# A run that came to its end says what is worth keeping; of another all is kept.
keep_corpus()
{
	[ -z "$replay" ] || return 0
	if grep -q '^corpus: ' "$run/output"; then
		sed -n 's/^corpus: //p' "$run/output" >"$corpus.new"
	else
		{ cat "$corpus" || :; sed -n 's/^find: //p' "$run/output"; } \
			>"$corpus.new" 2>/dev/null
	fi
	mv "$corpus.new" "$corpus"
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

"$top/tools/vm/host.sh" run check kernels
{
	kernel=$("$top/tools/vm/kernel.sh" "$series" 2>"$run/log") ||
		{ not_ok kernel <"$run/log"; exit; }
	lock_builds
	for part in modules programs selftests; do
		build_$part "$kernel" >"$run/log" 2>&1 ||
			{ not_ok "build $part" <"$run/log"; exit; }
	done
	pack_inputs
	pack "$kernel" "exec /run-fuzz $(arguments)" "$run/initramfs" "$selftests"
	unlock_builds

	echo "# MINUTES=$minutes SEED=$seed KERNEL=$series"
	boot "$kernel" "$run/initramfs" $((minutes * 60 + 180 * patience)) 2>&1 |
		grep --line-buffered -v -E '^(find|corpus): ' || :
	complaints >"$run/log" || :
	if [ -s "$run/log" ]; then
		not_ok "kernel log" <"$run/log"
	else
		echo "ok - $series: fuzz: kernel log"
	fi
	if [ -s "$run/log" ] || grep -q '^not ok' "$run/output"; then
		keep_replay
	fi
	keep_corpus
} | awk -f "$top/tools/vm/tally.awk"
