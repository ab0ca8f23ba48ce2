"""usage: read.py ENGINE FOLDER: reads what write.py wrote, knowing nothing of the operator, and checks every block."""
import os
import random
import sys
import threading

import adios2
import adios2.bindings as low
import numpy as np

from cases import N_STEPS, block_slices, cases, check_block, smooth, values

engine_type, folder = sys.argv[1], sys.argv[2]
os.chdir(folder)


def low_level(name, step, got):
    """A whole array with the low-level API; the other one knows no complex types."""
    io = adios2.Adios().declare_io("r")
    engine = io.open("all.bp", low.Mode.ReadRandomAccess)
    variable = io.inquire_variable(name)
    variable.set_step_selection((step, 1))
    engine.get(variable, got, low.Mode.Sync)
    engine.close()
    return got


def check_case(f, c, step):
    if np.dtype(c["dtype"]).kind == "c":
        got = low_level(c["name"], step, np.zeros(c["dims"], c["dtype"]))
    else:
        got = f.read(c["name"], step_selection=[step, 1]).reshape(c["dims"])
    wanted = values(c, step)
    for part in block_slices(c):
        check_block(f"{c['name']} step {step}", wanted[part], got[part], c["norm"])


def all_cases():
    """Every case and step, in any order."""
    todo = [(c, step) for c in cases() for step in range(N_STEPS)]
    random.Random(1).shuffle(todo)
    with adios2.FileReader("all.bp") as f:
        for c, step in todo:
            check_case(f, c, step)


def selections():
    """A part of an array is the same values as in the whole; all steps at once are the steps one by one."""
    with adios2.FileReader("all.bp") as f:
        for name, start, count in (
            ("slabs", [5, 3, 2], [20, 10, 9]),
            ("rank3", [19, 0, 23], [1, 16, 1]),
            ("rank5", [1, 1, 1, 1, 1], [2, 3, 4, 2, 3]),
            ("linf1", [1000], [1]),
        ):
            whole = f.read(name, step_selection=[1, 1])
            part = f.read(name, start=start, count=count, step_selection=[1, 1])
            cut = tuple(slice(a, a + n) for a, n in zip(start, count))
            dims = next(c["dims"] for c in cases() if c["name"] == name)
            assert part.tobytes() == np.ascontiguousarray(whole.reshape(dims)[cut]).tobytes(), name
        steps = f.read("rank2", step_selection=[0, N_STEPS]).reshape(N_STEPS, -1)
        for step in range(N_STEPS):
            assert steps[step].tobytes() == f.read("rank2", step_selection=[step, 1]).tobytes()


def streaming():
    """Step by step, as a program that follows a run."""
    with adios2.Stream("stream.bp", "r") as stream:
        for step, _ in enumerate(stream.steps()):
            check_block("stream", smooth("stream", (40, 50), step), stream.read("u"))
            assert stream.read("t") == 0.1 * step
        assert step == N_STEPS - 1


def blocks(path, name, dtype, sizes, step):
    """Block by block, as local arrays are read."""
    io = adios2.Adios().declare_io("r")
    engine = io.open(path, low.Mode.ReadRandomAccess)
    variable = io.inquire_variable(name)
    for number, n in enumerate(sizes):
        if n == 0:
            continue
        variable.set_step_selection((step, 1))
        variable.set_block_selection(number)
        got = np.zeros((n, 50), dtype)
        engine.get(variable, got, low.Mode.Sync)
        check_block(f"{name} block {number}", smooth(name, (n, 50), step).astype(dtype), got)
    engine.close()


def local_and_joined():
    blocks("local.bp", "local", "f4", (40, 0, 30), 1)
    if engine_type == "BP5":
        blocks("local.bp", "joined", "f8", (40, 0, 30), 2)
        with adios2.FileReader("local.bp") as f:
            joined = f.read("joined", step_selection=[0, 1]).reshape(70, 50)
            check_block("joined", smooth("joined", (40, 50), 0), joined[:40])
            check_block("joined", smooth("joined", (30, 50), 0), joined[40:])


def empty_and_many():
    with adios2.FileReader("many.bp") as f:
        wanted, got = smooth("many", (2000, 1100), 0).astype("f4"), f.read("many").reshape(2000, 1100)
        for row in range(2000):
            check_block(f"row {row}", wanted[row], got[row], "Linf")
        check_block("some", smooth("some", (30, 40), 0), f.read("some"), "Linf")


def column_major():
    with adios2.FileReader("column.bp") as f:
        check_block("column", smooth("column", (30, 20, 10), 0).reshape(10, 20, 30), f.read("u"))


def two_threads():
    """Two readers of one dataset at a time."""
    failures = []

    def work(step):
        try:
            with adios2.FileReader("all.bp") as f:
                for c in cases():
                    check_case(f, c, step)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(step,)) for step in (0, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


all_cases()
selections()
streaming()
local_and_joined()
empty_and_many()
column_major()
two_threads()
