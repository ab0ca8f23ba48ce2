#!/usr/bin/env bash
# usage: install.sh PREFIX. DESTDIR is put in front, as packagers expect.
. "$(dirname "$0")/common.sh"

prefix=${1:?usage: scripts/install.sh PREFIX}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac

scripts/build.sh
into=${DESTDIR:-}$prefix
install -D -s -m 755 "$TARGET/release/inr" "$into/bin/inr"
install -D -s -m 755 "$TARGET/release/libadios2_inr.so" "$into/lib/libadios2_inr.so"
install -D -m 644 plugin/inr.h "$into/include/inr.h"

say "installed under $into; put these two lines into your shell's profile or job script:"
echo "export PATH=\"$prefix/bin:\$PATH\""
echo "export ADIOS2_PLUGIN_PATH=\"$prefix/lib\""
