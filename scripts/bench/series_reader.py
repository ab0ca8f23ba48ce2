"""A plain reader: all steps of all 2D or 1D variables of a dataset, in random order, with nothing but ADIOS2.

usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> python series_reader.py INPUT.bp SEED OUT.npz
OUT.npz then has one array (steps, ...) per variable, and `seconds` per read.
"""

import random
import sys
import time

import adios2
import numpy as np


def main(dataset, seed, out):
    """Reads each step of each variable once."""
    values, seconds = {}, []
    with adios2.FileReader(dataset) as reader:
        steps = {name: int(info["AvailableStepsCount"]) for name, info in reader.available_variables().items()}
        order = [(name, step) for name, n in steps.items() for step in range(n)]
        random.Random(seed).shuffle(order)
        for name, step in order:
            started = time.perf_counter()
            block = reader.read(name, step_selection=[step, 1])
            seconds.append(time.perf_counter() - started)
            values.setdefault(name, {})[step] = block
    arrays = {name: np.stack([blocks[step] for step in range(steps[name])]) for name, blocks in values.items()}
    np.savez(out, seconds=np.array(seconds), **arrays)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
