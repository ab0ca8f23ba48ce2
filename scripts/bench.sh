#!/usr/bin/env bash
# Kernel speeds, and rate-distortion tables against SZ3, SPERR and ZFP on measured and simulated data.
. "$(dirname "$0")/common.sh"

need_cargo
scripts/setup.sh scripts/requirements-bench.txt
scripts/datasets.sh
out=$ROOT/bench-out

{
    echo "date:    $(date -u +%F)"
    echo "commit:  $(git describe --always --dirty 2>/dev/null || echo unknown)"
    echo "cpu:     $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) threads"
    echo "rust:    $(rustc --version)"
} | tee "$out/machine.txt"

# The peers are C and C++ libraries: their crates need cmake, libclang and a system zstd; TTHRESH's also the headers of that libclang.
peer_tools() {
    local clang include
    [ -x "$VENV/bin/cmake" ] || { why="no wheel of cmake for this machine"; return 1; }
    # Not by the PATH, where .venv's pkg-config would hide the system's.
    export CMAKE=$VENV/bin/cmake
    pkg-config --exists libzstd 2>/dev/null || { can_apt && apt_install pkg-config libzstd-dev; } ||
        { why="libzstd-dev and pkg-config are missing and only root can install them"; return 1; }
    clang=$(whole_clang) || { can_apt && apt_install libclang-dev && clang=$(whole_clang); } && {
        export LIBCLANG_PATH=$clang
        peers=tthresh
        return
    }
    say "TTHRESH is left out: libclang-dev is missing and only root can install it"
    clang=$("$PYTHON" -c 'import clang; print(clang.__path__[0] + "/native")' 2>/dev/null) ||
        { why="no libclang, neither as Debian package nor as wheel"; return 1; }
    include=$(gcc -print-file-name=include)
    export LIBCLANG_PATH=$clang BINDGEN_EXTRA_CLANG_ARGS=-I$include
}

# A folder with libclang that has its own headers beside it.
whole_clang() {
    local found
    for found in /usr/lib/llvm-*/lib; do
        compgen -G "$found/libclang*.so*" >/dev/null && compgen -G "$found/clang/*/include/stddef.h" >/dev/null && echo "$found" && return
    done
    return 1
}

why=
peers=peers
features=()
if peer_tools; then
    features=(--features "$peers")
else
    say "SZ3, SPERR, ZFP, Blosc2 and TTHRESH are left out: $why"
fi

say "building"
cargo build --release --locked "${features[@]}"

say "kernels (cargo bench --bench kernels)"
cargo bench --locked --bench kernels "${features[@]}" | tee "$out/kernels.txt"

if "$PYTHON" -c 'import torch' 2>/dev/null; then
    say "kernels beside eager PyTorch (benches/torch_siren.py)"
    "$PYTHON" benches/torch_siren.py | tee "$out/torch.txt"
else
    say "skipped: the comparison with PyTorch needs torch in .venv (.venv/bin/python -m pip install torch)"
fi

say "rate-distortion of snapshots (inr bench)"
"$TARGET/release/inr" bench "$out"/data/*.npy -o "$out/snapshots" | tee "$out/snapshots.txt"

say "series (scripts/bench/prediction_data.py, the first 64 steps, then inr bench)"
[ -e "$out/predicted/turb3d_vx.npy" ] || "$PYTHON" scripts/bench/prediction_data.py "$out/predicted" gs2d bubbles turb3d
mkdir -p "$out/report-data"
# The relief has no steps: it is a series of one.
"$PYTHON" - "$out" <<'CUT'
import pathlib, sys
import numpy as np
out = pathlib.Path(sys.argv[1])
for name in ("predicted/gs2d_u", "predicted/bubbles_rho", "predicted/turb3d_vx", "data/uwnd", "data/temp", "data/etopo5"):
    path = out / f"{name}.npy"
    if path.exists():
        array = np.load(path, mmap_mode="r")
        np.save(out / "report-data" / path.name, array[None] if path.stem == "etopo5" else array[:64])
CUT
more=()
[ "$peers" != tthresh ] || [ ${#features[@]} = 0 ] || more=(--peers sz3,sperr,zfp,blosc2,tthresh)
"$TARGET/release/inr" bench "$out"/report-data/*.npy --time-axis 0 "${more[@]}" --accuracy 1e-2,1e-3 --ratio 50 -o "$out/report" | tee "$out/report.txt"

if [ -e "$out/series/gs2.npy" ]; then
    say "series mode (cargo bench --bench series, its first two rows; docs/SERIES.md has all)"
    cargo bench --locked --bench series "${features[@]}" -- "$out/series" 1 2 | tee "$out/series.txt"
    say "classical codecs at the error of its first rows (scripts/bench/series_windows.py)"
    networks=$(awk -F'|' '$2 == " 1 " { gsub(/ /, "", $4); split($6, error, " "); split($7, bytes, " "); print $4 "=" error[1] ":" bytes[1] }' "$out/series.txt")
    # shellcheck disable=SC2086
    "$PYTHON" scripts/bench/series_windows.py "$out/series" $networks | tee "$out/series_windows.txt" ||
        say "skipped: that comparison needs pysz, zfpy, hdf5plugin and scipy"
fi

say "bench-out/ has machine.txt, kernels.txt, snapshots/ and report/ (open report.html), series.txt and series_windows.txt; took $(elapsed)"
