"""Puts libadios2_inr.so into the package and `inr` among the wheel's scripts.

Both are taken from the folder INR_ARTEFACTS where it is set, else `cargo build --release` makes them.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

# Setuptools brings it under its old name alone.
from distutils.command.build_scripts import build_scripts  # isort: skip

ROOT = Path(__file__).resolve().parent.parent
LIBRARY, PROGRAM = "libadios2_inr.so", "inr"


def version() -> str:
    return re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]


def artefacts() -> Path:
    """The folder with library and program."""
    given = os.environ.get("INR_ARTEFACTS")
    if given:
        folder = Path(given)
    else:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
        folder = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
    missing = [name for name in (LIBRARY, PROGRAM) if not (folder / name).is_file()]
    if missing:
        raise SystemExit(f"{folder} has no {' and no '.join(missing)}: build with the features adios2 and cli")
    return folder


def take(name: str, folder: str) -> None:
    """Copies an artefact without its debug information."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    target = Path(folder) / name
    shutil.copy(artefacts() / name, target)
    subprocess.run(["strip", target], check=True)
    target.chmod(0o755)


class BuildPy(build_py):
    def run(self):
        super().run()
        take(LIBRARY, os.path.join(self.build_lib, "adios2_inr"))


class BuildScripts(build_scripts):
    def run(self):
        # Its own way looks for a line with an interpreter in the text of the script.
        take(PROGRAM, self.build_dir)


class Platform(Distribution):
    def has_ext_modules(self):
        # Library and program are of one kind of machine.
        return True


class Wheel(bdist_wheel):
    def get_tag(self):
        # One wheel for every Python: the library knows none. auditwheel tells the kind of Linux afterwards.
        return "py3", "none", super().get_tag()[2]


setup(
    version=version(),
    scripts=[PROGRAM],
    distclass=Platform,
    cmdclass={"build_py": BuildPy, "build_scripts": BuildScripts, "bdist_wheel": Wheel},
)
