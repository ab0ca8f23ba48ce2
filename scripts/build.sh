#!/usr/bin/env bash
# Builds the operator and the command line in release mode.
. "$(dirname "$0")/common.sh"

need_cargo
scripts/setup.sh
say "building (cargo build --release)"
cargo build --release --locked
say "built $TARGET/release/libadios2_inr.so and $TARGET/release/inr in $(elapsed)"
