"""Writes the steps of .npy files with ADIOS2; the XML file alone says how they are stored.

usage: python replay.py CONFIG.xml OUTPUT.bp NAME=SERIES...
SERIES is a .npy file, time slowest, or a folder with NAME_0000.npy and so on. Tells every finished step, and the CPU seconds of
the process since the first one began.
"""

import sys
import time
from pathlib import Path

import adios2
import numpy as np


def steps_of(name, path):
    """The steps of a variable."""
    if path.is_dir():
        return [np.load(file) for file in sorted(path.glob(f"{name}_*.npy"))]
    return np.load(path)


def main(config, output, variables):
    """One step of all variables at a time."""
    series = {name: steps_of(name, Path(path)) for name, path in variables.items()}
    io = adios2.Adios(config).declare_io("SimulationOutput")
    started = time.process_time()
    with adios2.Stream(io, output, "w") as stream:
        for step, blocks in enumerate(zip(*series.values(), strict=True)):
            stream.begin_step()
            for name, values in zip(series, blocks, strict=True):
                values = np.ascontiguousarray(values)
                stream.write(name, values, values.shape, [0] * values.ndim, values.shape)
            stream.end_step()
            print(step, time.process_time() - started, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3], dict(argument.split("=", 1) for argument in sys.argv[3:]))
