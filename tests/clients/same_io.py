"""usage: same_io.py FOLDER NAME: writes the steps of FOLDER/NAME that it reads to FOLDER/copy.bp through the same IO, so that ADIOS2 hands on
the operator that it made for reading; then both must hold the same values."""
import os
import sys

import adios2
import adios2.bindings as low
import numpy as np

os.chdir(sys.argv[1])
DIMS = (60, 70)


def values(engine, io):
    got = np.zeros(DIMS, "f4")
    engine.get(io.inquire_variable("u"), got, low.Mode.Sync)
    return got


io = adios2.Adios().declare_io("both")
source, copy, wanted = io.open(sys.argv[2], low.Mode.Read), None, []
while source.begin_step() == low.StepStatus.OK:
    wanted.append(values(source, io))
    copy = copy or io.open("copy.bp", low.Mode.Write)
    copy.begin_step()
    copy.put(io.inquire_variable("u"), wanted[-1], low.Mode.Sync)
    copy.end_step()
    source.end_step()
copy.close()
source.close()

io = adios2.Adios().declare_io("reader")
reader = io.open("copy.bp", low.Mode.Read)
for step, want in enumerate(wanted):
    assert reader.begin_step() == low.StepStatus.OK
    assert (values(reader, io) == want).all(), f"step {step} changed"
    reader.end_step()
assert len(wanted) > 1
