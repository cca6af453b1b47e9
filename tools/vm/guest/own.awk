# SPDX-License-Identifier: GPL-2.0-only
#
# Passes a kernel's log on, with no more than a line of complaints that are not ours:
# - what KCSAN says of races in which no function of our modules has a part, as there
#   are in any kernel;
# - what lockdep says of User Mode Linux itself, which walks the mappings of another
#   process without a lock when it flushes the TLB after they were zapped.

function flush(i)
{
	if (kind == "race" ? !ours : flushes) {
		sub(/(BUG: KCSAN|WARNING):/, "not ours:", report[0])
		lines = lines > 0
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
/WARNING: suspicious RCU usage/ { begin("lock"); next }
kind == "lock" && trace && !/[<+]/ { flush() }
/Call Trace:/ { trace = 1 }
/\[capi/ { ours = 1 }
/ flush_tlb_mm/ { flushes = 1 }
lines { report[lines++] = $0; if (kind == "race" && /==========/) flush(); next }
{ print }
END { flush() }
