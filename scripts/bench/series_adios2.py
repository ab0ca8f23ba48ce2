"""The series mode in ADIOS2: a simulation writes, another process reads in random order, and runs are killed, continued, moved.

The simulation is examples/shock_bubble.py; raw, transform-coded and series runs differ in their XML file alone. Bytes are those of all
files of a dataset, raw values those of the run without the operator. Prints one JSON object per row and writes series_adios2.json.

usage: python series_adios2.py PLUGIN_DIR OUT_DIR [--parts ratio,kill,life] [--kills 20] [--peers]
PLUGIN_DIR holds libadios2_inr.so and inr; needs the adios2 wheel and numpy, with --peers also pysz and zfpy.
"""

import argparse
import json
import random
import shutil

import numpy as np
from series_peers import at_error
from series_runs import NAMES, Place, judge, rfe, step_errors

# Cells per axis, bubbles, outputs, accuracy.
RUNS = ((64, 1, 200, 5e-2), (128, 16, 200, 5e-2), (128, 16, 200, 1e-1))
SMALL = ("--size", 128, "--bubbles", 16)
SMALL_ACCURACY = 5e-2
SMALL_SERIES = {"temporal": "series", "accuracy": SMALL_ACCURACY, "seconds": 3, "backend": "cpu"}


def ratio(place, size, n_bubbles, n_steps, accuracy, peers):
    """One row of the table: series against the transform, at the same promise and at the same error."""
    arguments = ("--size", size, "--bubbles", n_bubbles, "--steps", n_steps)
    raw_seconds, _ = place.simulate(place.config("raw"), "raw.bp", *arguments)
    truth, _ = place.read("raw.bp")
    row = {
        "size": size,
        "bubbles": n_bubbles,
        "steps": n_steps,
        "accuracy": accuracy,
        "raw": place.bytes("raw.bp")[0],
        "raw_seconds": raw_seconds,
    }
    runs = {
        "series": {"temporal": "series"},
        "transform": {"model": "transform"},
        "default padding": {"temporal": "series"},
    }
    for name, parameters in runs.items():
        stripe = 4096 if name == "default padding" else 64
        config = place.config("run", {"accuracy": accuracy, "backend": "cpu", **parameters}, stripe=stripe)
        seconds, resident = place.simulate(config, "run.bp", *arguments)
        row[name] = measure(place, truth, accuracy) | {"seconds": seconds}
        if name == "series":
            row["resident"] = resident[::20]
            row["segments"] = [
                {
                    k: s[k]
                    for k in (
                        "variable",
                        "n_steps",
                        "n_by_network",
                        "network_bytes",
                        "sketch_bytes",
                        "worst",
                        "broken",
                        "why",
                    )
                }
                for s in place.segments("run")
            ]
            reached = row["series"]["rfe"]
    config = place.config("run", {"model": "transform"}, {v: max(e, 1e-9) for v, e in reached.items()})
    place.simulate(config, "run.bp", *arguments)
    row["transform at the error"] = measure(place, truth, max(reached.values()))
    if peers:
        for codec in ("SZ3", "ZFP"):
            row[f"{codec} at the error"] = {v: at_error(codec, truth[v], reached[v])[0] for v in NAMES}
    return row


def measure(place, truth, accuracy):
    """Bytes and errors of run.bp."""
    values, seconds = place.read("run.bp", seed=3)
    errors = {v: step_errors(truth[v], values[v]) for v in NAMES}
    n_bytes, network_bytes = place.bytes("run.bp")
    blocks = place.blocks("run.bp")
    stored = {v: sum(b["stored_bytes"] for (name, _), b in blocks.items() if name == v) for v in NAMES}
    models = {v: sum(b["record"]["model"] == "series" for (name, _), b in blocks.items() if name == v) for v in NAMES}
    return {
        "bytes": n_bytes,
        "network_bytes": network_bytes,
        "records": stored,
        "by_network": models,
        "rfe": {v: rfe(truth[v], values[v]) for v in NAMES},
        "judged": judge(blocks, errors, accuracy),
        "read_ms": 1e3 * float(np.median(seconds[:, 0])),
    }


def kills(place, n):
    """Writers killed after a random step: what is readable, and how well before and after `inr finalize`."""
    rng, rows = random.Random(1), []
    place.simulate(place.config("raw"), "raw.bp", *SMALL, "--steps", 120)
    truth, _ = place.read("raw.bp")
    for _ in range(n):
        at = rng.randrange(3, 110)
        shutil.rmtree(place.out / "run.bp", ignore_errors=True)
        writer = place.start(place.config("run", SMALL_SERIES), "run.bp", *SMALL, "--steps", 120)
        last = next(int(line) for line in writer.stdout if int(line) >= at)
        writer.kill()
        writer.wait()
        row = {"told": last + 1}
        before, _ = place.read("run.bp")
        row["readable"] = min(len(before[v]) for v in NAMES)
        row["before"] = judged(place, truth, before)
        place.inr("finalize", "run.bp", "--seconds", 3, "--backend", "cpu")
        after, _ = place.read("run.bp", seed=2)
        row["after"] = judged(place, truth, after)
        rows.append(row)
        print("kill", json.dumps(row, default=float), flush=True)
    for when in ("before", "after"):
        sums = {key: sum(row[when][key] for row in rows) for key in ("by_network", "within", "missed")}
        print(f"{when} finalize", json.dumps(sums | {"rate": sums["missed"] / sums["by_network"]}), flush=True)
    return rows


def missed(place, errors, blocks, dataset):
    """Steps above the accuracy that the network stands for and that neither `inr inspect` nor `inr query` names."""
    n = 0
    for (v, step), block in blocks.items():
        if block["record"]["model"] != "series" or errors[v][step] <= SMALL_ACCURACY:
            continue
        by_inspect = block["network"]["is_broken"] or not block["network"]["is_finished"]
        asked = json.loads(place.inr("query", dataset, v, "--at", f"0,0,{step}", "--json"))
        n += not by_inspect and asked["points"][0]["promise"] == "certified"
    return n


def judged(place, truth, values, dataset="run.bp"):
    """As `judge`, with the part of the network's steps that are within the accuracy."""
    errors = {v: step_errors(truth[v][: len(values[v])], values[v]) for v in NAMES}
    blocks = place.blocks(dataset)
    by_network = [errors[v][s] for (v, s), b in blocks.items() if b["record"]["model"] == "series"]
    within = sum(bool(e <= SMALL_ACCURACY) for e in by_network)
    n_missed = missed(place, errors, blocks, dataset)
    return judge(blocks, errors, SMALL_ACCURACY) | {"within": within, "missed": n_missed}


def life(place):
    """Append by another process, moved and copied folders, two runs at once and two in one dataset."""
    place.simulate(place.config("raw"), "raw.bp", *SMALL, "--steps", 120)
    truth, _ = place.read("raw.bp")
    config = place.config("run", SMALL_SERIES)
    result = {}
    place.simulate(config, "run.bp", *SMALL, "--steps", 60)
    first, _ = place.read("run.bp")
    place.simulate(config, "run.bp", *SMALL, "--steps", 60, "--first", 60, "--append")
    both, _ = place.read("run.bp", seed=4)
    result["append"] = judged(place, truth, both) | {
        "steps": len(both["rho"]),
        "files": len(list((place.out / "run.bp/inr").glob("*.inr"))),
        "first_unchanged": all(np.array_equal(first[v], both[v][:60]) for v in NAMES),
    }
    shutil.rmtree(place.out / "copy.bp", ignore_errors=True)
    shutil.rmtree(place.out / "elsewhere", ignore_errors=True)
    shutil.copytree(place.out / "run.bp", place.out / "copy.bp")
    (place.out / "elsewhere").mkdir()
    shutil.move(place.out / "run.bp", place.out / "elsewhere/moved.bp")
    for name in ("copy.bp", "elsewhere/moved.bp"):
        values, _ = place.read(name, seed=5)
        result[name] = all(np.array_equal(values[v], both[v]) for v in NAMES)
    names = ("a.bp", "b.bp")
    writers = [place.start(config, name, *SMALL, "--steps", 60) for name in names]
    for writer in writers:
        for _ in writer.stdout:
            pass
        if writer.wait():
            raise SystemExit("a writer failed")
    for name in names:
        values, _ = place.read(name)
        result[f"two at once: {name}"] = judged(place, truth, values, name) | {"steps": len(values["rho"])}
    return result


def main():
    """Runs the parts and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plugin")
    parser.add_argument("out")
    parser.add_argument("--parts", default="ratio,kill,life")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--peers", action="store_true", help="measure SZ3 and ZFP at the same error too")
    args = parser.parse_args()
    place = Place(args.plugin, args.out)
    path = place.out / "series_adios2.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for part in args.parts.split(","):
        if part == "ratio":
            results[part] = []
            for run in RUNS:
                results[part].append(ratio(place, *run, args.peers))
                print("ratio", json.dumps(results[part][-1], default=float), flush=True)
        elif part == "kill":
            results[part] = kills(place, args.kills)
        elif part == "life":
            results[part] = life(place)
            print("life", json.dumps(results[part], default=float), flush=True)
        path.write_text(json.dumps(results, indent=1, default=float))


if __name__ == "__main__":
    main()
