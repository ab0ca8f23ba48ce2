"""usage: openpmd.py write|read FOLDER ENCODING: writes or reads a series of three iterations through openPMD-api, the operator in its
JSON configuration. ENCODING is file, group or variable. Complex fields are read back where openPMD can (ADIOS2 itself can)."""
import json
import sys

import numpy as np
import openpmd_api as io

from cases import LINF, PLUGIN, smooth

mode, folder, encoding = sys.argv[1:]
path = f"{folder}/{'data_%T' if encoding == 'file' else encoding}.bp"
operators = [{"type": "plugin", "parameters": {**PLUGIN, **LINF}}]
config = json.dumps({"backend": "adios2", "adios2": {"dataset": {"operators": operators}}})
encodings = {"file": io.Iteration_Encoding.file_based, "group": io.Iteration_Encoding.group_based,
             "variable": io.Iteration_Encoding.variable_based}


def fields(step):
    field = smooth("E", (20, 24, 28), step)
    return {"x": field.astype("f4"), "y": field, "z": field + 1j * field[::-1]}


if mode == "write":
    series = io.Series(path, io.Access.create_linear if hasattr(io.Access, "create_linear") else io.Access.create, config)
    series.set_iteration_encoding(encodings[encoding])
    for step in range(3):
        iteration = series.write_iterations()[step]
        for name, values in fields(step).items():
            component = iteration.meshes["E"][name]
            component.reset_dataset(io.Dataset(values.dtype, values.shape))
            component.store_chunk(np.ascontiguousarray(values))
        iteration.close()
    series.close()
else:
    series = io.Series(path, io.Access.read_linear)
    n_read = 0
    for iteration in series.read_iterations():
        for name, values in fields(iteration.iteration_index).items():
            got = iteration.meshes["E"][name].load_chunk()
            series.flush()
            for part, original in ((got.real, values.real), (got.imag, values.imag)):
                error, bound = np.abs(part - original).max(), 1e-3 * np.ptp(original)
                assert error <= bound * (1 + 1e-6), f"{name} at {iteration.iteration_index}: {error} above {bound}"
            n_read += 1
        iteration.close()
    assert n_read == 9, n_read
