#!/usr/bin/env bash
# usage: wheel.sh [FOLDER]. Builds the wheel adios2-inr into FOLDER (default dist): one for every Python, for the oldest Linux that its
# library and program run on. INR_ARTEFACTS=FOLDER packs the inr and libadios2_inr.so of that folder instead of building them.
. "$(dirname "$0")/common.sh"

dist=$(realpath -m "${1:-dist}")
find_artefacts
scripts/setup.sh
[ -x "$VENV/bin/auditwheel" ] || die "auditwheel is not in .venv: scripts/requirements-wheel.txt could not be installed, see scripts/setup.sh"
find_pip

# setuptools leaves folders beside its sources: it gets a copy.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -rL python Cargo.toml "$work"
INR_ARTEFACTS=$artefacts "${pip[@]}" wheel -q --no-input --disable-pip-version-check --no-build-isolation --no-deps --no-index \
    --wheel-dir "$work/plain" "$work/python" || die "pip could not build the wheel: see its message above"

mkdir -p "$dist"
rm -f "$dist"/adios2_inr-*.whl
PATH=$VENV/bin:$PATH "$VENV/bin/auditwheel" repair --only-plat --wheel-dir "$dist" "$work"/plain/*.whl >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die "auditwheel cannot say which Linux the wheel runs on: see its message above"; }
say "built $(echo "$dist"/adios2_inr-*.whl) in $(elapsed)"
