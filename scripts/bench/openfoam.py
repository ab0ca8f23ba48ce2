"""Turbulent flow over a backward-facing step on an unstructured mesh (OpenFOAM's tutorial pisoFoam/LES/pitzDaily, 12,225 cells):
runs the solver and turns its time folders into .npy files for `inr train` and for series_points.py.

OpenFOAM on Debian and Ubuntu: apt-get install --no-install-recommends openfoam openfoam-examples; the reader: pip install pyvista.

usage: python openfoam.py OUT_DIR [--start 0.1] [--every 5] [--until 0.11]
OUT_DIR then has case/ (what the solver wrote), pitzdaily.npy (steps, cells, channels: U_x, U_y, p; float32), points.npy (cells, 2:
cell centres in metres) and seconds.json. The default is 200 snapshots of developed flow, 50 microseconds apart; with
--start 0 --every 50 --until 0.1 it is the whole run from rest, half a millisecond apart.
"""

import argparse
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

TUTORIAL = "examples/incompressible/pisoFoam/LES/pitzDaily"
HOMES = ("/usr/share/doc/openfoam-examples", "/usr/share/openfoam-examples", "/usr/share/openfoam")
TIME_STEP = 1e-5

CONTROL = """FoamFile {{ version 2.0; format ascii; class dictionary; object controlDict; }}
application pisoFoam;
startFrom latestTime;
stopAt endTime; endTime {until};
deltaT {step};
writeControl timeStep; writeInterval {every}; purgeWrite 0;
writeFormat binary; writePrecision 12; writeCompression off;
timeFormat general; timePrecision 8;
runTimeModifiable false;
"""


def tutorial():
    """The folder of the tutorial, in the packages of Debian or below WM_PROJECT_DIR."""
    named = os.environ.get("WM_PROJECT_DIR")
    folders = [Path(home) / TUTORIAL for home in HOMES] + (
        [Path(named) / TUTORIAL.replace("examples", "tutorials", 1)] if named else []
    )
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None or shutil.which("pisoFoam") is None:
        raise SystemExit("OpenFOAM was not found: apt-get install --no-install-recommends openfoam openfoam-examples")
    return found


def run(case, program, log):
    """Runs a program of OpenFOAM on the case."""
    environment = {"WM_PROJECT_DIR": "/usr/share/openfoam", **os.environ}
    with open(case / log, "w") as file:
        subprocess.run([program, "-case", str(case)], check=True, env=environment, stdout=file, stderr=file)


def simulate(case, start, every, until):
    """Runs mesher and solver in `case`, without output up to `start`; returns the solver's seconds."""
    shutil.copytree(tutorial(), case)
    started = time.perf_counter()
    phases = [(start, round(start / TIME_STEP)), (until, every)] if start > 0 else [(until, every)]
    for number, (end, interval) in enumerate(phases):
        (case / "system/controlDict").write_text(CONTROL.format(until=end, step=TIME_STEP, every=interval))
        if number == 0:
            run(case, "blockMesh", "blockMesh.log")
        run(case, "pisoFoam", f"pisoFoam{number}.log")
    return time.perf_counter() - started


def convert(case, start):
    """Snapshots (steps, cells, 3) after `start` as float32 and cell centres (cells, 2)."""
    import pyvista

    (case / "pitzdaily.foam").touch()
    reader = pyvista.POpenFOAMReader(str(case / "pitzdaily.foam"))
    reader.cell_to_point_creation = False
    snapshots, centres = [], None
    for value in reader.time_values:
        if value < start + TIME_STEP / 2:
            continue
        reader.set_active_time_value(value)
        mesh = reader.read()["internalMesh"]
        if centres is None:
            centres = np.asarray(mesh.cell_centers().points)[:, :2]
        velocity, pressure = np.asarray(mesh.cell_data["U"]), np.asarray(mesh.cell_data["p"])
        snapshots.append(np.column_stack([velocity[:, :2], pressure]).astype(np.float32))
    return np.stack(snapshots), centres.astype(np.float64)


def main():
    """Runs, converts, saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=float, default=0.1, help="time of the simulation before which nothing is kept")
    parser.add_argument("--every", type=int, default=5, help="time steps from one snapshot to the next")
    parser.add_argument("--until", type=float, default=0.11, help="end of the simulation, in its seconds")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    case = args.out / "case"
    if not case.exists():
        seconds = simulate(case, args.start, args.every, args.until)
        (args.out / "seconds.json").write_text(json.dumps({"solver": seconds}))
    snapshots, centres = convert(case, args.start)
    np.save(args.out / "pitzdaily.npy", snapshots)
    np.save(args.out / "points.npy", centres)
    change = np.linalg.norm(np.diff(snapshots, axis=0), axis=(1, 2)) / np.linalg.norm(snapshots[1:], axis=(1, 2))
    print(
        f"{snapshots.shape} finite {np.isfinite(snapshots).all()}, relative change from step to step {change.mean():.3f}"
    )


if __name__ == "__main__":
    main()
