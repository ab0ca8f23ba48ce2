"""usage: engines.py write|append FOLDER NAME XML FIRST N: a program that knows nothing of the operator writes N steps to FOLDER/NAME as
FOLDER/XML says, and tells every finished step; it waits for a line or the end of stdin before the next one.
engines.py follow FOLDER NAME ENGINE PLAIN: reads another process's run while it is written; after each step prints a line of JSON with the
errors against the dataset PLAIN, which was written without the operator.
engines.py compare FOLDER NAME PLAIN [values]: prints one such line for all steps that are in both datasets; if they have as many, all
metadata has to be the same, unless only values count."""
import json
import os
import sys

import adios2
import adios2.bindings as low
import numpy as np

N = 48
SHAPE, COUNT = [N, 2 * N], [N, N]


def blocks(step):
    """Two blocks side by side, with their starts: a pulse that moves over a still pattern, down and to the right."""
    y, x = np.meshgrid(np.arange(N) / N, np.arange(N) / N, indexing="ij")
    pulse = np.exp(-30 * ((x - 0.5) ** 2 + (y - 0.25 - 0.012 * step) ** 2))
    block = (pulse + 0.5 * np.sin(25 * x + 9 * y * y) * np.sin(23 * y - 7 * x * x)).astype("f4")
    return [(0, block), (N, np.ascontiguousarray(block.T))]


def write(how, name, xml, first, n):
    io = adios2.Adios(xml).declare_io("SimulationOutput")
    io.define_attribute("unit", "m/s")
    io.define_attribute("origin", np.array([0.5, 1.5]))
    u = io.define_variable("u", np.zeros(1, "f4"), SHAPE, [0, 0], COUNT)
    cells = io.define_variable("cells", np.zeros(1, "i4"), [N * N], [0], [N * N])
    time = io.define_variable("time", np.zeros(1))
    engine = io.open(name, low.Mode.Append if how == "append" else low.Mode.Write)
    for step in range(first, first + n):
        engine.begin_step()
        for start, block in blocks(step):
            u.set_selection([[0, start], COUNT])
            engine.put(u, block, low.Mode.Sync)
        engine.put(cells, np.arange(N * N, dtype="i4") // (step + 1), low.Mode.Sync)
        engine.put(time, np.array(0.1 * step), low.Mode.Sync)
        engine.end_step()
        print(step, flush=True)
        sys.stdin.readline()
    engine.close()


def open_plain(name):
    io = adios2.Adios().declare_io("plain")
    return io, io.open(name, low.Mode.ReadRandomAccess)


def array(io, engine, name, start, count, step=None):
    variable = io.inquire_variable(name)
    if step is not None:
        variable.set_step_selection([step, 1])
    variable.set_selection([start, count])
    got = np.zeros(count, {"float": "f4", "double": "f8", "int32_t": "i4"}[variable.type()])
    engine.get(variable, got, low.Mode.Sync)
    return got


def block_errors(got, want):
    """Largest error as a part of the block's value range, and error as a part of its L2 norm."""
    difference = got.astype("f8") - want.astype("f8")
    linf = np.abs(difference).max() / float(want.max() - want.min())
    return float(linf), float(np.linalg.norm(difference) / np.linalg.norm(want.astype("f8")))


def metadata(io):
    """All that a program may ask without reading an array."""
    variables, attributes = io.available_variables(), io.available_attributes()
    keys = ("Type", "Shape", "SingleValue", "AvailableStepsCount", "Min", "Max")
    return {name: [info.get(key) for key in keys] for name, info in variables.items()}, attributes


def step_errors(io, engine, plain, step, selected):
    """Errors over all blocks of a step; what is no lossy array has to be there to the bit."""
    plain_io, plain_engine = plain
    errors = []
    for info in plain_engine.blocks_info("u", step):
        start, count = ([int(i) for i in info[key].split(",")] for key in ("Start", "Count"))
        want = array(plain_io, plain_engine, "u", start, count, step)
        errors.append(block_errors(array(io, engine, "u", start, count, selected), want))
    shape = plain_io.inquire_variable("cells").shape()
    both = [array(io, engine, "cells", [0], shape, selected), array(plain_io, plain_engine, "cells", [0], shape, step)]
    assert (both[0] == both[1]).all(), f"integers changed in step {step}"
    linf, l2 = (max(kind) for kind in zip(*errors))
    return {"step": step, "linf": linf, "l2": l2, "n_blocks": len(errors)}


def follow(name, engine_type, plain_name):
    plain = open_plain(plain_name)
    io = adios2.Adios().declare_io("reader")
    io.set_engine(engine_type)
    io.set_parameters({"BeginStepPollingFrequencySecs": "0.02", "OpenTimeoutSecs": "60"})
    engine = io.open(name, low.Mode.Read)
    step = 0
    while (status := engine.begin_step(low.StepMode.Read, 60.0)) != low.StepStatus.EndOfStream:
        assert status == low.StepStatus.OK, f"step {step}: {status}"
        print(json.dumps(step_errors(io, engine, plain, step, None)), flush=True)
        engine.end_step()
        step += 1
    engine.close()


def compare(name, plain_name, only_values=""):
    plain, coded = open_plain(plain_name), open_plain(name)
    n = [io.inquire_variable("u").steps() for io, _ in (coded, plain)]
    if n[0] == n[1] and not only_values:
        assert metadata(coded[0]) == metadata(plain[0]), f"{metadata(coded[0])}\n{metadata(plain[0])}"
    steps = [step_errors(*coded, plain, step, step) for step in range(min(n))]
    worst = {kind: max(step[kind] for step in steps) for kind in ("linf", "l2")}
    print(json.dumps({**worst, "n_steps": n[0], "n_blocks": sum(step["n_blocks"] for step in steps)}))


if __name__ == "__main__":
    mode, folder = sys.argv[1:3]
    os.chdir(folder)
    if mode == "follow":
        follow(*sys.argv[3:6])
    elif mode == "compare":
        compare(*sys.argv[3:6])
    else:
        write(mode, *sys.argv[3:5], int(sys.argv[5]), int(sys.argv[6]))
