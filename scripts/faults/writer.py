"""A program that knows nothing of the operator: writes steps as an XML file says, and notes in another file where it is.

usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> python writer.py write|append DATASET.bp XML NOTES FIRST N FILE_BYTES ALARM
Notes are lines "begin", "put STEP", "end STEP" (before EndStep), "done STEP" (EndStep has returned), "close", and "closed", each with a
time in seconds. SIGUSR1 calls abort() wherever the program is. With FILE_BYTES above 0 the write that would make a file larger is cut off
there and kills the program. ALARM is STEP:SECONDS, for a signal that kills it so long after that step's EndStep was called, or "never".
"""

import ctypes
import os
import resource
import signal
import sys
import time

import adios2
import adios2.bindings as low
import numpy as np
from fields import ARRAYS, blocks


def prepare_ends(file_bytes):
    """No dumps of memory; abort() as the handler in C, so that it needs no turn of the interpreter."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal(signal.SIGUSR1, ctypes.cast(libc.abort, ctypes.c_void_p))
    if file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))


def main(mode, dataset, xml, notes, first, n, file_bytes, alarm):
    """Writes `n` steps from `first` on."""
    notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(*words):
        os.write(notes, (" ".join(map(str, [*words, time.monotonic()])) + "\n").encode())

    prepare_ends(file_bytes)
    # The time until a hit counts from here on.
    print("ready", flush=True)
    note("begin")
    io = adios2.Adios(xml).declare_io("SimulationOutput")
    types = {"cells": "i4"}
    variables = {
        name: io.define_variable(name, np.zeros(1, types.get(name, "f4")), shape, [0] * len(shape), shape)
        for name, shape in ARRAYS.items()
    }
    engine = io.open(dataset, low.Mode.Append if mode == "append" else low.Mode.Write)
    for step in range(first, first + n):
        engine.begin_step()
        note("put", step)
        for name, start, values in blocks(step):
            variables[name].set_selection([start, list(values.shape)])
            engine.put(variables[name], values, low.Mode.Sync)
        note("end", step)
        if alarm.startswith(f"{step}:"):
            signal.setitimer(signal.ITIMER_REAL, float(alarm.split(":")[1]))
        engine.end_step()
        note("done", step)
    note("close")
    engine.close()
    note("closed")


if __name__ == "__main__":
    main(*sys.argv[1:5], *map(int, sys.argv[5:8]), sys.argv[8])
