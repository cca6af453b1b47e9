#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: search the model of the event protocol, events.pml, through. Every
# state that it can reach is visited and stored as it is (no bitstate hashing), so
# a search that ends with 0 errors says that there is none. Then each mistake that
# can be seeded has to be found. One TAP result each, as tools/vm/tally.pl sums
# up; what was searched is behind it.

. "$(dirname "$0")/../vm/lib.sh"

model=$top/tools/model/events.pml
at_once=2			# searches
megabytes=800			# for each
depth=20000			# steps; a longer run would be an error
steps=60			# shown of a run that must not be
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

# What is always there is in events.pml: two readers, two posters of three events,
# of which one may be any kind of event; memory that faults once. Each line is
# "key: name: what is defined"; "livelock" searches for runs without end.
searches()
{
	local few="-DFAULTS=0 -DGENERIC1=IRQ" driver="-DGENERIC1=0"
	local alone="-DWINDOW=1 -DREADER1=ABSENT"

	cat <<-END
	read: read() that blocks: -DFAULTS=1
	signal: read() that blocks, with signals, fetch_event() fails: -DSIGNALS=1 -DNULLS=1 $few
	limit: events limited to one: -DLIMIT=1 -DGENERIC1=IRQ
	edge: epoll with EPOLLET, and read(): -DREADER1=EDGE $few
	edge-fault: epoll with EPOLLET, and read(), memory faults: -DREADER1=EDGE $driver
	edges: epoll with EPOLLET, twice: -DREADER0=EDGE -DREADER1=EDGE -DFAULTS=0 $driver
	region: events region, and read(): -DREADER1=REGION $few
	region-fault: events region, and read(), memory faults: -DREADER1=REGION $driver
	regions: events region, and EPOLLET: -DREADER0=EDGE -DREADER1=REGION -DFAULTS=0 $driver
	level: poll(), and read(): -DREADER1=LEVEL $few
	unset: the AFU driver unsets its ops: -DOTHER=UNSET $driver
	detach: the AFU driver is detached at work: -DOTHER=DETACH -DFAULTS=0 $driver
	close: close: -DOTHER=CLOSE -DREADER1=EDGE $few
	reset: reset: -DOTHER=RESET -DGENERIC1=IRQ
	reset-driver: reset, and an AFU driver that announces on: -DOTHER=RESET -DPOSTS_ON=1 -DFAULTS=0 $driver
	end: a reader is ended: -DOTHER=END $few
	link: the link goes down: -DOTHER=LINK $few
	window: event window, and read(): $alone $few
	window-fault: event window, and read(), memory faults: $alone $driver
	window-edge: event window, and EPOLLET: $alone -DREADER0=EDGE -DFAULTS=0 $driver
	window-region: event window, and events region: $alone -DREADER0=REGION -DFAULTS=0 $driver
	window-two: event window, and read() twice (2 driver events): -DWINDOW=1 -DPOSTS0=1 -DFAULTS=0 $driver
	window-unset: event window, the AFU driver unsets its ops (2 driver events): $alone -DOTHER=UNSET -DPOSTS0=1 -DFAULTS=0 $driver
	window-close: event window, close (2 events): $alone -DOTHER=CLOSE -DPOSTS0=1 $few
	window-reset: event window, reset (2 events): $alone -DOTHER=RESET -DPOSTS0=1 $few
	window-link: event window, the link goes down (2 events): $alone -DOTHER=LINK -DPOSTS0=1 $few
	window-revoke: event window, revoked (2 events): $alone -DOTHER=REVOKE -DPOSTS0=1 $few
	endless: no run without end, reading (2 events): livelock -DREADER1=EDGE -DFAULTS=0 -DPOSTS0=1 $driver
	endless-reset: no run without end, reset (2 events): livelock -DOTHER=RESET -DPOSTS0=1 $driver
	endless-window: no run without end, event window (2 events): livelock $alone -DPOSTS0=1 $driver
	END
}

# What must not be true, each a mistake that somebody could make, or has made. It
# is the only difference to the search with that key.
mistakes()
{
	cat <<-END
	read: LOST_WAKEUP: lost wake-up: sleeper looks, then queues
	read: WAKE_TOO_EARLY: lost wake-up: woken, then counted
	edge: TURNED_AWAY: lost wake-up: turned away, not told
	region: REGION_TURNED_AWAY: lost wake-up: the region's reader does not wait for its turn
	read: LOST_EVENT: lost event: copy failed, not pending again
	reset-driver: FORGOTTEN: lost event: dropped behind flush, the driver not told
	read: DOUBLED_EVENT: doubled event: settled after the turn
	window-fault: WINDOW_FAILED: doubled event: failed while the window shows it
	window-revoke: STALE_TOKEN: told twice: acknowledged what is shown no more
	unset: AFTER_UNSET: delivery after unset: no turn taken
	window-unset: AFTER_UNSET: acknowledged after unset: no turn taken
	end: READ_AFTER_END: delivery after the end of a reader: looked before the turn
	close: HANG_AT_CLOSE: hang at close: nobody woken
	limit: ROOM_TOO_LATE: hang of a poster: room given too late
	read: DEADLOCK: deadlock: announced under events.lock
	edge-fault: NONBLOCK_SLEEPS: O_NONBLOCK sleeps: looks twice
	endless: NO_END: run without end: closed, and read again
	END
}

# For xargs: what is wanted, name and defines, a line each
all()
{
	local key name defines mistake
	local -A of

	while IFS=: read -r key name defines; do
		printf '%s\n' none "${name# }" "$defines"
		of[$key]=$defines
	done < <(searches)
	while IFS=: read -r key mistake name; do
		[ "${of[$key]:-}" ] || die "no search $key"
		printf '%s\n' some "seeded:$name" \
			"${of[$key]} -DMISTAKE_${mistake# }"
	done < <(mistakes)
}

# search DEFINES...: in a folder of its own, the current one. A mistake is found
# sooner than the compiler is through with optimising.
search()
{
	local kind=-DSAFETY optimise=-O2 run=()

	[[ "$*" != *MISTAKE* ]] || optimise=-O0

	if [ "${1:-}" = livelock ]; then
		kind=-DNP
		run=(-l)
		shift
	fi
	spin -a "$@" "$model" >log 2>&1 &&
		gcc "$optimise" -w "$kind" -DNOFAIR -DCOLLAPSE -DVECTORSZ=256 \
			-DMEMLIM="$megabytes" -o pan pan.c >>log 2>&1 &&
		./pan -b -m"$depth" "${run[@]}" >>log 2>&1
}

# What pan says, and the last steps of the run that it found, if there is one.
show()
{
	cat log
	[ -e events.pml.trail ] || return 0
	[ "${defines[0]}" != livelock ] || defines=("${defines[@]:1}")
	spin -t -p -k events.pml.trail "${defines[@]}" "$model" 2>&1 |
		tail -n "$steps"
}

# one WANTED NAME DEFINES: prints the result. An end of memory or depth is no
# result at all, whatever was wanted.
one()
{
	local wanted=$1 name=$2 dir states seconds found ok=not
	local -a defines

	read -ra defines <<<"$3"
	dir=$(mktemp -d "$work/search.XXXXXX")
	cd "$dir" || die "no $dir"
	search "${defines[@]}" || :
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' log)
	seconds=$(sed -n 's/^pan: elapsed time \([^ ]*\) seconds/\1/p' log)
	found=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' log | head -n 1)
	if [ "$wanted" = none ]; then
		grep -q 'errors: 0$' log && ! grep -q 'Search not completed' log && ok=
	else
		[[ "$found" == *"assertion violated"* || "$found" == "invalid end state" ||
		   "$found" == "non-progress cycle" ]] && ok=
	fi
	[ -z "$ok" ] || show | sed 's/^/# /'
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
all | xargs -d '\n' -n 3 -P "$at_once" "$0" one "$work" |
	"$top/tools/vm/tally.pl" || status=$?
echo "# $((SECONDS - start)) s, $(spin -V), at most $at_once times $megabytes MiB"
exit "${status:-0}"
