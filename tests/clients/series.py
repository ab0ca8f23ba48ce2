"""usage: series.py write|append|each|full FOLDER NAME FIRST N: a program that knows nothing of the operator writes N steps of two blocks of
"u" to FOLDER/NAME, as FOLDER/adios2.xml says, and tells every finished step; "each" hands over a new operator in each step instead;
"full" may not make the model store larger in the 11th step.
series.py read FOLDER NAME SEED: reads all steps in random order and prints {"step,block": relative L2 error} as JSON."""
import glob
import json
import os
import random
import resource
import sys
from xml.etree import ElementTree

import adios2
import numpy as np

mode, folder, name = sys.argv[1:4]
os.chdir(folder)
N = 48


def blocks(step):
    """Two blocks side by side, with their starts: a pulse that moves over a still pattern, down and to the right."""
    y, x = np.meshgrid(np.arange(N) / N, np.arange(N) / N, indexing="ij")
    pulse = np.exp(-30 * ((x - 0.5) ** 2 + (y - 0.25 - 0.012 * step) ** 2))
    waves = np.sin(25 * x + 9 * y * y) * np.sin(23 * y - 7 * x * x)
    block = (pulse + 0.5 * waves + 0.5 * np.sin(31 * (x - 0.3) * (y + 0.2))).astype("f4")
    return [(0, block), (N, np.ascontiguousarray(block.T))]


def parameters():
    """Those of the operator in the XML file."""
    operator = ElementTree.parse("adios2.xml").find("operator")
    return {p.get("key"): p.get("value") for p in operator.iter("parameter")}


def limit_files(is_full):
    """No file may grow beyond the model store as it is, or all may again."""
    largest = max(os.path.getsize(path) for path in glob.glob(f"{name}/inr/*.inr"))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest if is_full else hard, hard))


def write():
    first, n = int(sys.argv[4]), int(sys.argv[5])
    shape, count = [N, 2 * N], [N, N]
    adios = adios2.Adios() if mode == "each" else adios2.Adios("adios2.xml")
    io = adios.declare_io("SimulationOutput")
    with adios2.Stream(io, name, "a" if mode == "append" else "w") as stream:
        if mode != "each":
            variable = io.define_variable("u", np.zeros(1, "f4"), shape, [0, 0], count)
        for step in range(first, first + n):
            stream.begin_step()
            is_full = mode == "full" and step - first == 10
            if is_full:
                limit_files(True)
            for start, block in blocks(step):
                if mode == "each":
                    stream.write("u", block, shape, [0, start], count, operations=[("plugin", parameters())])
                else:
                    variable.set_selection([[0, start], count])
                    stream.write(variable, block)
            if is_full:
                # ADIOS2 writes its own file when the step ends.
                limit_files(False)
            stream.end_step()
            print(step, flush=True)


def read():
    with adios2.FileReader(name) as f:
        n = int(f.available_variables()["u"]["AvailableStepsCount"])
        order = [(step, block) for step in range(n) for block in (0, 1)]
        random.Random(int(sys.argv[4])).shuffle(order)
        errors = {}
        for step, block in order:
            start, want = blocks(step)[block]
            got = f.read("u", start=[0, start], count=[N, N], step_selection=[step, 1]).reshape(N, N)
            assert want.min() <= got.min() and got.max() <= want.max(), "statistics of the original data"
            errors[f"{step},{block}"] = float(np.linalg.norm(got - want) / np.linalg.norm(want))
        print(json.dumps(errors))


read() if mode == "read" else write()
