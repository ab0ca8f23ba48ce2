"""usage: wrong.py CASE FOLDER ENGINE: what goes wrong at the user's side; prints the message the program gets, or "written"."""
import os
import sys

import adios2
import adios2.bindings as low
import numpy as np

from cases import PLUGIN, smooth

what, folder, engine_type = sys.argv[1:4]
os.chdir(folder)
PARAMETERS = {
    "unknown_key": {"acuracy": "1e-3"},
    "bad_value": {"accuracy": "-1"},
    "points": {"temporal": "series", "points": "nowhere.npy"},
    "contradiction": {"accuracy": "1e-3", "ratio": "10"},
    "no_names": {"temporal": "predict"},
    "missing_library": {},
    "strict": {"strict": "1", "log": "nowhere/run.jsonl"},
    "not_strict": {"log": "nowhere/run.jsonl"},
}
U = smooth("u", (60, 70), 0).astype("f4")

try:
    if what == "read":
        with adios2.FileReader("run.bp") as f:
            f.read("u")
    elif what == "read_exact":
        with adios2.FileReader("run.bp") as f:
            assert (f.read("u").reshape(U.shape) == U).all()
    else:
        adios = adios2.Adios()
        io = adios.declare_io("o")
        io.set_engine(engine_type)
        operator = adios.define_operator("inr", "plugin", {**PLUGIN, **PARAMETERS[what]})
        variable = io.define_variable("u", U, [60, 70], [0, 0], [60, 70])
        variable.add_operation(operator)
        engine = io.open("run.bp", low.Mode.Write)
        engine.begin_step()
        engine.put(variable, U, low.Mode.Sync)
        engine.end_step()
        engine.close()
    print("written")
except (RuntimeError, ValueError) as error:
    print(f"error: {error}", flush=True)
    os._exit(0)  # ADIOS2 does not promise that an engine whose Put threw can be closed
