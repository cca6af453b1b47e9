# SPDX-License-Identifier: GPL-2.0-only
#
# Passes a kernel's log on. What KCSAN says of races in which no function of our
# modules has a part, as there are in any kernel, is no complaint any more.

function flush(i)
{
	if (!ours)
		sub(/BUG: KCSAN:/, "not ours:", report[0])
	for (i = 0; i < lines; i++)
		print report[i]
	lines = ours = 0
}

/BUG: KCSAN:/ { flush(); report[lines++] = $0; next }
lines && /\[capi/ { ours = 1 }
lines { report[lines++] = $0; if (/==========/) flush(); next }
{ print }
END { flush() }
