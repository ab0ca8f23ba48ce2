"""usage: limited.py FOLDER TEMPORAL N: writes three steps of a block of 32 MiB with N blocks of memory left, and reads them back
without a limit. Prints "exact" when they came back bit for bit, "close" within the bound."""
import resource
import sys

import adios2
import numpy as np

from cases import LINF, PLUGIN, smooth

folder, temporal, n_free = sys.argv[1:]
field = smooth("u", (128, 128, 256), 0)
parameters = {**PLUGIN, **LINF, "temporal": temporal, "threads": "2"}
steps = [field, field + 0.01, field + 0.02]

adios = adios2.Adios()
io = adios.declare_io("o")
variable = io.define_variable("u", field, field.shape, [0] * 3, field.shape)
variable.add_operation(adios.define_operator("inr", "plugin", parameters))
with adios2.Stream(io, f"{folder}/run.bp", "w") as stream:
    in_use = 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
    limit = resource.getrlimit(resource.RLIMIT_AS)
    # The host's own buffer, and what starting threads takes.
    resource.setrlimit(resource.RLIMIT_AS, (in_use + int(float(n_free) * field.nbytes), limit[1]))
    for step in steps:
        stream.begin_step()
        stream.write(variable, step)
        stream.end_step()
resource.setrlimit(resource.RLIMIT_AS, limit)

with adios2.FileReader(f"{folder}/run.bp") as reader:
    errors = [np.abs(reader.read("u", step_selection=[i, 1]).reshape(step.shape) - step).max() for i, step in enumerate(steps)]
assert max(errors) <= 1e-3 * np.ptp(field) * (1 + 1e-9), errors
print("exact" if max(errors) == 0 else "close")
