#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Numbers the TAP results that come in, and sums up. A program's own results,
# one level down, are what is counted; the line above them counts only when
# there are none, or when it fails and none of them did.

use strict;
use warnings;

my ($n, $passed, $failed, $skipped) = (0, 0, 0, 0);
my ($inner, $inner_failed) = (0, 0);

sub count {
	my ($not, $line) = @_;

	if ($not) {
		$failed++;
	} elsif ($line =~ /# SKIP/) {
		$skipped++;
	} else {
		$passed++;
	}
}

# Each line goes out as it comes in.
$| = 1;
print "TAP version 13\n";
while (my $line = <STDIN>) {
	if ($line =~ /^# (not )?ok [0-9]/) {
		$inner++;
		$inner_failed++ if $1;
		count($1, $line);
	} elsif ($line =~ /^(not )?ok /) {
		count($1, $line) if $1 ? !$inner_failed : !$inner;
		$inner = $inner_failed = 0;
		$n++;
		$line =~ s/ok/ok $n/;
	}
	print $line;
}
print "1..$n\n";
print "$passed passed, $failed failed, $skipped skipped\n";
exit($failed > 0 || !$passed);
