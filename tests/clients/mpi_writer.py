"""usage: mpirun -n RANKS python mpi_writer.py FOLDER NAME XML STEPS: as mpi_writer.cpp, in Python with mpi4py."""
import os
import sys

from mpi4py import MPI

import adios2
import adios2.bindings as low
import numpy as np

from engines import N, blocks

folder, name, xml, n_steps = sys.argv[1:5]
os.chdir(folder)
comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()

io = adios2.Adios(xml, comm).declare_io("SimulationOutput")
io.define_attribute("unit", "m/s")
u = io.define_variable("u", np.zeros(1, "f4"), [N, N * size], [0, N * rank], [N, N])
cells = io.define_variable("cells", np.zeros(1, "i4"), [N * size], [N * rank], [N])
time = io.define_variable("time", np.zeros(1))
engine = io.open(name, low.Mode.Write)
for step in range(int(n_steps)):
    engine.begin_step()
    _, block = blocks(step + 3 * rank)[rank % 2]
    engine.put(u, block, low.Mode.Sync)
    engine.put(cells, np.full(N, 1000 * rank + step, "i4"), low.Mode.Sync)
    if rank == 0:
        engine.put(time, np.array(0.1 * step), low.Mode.Sync)
    engine.end_step()
    comm.Barrier()
    if rank == 0:
        print(step, flush=True)
engine.close()
