"""usage: limited_read.py FOLDER TEMPORAL: reads the last step of a dataset with more and more memory left. Prints of each attempt "read",
"host" (ADIOS2 or numpy had no memory) or the operator's sentence; a process that ends by itself has no last line "end"."""
import os
import resource
import subprocess
import sys

import adios2
import numpy as np

from cases import LINF, PLUGIN

FREE_MB = [4, 24, 40, 60, 80, 110, 150, 200, 300, 600]
DIMS, N_STEPS = (32, 128, 256), 4
PARAMETERS = {"none": LINF, "predict": LINF, "series": {"accuracy": "0.1", "seconds": "0.5"}}

folder, temporal = sys.argv[1:3]
os.chdir(folder)


def field(step):
    axes = np.meshgrid(*[np.linspace(0, 3, n) for n in DIMS], indexing="ij", sparse=True)
    return np.sin(2 * axes[0] + 0.02 * step) * np.cos(axes[1] - 0.01 * step) + np.sin(axes[2])


if sys.argv[3:] == ["write"]:
    adios = adios2.Adios()
    io = adios.declare_io("o")
    variable = io.define_variable("u", field(0), DIMS, [0] * 3, DIMS)
    parameters = {**PLUGIN, **PARAMETERS[temporal], "temporal": temporal, "backend": "cpu"}
    variable.add_operation(adios.define_operator("inr", "plugin", parameters))
    with adios2.Stream(io, "run.bp", "w") as stream:
        for step in range(N_STEPS):
            stream.begin_step()
            stream.write(variable, field(step))
            stream.end_step()
    sys.exit()

# In a process of its own: this one has neither threads nor decoded steps yet.
subprocess.run([sys.executable, __file__, folder, temporal, "write"], check=True)
wanted = field(N_STEPS - 1)
_, most = resource.getrlimit(resource.RLIMIT_AS)


def attempt(reader):
    try:
        return reader.read("u", step_selection=[N_STEPS - 1, 1]).reshape(DIMS)
    except (MemoryError, RuntimeError, ValueError) as error:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        told = str(error)
        print(told[told.index("adios2_inr") :].split("\n")[0] if "adios2_inr" in told else "host", flush=True)
        return None


with adios2.FileReader("run.bp") as reader:
    for free in FREE_MB:
        in_use = 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
        resource.setrlimit(resource.RLIMIT_AS, (in_use + (free << 20), most))
        values = attempt(reader)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        if values is not None:
            assert np.linalg.norm(values - wanted) <= 0.2 * np.linalg.norm(wanted)
            print("read", flush=True)
print("end")
