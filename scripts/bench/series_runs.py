"""What the measurements of the series mode in ADIOS2 share: XML files, writers, readers, errors, bytes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SOLVER = HERE.parents[1] / "examples/shock_bubble.py"
NAMES = ("rho", "u", "v", "p")

XML = """<adios-config>
  {operator}
  <io name="SimulationOutput">
    <engine type="BP5"><parameter key="StripeSize" value="{stripe}"/></engine>
    {variables}
  </io>
</adios-config>
"""


class Place:
    """Where the plugin is and where things are written."""

    def __init__(self, plugin, out):
        self.plugin, self.out = Path(plugin).resolve(), Path(out).resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "ADIOS2_PLUGIN_PATH": str(self.plugin), "NODEVICE_SELECT": "1"}

    def config(self, name, parameters=None, accuracies=None, stripe=64, names=NAMES):
        """An XML file; no `parameters`: without the operator. `accuracies` differ by variable."""
        operator, variables = "", ""
        if parameters is not None:
            keys = {"PluginName": "inr", "PluginLibrary": "adios2_inr", "log": f"{name}.jsonl", **parameters}
            lines = "".join(f'<parameter key="{k}" value="{v}"/>' for k, v in keys.items())
            operator = f'<operator name="inr" type="plugin">{lines}</operator>'
            own = {v: f'<parameter key="accuracy" value="{a}"/>' for v, a in (accuracies or {}).items()}
            variables = "".join(
                f'<variable name="{v}"><operation operator="inr">{own.get(v, "")}</operation></variable>' for v in names
            )
            (self.out / f"{name}.jsonl").unlink(missing_ok=True)
        path = self.out / f"{name}.xml"
        path.write_text(XML.format(operator=operator, variables=variables, stripe=stripe))
        return path

    def start(self, config, dataset, *arguments, solver=SOLVER):
        """A running simulation; it tells every finished step."""
        command = [sys.executable, str(solver), str(config), dataset, *map(str, arguments)]
        errors = open(self.out / "stderr.txt", "a")
        return subprocess.Popen(
            command, cwd=self.out, env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )

    def simulate(self, config, dataset, *arguments, solver=SOLVER):
        """Runs a simulation to its end; seconds, and resident bytes of the process at each step."""
        started, resident = time.perf_counter(), []
        writer = self.start(config, dataset, *arguments, solver=solver)
        for _ in writer.stdout:
            resident.append(resident_bytes(writer.pid))
        if writer.wait():
            raise SystemExit(f"the simulation failed: see {self.out}/stderr.txt")
        return time.perf_counter() - started, resident

    def read(self, dataset, seed=7):
        """All steps as another process reads them, "forward" or in random order: {variable: (steps, ...)}, and seconds
        per read, by the clock and of CPU time."""
        command = [sys.executable, str(HERE / "series_reader.py"), dataset, str(seed), "read.npz"]
        subprocess.run(command, cwd=self.out, env=self.environment, check=True, stderr=subprocess.PIPE)
        with np.load(self.out / "read.npz") as arrays:
            values = {name: arrays[name] for name in arrays.files}
        return values, values.pop("seconds")

    def inr(self, *arguments):
        """Output of the command line."""
        command = [str(self.plugin / "inr"), *map(str, arguments)]
        environment = {"ADIOS2_DIR": adios2_folder(), **self.environment}
        done = subprocess.run(
            command,
            cwd=self.out,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def blocks(self, dataset):
        """What `inr inspect` says about each block: {(variable, step): block}."""
        found = json.loads(self.inr("inspect", dataset, "--json"))[0]
        return {(block["variable"], block["step"]): block for block in found["blocks"]}

    def segments(self, name):
        """Lines of the run log about finished segments."""
        lines = map(json.loads, open(self.out / f"{name}.jsonl"))
        return [line for line in lines if "segment" in line]

    def bytes(self, dataset):
        """Bytes of all files of a dataset, and of those with networks."""
        sizes = {path: path.stat().st_size for path in (self.out / dataset).rglob("*") if path.is_file()}
        return sum(sizes.values()), sum(size for path, size in sizes.items() if path.suffix == ".inr")


def adios2_folder():
    """Of the wheel."""
    import adios2

    return adios2.__path__[0]


def resident_bytes(pid):
    """Resident memory of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def step_errors(truth, values):
    """Relative L2 error of each step; 0 for steps of zeros that came back so."""
    axes = tuple(range(1, truth.ndim))
    error = np.sqrt(((values.astype("f8") - truth) ** 2).sum(axes))
    norm = np.sqrt((truth.astype("f8") ** 2).sum(axes))
    return np.divide(error, norm, out=np.where(error > 0, np.inf, 0.0), where=norm > 0)


def rfe(truth, values):
    """Relative error over the whole series."""
    return float(
        np.linalg.norm(values.astype("f8").ravel() - truth.ravel()) / np.linalg.norm(truth.astype("f8").ravel())
    )


def judge(blocks, errors, accuracy):
    """Steps by network, steps whose record names them broken, and steps that break the promise unnamed: a network's step by more
    than the certificate's tolerance of 1.4, any other step at all."""
    counts = {"by_network": 0, "named": 0, "unnamed": 0, "worst": 0.0}
    for (name, step), block in blocks.items():
        by_network = block["record"]["model"] == "series"
        named = bool(by_network and block["network"]["is_broken"])
        error = errors[name][step]
        counts["by_network"] += by_network
        counts["named"] += named
        counts["unnamed"] += bool(not named and error > accuracy * (1.4 if by_network else 1 + 1e-6))
        counts["worst"] = max(counts["worst"], float(error))
    return counts
