"""Reads every step of every 3D array of an ADIOS2 dataset and saves it as .npy: plain ADIOS2, nothing to configure.

usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> python read_back.py INPUT.bp OUT_DIR
"""

import json
import sys
import time
from pathlib import Path

import adios2
import numpy as np


def main(dataset, out_dir):
    """Saves VARIABLE_STEP.npy files and, in seconds.json, how long ADIOS2 took to hand over each array."""
    out_dir.mkdir(parents=True, exist_ok=True)
    seconds = {}
    with adios2.FileReader(dataset) as reader:
        for name, info in reader.available_variables().items():
            if info["Shape"].count(",") != 2:
                continue
            seconds[name] = []
            for step in range(int(info["AvailableStepsCount"])):
                started = time.perf_counter()
                values = reader.read(name, step_selection=[step, 1])
                seconds[name].append(time.perf_counter() - started)
                np.save(out_dir / f"{name}_{step:04}.npy", values)
    (out_dir / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
