"""One run in a folder of its own: its writer, and what reads, inspects, finishes and continues it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from fields import N_APPENDED, N_STEPS, xml

HERE = Path(__file__).resolve().parent
# A child that takes longer hangs.
PATIENCE = 180


class Place:
    """Folder, dataset and notes of a run; the dataset may lie on a disk of its own."""

    def __init__(self, artefacts, folder, way):
        import adios2

        self.artefacts, self.folder, self.way = artefacts, folder, way
        self.folder.mkdir(parents=True)
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.dataset, self.notes, self.xml = self.disk / "run.bp", folder / "notes", folder / "adios2.xml"
        self.xml.write_text(xml(way))
        self.environment = {
            **os.environ,
            "ADIOS2_PLUGIN_PATH": str(artefacts),
            "ADIOS2_DIR": adios2.__path__[0],
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        # What was said on stderr by whatever ran here, by what it was.
        self.said = []
        # Whether bytes were changed that are ADIOS2's own.
        self.hits_host = False
        # What was made read-only.
        self.chosen = []

    def _command(self, *arguments):
        command = list(map(str, arguments))
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        name = Path(command[1]).name if command[0] == sys.executable else f"inr {command[1]}"
        self.said.append((name, done.stderr))
        return done

    def start(self, mode="write", first=0, n=N_STEPS, file_bytes=0, alarm="never"):
        """A writer that is about to open its dataset."""
        command = [HERE / "writer.py", mode, self.dataset, self.xml, self.notes, first, n, file_bytes, alarm]
        errors = open(self.folder / "writer.txt", "a")
        writer = subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.close()
        if writer.stdout.readline() != "ready\n":
            raise RuntimeError(f"a writer did not start: {self.writer_said()}")
        return writer

    def write(self, hit=None, **arguments):
        """Runs a writer to its end; `hit` is called with it while it runs. Its exit code, and seconds from "ready" on."""
        writer, started = self.start(**arguments), time.perf_counter()
        try:
            if hit:
                hit(writer)
            return writer.wait(PATIENCE), time.perf_counter() - started
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()

    def append(self, first):
        """The next run, which goes on with the dataset."""
        return self.write(mode="append", first=first, n=N_APPENDED)[0]

    def writer_said(self):
        """Its stderr."""
        path = self.folder / "writer.txt"
        return path.read_text() if path.exists() else ""

    def noted(self):
        """Lines of the notes."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def n_finished(self):
        """Steps whose EndStep has returned."""
        return sum(line.startswith("done") for line in self.noted())

    def read(self, seed):
        """What a plain reader gets, and what it said; None when it could not open the dataset."""
        done = self._command(sys.executable, HERE / "reader.py", self.dataset, seed)
        return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr

    def inspect(self):
        """Blocks by (array, start, step) as `inr inspect` tells of them, and the text that people get."""
        command = (self.artefacts / "inr", "inspect", self.dataset)
        text, objects = (self._command(*command, *how).stdout for how in ((), ("--json",)))
        blocks = json.loads(objects)[0].get("blocks", [])
        return {(b["variable"], tuple(b["start"]), b["step"]): b for b in blocks}, text

    def finalize(self):
        """Exit code and output of `inr finalize`."""
        arguments = ("--seconds", "0.1", "--backend", "cpu", "--threads", "1")
        done = self._command(self.artefacts / "inr", "finalize", self.dataset, *arguments)
        return done.returncode, done.stdout + done.stderr

    def store_files(self):
        """Files of the model store."""
        return sorted(self.dataset.glob("inr/*.inr"))

    def data_files(self):
        """Files where ADIOS2 has the records."""
        return sorted(self.dataset.glob("data.*"))
