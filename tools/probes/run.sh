#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: run.sh HEADER SNIPPET... -- COMPILER FLAG...
#
# Compiles each snippet. HEADER gets "#define HAVE_<NAME> 1" for each that the
# kernel's headers accept; NAME is the snippet's file name in upper case.
set -eu

header=$1
shift
snippets=
while [ "$1" != -- ]; do
	snippets="$snippets $1"
	shift
done
shift

tmp=$header.tmp
trap 'rm -f "$tmp" "$tmp.o"' EXIT

: > "$tmp"
for snippet in $snippets; do
	name=$(basename "$snippet" .c | tr '[:lower:]' '[:upper:]')
	if "$@" -Werror -c -o "$tmp.o" "$snippet" 2>/dev/null; then
		echo "#define HAVE_$name 1" >> "$tmp"
	else
		echo "/* HAVE_$name is not set */" >> "$tmp"
	fi
done
mv "$tmp" "$header"
