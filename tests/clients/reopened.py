"""usage: reopened.py FOLDER: one process writes a dataset, appends to it and writes it anew, by one name. The run log in FOLDER/log
numbers the steps of a series, so it shows where the operator thinks that a run starts."""
import os
import sys

import adios2
import numpy as np

from cases import PLUGIN, smooth

os.chdir(sys.argv[1])
adios = adios2.Adios()
io = adios.declare_io("o")
# Opening empties the index on a thread of its own by default: a first block that comes earlier cannot tell.
io.set_parameters({"AsyncOpen": "false"})
operator = adios.define_operator("inr", "plugin", {**PLUGIN, "log": "log", "model": "transform"})
variable = io.define_variable("u", np.zeros(1, "f4"), [60, 70], [0, 0], [60, 70])
variable.add_operation(operator)
for how, n_steps in (("w", 1), ("w", 3), ("a", 2), ("w", 2)):
    with adios2.Stream(io, "run.bp", how) as stream:
        for step in range(n_steps):
            stream.begin_step()
            stream.write(variable, smooth("u", (60, 70), step).astype("f4"))
            stream.end_step()
