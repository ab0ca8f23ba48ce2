"""Predicted steps beside steps alone, both through ADIOS2, and the classical codecs at the same bound.

Bytes are those of all files of a dataset, keys, weights and headers included; every step is read back and its error checked.
Prints one Markdown row per series and bound and keeps all numbers in OUT_DIR/prediction.json, from where it goes on when it is started again.

usage: python prediction.py PLUGIN_DIR DATA_DIR OUT_DIR [--only NAME,...] [--again]
PLUGIN_DIR holds libadios2_inr.so; DATA_DIR what prediction_data.py made, and uwnd.npy of ../datasets.sh. Needs the adios2 wheel and
numpy, and for the peers pysz, zfpy, hdf5plugin and h5py.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from series_runs import HERE, Place

sys.path.append(str(HERE.parent / "demo"))
import peers  # noqa: E402

WINDOWS = f"SZ3 x{peers.WINDOW}"
# Series, norm, bound, and the bytes aimed at: parts of those of the same coder without prediction ("none") and of the peers.
ROWS = (
    ("gs3d", "Linf", 1e-3, {"none": 0.75, "SPERR": 0.65, WINDOWS: 0.65}),
    ("gs3d", "Linf", 1e-2, {"none": 0.66}),
    ("gs3d", "L2", 1e-2, {"none": 0.64}),
    ("bubbles", "Linf", 1e-3, {"none": 0.40, "SPERR": 0.35, WINDOWS: 0.65}),
    ("bubbles", "Linf", 1e-2, {"none": 0.32}),
    ("gs2d", "Linf", 1e-3, {"none": 0.22, WINDOWS: 0.35}),
    ("jet", "Linf", 1e-3, {"none": 0.33, WINDOWS: 0.60}),
    ("jet", "Linf", 1e-2, {"none": 0.27}),
    ("turb3d", "Linf", 1e-3, {"none": 0.75}),
    *((name, "Linf", bound, {"none": 1.01}) for bound in (1e-3, 1e-2) for name in ("uwnd", "noise", "strangers")),
)
PEERS = (*peers.PEERS, WINDOWS)


def files(data, name):
    """{variable: .npy file} of a series."""
    found = {path.stem.removeprefix(f"{name}_"): path for path in sorted(data.glob(f"{name}*.npy"))}
    if not found:
        raise SystemExit(f"{data} has no {name}*.npy: make it with prediction_data.py, uwnd.npy with scripts/datasets.sh")
    return found


def worst(norm, steps, decoded):
    """Largest error of any step, relative to its range (Linf) or to its norm (L2)."""
    axes = tuple(range(1, steps.ndim))
    difference = decoded.astype("f8") - steps
    if norm == "Linf":
        errors, sizes = np.abs(difference).max(axes), steps.max(axes).astype("f8") - steps.min(axes)
    else:
        errors, sizes = np.sqrt((difference**2).sum(axes)), np.sqrt((steps.astype("f8") ** 2).sum(axes))
    return float(np.divide(errors, sizes, out=np.where(errors > 0, np.inf, 0.0), where=sizes > 0).max())


def ours(place, variables, norm, accuracy, temporal):
    """One dataset, written and then read forward: bytes, worst error, CPU seconds of both processes."""
    shutil.rmtree(place.out / "run.bp", ignore_errors=True)
    parameters = {"norm": norm, "accuracy": accuracy, "temporal": temporal, "threads": 1}
    config = place.config("run", parameters, names=variables)
    writer = place.start(
        config, "run.bp", *(f"{name}={path}" for name, path in variables.items()), solver=HERE / "replay.py"
    )
    *_, last = writer.stdout
    if writer.wait():
        raise SystemExit(f"the writer failed: see {place.out}/stderr.txt")
    values, seconds = place.read("run.bp", "forward")
    n_bytes, store_bytes = place.bytes("run.bp")
    errors = [worst(norm, np.load(path), values[name]) for name, path in variables.items()]
    lines = map(json.loads, (place.out / "run.jsonl").read_text().splitlines())
    blocks = [line for line in lines if "model" in line]
    return {
        "bytes": n_bytes,
        "store_bytes": store_bytes,
        "variable_bytes": {v: sum(b["stored_bytes"] for b in blocks if b["variable"] == v) for v in variables},
        "predicted_blocks": sum(any(b["gains"]) for b in blocks),
        "blocks": len(blocks),
        "worst": max(errors),
        "encode_seconds": float(last.split()[1]),
        "decode_seconds": float(seconds[:, 1].sum()),
    }


def peer(codec, variables, accuracy):
    """A peer with the same pointwise bound for each step; None without its wheel."""
    n_bytes, error, encode = 0, 0.0, 0.0
    for path in variables.values():
        steps = np.load(path)
        bounds = [accuracy * (float(step.max()) - float(step.min())) for step in steps]
        try:
            if codec == WINDOWS:
                coded = peers.windows(steps, bounds)
                decoded = np.concatenate([c.decoded for c in coded])
            else:
                coded = [peers.PEERS[codec](step, bound) for step, bound in zip(steps, bounds, strict=True) if bound > 0]
                decoded = steps.copy()
                decoded[np.array(bounds) > 0] = [c.decoded for c in coded]
        except ImportError as missing:
            print(f"{codec} is left out: no {missing.name}", file=sys.stderr)
            return None
        n_bytes += sum(c.n_bytes for c in coded)
        encode += sum(c.encode_seconds for c in coded)
        error = max(error, worst("Linf", steps, decoded))
    return {"bytes": n_bytes, "worst": error, "encode_seconds": encode}


def head():
    """The first two lines of the table."""
    columns = "data | bound | alone, bytes | predicted, bytes | ADIOS2's own | of alone | aim | without ADIOS2's own"
    columns += "".join(f" | of {codec}" for codec in PEERS) + " | aims | encode s, alone, predicted | decode s"
    return f"| {columns} |\n|{'---|' * (columns.count('|') + 1)}"


def line(name, norm, accuracy, aims, result):
    """A row of the table; bold: the aim is met."""
    alone, predicted = result["none"], result["predict"]

    def part(codec, whole):
        if whole is None:
            return "-"
        share = predicted["bytes"] / whole["bytes"]
        text = f"{share:.3f}" if codec == "none" else f"{share:.2f}"
        return f"**{text}**" if share <= aims.get(codec, 0) else text

    own, alone_own = (run["bytes"] - sum(run["variable_bytes"].values()) for run in (predicted, alone))
    records = (predicted["bytes"] - own) / (alone["bytes"] - alone_own)
    others = " | ".join(part(codec, result.get(codec)) for codec in PEERS)
    aimed = ", ".join(f"{codec} {aim:g}" for codec, aim in aims.items() if codec != "none") or "-"
    seconds = " | ".join(f"{alone[what]:.1f}, {predicted[what]:.1f}" for what in ("encode_seconds", "decode_seconds"))
    return (
        f"| {name} | {norm} {accuracy:g} | {alone['bytes']:,} | {predicted['bytes']:,} | {own:,} | {part('none', alone)} | "
        f"{aims['none']} | {records:.3f} | {others} | {aimed} | {seconds} |"
    )


def main():
    """Measures what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plugin")
    parser.add_argument("data", type=Path)
    parser.add_argument("out")
    parser.add_argument("--only", help="series, with commas between")
    parser.add_argument("--again", action="store_true", help="measure the operator anew and keep the peers' numbers")
    args = parser.parse_args()
    place = Place(args.plugin, args.out)
    path = place.out / "prediction.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True).stdout
    print(head(), flush=True)
    for name, norm, accuracy, aims in ROWS:
        if args.only and name not in args.only.split(","):
            continue
        variables = files(args.data, name)
        result = results.setdefault(f"{name} {norm} {accuracy:g}", {})
        for temporal in ("none", "predict"):
            if args.again or temporal not in result:
                result[temporal] = ours(place, variables, norm, accuracy, temporal) | {"commit": commit.strip()}
            if result[temporal]["worst"] > accuracy:
                raise SystemExit(f"{name}, temporal={temporal}: an error of {result[temporal]['worst']} breaks {accuracy}")
        for codec in PEERS if norm == "Linf" else ():
            if codec not in result:
                result[codec] = peer(codec, variables, accuracy)
        path.write_text(json.dumps(results, indent=1))
        print(line(name, norm, accuracy, aims, result), flush=True)


if __name__ == "__main__":
    main()
