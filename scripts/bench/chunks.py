#!/usr/bin/env python3
"""Bytes of large blocks in chunks beside the same blocks whole, and a picture across the border of two chunks.

usage: python scripts/bench/chunks.py FOLDER_OF_INR SCRATCH [--threads N] [--picture PNG] [--field N]

The field is isotropic noise with the spectrum of turbulence (energy ~ k^-5/3), 288 cubed float32 values, just below the size
from which blocks are cut. It is encoded whole, and as two halves of 144 planes, each a record of its own: what the smallest block
that is cut is coded as. Under Linf both halves have the bound of the whole; under L2 each has its half of the squared error.
--picture encodes 296 cubed values, which are cut in two, at ratio 200 and draws a plane across the border.
--field writes N cubed values of the same kind to SCRATCH/turbulence.npy and does nothing else.
"""

import argparse
import pathlib
import subprocess

import numpy as np

WHOLE, CUT = 288, 296


def turbulence(n):
    """A periodic Gaussian field, mean 0 and variance 1, whose energy falls as k^-5/3 from the wavenumber 3 on."""
    rng = np.random.default_rng(1)
    k = [np.fft.fftfreq(n, 1 / n), np.fft.fftfreq(n, 1 / n), np.fft.rfftfreq(n, 1 / n)]
    square = sum(axis.reshape([-1 if i == j else 1 for j in range(3)]) ** 2 for i, axis in enumerate(k))
    # A shell of radius k holds k^2 modes, and the amplitude is the root of the energy.
    spectrum = (square + 9.0) ** (-11 / 12)
    spectrum[0, 0, 0] = 0
    field = np.fft.irfftn(np.fft.rfftn(rng.standard_normal((n, n, n))) * spectrum, s=(n, n, n), axes=(0, 1, 2))
    return (field / field.std()).astype(np.float32)


def encode(inr, values, scratch, *settings):
    """Bytes of the record of an array."""
    source, record = scratch / "block.npy", scratch / "block.inr"
    np.save(source, values)
    subprocess.run([inr, "encode", source, record, "--model", "transform", *settings], check=True, stdout=subprocess.DEVNULL)
    return record.stat().st_size


def table(inr, scratch, threads):
    """Whole and halved blocks at bounds from loose to tight."""
    values = turbulence(WHOLE)
    halves = np.split(values, 2)
    total = {"Linf": float(np.ptp(values)), "L2": float(np.linalg.norm(values.astype(np.float64)))}
    print("| bound | ratio | whole, bytes | in two chunks | more |\n|---|---|---|---|---|")
    for norm, accuracies in (("Linf", ("1e-1", "1e-2", "1e-3", "1e-4")), ("L2", ("1e-1", "1e-2", "1e-3"))):
        for accuracy in accuracies:
            bound = float(accuracy) * total[norm]

            def size(part, share):
                settings = ["--norm", norm, "--mode", "ABS", "--accuracy", repr(bound * share), "--threads", threads]
                return encode(inr, part, scratch, *settings)

            whole = size(values, 1)
            cut = sum(size(half, 0.5**0.5 if norm == "L2" else 1) for half in halves)
            ratio, more = values.nbytes / whole, 100 * (cut / whole - 1)
            print(f"| {norm} {accuracy} | {ratio:.1f} | {whole:,} | {cut:,} | {more:+.2f} % |", flush=True)


def picture(inr, scratch, threads, path):
    """A plane across the border of two chunks: original, decoded and error."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    values = turbulence(CUT)
    n_bytes = encode(inr, values, scratch, "--ratio", "200", "--threads", threads)
    subprocess.run([inr, "decode", scratch / "block.inr", scratch / "back.npy"], check=True, stdout=subprocess.DEVNULL)
    decoded = np.load(scratch / "back.npy")
    # Of axes of the same length the first is cut: it is drawn to the right.
    planes = [field[:, 100, :].T for field in (values, decoded, decoded - values)]
    error = planes[2]
    limits = [np.abs(values).max()] * 2 + [np.abs(error).max()]
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    for axis, plane, limit, title in zip(axes, planes, limits, ("original", f"ratio {values.nbytes / n_bytes:.0f}", "error")):
        image = axis.imshow(plane, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axis.set_title(title)
        axis.set_xticks([0, CUT // 2, CUT], ["0", f"border at {CUT // 2}", str(CUT)])
        figure.colorbar(image, ax=axis, shrink=0.8)
    figure.savefig(path, dpi=70)
    steps = np.abs(np.diff(error, axis=1))
    print(f"mean jump of the error across the border over that elsewhere: {steps[:, CUT // 2 - 1].mean() / steps.mean():.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--picture", type=pathlib.Path)
    parser.add_argument("--field", type=int)
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    inr = arguments.folder / "inr"
    if arguments.field:
        np.save(arguments.scratch / "turbulence.npy", turbulence(arguments.field))
    elif arguments.picture:
        picture(inr, arguments.scratch, arguments.threads, arguments.picture)
    else:
        table(inr, arguments.scratch, arguments.threads)


if __name__ == "__main__":
    main()
