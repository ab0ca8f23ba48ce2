#!/usr/bin/env bash
# Kills long runs at random moments, takes their disk away and damages their files; every step has to be right, named or refused with a
# sentence afterwards. Arguments are those of scripts/faults/run.py; INR_FAULTS_OUT: where its files go.
. "$(dirname "$0")/common.sh"

scripts/setup.sh
find_artefacts
out=${INR_FAULTS_OUT:-$TARGET/faults}
"$PYTHON" scripts/faults/run.py "$artefacts" "$out" "$@"
say "every step was right, named or refused with a sentence; $out/faults.json, $(elapsed)"
