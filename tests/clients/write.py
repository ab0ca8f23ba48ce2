"""usage: write.py ENGINE FOLDER: writes every case with the low-level API, local and joined arrays with it too, and some
cases with Stream. Prints the name of each dataset."""
import os
import sys

import adios2
import adios2.bindings as low
import numpy as np

from cases import LINF, N_STEPS, PARAMETERS, PLUGIN, block_slices, cases, smooth, values

JOINED_DIM = 2**64 - 2  # adios2::JoinedDim, which the Python module does not name
engine_type, folder = sys.argv[1], sys.argv[2]
os.chdir(folder)


def operators(adios):
    return {n: adios.define_operator(n, "plugin", {**PLUGIN, **p}) for n, p in PARAMETERS.items()}


def all_cases():
    """One variable per case, several blocks per step; deferred and sync puts in turn."""
    adios = adios2.Adios()
    io = adios.declare_io("all")
    io.set_engine(engine_type)
    operator = operators(adios)
    variables = {}
    for c in cases():
        first = np.zeros(1, c["dtype"])
        variables[c["name"]] = io.define_variable(c["name"], first, c["dims"], [0] * len(c["dims"]), c["dims"])
        variables[c["name"]].add_operation(operator[c["norm"]])
    engine = io.open("all.bp", low.Mode.Write)
    for step in range(N_STEPS):
        engine.begin_step()
        keep = []
        for k, c in enumerate(cases()):
            whole = values(c, step)
            for part in block_slices(c):
                block = np.ascontiguousarray(whole[part])
                keep.append(block)  # a deferred put needs it until the step ends
                start = [part.start] + [0] * (whole.ndim - 1)
                variables[c["name"]].set_selection((start, block.shape))
                engine.put(variables[c["name"]], block, low.Mode.Sync if k % 2 else low.Mode.Deferred)
        engine.end_step()
    engine.close()


def with_stream():
    """The short way, with a new operator object for every write; a single value beside it, which no operator sees."""
    with adios2.Stream("stream.bp", "w") as stream:
        for step in range(N_STEPS):
            stream.begin_step()
            field = smooth("stream", (40, 50), step)
            stream.write("u", field, field.shape, [0, 0], field.shape, operations=[("plugin", PLUGIN)])
            stream.write("t", 0.1 * step)
            stream.end_step()


def local_and_joined():
    """Arrays without a global place, of different sizes, one of them empty."""
    adios = adios2.Adios()
    io = adios.declare_io("local")
    io.set_engine(engine_type)
    operator = operators(adios)["L2"]
    local = io.define_variable("local", np.zeros(1, "f4"), [], [], [40, 50])
    variables = [local]
    if engine_type == "BP5":
        joined = io.define_variable("joined", np.zeros(1, "f8"), [JOINED_DIM, 50], [], [40, 50])
        variables.append(joined)
    for variable in variables:
        variable.add_operation(operator)
    engine = io.open("local.bp", low.Mode.Write)
    for step in range(N_STEPS):
        engine.begin_step()
        for variable, dtype in zip(variables, ("f4", "f8")):
            for n in (40, 0, 30):
                block = smooth(variable.name(), (n, 50), step).astype(dtype)
                variable.set_selection(([], block.shape))
                engine.put(variable, block, low.Mode.Sync)
        engine.end_step()
    engine.close()


def empty_and_many():
    """A global array with an empty block; a step of two thousand blocks."""
    adios = adios2.Adios()
    io = adios.declare_io("many")
    io.set_engine(engine_type)
    # A short run of the neural candidate for each of 2000 first steps would make this a test of patience.
    operator = adios.define_operator("inr", "plugin", {**PLUGIN, **LINF, "model": "transform"})
    many = io.define_variable("many", np.zeros(1, "f4"), [2000, 1100], [0, 0], [1, 1100])
    some = io.define_variable("some", np.zeros(1, "f8"), [30, 40], [0, 0], [30, 40])
    for variable in (many, some):
        variable.add_operation(operator)
    engine = io.open("many.bp", low.Mode.Write)
    engine.begin_step()
    field = smooth("many", (2000, 1100), 0).astype("f4")
    for row in range(2000):
        many.set_selection(([row, 0], [1, 1100]))
        engine.put(many, field[row], low.Mode.Sync)
    field = smooth("some", (30, 40), 0)
    for start, count in (([0, 0], [30, 40]), ([30, 0], [0, 40])):
        some.set_selection((start, count))
        engine.put(some, field[start[0] : start[0] + count[0]], low.Mode.Sync)
    engine.end_step()
    engine.close()


def column_major():
    """What a Fortran program hands over: dimensions fastest first, values in memory order."""
    adios = adios2.Adios()
    io = adios.declare_io("column")
    io.set_engine(engine_type)
    operator = adios.define_operator("inr", "plugin", {**PLUGIN, "order": "column"})
    field = smooth("column", (30, 20, 10), 0)
    variable = io.define_variable("u", field, [10, 20, 30], [0, 0, 0], [10, 20, 30])
    variable.add_operation(operator)
    engine = io.open("column.bp", low.Mode.Write)
    engine.begin_step()
    engine.put(variable, field.reshape(10, 20, 30), low.Mode.Sync)
    engine.end_step()
    engine.close()


all_cases()
with_stream()
local_and_joined()
empty_and_many()
column_major()
