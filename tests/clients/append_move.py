"""usage: append_move.py MODE FOLDER: MODE is write (two steps), append (two more, another process) or read (after the dataset
was moved). Warm starts of the first process must not show in the values of the second."""
import os
import sys

import adios2
import numpy as np

from cases import PLUGIN, check_block, smooth

mode, folder = sys.argv[1], sys.argv[2]
os.chdir(folder)


def write(how, steps):
    adios = adios2.Adios()
    io = adios.declare_io("o")
    operator = adios.define_operator("inr", "plugin", PLUGIN)
    variable = io.define_variable("u", np.zeros(1, "f4"), [60, 70], [0, 0], [60, 70])
    variable.add_operation(operator)
    with adios2.Stream(io, "run.bp", how) as stream:
        for step in steps:
            stream.begin_step()
            # The dataset's name is relative: the operator must not look for it in another directory.
            os.chdir("/" if step % 2 else folder)
            stream.write(variable, smooth("u", (60, 70), step).astype("f4"))
            os.chdir(folder)  # ADIOS2 itself does
            stream.end_step()


if mode == "write":
    write("w", range(2))
elif mode == "append":
    write("a", range(2, 4))
else:
    with adios2.FileReader("moved/elsewhere.bp") as f:
        for step in (3, 0, 2, 1):
            got = f.read("u", step_selection=[step, 1])
            check_block(f"step {step}", smooth("u", (60, 70), step).astype("f4"), got)
