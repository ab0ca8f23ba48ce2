"""usage: unclosed.py write FOLDER TEMPORAL HOW | read FOLDER N: a run that ends without Close, in the middle of a step.

HOW: exit (Python's own end), abrupt (no handler runs), elsewhere (exit() from another thread while steps are written). Prints how many
steps were ended. `read` checks that N are there at least, each within its bound.
"""
import ctypes
import os
import sys
import threading

import adios2
import adios2.bindings as low
import numpy as np

from cases import PLUGIN

WAYS = {"none": {"accuracy": "1e-3", "norm": "Linf"}, "predict": {"accuracy": "1e-3", "norm": "Linf"}, "series": {"accuracy": "0.1"}}
N_STEPS = 12


def field(step):
    y, x = np.meshgrid(np.linspace(0, 3, 40), np.linspace(0, 3, 48), indexing="ij")
    return (np.sin(2 * x + 0.02 * step) * np.cos(y - 0.01 * step)).astype("f4")


what, folder = sys.argv[1:3]
os.chdir(folder)
if what == "read":
    with adios2.FileReader("run.bp") as reader:
        n = reader.num_steps()
        assert n >= int(sys.argv[3]), f"{n} steps"
        for step in range(n):
            error = reader.read("u", step_selection=[step, 1]).reshape(40, 48) - field(step)
            # The looser of the two: a network moves on under the steps before.
            assert np.linalg.norm(error) <= 0.2 * np.linalg.norm(field(step)), step
    sys.exit()

temporal, how = sys.argv[3:]
adios = adios2.Adios()
io = adios.declare_io("o")
variable = io.define_variable("u", field(0), [40, 48], [0, 0], [40, 48])
parameters = {**PLUGIN, **WAYS[temporal], "temporal": temporal, "seconds": "0.2", "backend": "cpu"}
variable.add_operation(adios.define_operator("inr", "plugin", parameters))
engine = io.open("run.bp", low.Mode.Write)
for step in range(1000 if how == "elsewhere" else N_STEPS):
    engine.begin_step()
    engine.put(variable, field(step), low.Mode.Sync)
    engine.end_step()
    if step + 1 <= N_STEPS:
        print(step + 1, flush=True)
    if how == "elsewhere" and step + 1 == N_STEPS:
        threading.Thread(target=ctypes.CDLL(None).exit, args=(0,)).start()
engine.begin_step()
engine.put(variable, field(N_STEPS), low.Mode.Sync)
if how == "abrupt":
    os._exit(0)
