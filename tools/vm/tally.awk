# SPDX-License-Identifier: GPL-2.0-only
#
# Numbers the TAP results that come in, and sums up. A program's own results,
# one level down, are what is counted; the line above them counts only when
# there are none, or when it fails and none of them did.

BEGIN { print "TAP version 13" }

/^# (not )?ok [0-9]/ {
	inner++
	if (/^# not/) { failed++; inner_failed++ }
	else if (/# SKIP/) skipped++
	else passed++
}

/^(not )?ok / {
	if (/^not/) { if (!inner_failed) failed++ }
	else if (!inner) { if (/# SKIP/) skipped++; else passed++ }
	inner = inner_failed = 0
	sub(/ok/, "ok " ++n)
}

{ print; fflush() }

END {
	print "1.." n + 0
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit (failed > 0 || !passed)
}
