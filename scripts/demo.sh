#!/usr/bin/env bash
# A Gray-Scott simulation writes through the operator, a plain reader reads it back, a report compares.
. "$(dirname "$0")/common.sh"

scripts/build.sh
SECONDS=0
out=$ROOT/demo-out
rm -rf "$out"
mkdir -p "$out/original"
export ADIOS2_PLUGIN_PATH=$TARGET/release
# Mesa's layer that picks a device complains on stderr where there is no display.
export NODEVICE_SELECT=1

say "simulation: 3D Gray-Scott, 64 cubed, float64, written with examples/gray_scott.xml"
# In its own folder, so that the run log lands beside the data.
(cd "$out" && "$PYTHON" "$ROOT/examples/gray_scott.py" "$ROOT/examples/gray_scott.xml" gs.bp --keep original)

say "the same outputs without prediction (temporal=none)"
alone=$(mktemp -d)
sed 's/"predict"/"none"/; s/run\.jsonl/alone.jsonl/' examples/gray_scott.xml >"$alone/alone.xml"
(cd "$out" && "$PYTHON" "$ROOT/scripts/bench/replay.py" "$alone/alone.xml" alone.bp U=original V=original >/dev/null)
rm -rf "$alone"

say "reader: another process with nothing but ADIOS2 and ADIOS2_PLUGIN_PATH"
"$PYTHON" examples/read_back.py "$out/gs.bp" "$out/decoded"
"$PYTHON" examples/read_back.py "$out/alone.bp" "$out/alone"

say "what the files say about themselves (inr inspect)"
"$TARGET/release/inr" inspect "$out/gs.bp" >"$out/inspect.txt"
head -n 12 "$out/inspect.txt"
echo "... the rest is in demo-out/inspect.txt"

say "the run log (inr report)"
"$TARGET/release/inr" report "$out/run.jsonl" | tee "$out/report.txt"

say "comparison with the original, and the peers at the same bound"
"$PYTHON" scripts/demo/report.py examples/gray_scott.xml "$out"

rm -r "$out/alone"

say "a picture of a prediction (inr predict)"
"$PYTHON" scripts/demo/prediction.py examples/gray_scott.xml "$TARGET/release/inr" "$out/original" V "$out/prediction_V.png"

say "demo-out/ has table.txt, summary.json, prediction_V.png, slices_U.png, slices_V.png, steps.png, report.txt, run.jsonl; took $(elapsed)"
