#!/usr/bin/env bash
# Puts other hosts of the plugin, older ADIOS2, openPMD-api and xarray, into folders of .hosts, each for PYTHONPATH. Optional: tests of a
# host that cannot be had here are skipped by name.
. "$(dirname "$0")/common.sh"

find_pip || die "pip was not found: run scripts/setup.sh first"

# host FOLDER PACKAGE...: these packages alone; what else they need stands in .venv.
host() {
    local folder=.hosts/$1
    shift
    [ "$(cat "$folder/.installed" 2>/dev/null)" = "$*" ] && return
    say "installing $1 into .hosts"
    if pip_install --no-deps --only-binary :all: --upgrade --target "$folder" "$@" 2>/dev/null; then
        echo "$*" >"$folder/.installed"
    else
        say "skipped: no wheels of '$*' for this machine"
    fi
}

host adios2_2_10 adios2==2.10.1
host adios2_2_11 adios2==2.11.0.1014
host openpmd_0_17_0 openpmd-api==0.17.0
host openpmd_0_17_1 openpmd-api==0.17.1.post4
host xarray_adios2 xarray-adios2==0.1.0a4 adios2py==0.1.0a7 xarray==2025.6.1 pandas==2.3.3 pytz==2025.2 typing-extensions==4.15.0
