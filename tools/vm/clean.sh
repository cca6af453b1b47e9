#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# clean.sh: remove this checkout's builds from the cache. Kernels stay.

. "$(dirname "$0")/lib.sh"
. "$top/tools/vm/build.sh"

rm -rf "$builds"
