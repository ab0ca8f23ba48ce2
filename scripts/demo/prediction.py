"""A picture of what one step was predicted to be, and of what is left to store, beside what the last step would leave.

The predictions are those of a run: `inr predict` computes them again from the originals, with the same settings.

usage: python prediction.py CONFIG.xml INR SERIES NAME OUT.png [STEP]
INR is the command line's program; SERIES a .npy file, time slowest, or a folder with NAME_0000.npy and so on; STEP
the one to show: the last but two by default.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pictures
from report import operator_parameters, series


def predictions(config, inr, steps):
    """Of all steps (float64, like `steps`); NaN where a step stands alone."""
    ours = {k: v for k, v in operator_parameters(config).items() if k not in ("pluginname", "pluginlibrary", "log")}
    with tempfile.TemporaryDirectory() as folder:
        array, out = Path(folder) / "steps.npy", Path(folder) / "predictions.npy"
        np.save(array, steps)
        flags = [flag for key, value in ours.items() for flag in (f"--{key}", value)]
        subprocess.run([inr, "predict", array, out, *flags], check=True)
        return np.load(out)


def main(config, inr, path, name, out, step=-3):
    """Steps after the one to show are not looked at."""
    steps = np.stack(series(path, name)) if path.is_dir() else np.load(path)
    shown = range(len(steps))[step]
    predicted = predictions(config, inr, steps[: shown + 1])[shown]
    if np.isnan(predicted).any():
        sys.exit(f"step {shown} of {name} stands alone: name another one")
    pictures.prediction(out, f"{name}, step {shown}", steps[shown], predicted, steps[shown - 1])


if __name__ == "__main__":
    main(*sys.argv[1:3], Path(sys.argv[3]), *sys.argv[4:6], *map(int, sys.argv[6:]))
