"""The series mode on an unstructured mesh: what openfoam.py made, replayed through ADIOS2 with `points` and through `inr train`.

usage: python series_points.py PLUGIN_DIR DATA_DIR OUT_DIR [--accuracies 5e-2,1e-1,2e-1] [--train RUN_DIR]
DATA_DIR has pitzdaily.npy and points.npy; --train names the folder of a finished run of experiments/pitzdaily.toml with
reconstruction = ["npy"]. Prints one JSON object per row: bytes of the whole dataset, errors per variable, certificates against the
truth, and what SZ3, ZFP (1D, with pysz and zfpy) and the transform coder need for the same error.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from series_peers import at_error
from series_runs import HERE, Place, judge, rfe, step_errors

NAMES = ("Ux", "Uy", "p")
REPLAY = HERE / "replay.py"


def peers(truth, reached):
    """Bytes of each codec for the errors reached, per variable."""
    return {codec: {v: at_error(codec, truth[v], reached[v])[0] for v in reached} for codec in ("SZ3", "ZFP")}


def through_adios2(place, data, truth, parameters, accuracies=None):
    """One run: bytes, errors, seconds, and how certificates compare with the truth."""
    config = place.config("run", {"backend": "cpu", **parameters}, accuracies, names=NAMES)
    seconds, resident = place.simulate(config, "run.bp", *data, solver=REPLAY)
    values, _ = place.read("run.bp")
    errors = {v: step_errors(truth[v], values[v]) for v in NAMES}
    blocks = place.blocks("run.bp")
    n_bytes, network_bytes = place.bytes("run.bp")
    by_variable = lambda what: {v: sum(what(b) for (name, _), b in blocks.items() if name == v) for v in NAMES}
    accuracy = max(accuracies.values()) if accuracies else parameters["accuracy"]
    return {
        **parameters,
        "bytes": n_bytes,
        "network_bytes": network_bytes,
        "records": by_variable(lambda b: b["stored_bytes"]),
        "by_network": by_variable(lambda b: b["record"]["model"] == "series"),
        "rfe": {v: rfe(truth[v], values[v]) for v in NAMES},
        "judged": judge(blocks, errors, accuracy),
        "certificate": certificates(blocks, errors),
        "seconds_per_step": seconds / len(truth["p"]),
        "resident": resident[:: max(1, len(resident) // 10)],
        "segments": [
            {k: s[k] for k in ("variable", "n_steps", "n_by_network", "network_bytes", "sketch_bytes", "worst", "why")}
            for s in place.segments("run")
        ],
    }


def certificates(blocks, errors):
    """True over certified error of the steps that networks stand for: least, median, largest."""
    parts = [
        errors[name][step] / block["network"]["certified"]
        for (name, step), block in blocks.items()
        if block["record"]["model"] == "series" and block["network"].get("certified")
    ]
    return [float(q) for q in np.quantile(parts, (0, 0.5, 1))] if parts else None


def through_train(run, truth):
    """Errors and bytes of a run of `inr train`, and the peers at them."""
    folder = next(Path(run).glob("seed-*"))
    channels = ("Ux", "Uy", "p")
    values = np.load(folder / "reconstruction.npy").reshape(len(truth["p"]), len(truth["p"][0]), -1)
    reached = {v: rfe(truth[v], values[..., i]) for i, v in enumerate(channels[: values.shape[2]])}
    n_bytes = sum(path.stat().st_size for path in folder.glob("network-*.series"))
    return {
        "run": str(run),
        "bytes": n_bytes,
        "raw": sum(truth[v].nbytes for v in reached),
        "rfe": reached,
        "peers": peers(truth, reached),
    }


def main():
    """Runs all rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plugin")
    parser.add_argument("data", type=Path)
    parser.add_argument("out")
    parser.add_argument("--accuracies", default="5e-2,1e-1,2e-1")
    parser.add_argument("--train", action="append", default=[])
    args = parser.parse_args()
    place = Place(args.plugin, args.out)
    snapshots, points = np.load(args.data / "pitzdaily.npy"), args.data / "points.npy"
    truth = {name: np.ascontiguousarray(snapshots[..., i]) for i, name in enumerate(NAMES)}
    for name, values in truth.items():
        np.save(place.out / f"{name}.npy", values)
    data = [f"{name}={place.out / name}.npy" for name in NAMES]
    for run in args.train:
        print(json.dumps(through_train(run, truth)), flush=True)
    for accuracy in filter(None, args.accuracies.split(",")):
        series = through_adios2(
            place, data, truth, {"temporal": "series", "accuracy": float(accuracy), "points": points.resolve()}
        )
        print(json.dumps(series, default=str), flush=True)
        at_its_error = through_adios2(
            place, data, truth, {"model": "transform"}, {v: max(e, 1e-9) for v, e in series["rfe"].items()}
        )
        print(json.dumps(at_its_error, default=str), flush=True)
        print(json.dumps({"accuracy": accuracy, "peers": peers(truth, series["rfe"])}), flush=True)


if __name__ == "__main__":
    main()
