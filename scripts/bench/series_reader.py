"""A plain reader: all steps of all variables of a dataset, in random order or forward, with nothing but ADIOS2.

usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> python series_reader.py INPUT.bp SEED|forward OUT.npz
OUT.npz then has one array (steps, ...) per variable, and in `seconds` one row per read: by the clock, and of CPU time.
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
        if seed != "forward":
            random.Random(int(seed)).shuffle(order)
        for name, step in order:
            started, cpu_started = time.perf_counter(), time.process_time()
            block = reader.read(name, step_selection=[step, 1])
            seconds.append((time.perf_counter() - started, time.process_time() - cpu_started))
            values.setdefault(name, {})[step] = block
    arrays = {name: np.stack([blocks[step] for step in range(steps[name])]) for name, blocks in values.items()}
    np.savez(out, seconds=np.array(seconds), **arrays)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
