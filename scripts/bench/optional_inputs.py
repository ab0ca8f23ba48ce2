"""What further inputs of a predictor save: another variable's current step, the current step's coarser half, a wider stencil in 3D.

The past is the decoded past of a chain of `inr encode --temporal predict`. For three steps a linear stencil and a network (32-32) are
fitted by least squares to half of the cells of a step; the other half counts in bits, log2(1 + (coefficient / bound)^2) / 2 per cosine
coefficient of a cell, as the product's own loss does; with the coarser half (means of 2^d points) only those of what is finer.

usage: python optional_inputs.py BIN DATA [--accuracy 1e-3]
BIN holds inr, DATA the series of prediction_data.py; needs scipy and scikit-learn.
"""

import argparse
import itertools
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import scipy.fft
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

SERIES = {"gs3d_v": "gs3d_u", "bubbles_p": "bubbles_u", "jet_fuel": "jet_temperature", "gs2d_v": "gs2d_u"}
STEPS = (12, 24)  # none is a key or right after one
SIDES = {2: 4, 3: 2}  # of a cell, by the number of axes


def decoded(inr, path, accuracy, folder):
    """What a chain of an array's steps is read as."""
    chain, out = folder / "chain.inr", folder / "decoded.npy"
    options = ["--temporal", "predict", "--accuracy", str(accuracy), "--norm", "Linf", "--model", "transform"]
    subprocess.run([inr, "encode", path, chain, *options], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([inr, "decode", chain, out], check=True, stdout=subprocess.DEVNULL)
    return np.load(out).astype(float)


def neighbours(field, radius):
    """`[points, (2 radius + 1)^d]`, less the point itself where it is not the middle; edges replicated."""
    padded = np.pad(field, radius, mode="edge")
    moves = itertools.product(range(2 * radius + 1), repeat=field.ndim)
    parts = [padded[tuple(slice(m, m + n) for m, n in zip(move, field.shape))] - field for move in moves]
    parts[len(parts) // 2] = field
    return np.stack([part.ravel() for part in parts], 1)


def means(field):
    """Means of 2^d points, at each of the points."""
    for axis in range(field.ndim):
        pairs = field.reshape(*field.shape[:axis], -1, 2, *field.shape[axis + 1 :])
        field = np.repeat(pairs.mean(axis + 1), 2, axis)
    return field


def bits(errors, bound, counted):
    """Bits per point of the cells that count."""
    side = SIDES[errors.ndim]
    shape = [part for n in errors.shape for part in (n // side, side)]
    axes = tuple(range(1, 2 * errors.ndim, 2))
    coefficients = scipy.fft.dctn(errors.reshape(shape), axes=axes, norm="ortho")
    cells = np.log2(1 + (coefficients / bound) ** 2).sum(axes) / 2
    return cells[counted].mean() / side**errors.ndim


def predicted(inputs, target, trained, has_network):
    """`target` by a linear stencil, or by that and a network, fitted to the trained points."""
    inputs = inputs - inputs[trained].mean(0)
    inputs /= inputs[trained].std(0) + 1e-30
    with_one = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    linear = with_one @ np.linalg.lstsq(with_one[trained], target[trained], rcond=1e-10)[0]
    if not has_network:
        return linear
    rest = target - linear
    scale = rest[trained].std()
    network = MLPRegressor(
        hidden_layer_sizes=(32, 32), batch_size=1024, max_iter=30, learning_rate_init=3e-3, random_state=0
    )
    return linear + scale * network.fit(inputs[trained], rest[trained] / scale).predict(inputs)


def input_sets(past, other, t):
    """The usual inputs for a step, and with others."""
    last, before = past[t - 1], past[t - 2]
    radius = 1 if last.ndim == 3 else 2
    of = lambda now, before, radius=radius: [neighbours(now, radius), neighbours(now - before, radius)]
    usual = of(last, before)
    sets = {"usual": usual, "other variable": usual + of(other[t], other[t - 1])}
    if last.ndim == 3:
        sets["5^3"] = of(last, before, 2)
    sets["coarser half"] = usual + [neighbours(means(past[t]) - means(last), 2)]
    return {name: np.concatenate(parts, 1) for name, parts in sets.items()}


def study(name, values, past, other, accuracy):
    """Rows of one series: bits, and those over the usual ones."""
    found = {}
    for t in STEPS:
        now, last = values[t].astype(float), past[t - 1]
        bound = accuracy * (now.max() - now.min())
        # Both halves are squares that hardly share neighbours.
        is_trained = np.indices([n // SIDES[now.ndim] for n in now.shape]).sum(0) // 4 % 2 == 0
        points = np.kron(is_trained, np.ones((SIDES[now.ndim],) * now.ndim, bool)).ravel()
        change = now - last
        for has_network in (False, True):
            for kind, inputs in input_sets(past, other, t).items():
                errors = change - predicted(inputs, change.ravel(), points, has_network).reshape(now.shape)
                halves = (errors, errors - means(errors))
                found.setdefault((has_network, kind), []).append([bits(half, bound, ~is_trained) for half in halves])
    for (has_network, kind), row in found.items():
        of, usual = np.mean(row, 0), np.mean(found[has_network, "usual"], 0)
        # The coarser half is stored all the same: what is finer counts.
        half = int(kind == "coarser half")
        saved = (usual - of)[half] / usual[0]
        what = "network" if has_network else "linear"
        print(f"| {name} | {what} | {kind} | {usual[half]:.3f} | {of[half]:.3f} | {100 * saved:.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--accuracy", type=float, default=1e-3)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| series | predictor | inputs | bits per point without | with | saved of all |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, other in SERIES.items():
            paths = [Path(folder) / f"{of}.npy" for of in (name, other)]
            for path in paths:
                np.save(path, np.load(args.data / path.name, mmap_mode="r")[: STEPS[-1] + 1])
            past = [decoded(args.bin / "inr", path, args.accuracy, Path(folder)) for path in paths]
            study(name, np.load(paths[0]), *past, args.accuracy)


main()
