#!/usr/bin/env bash
# Fetches or computes the data sets of `make bench` into bench-out/data; what cannot be had is skipped by name.
. "$(dirname "$0")/common.sh"

data=$ROOT/bench-out/data
tools=$ROOT/.tools
mkdir -p "$data" "$tools"

# Debian's package is only unpacked, never installed: no root needed.
if ! [ -e "$data/etopo5.npy" ]; then
    say "measured data: Debian's ferret-datasets (28 MB)"
    if (cd "$tools" && { compgen -G 'ferret-datasets_*.deb' || apt-get download -qq ferret-datasets; }) >/dev/null 2>&1; then
        dpkg -x "$tools"/ferret-datasets_*.deb "$tools/ferret"
        "$PYTHON" scripts/bench/datasets.py ferret "$tools/ferret/usr/share/ferret-vis/data" "$data"
    else
        say "skipped: uwnd, temp and etopo5 need Debian's apt-get to download ferret-datasets"
    fi
fi

if ! [ -e "$data/gray_scott_v.npy" ]; then
    say "solver: Gray-Scott, 64 cubed"
    kept=$(mktemp -d)
    # The XML without the operator: only the arrays are wanted.
    sed '/<operator/,/<\/operator>/d; /<operation/d' examples/gray_scott.xml >"$kept/plain.xml"
    "$PYTHON" examples/gray_scott.py "$kept/plain.xml" "$kept/gs.bp" --plotgap 1000 --keep "$kept" >/dev/null
    mv "$kept/U_0000.npy" "$data/gray_scott_u.npy"
    mv "$kept/V_0000.npy" "$data/gray_scott_v.npy"
    rm -rf "$kept"
fi

if ! [ -e "$data/fluidsim_vx.npy" ]; then
    say "solver: fluidsim, Navier-Stokes, 64 cubed"
    (cd "$tools" && "$PYTHON" "$ROOT/scripts/bench/datasets.py" fluidsim "$data") >"$tools/fluidsim.log" 2>&1 ||
        say "skipped: fluidsim_vx (see .tools/fluidsim.log)"
fi

if ! [ -e "$ROOT/bench-out/series/gs2.npy" ]; then
    say "solvers: the series of series mode"
    "$PYTHON" scripts/bench/series_data.py "$ROOT/bench-out/series" || say "skipped: the series need scipy"
fi
