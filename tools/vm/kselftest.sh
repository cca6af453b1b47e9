#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kselftest.sh: print the folder with the kernel's selftest framework, out of
# Debian's kernel source, fetched first if need be. Its ../../../scripts has
# checkpatch.pl and kernel-doc.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/deb.sh"

source=linux-source-6.12

resolve()
{
	local version

	version=$(deb_field "$source" Version) && [ -n "$version" ] &&
		echo "$source=$version"
}

finish()
{
	local selftests=$source/tools/testing/selftests

	tar -xf "usr/src/$source.tar.xz" --strip-components=1 \
		"$source"/scripts/{checkpatch.pl,const_structs.checkpatch} \
		"$source"/scripts/{kernel-doc,spelling.txt} \
		"$selftests"/{kselftest,kselftest.h,kselftest_harness.h,lib.mk} &&
		rm -rf usr
}

echo "$(deb_cached source resolve finish)/tools/testing/selftests"
