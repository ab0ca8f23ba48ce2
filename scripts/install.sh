#!/usr/bin/env bash
# usage: install.sh PREFIX. DESTDIR is put in front, as packagers expect. INR_ARTEFACTS=FOLDER installs the inr and libadios2_inr.so
# of that folder instead of building them.
. "$(dirname "$0")/common.sh"

prefix=${1:?usage: scripts/install.sh PREFIX}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
case $prefix in *[[:space:]]*) die "ADIOS2 finds no plugin in a folder with a blank in its path: choose another PREFIX than '$prefix'" ;; esac

find_artefacts
into=${DESTDIR:-}$prefix
install -D -s -m 755 "$artefacts/inr" "$into/bin/inr"
install -D -s -m 755 "$artefacts/libadios2_inr.so" "$into/lib/libadios2_inr.so"
install -D -m 644 plugin/inr.h "$into/include/inr.h"

# filled IN OUT: a file with the version in it.
filled() {
    install -D -m 644 /dev/null "$2"
    sed "s/@VERSION@/$(version)/" "$1" >"$2"
}
cmake=$into/lib/cmake/adios2_inr
install -D -m 644 -t "$cmake" packaging/cmake/adios2_inr-config.cmake
filled packaging/cmake/adios2_inr-config-version.cmake.in "$cmake/adios2_inr-config-version.cmake"
filled packaging/pkgconfig/adios2_inr.pc.in "$into/lib/pkgconfig/adios2_inr.pc"

# completions SHELL FILE: what the shell asks for on Tab, where it looks for it.
completions() {
    install -D -m 644 /dev/null "$into/share/$2"
    "$artefacts/inr" completions "$1" >"$into/share/$2"
}
completions bash bash-completion/completions/inr
completions zsh zsh/site-functions/_inr
completions fish fish/vendor_completions.d/inr.fish
"$artefacts/inr" man "$into/share/man/man1" >/dev/null

say "installed under $into; put these two lines into your shell's profile or job script:"
echo "export PATH=\"$prefix/bin:\$PATH\""
echo "export ADIOS2_PLUGIN_PATH=\"$prefix/lib\""
