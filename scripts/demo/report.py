"""Judges a demo run: compares what was read back with the originals, measures the peers at the same bound and writes
table.txt, summary.json and the pictures. Ends with an error when the promise of the XML file did not hold.

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


def our_row(demo, name, originals, log):
    """The row of the operator, and its ratio and error for every step."""
    blocks = [line for line in log if line["variable"] == name]
    if len(blocks) != len(originals):
        sys.exit(f"{demo}/run.jsonl has {len(blocks)} blocks of {name}, expected {len(originals)}")
    decoded = series(demo / "decoded", name)
    seconds = json.loads((demo / "decoded" / "seconds.json").read_text())[name]
    stored = [block["stored_bytes"] for block in blocks]
    encode = sum(block["seconds"]["total"] for block in blocks)
    result = row("adios2-inr", originals, decoded, sum(stored), encode, sum(seconds))
    result["models"] = {m: sum(b["model"] == m for b in blocks) for m in sorted({b["model"] for b in blocks})}
    result["steps"] = {
        "ratio": [o.nbytes / n for o, n in zip(originals, stored, strict=True)],
        "max_error_over_range": errors(originals, decoded)[1],
    }
    return result


def peer_row(codec, originals, accuracy):
    """The row of a peer at the same bound, or why there is none."""
    try:
        coded = [peers.PEERS[codec](o, accuracy * float(np.ptp(o))) for o in originals]
    except ImportError as missing:
        return {"codec": codec, "skipped": f"no wheel on this machine ({missing.name})"}
    return row(
        codec,
        originals,
        [c.decoded for c in coded],
        sum(c.n_bytes for c in coded),
        sum(c.encode_seconds for c in coded),
        sum(c.decode_seconds for c in coded),
    )


def table(variables):
    """The rows as text."""
    head = f"{'variable':8} {'codec':11} {'raw bytes':>12} {'stored bytes':>12} {'ratio':>7} {'rel. L2':>9} "
    lines = [head + f"{'max err/range':>13} {'encode s':>9} {'decode s':>9}"]
    for name, rows in variables.items():
        for r in rows:
            if "skipped" in r:
                lines.append(f"{name:8} {r['codec']:11} skipped: {r['skipped']}")
                continue
            lines.append(
                f"{name:8} {r['codec']:11} {r['raw_bytes']:12,} {r['stored_bytes']:12,} {r['ratio']:7.1f} "
                f"{r['rel_l2']:9.2e} {r['max_error_over_range']:13.2e} {r['encode_seconds']:9.2f} {r['decode_seconds']:9.2f}"
            )
    return "\n".join(lines)


def main(config, demo):
    """Writes everything and checks the promise."""
    parameters = operator_parameters(config)
    accuracy = float(parameters["accuracy"])
    log = [json.loads(line) for line in (demo / "run.jsonl").read_text().splitlines()]
    names = sorted({path.name.split("_")[0] for path in (demo / "original").glob("*.npy")})
    variables = {}
    for name in names:
        originals = series(demo / "original", name)
        variables[name] = [our_row(demo, name, originals, log)]
        variables[name] += [peer_row(codec, originals, accuracy) for codec in peers.PEERS]
        pictures.slices(demo, name, originals[-1], series(demo / "decoded", name)[-1])
    pictures.steps(demo, {name: rows[0]["steps"] for name, rows in variables.items()}, accuracy)

    dataset_bytes = sum(path.stat().st_size for path in (demo / "gs.bp").rglob("*") if path.is_file())
    held = all(rows[0]["max_error_over_range"] <= accuracy * (1 + SLACK) for rows in variables.values())
    summary = {
        "parameters": parameters,
        "n_steps": len(variables[names[0]][0]["steps"]["ratio"]),
        "dataset_bytes": dataset_bytes,
        "promise_held": held,
        "variables": variables,
    }
    (demo / "summary.json").write_text(json.dumps(summary, indent=1))
    text = table(variables)
    (demo / "table.txt").write_text(text + "\n")
    print(text)
    print(f"whole dataset on disk, ADIOS2's metadata included: {dataset_bytes:,} bytes")
    if not held:
        sys.exit(f"the promised accuracy {accuracy:g} (Linf, relative to the range) was broken: see the table")
    print(f"promise: max error/range <= {accuracy:g} in every block: held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
