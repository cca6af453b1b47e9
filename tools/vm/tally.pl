#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Numbers the TAP results that come in, and sums up. A program's own results,
# one level down, are what is counted; the line above them counts only when
# there are none, or when it fails and none of them did. What failed is told once
# more at the end, with what was said before it: of a long run, that is what people
# see first.

use strict;
use warnings;

my ($n, $passed, $failed, $skipped) = (0, 0, 0, 0);
my ($inner, $inner_failed) = (0, 0);
my $lines_told = 8;
my (@said, @inner_told, @told);

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
		push @inner_told, @said, $line if $1;
		@said = ();
	} elsif ($line =~ /^(not )?ok /) {
		count($1, $line) if $1 ? !$inner_failed : !$inner;
		push @told, @inner_told, $inner_failed ? () : @said, $line if $1;
		$inner = $inner_failed = 0;
		@said = @inner_told = ();
		$n++;
		$line =~ s/ok/ok $n/;
	} else {
		push @said, $line;
		shift @said if @said > $lines_told;
	}
	print $line;
}
print "1..$n\n";
print "# What failed:\n" if @told;
foreach my $line (@told) {
	$line =~ s/^(# )*/# /;
	print $line;
}
print "$passed passed, $failed failed, $skipped skipped\n";
exit($failed > 0 || !$passed);
