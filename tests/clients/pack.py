"""usage: pack.py write FOLDER: writes FOLDER/run.bp, as FOLDER/adios2.xml says, with all that a dataset can hold. pack.py dump FOLDER NAME
FILE: all of FOLDER/NAME as it reads, to FILE. pack.py compare FOLDER NAME FILE: prints the largest difference of each variable to what
was dumped, over its range, as JSON; anything else must be the same."""
import json
import os
import pickle
import sys

import adios2
import numpy as np

mode, folder = sys.argv[1:3]
os.chdir(folder)
N, STEPS = 48, 9


def wave(step, shift=0):
    y, x = np.meshgrid(np.arange(N) / N, np.arange(N) / N, indexing="ij")
    return (np.exp(-30 * ((x - 0.5) ** 2 + (y - 0.25 - 0.01 * step) ** 2)) + np.sin(21 * x + 9 * y * y + shift)).astype("f4")


def masked(step):
    """Every seventh value is missing, marked by one within the range."""
    values = wave(step, 1).astype("f8")
    values.ravel()[::7] = 0.25
    return values


def write():
    io = adios2.Adios("adios2.xml").declare_io("SimulationOutput")
    with adios2.Stream(io, "run.bp", "w") as stream:
        u = io.define_variable("u", np.zeros(1, "f4"), [N, 2 * N], [0, 0], [N, N])
        for step in range(STEPS):
            stream.begin_step()
            for start in (0, N):
                u.set_selection([[0, start], [N, N]])
                stream.write(u, wave(step, start))
            stream.write("a/m & <n>", masked(step), [N, N], [0, 0], [N, N])
            stream.write("local", np.arange(5.0 + step), [], [], [5])
            if step % 2:
                stream.write("odd", np.arange(12).reshape(3, 4) + step, [3, 4], [0, 0], [3, 4])
            stream.write("time", np.float64(0.5 * step))
            stream.write("name", f"step {step}" + step * "x")
            if step == 0:
                stream.write_attribute("units", "m/s")
                stream.write_attribute("names", ["a", "bcd", ""])
                stream.write_attribute("dt", 0.25)
                stream.write_attribute("v", np.arange(3, dtype="i4"))
                stream.write_attribute("long", "ä" * 5000)
                stream.write_attribute("unit", "K", "u")
            stream.end_step()


def contents(name):
    """Attributes, and values and blocks by (variable, step of the dataset)."""
    found = {}
    with adios2.Stream(name, "r") as stream:
        for _ in stream.steps():
            step = stream.current_step()
            for variable, about in stream.available_variables().items():
                if about["Type"] == "string" or about["SingleValue"] == "true":
                    found[variable, step] = (stream.read(variable), None)
                    continue
                is_local = variable == "local"
                values = stream.read(variable, block_id=0) if is_local else stream.read(variable)
                found[variable, step] = (np.array(values), about["Shape"])
            attributes = {key: value["Value"] for key, value in stream.available_attributes().items()}
    with adios2.FileReader(name) as f:
        n_blocks = {}
        for variable in ("u", "odd"):
            for step, blocks in enumerate(f.engine.blocks_info(variable, 1)[:1]):
                n_blocks[variable, step] = (blocks["Start"], blocks["Count"])
            n_blocks[variable] = len(f.engine.blocks_info(variable, 1))
    return attributes, found, n_blocks


def compare(name, file):
    with open(file, "rb") as f:
        attributes, wanted, n_blocks = pickle.load(f)
    got_attributes, got, got_blocks = contents(name)
    assert got_attributes == attributes, (got_attributes, attributes)
    assert got.keys() == wanted.keys() and got_blocks == n_blocks, (got_blocks, n_blocks)
    errors = {}
    for (variable, step), (want, shape) in wanted.items():
        values, got_shape = got[variable, step]
        assert got_shape == shape
        if variable in ("u", "a/m & <n>"):
            assert values.dtype == want.dtype and values.shape == want.shape
            error = float(np.abs(values - want).max() / (want.max() - want.min()))
            errors[variable] = max(errors.get(variable, 0), error)
        else:
            assert np.all(values == want), (variable, step, values, want)
        if variable.startswith("a/"):
            assert np.all(values.ravel()[::7] == 0.25), "missing values come back exactly"
    print(json.dumps(errors))


if mode == "write":
    write()
elif mode == "dump":
    with open(sys.argv[4], "wb") as f:
        pickle.dump(contents(sys.argv[3]), f)
else:
    compare(*sys.argv[3:5])
