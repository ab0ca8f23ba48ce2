"""Judges a demo run: compares what was read back with the originals, measures the peers at the same bound and writes
table.txt, summary.json and the pictures. Ends with an error when the promise of the XML file did not hold.

DEMO_DIR has the run in gs.bp, run.jsonl and decoded/, the same outputs without prediction in alone.bp, alone.jsonl and alone/.

usage: python report.py CONFIG.xml DEMO_DIR
"""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import peers
import pictures

# Rounding of the comparison itself, in units of the bound.
SLACK = 1e-9


def operator_parameters(config):
    """The parameters of the operator in the XML file."""
    operator = ET.parse(config).getroot().find("operator")
    return {p.get("key").lower(): p.get("value") for p in operator.iter("parameter")}


def series(folder, name):
    """The arrays of one variable, in step order."""
    return [np.load(path) for path in sorted(folder.glob(f"{name}_*.npy"))]


def errors(originals, decoded):
    """Relative L2 error over the run, and the largest error of any point over the range of its own block, per step."""
    squares = sum(float(((d - o) ** 2).sum()) for o, d in zip(originals, decoded, strict=True))
    norm = sum(float((o**2).sum()) for o in originals)
    per_step = [float(np.abs(d - o).max() / np.ptp(o)) for o, d in zip(originals, decoded, strict=True)]
    return (squares / norm) ** 0.5, per_step


def row(codec, originals, decoded, n_bytes, encode_seconds, decode_seconds):
    """One line of the table."""
    raw = sum(o.nbytes for o in originals)
    rel_l2, per_step = errors(originals, decoded)
    return {
        "codec": codec,
        "raw_bytes": raw,
        "stored_bytes": n_bytes,
        "ratio": raw / n_bytes,
        "rel_l2": rel_l2,
        "max_error_over_range": max(per_step),
        "encode_seconds": encode_seconds,
        "decode_seconds": decode_seconds,
    }


def our_row(codec, name, originals, run_log, decoded_folder):
    """The row of a run of the operator, and its bytes and error for every step."""
    lines = map(json.loads, run_log.read_text().splitlines())
    blocks = [line for line in lines if "model" in line and line["variable"] == name]
    if len(blocks) != len(originals):
        sys.exit(f"{run_log} has {len(blocks)} blocks of {name}, expected {len(originals)}")
    decoded = series(decoded_folder, name)
    seconds = json.loads((decoded_folder / "seconds.json").read_text())[name]
    stored = [block["stored_bytes"] for block in blocks]
    encode = sum(block["seconds"]["total"] for block in blocks)
    result = row(codec, originals, decoded, sum(stored), encode, sum(seconds))
    result["models"] = {m: sum(b["model"] == m for b in blocks) for m in sorted({b["model"] for b in blocks})}
    result["steps"] = {"stored_bytes": stored, "max_error_over_range": errors(originals, decoded)[1]}
    return result


def peer_rows(originals, accuracy):
    """The rows of the peers at the same bound, or why there is none."""
    bounds = [accuracy * float(np.ptp(o)) for o in originals]

    def per_step(codec):
        return [codec(o, bound) for o, bound in zip(originals, bounds, strict=True)]

    runs = {codec: lambda codec=codec: per_step(peers.PEERS[codec]) for codec in peers.PEERS}
    runs[f"SZ3 x{peers.WINDOW}"] = lambda: peers.windows(originals, bounds)
    for codec, run in runs.items():
        try:
            coded = run()
        except ImportError as missing:
            yield {"codec": codec, "skipped": f"no wheel on this machine ({missing.name})"}
            continue
        # A window has many steps.
        decoded = [step for c in coded for step in c.decoded.reshape(-1, *originals[0].shape)]
        sums = (sum(getattr(c, what) for c in coded) for what in ("n_bytes", "encode_seconds", "decode_seconds"))
        yield row(codec, originals, decoded, *sums)


def table(variables):
    """The rows as text."""
    head = f"{'variable':8} {'codec':17} {'raw bytes':>12} {'stored bytes':>12} {'ratio':>7} {'rel. L2':>9} "
    lines = [head + f"{'max err/range':>13} {'encode s':>9} {'decode s':>9}"]
    for name, rows in variables.items():
        for r in rows:
            if "skipped" in r:
                lines.append(f"{name:8} {r['codec']:17} skipped: {r['skipped']}")
                continue
            lines.append(
                f"{name:8} {r['codec']:17} {r['raw_bytes']:12,} {r['stored_bytes']:12,} {r['ratio']:7.1f} "
                f"{r['rel_l2']:9.2e} {r['max_error_over_range']:13.2e} {r['encode_seconds']:9.2f} {r['decode_seconds']:9.2f}"
            )
    return "\n".join(lines)


def bytes_of(dataset):
    """Bytes of all files of a dataset."""
    return sum(path.stat().st_size for path in dataset.rglob("*") if path.is_file())


def main(config, demo):
    """Writes everything and checks the promise."""
    parameters = operator_parameters(config)
    accuracy = float(parameters["accuracy"])
    names = sorted({path.name.split("_")[0] for path in (demo / "original").glob("*.npy")})
    variables = {}
    for name in names:
        originals = series(demo / "original", name)
        variables[name] = [
            our_row("inr, predicted", name, originals, demo / "run.jsonl", demo / "decoded"),
            our_row("inr, steps alone", name, originals, demo / "alone.jsonl", demo / "alone"),
            *peer_rows(originals, accuracy),
        ]
        pictures.slices(demo, name, originals[-1], series(demo / "decoded", name)[-1])
    ours = [rows[:2] for rows in variables.values()]
    pictures.steps(demo, {name: [r["steps"] for r in rows[:2]] for name, rows in variables.items()}, accuracy)

    n_bytes, alone_bytes = bytes_of(demo / "gs.bp"), bytes_of(demo / "alone.bp")
    held = all(r["max_error_over_range"] <= accuracy * (1 + SLACK) for rows in ours for r in rows)
    summary = {
        "parameters": parameters,
        "n_steps": len(ours[0][0]["steps"]["stored_bytes"]),
        "dataset_bytes": n_bytes,
        "dataset_bytes_steps_alone": alone_bytes,
        "promise_held": held,
        "variables": variables,
    }
    (demo / "summary.json").write_text(json.dumps(summary, indent=1))
    text = table(variables)
    (demo / "table.txt").write_text(text + "\n")
    print(text)
    print(f"all files of the dataset: {n_bytes:,} bytes; with each step alone {alone_bytes:,}: {n_bytes / alone_bytes:.2f} of it")
    if not held:
        sys.exit(f"the promised accuracy {accuracy:g} (Linf, relative to the range) was broken: see the table")
    print(f"promise: max error/range <= {accuracy:g} in every block: held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
