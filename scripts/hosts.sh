#!/usr/bin/env bash
# Puts other hosts of the plugin, older ADIOS2 and openPMD-api, into folders of .hosts, each for PYTHONPATH. Optional: tests of a
# host that cannot be had here are skipped by name.
. "$(dirname "$0")/common.sh"

find_pip || die "pip was not found: run scripts/setup.sh first"

# host FOLDER PACKAGE: the package alone; what it needs stands in .venv.
host() {
    [ "$(cat ".hosts/$1/.installed" 2>/dev/null)" = "$2" ] && return
    say "installing $2 into .hosts"
    if pip_install --no-deps --only-binary :all: --upgrade --target ".hosts/$1" "$2" 2>/dev/null; then
        echo "$2" >".hosts/$1/.installed"
    else
        say "skipped: no wheel of '$2' for this machine"
    fi
}

host adios2_2_10 adios2==2.10.1
host adios2_2_11 adios2==2.11.0.1014
host openpmd_0_17_0 openpmd-api==0.17.0
host openpmd_0_17_1 openpmd-api==0.17.1.post4
