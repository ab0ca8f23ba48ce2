#!/usr/bin/env bash
# fuzz.sh TARGET SECONDS: libFuzzer on one way into the product, on the stable compiler; targets are in fuzz/fuzz_targets. What it
# finds lies in fuzz/finds/TARGET: a panic, more than 2 GiB, or more than 5 s.
. "$(dirname "$0")/common.sh"

[ $# = 2 ] && [ -f "fuzz/fuzz_targets/$1.rs" ] ||
    die "usage: scripts/fuzz.sh TARGET SECONDS, with TARGET one of $(basename -a -s .rs fuzz/fuzz_targets/*.rs | paste -sd' ')"
target=$1 seconds=$2
need_cargo
need c++ g++

# Coverage without a sanitizer, which only nightly compilers have. A target of its own keeps these flags from build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS=$(tr -s ' \n' ' ' <<<"$RUSTFLAGS") CARGO_TARGET_DIR=$TARGET/fuzz \
    cargo build -q --release --locked --manifest-path fuzz/Cargo.toml --bin "$target" --target "$host"

corpus=fuzz/corpus/$target finds=fuzz/finds/$target log=$TARGET/fuzz/$target.log
mkdir -p "$corpus" "$finds"
# Files that targets write stay in memory where the system has such a folder, and go with the run.
TMPDIR=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
# Goes on after a find, in a process of its own each time.
INR_FUZZ_SEEDS=$corpus "$TARGET/fuzz/$host/release/$target" "$corpus" -artifact_prefix="$finds/" -fork=1 -ignore_crashes=1 \
    -ignore_ooms=1 -ignore_timeouts=1 -rss_limit_mb=2048 -timeout=5 -max_len=16384 -max_total_time="$seconds" 2>&1 |
    tee "$log" | grep -a -E '^(thread|SUMMARY)' || true
n_finds=$(find "$finds" -type f | wc -l)
say "$target: $(sed -n 's/^#\([0-9]*\): cov.*/\1/p' "$log" | tail -n 1) executions in $seconds s, $n_finds finds in $finds"
[ "$n_finds" = 0 ] || die "each of them is shown by: $TARGET/fuzz/$host/release/$target FILE"
