"""Turns measured data (netCDF files of Debian's ferret-datasets) and solver output into .npy files for `inr bench`.

usage: python datasets.py ferret FERRET_DATA_DIR OUT_DIR
       python datasets.py fluidsim OUT_DIR
"""

import sys
from pathlib import Path

import numpy as np

# File, variable, name here. All are float32, in the order of the file (slowest first).
MEASURED = (
    ("monthly_navy_winds.cdf", "UWND", "uwnd"),
    ("ocean_atlas_subset.nc", "TEMP", "temp"),
    ("etopo5.cdf", "ROSE", "etopo5"),
)


def ferret(data_dir, out_dir):
    """Winds (132 x 73 x 144), ocean temperature with fill (12 x 19 x 90 x 180), relief (2161 x 4320)."""
    from scipy.io import netcdf_file

    for file, variable, name in MEASURED:
        with netcdf_file(data_dir / file, mmap=False) as dataset:
            values = np.ascontiguousarray(dataset.variables[variable][:], dtype=np.float32)
        np.save(out_dir / f"{name}.npy", values)


def fluidsim(out_dir, size=64, n_steps=80):
    """One velocity component of decaying 3D turbulence, float64, from a pseudo-spectral Navier-Stokes solver."""
    from fluidsim.solvers.ns3d.solver import Simul

    params = Simul.create_default_params()
    params.oper.nx = params.oper.ny = params.oper.nz = size
    params.oper.Lx = params.oper.Ly = params.oper.Lz = 2 * np.pi
    params.oper.type_fft = "fft3d.with_pyfftw"
    params.nu_2 = 5e-3
    params.init_fields.type = "noise"
    params.init_fields.noise.velo_max = 1.0
    params.time_stepping.t_end = 1e9
    params.output.HAS_TO_SAVE = False
    simulation = Simul(params)
    simulation.time_stepping.prepare_main_loop()
    for _ in range(n_steps):
        simulation.time_stepping.one_time_step()
    np.save(out_dir / "fluidsim_vx.npy", np.ascontiguousarray(simulation.state.get_var("vx")))


if __name__ == "__main__":
    if sys.argv[1] == "ferret":
        ferret(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        fluidsim(Path(sys.argv[2]))
