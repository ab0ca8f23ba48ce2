"""A plain reader: every block of every step of a dataset in random order, with nothing but ADIOS2, compared with what was written.

usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> python reader.py DATASET.bp SEED
Prints {"n_steps": N, "blocks": [{"array", "start", "step", and "linf" and "l2", or "refused"}]} as JSON: errors as parts of the block's
value range and L2 norm, or the sentence that reading it was refused with.
"""

import json
import random
import sys

from pathlib import Path

from fields import blocks

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/clients"))
from engines import array, block_errors, open_plain  # noqa: E402


def read(reader, name, start, step, want):
    """What became of one block."""
    place = {"array": name, "start": start, "step": step}
    try:
        got = array(*reader, name, start, list(want.shape), step)
    except Exception as error:  # ADIOS2 raises whatever it likes
        return {**place, "refused": str(error)}
    if want.dtype.kind == "i":
        is_same = bool((got == want).all())
        return {**place, "linf": 0.0 if is_same else float("inf"), "l2": 0.0 if is_same else float("inf")}
    linf, l2 = block_errors(got, want)
    return {**place, "linf": linf, "l2": l2}


def main(dataset, seed):
    """Reads each block once."""
    reader = open_plain(dataset)
    variable = reader[0].inquire_variable("u")
    n_steps = int(variable.steps()) if variable else 0
    order = [(name, start, step, want) for step in range(n_steps) for name, start, want in blocks(step)]
    random.Random(seed).shuffle(order)
    print(json.dumps({"n_steps": n_steps, "blocks": [read(reader, *place) for place in order]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
