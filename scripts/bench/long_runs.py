#!/usr/bin/env python3
"""Memory, file handles and threads of long processes that write and read through the operator.

usage: python scripts/bench/long_runs.py FOLDER_OF_PLUGIN SCRATCH [--blocks N] [--only NAME]
       python scripts/bench/long_runs.py one NAME TEMPORAL PATH MARK,MARK,...

Rows of the table: resident MB, open files and threads after 10^3, 10^4 and 10^5 blocks (--blocks stops earlier), for each name and
`temporal` in a process of its own. The Python needs adios2; datasets are removed. With `one` this process is such a process, and prints
blocks, resident KB, open files and threads at these numbers of blocks.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

MARKS = [1_000, 10_000, 100_000]
LIBRARY = {"PluginName": "inr", "PluginLibrary": "adios2_inr", "threads": "1", "backend": "cpu"}
PARAMETERS = {
    "none": {"accuracy": "1e-3", "norm": "Linf"},
    "predict": {"accuracy": "1e-3", "norm": "Linf", "temporal": "predict"},
    "series": {"accuracy": "5e-2", "temporal": "series", "seconds": "0.2"},
}
SIDE = 36


def usage():
    """Resident KB, open files, threads of this process."""
    fields = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return int(fields["VmRSS"].split()[0]), len(os.listdir("/proc/self/fd")), int(fields["Threads"])


def mark(n):
    rss, n_files, n_threads = usage()
    print(f"{n} {rss} {n_files} {n_threads}", flush=True)


def field(step):
    import numpy as np

    y, x = np.meshgrid(np.linspace(0, 3, SIDE), np.linspace(0, 3, SIDE), indexing="ij")
    return (np.sin(2 * x + 0.02 * step) * np.cos(y - 0.01 * step)).astype("f4")


def operator_of(adios, temporal):
    return adios.define_operator("inr", "plugin", {**LIBRARY, **PARAMETERS[temporal]})


def variable_with(operator, io, shape, count):
    import numpy as np

    variable = io.define_variable("u", np.zeros(count, "f4"), shape, [0] * 2, count)
    variable.add_operation(operator)
    return variable


def write(path, temporal, marks):
    """Steps of one block."""
    import adios2

    adios = adios2.Adios()
    io = adios.declare_io("o")
    io.set_parameters({"StripeSize": "64"})
    variable = variable_with(operator_of(adios, temporal), io, [SIDE] * 2, [SIDE] * 2)
    with adios2.Stream(io, path, "w") as stream:
        for step in range(marks[-1]):
            stream.begin_step()
            stream.write(variable, field(step))
            stream.end_step()
            if step + 1 in marks:
                mark(step + 1)


def datasets(path, temporal, marks):
    """Datasets of three steps of one block, one after the other."""
    import adios2

    adios = adios2.Adios()
    operator = operator_of(adios, temporal)
    for i in range((marks[-1] + 2) // 3):
        io = adios.declare_io(f"o{i}")
        variable = variable_with(operator, io, [SIDE] * 2, [SIDE] * 2)
        with adios2.Stream(io, f"{path}-{i % 50}", "w") as stream:
            for step in range(3):
                stream.begin_step()
                stream.write(variable, field(step))
                stream.end_step()
        adios.remove_io(f"o{i}")
        shutil.rmtree(f"{path}-{(i + 1) % 50}", ignore_errors=True)
        if any(3 * i < m <= 3 * i + 3 for m in marks):
            mark(3 * i + 3)
    for i in range(50):
        shutil.rmtree(f"{path}-{i}", ignore_errors=True)


def read(path, temporal, marks):
    """The blocks of 300 steps in turn, none twice in a row."""
    import adios2

    subprocess.run([sys.executable, __file__, "one", "write", temporal, path, "300"], stdout=subprocess.DEVNULL, check=True)
    with adios2.FileReader(path) as reader:
        for i in range(marks[-1]):
            reader.read("u", step_selection=[i * 7 % 300, 1])
            if i + 1 in marks:
                mark(i + 1)


def operators(path, temporal, marks):
    """Operators made, used for one block and given back through the C interface."""
    import ctypes

    library = ctypes.CDLL(os.environ["ADIOS2_PLUGIN_PATH"] + "/libadios2_inr.so")
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    library.inr_operator_new.restype = pointer
    library.inr_encode.argtypes = [pointer, ctypes.c_int, pointer, size, pointer, size, pointer, pointer, pointer]
    library.inr_operator_set_place.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p]
    library.inr_operator_free.argtypes = [pointer]
    os.makedirs(path)
    pairs = {**LIBRARY, **PARAMETERS[temporal]}
    keys = (ctypes.c_char_p * len(pairs))(*[key.lower().encode() for key in pairs])
    values = (ctypes.c_char_p * len(pairs))(*[value.encode() for value in pairs.values()])
    dims, start = (size * 2)(SIDE, SIDE), (size * 2)(0, 0)
    out, n_out = ctypes.create_string_buffer(4 * SIDE * SIDE + 32), size()
    for i in range(marks[-1]):
        operator = library.inr_operator_new(keys, values, size(len(pairs)))
        library.inr_operator_set_place(operator, path.encode(), b"u")
        data = field(i)
        assert library.inr_encode(operator, 1, start, 2, dims, 2, data.ctypes.data, out, ctypes.byref(n_out)) == 0
        library.inr_operator_free(operator)
        if i + 1 in marks:
            mark(i + 1)


def variables(path, temporal, marks):
    """Steps of a thousand variables of one block each."""
    import adios2
    import numpy as np

    adios = adios2.Adios()
    io = adios.declare_io("o")
    operator = operator_of(adios, temporal)
    found = []
    for i in range(1000):
        found.append(io.define_variable(f"u{i}", np.zeros((SIDE, SIDE), "f4"), [SIDE] * 2, [0] * 2, [SIDE] * 2))
        found[-1].add_operation(operator)
    with adios2.Stream(io, path, "w") as stream:
        for step in range(marks[-1] // 1000):
            stream.begin_step()
            for i, variable in enumerate(found):
                stream.write(variable, field(step + i))
            stream.end_step()
            if 1000 * (step + 1) in marks:
                mark(1000 * (step + 1))
    with adios2.FileReader(path) as reader:
        for i in (0, 500, 999):
            assert np.abs(reader.read(f"u{i}", step_selection=[0, 1]).reshape(SIDE, SIDE) - field(i)).max() < 0.3


def wide(path, temporal, marks):
    """One step of many blocks."""
    import adios2

    adios = adios2.Adios()
    io = adios.declare_io("o")
    variable = variable_with(operator_of(adios, temporal), io, [marks[-1] * SIDE, SIDE], [SIDE] * 2)
    with adios2.Stream(io, path, "w") as stream:
        stream.begin_step()
        for i in range(marks[-1]):
            variable.set_selection([[i * SIDE, 0], [SIDE, SIDE]])
            stream.write(variable, field(i))
            if i + 1 in marks:
                mark(i + 1)
        stream.end_step()


CASES = {"write": write, "read": read, "variables": variables, "wide": wide, "datasets": datasets, "operators": operators}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--blocks", type=int, default=MARKS[-1])
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    print("| what | temporal | blocks | resident MB | open files | threads |\n|---|---|---|---|---|---|")
    for what in CASES:
        for temporal in PARAMETERS:
            if arguments.only not in f"{what} {temporal}":
                continue
            path = arguments.scratch / f"{what}-{temporal}.bp"
            shutil.rmtree(path, ignore_errors=True)
            environment = {**os.environ, "ADIOS2_PLUGIN_PATH": str(arguments.folder.resolve())}
            marks = ",".join(str(n) for n in MARKS if n <= arguments.blocks)
            command = [sys.executable, __file__, "one", what, temporal, str(path), marks]
            said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
            for line in said.splitlines():
                n, rss, n_files, n_threads = line.split()
                print(f"| {what} | {temporal} | {n} | {int(rss) / 1024:.1f} | {n_files} | {n_threads} |", flush=True)
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        what, temporal, path, marks = sys.argv[2:]
        CASES[what](path, temporal, [int(n) for n in marks.split(",")])
    else:
        main()
