#!/usr/bin/env python3
"""Peak memory of `inr encode` and `inr decode` beside the block, in units of the block.

usage: python scripts/bench/memory.py FOLDER_OF_INR SCRATCH [--threads N] [--accuracy A] [--only NAME] [--large]

Writes smooth fields with fine structure of 128, 256 and 512 cubed and of 16384 squared values to SCRATCH, one at a time. The
high-water mark of a process less that of the same process with a tiny block, less the block, is what encoding or decoding takes.
--only takes shapes whose name holds NAME. --large adds a block of 2176 x 1024 x 1024 float32 values, more than 8 GiB.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np


def field(dims, dtype, path):
    """Waves of many lengths along each axis and across, written slab by slab; never the whole in memory."""
    out = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=dims)
    rng = np.random.default_rng(1)
    axes = [np.linspace(0, 1, n) for n in dims]
    waves = [[(rng.normal() / k, rng.uniform(2, 3) * k, rng.uniform(0, 6)) for k in (1, 3, 9, 27, 81)] for _ in dims]
    parts = [sum(a * np.sin(w * 2 * np.pi * x + p) for a, w, p in of_axis) for x, of_axis in zip(axes, waves)]
    inner = parts[-1] if len(dims) == 2 else parts[-2][:, None] + parts[-1][None, :]
    for i in range(dims[0]):
        slab = np.sin(2 * inner + parts[0][i]) + 0.3 * inner * parts[0][i]
        out[i] = slab + 1e-3 * rng.standard_normal(slab.shape, dtype=np.float32)
    out.flush()


def peak(command):
    """Peak resident bytes and seconds of a command."""
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return usage.ru_maxrss * 1024, time.time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--accuracy", default="1e-3")
    parser.add_argument("--only", default="")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    inr, scratch = arguments.folder / "inr", arguments.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    source, record, back = scratch / "block.npy", scratch / "block.inr", scratch / "back.npy"

    def run(goal):
        settings = [*goal, "--model", "transform", "--threads", arguments.threads]
        encoded = peak([inr, "encode", source, record, *settings])
        return encoded, peak([inr, "decode", record, back])

    np.save(source, np.linspace(0, 1, 4096, dtype=np.float32))
    base = [result[0] for result in run(["--accuracy", "1e-3", "--norm", "Linf"])]
    cubes = [((n, n, n), dtype) for n in (128, 256, 512) for dtype in ("float32", "float64")]
    shapes = [*cubes, ((16384, 16384), "float32")]
    if arguments.large:
        shapes.append(((2176, 1024, 1024), "float32"))
    print("| block | MB | goal | ratio | encoding, extra memory | decoding, extra memory | encode s | decode s |")
    print("|---|---|---|---|---|---|---|---|")
    accuracy = arguments.accuracy
    for dims, dtype in shapes:
        shape = " x ".join(map(str, dims))
        if arguments.only not in f"{shape} {dtype}":
            continue
        field(dims, dtype, source)
        n_bytes = int(np.prod(dims)) * np.dtype(dtype).itemsize
        for norm in ("Linf", "L2"):
            goal = ["--accuracy", accuracy, "--norm", norm]
            results = run(goal)
            extra = [(result[0] - small) / n_bytes - 1 for result, small in zip(results, base)]
            print(
                f"| {shape} {dtype} | {n_bytes / 1e6:.0f} | {norm} {accuracy} | {n_bytes / record.stat().st_size:.1f} "
                f"| {extra[0]:.1f}x | {extra[1]:.1f}x | {results[0][1]:.1f} | {results[1][1]:.1f} |",
                flush=True,
            )
        source.unlink()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
