#!/usr/bin/env bash
# Runs every test. What cannot run on this machine is skipped by name, and the last lines say what and why.
. "$(dirname "$0")/common.sh"

need_cargo
scripts/setup.sh
scripts/hosts.sh
. scripts/software_gpu.sh
. scripts/chromium.sh

export INR_TEST_PYTHON=$PYTHON INR_TEST_HOSTS=$ROOT/.hosts
log=$TARGET/test.log
mkdir -p "$TARGET"
status=0
cargo test --locked --no-fail-fast 2>&1 | tee "$log" || status=$?

passed=$(sed -n 's/^test result: [A-Za-z]*\. \([0-9]*\) passed.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
skipped=$(sed -n 's/^test \(.*\) \.\.\. ignored\(, \)\{0,1\}/\1: /p' "$log" | sort -u)
failed=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | sort -u)
say "tests: $passed passed, $(grep -c . <<<"$skipped") skipped, $(grep -c . <<<"$failed") failed, $(elapsed)"
[ -z "$skipped" ] || printf 'skipped  %s\n' "${skipped//$'\n'/$'\n'skipped  }"
[ -z "$INR_NO_GPU_REASON" ] || say "GPU tests were skipped: $INR_NO_GPU_REASON"
[ -z "$INR_NO_CHROMIUM_REASON" ] || say "tests of pages were skipped: $INR_NO_CHROMIUM_REASON"
[ -z "$failed" ] || printf 'FAILED   %s\n' "${failed//$'\n'/$'\n'FAILED   }"
exit "$status"
