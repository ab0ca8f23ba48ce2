"""usage: killed.py MODE FOLDER ENGINE: write: tells every finished step on stdout and goes on until it is killed; read N: the first N
steps must be there and right."""
import os
import sys

import adios2
import adios2.bindings as low
import numpy as np

from cases import PLUGIN, check_block, smooth

mode, folder, engine_type = sys.argv[1:4]
os.chdir(folder)

if mode == "write":
    adios = adios2.Adios()
    io = adios.declare_io("o")
    io.set_engine(engine_type)
    operator = adios.define_operator("inr", "plugin", PLUGIN)
    variable = io.define_variable("u", np.zeros(1, "f4"), [60, 70], [0, 0], [60, 70])
    variable.add_operation(operator)
    engine = io.open("run.bp", low.Mode.Write)
    for step in range(1000):
        engine.begin_step()
        engine.put(variable, smooth("u", (60, 70), step).astype("f4"), low.Mode.Sync)
        engine.end_step()
        print(step, flush=True)
else:
    n_steps = int(sys.argv[4])
    with adios2.FileReader("run.bp") as f:
        there = int(f.available_variables()["u"]["AvailableStepsCount"])
        assert there >= n_steps, f"{there} of {n_steps} steps"
        for step in range(n_steps):
            got = f.read("u", step_selection=[step, 1])
            check_block(f"step {step}", smooth("u", (60, 70), step).astype("f4"), got)
