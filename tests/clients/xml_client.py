"""usage: xml_client.py MODE FOLDER: a program that does not know the operator: FOLDER/adios2.xml switches it on. MODE is write or
read; reading uses no configuration."""
import os
import sys

import adios2

from cases import check_block, smooth

mode, folder = sys.argv[1], sys.argv[2]
os.chdir(folder)
NAMES = {"U": ("L2", "f8"), "V": ("Linf", "f4"), "plain": (None, "f4")}
DIMS = (30, 32, 10)


def field(name, step):
    return smooth(name, DIMS, step).astype(NAMES[name][1])


if mode == "write":
    io = adios2.Adios("adios2.xml").declare_io("SimulationOutput")
    with adios2.Stream(io, "out.bp", "w") as stream:
        for step in range(3):
            stream.begin_step()
            for name in NAMES:
                stream.write(name, field(name, step), DIMS, [0, 0, 0], DIMS)
            stream.end_step()
else:
    with adios2.FileReader("out.bp") as f:
        for name, (norm, _) in NAMES.items():
            for step in (2, 0, 1):
                got = f.read(name, step_selection=[step, 1]).reshape(DIMS)
                if norm is None:
                    assert (got == field(name, step)).all()
                else:
                    check_block(f"{name} step {step}", field(name, step), got, norm)
