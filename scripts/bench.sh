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

# The peers are C and C++ libraries: their crates need cmake, libclang and a system zstd.
peer_tools() {
    local clang include
    clang=$("$PYTHON" -c 'import clang; print(clang.__path__[0] + "/native")' 2>/dev/null) && [ -x "$VENV/bin/cmake" ] ||
        { why="no wheel of cmake or libclang for this machine"; return 1; }
    include=$(gcc -print-file-name=include)
    export PATH=$VENV/bin:$PATH LIBCLANG_PATH=$clang BINDGEN_EXTRA_CLANG_ARGS=-I$include
    pkg-config --exists libzstd 2>/dev/null || { can_apt && apt_install pkg-config libzstd-dev; } ||
        { why="libzstd-dev and pkg-config are missing and only root can install them"; return 1; }
}

why=
features=()
if peer_tools; then
    features=(--features peers)
else
    say "SZ3, SPERR and ZFP are left out: $why"
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

say "rate-distortion (inr bench)"
"$TARGET/release/inr" bench "$out"/data/*.npy --csv "$out/bench.csv" --plot "$out/bench" | tee "$out/bench.txt"

if [ -e "$out/series/gs2.npy" ]; then
    say "series mode (cargo bench --bench series)"
    cargo bench --locked --bench series "${features[@]}" -- "$out/series" | tee "$out/series.txt"
    say "classical codecs at the error of its first rows (scripts/bench/series_windows.py)"
    networks=$(awk -F'|' '$2 == " 1 " { gsub(/ /, "", $4); split($6, error, " "); split($7, bytes, " "); print $4 "=" error[1] ":" bytes[1] }' "$out/series.txt")
    # shellcheck disable=SC2086
    "$PYTHON" scripts/bench/series_windows.py "$out/series" $networks | tee "$out/series_windows.txt" ||
        say "skipped: that comparison needs pysz, zfpy, hdf5plugin and scipy"
fi

say "bench-out/ has machine.txt, kernels.txt, bench.txt, bench.csv, series.txt, series_windows.txt and plots; took $(elapsed)"
