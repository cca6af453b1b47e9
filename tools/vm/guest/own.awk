# SPDX-License-Identifier: GPL-2.0-only
#
# Passes a kernel's log on, with no more than a line of complaints that are not ours:
# - what KCSAN says of races in which no function of our modules has a part, as there
#   are in any kernel, and of a timer between hrtimer's own functions, which wake who
#   sleeps and look whether it runs without a lock, whoever it is that sleeps; so does
#   poll() with its own mark, whoever wakes it. Where readers race for the position of
#   a file, that file may be ours;
# - what KASAN says of type1 itself, which looks once more at a mapping that it is to
#   unmap after it gave up the lock, when another may have unmapped and freed it;
# - what lockdep says of User Mode Linux itself, which walks the mappings of another
#   process without a lock when it flushes the TLB after they were zapped.

BEGIN {
	timer = "(__hrtimer_run_queues|hrtimer_active|hrtimer_wakeup|do_nanosleep|" \
		"schedule_hrtimeout_range_clock)"
	timers = "data-race in " timer " / " timer "\r*$"
	poll = "(poll_schedule_timeout(\\.[a-z0-9.]+)?|pollwake)"
	polls = "data-race in " poll " / " poll "\r*$"
	reader = "(ksys_read|do_readv|__io_read)"
	readers = "data-race in " reader " / " reader "\r*$"
}

function excused()
{
	if (kind == "lock")
		return flushes
	if (kind == "race" && report[0] ~ readers)
		return 0
	return !ours || (kind == "race" && report[0] ~ timers "|" polls)
}

function flush(i)
{
	if (lines && excused()) {
		sub(/(BUG: KCSAN|BUG: KASAN|WARNING):/, "not ours:", report[0])
		lines = 1
	}
	for (i = 0; i < lines; i++)
		print report[i]
	lines = ours = flushes = trace = 0
}

function begin(what)
{
	flush()
	kind = what
	report[lines++] = $0
}

/BUG: KCSAN:/ { begin("race"); next }
/BUG: KASAN: slab-use-after-free in vfio_iommu_type1_ioctl/ { begin("freed"); next }
/WARNING: suspicious RCU usage/ { begin("lock"); next }
kind == "lock" && trace && !/[<+]/ { flush() }
/Call Trace:/ { trace = 1 }
# What is guessed may be a pointer that the stack holds.
/\[capi/ && !/ \? / { ours = 1 }
/ flush_tlb_mm/ { flushes = 1 }
lines { report[lines++] = $0; if (kind != "lock" && /==========/) flush(); next }
{ print }
END { flush() }
