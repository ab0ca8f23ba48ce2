#!/usr/bin/env bash
# Runs the tests of parallel programs against an ADIOS2 with MPI, which is built first (scripts/mpi.sh, once per version).
. "$(dirname "$0")/common.sh"

need_cargo
scripts/setup.sh
scripts/mpi.sh
export INR_TEST_PYTHON=$PYTHON INR_TEST_MPI=$ROOT/.mpi
cargo test --locked --test mpi
