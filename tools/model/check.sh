#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: search the model of the event protocol, events.pml, through. Every
# state that it can reach is visited and stored as it is (no bitstate hashing), so
# a search that ends with 0 errors says that there is none. Then each mistake that
# can be seeded has to be found. One TAP result each, as tools/vm/tally.awk sums
# up; what was searched is behind it.

. "$(dirname "$0")/../vm/lib.sh"

model=$top/tools/model/events.pml
at_once=2			# searches
megabytes=800			# for each
depth=20000			# steps; a longer run would be an error
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

# What is always there is in events.pml: two readers, two posters of three events,
# of which one may be any kind of event; memory that faults once.
# name: what is defined for events.pml; "livelock" searches for runs without end.
searches()
{
	local few="-DFAULTS=0 -DGENERIC1=IRQ" fewer="-DPOSTS0=1 -DGENERIC1=IRQ"

	cat <<-END
	read() that blocks: all is read, once:
	read() that blocks, with signals: -DFAULTS=0 -DSIGNALS=1
	events limited to one: -DLIMIT=1 -DGENERIC1=IRQ
	epoll with EPOLLET, and read(): -DREADER1=EDGE $few
	epoll with EPOLLET, twice: -DREADER0=EDGE -DREADER1=EDGE -DFAULTS=0 -DGENERIC1=0
	poll(), and read(): -DREADER1=LEVEL $few
	the AFU driver unsets its ops: -DOTHER=UNSET $few
	the AFU driver is detached at work (2 events): -DOTHER=DETACH -DFAULTS=0 $fewer
	close: -DOTHER=CLOSE -DREADER1=EDGE $few
	reset: -DOTHER=RESET -DGENERIC1=IRQ
	a reader is ended: -DOTHER=END $few
	the link goes down: -DOTHER=LINK $few
	event window, and read(): -DOTHER=WINDOW -DREADER1=ABSENT -DGENERIC1=IRQ
	event window, and EPOLLET: -DOTHER=WINDOW -DREADER0=EDGE -DREADER1=ABSENT $few
	no run without end, reading (2 events): livelock -DREADER1=EDGE $fewer
	no run without end, reset (2 events): livelock -DOTHER=RESET $fewer
	no run without end, event window (2 events): livelock -DOTHER=WINDOW -DREADER1=ABSENT $fewer
	END
}

# The same for what must not be true, each a mistake that somebody could make, or
# has made.
mistakes()
{
	cat <<-END
	lost wake-up: sleeper looks, then queues: -DMISTAKE_LOST_WAKEUP
	lost wake-up: woken, then counted: -DMISTAKE_WAKE_TOO_EARLY
	lost wake-up: turned away, not told: -DMISTAKE_TURNED_AWAY -DREADER1=EDGE
	lost event: copy failed, not pending again: -DMISTAKE_LOST_EVENT
	doubled event: settled after the turn: -DMISTAKE_DOUBLED_EVENT
	doubled event: failed while the window shows it: -DMISTAKE_WINDOW_FAILED -DOTHER=WINDOW -DREADER1=ABSENT
	delivery after unset: no turn taken: -DMISTAKE_AFTER_UNSET -DOTHER=UNSET
	hang at close: nobody woken: -DMISTAKE_HANG_AT_CLOSE -DOTHER=CLOSE
	hang of a poster: room given too late: -DMISTAKE_ROOM_TOO_LATE -DLIMIT=1
	deadlock: announced under events.lock: -DMISTAKE_DEADLOCK
	O_NONBLOCK sleeps: looks twice: -DMISTAKE_NONBLOCK_SLEEPS -DREADER1=EDGE
	END
}

# search DEFINES...: in a folder of its own, the current one.
search()
{
	local kind=-DSAFETY run=()

	if [ "${1:-}" = livelock ]; then
		kind=-DNP
		run=(-l)
		shift
	fi
	spin -a "$@" "$model" >log 2>&1 &&
		gcc -O2 -w "$kind" -DNOFAIR -DCOLLAPSE -DVECTORSZ=256 \
			-DMEMLIM="$megabytes" -o pan pan.c >>log 2>&1 &&
		./pan -b -m"$depth" "${run[@]}" >>log 2>&1
}

# one WANTED NAME DEFINES: prints the result. An end of memory or depth is no
# result at all, whatever was wanted.
one()
{
	local wanted=$1 name=$2 states seconds found ok=not
	local -a defines

	read -ra defines <<<"$3"
	dir=$(mktemp -d "$work/search.XXXXXX")
	cd "$dir"
	search "${defines[@]}" || :
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' log)
	seconds=$(sed -n 's/^pan: elapsed time \([^ ]*\) seconds/\1/p' log)
	found=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' log | head -n 1)
	if [ "$wanted" = none ]; then
		grep -q 'errors: 0$' log && ! grep -q 'Search not completed' log && ok=
	else
		[[ "$found" == *"assertion violated"* || "$found" == "invalid end state" ]] && ok=
	fi
	[ -z "$ok" ] || sed 's/^/# /' log
	echo "${ok:+not }ok - $name (${states:-no} states, ${seconds:-0} s${found:+: $found})"
	rm -rf "$dir"
}

if [ "${1:-}" = one ]; then
	work=$2
	trap - EXIT
	one "${@:3}"
	exit
fi

"$top/tools/vm/host.sh" model
work=$(mktemp -d)
start=$SECONDS
{
	searches | sed -E 's/^(.*):( (livelock )?-D.*)?$/none\n\1\n\2/'
	mistakes | sed -E 's/^(.*): (-D.*)$/some\nseeded: \1\n\2/'
} | nice -n 19 xargs -d '\n' -n 3 -P "$at_once" "$0" one "$work" |
	awk -f "$top/tools/vm/tally.awk" || status=$?
echo "# $((SECONDS - start)) s, $(spin -V), at most $at_once times $megabytes MiB"
exit "${status:-0}"
