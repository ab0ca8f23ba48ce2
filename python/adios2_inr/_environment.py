"""What ADIOS2 and shells have to know to find the operator and `inr`."""
from __future__ import annotations

import os
import shlex
import shutil
import warnings
from importlib import metadata
from pathlib import Path

VARIABLE = "ADIOS2_PLUGIN_PATH"

PLUGIN_FOLDER = str(Path(__file__).resolve().parent)
"""The folder of libadios2_inr.so, for ADIOS2_PLUGIN_PATH."""


def add_to_environment() -> None:
    """Puts the folder in front of ADIOS2_PLUGIN_PATH; ADIOS2 reads it when it first needs an operator."""
    if any(character.isspace() for character in PLUGIN_FOLDER):
        warnings.warn(f"ADIOS2 finds no plugin in a folder with a blank in its path: move the environment of {PLUGIN_FOLDER}.", stacklevel=3)
    others = [folder for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder not in ("", PLUGIN_FOLDER)]
    os.environ[VARIABLE] = os.pathsep.join([PLUGIN_FOLDER, *others])


def program() -> Path | None:
    """Where this wheel's `inr` was installed."""
    try:
        files = metadata.files("adios2-inr") or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())).resolve() for file in files if file.name == "inr")
    return next((path for path in found if path.is_file()), None)


def export_lines() -> list[str]:
    """Lines for a POSIX shell: ADIOS2_PLUGIN_PATH, and PATH when `inr` is not on it."""
    rest = f'${{{VARIABLE}:+":${VARIABLE}"}}'
    lines = [f"export {VARIABLE}={shlex.quote(PLUGIN_FOLDER)}{rest}"]
    own, on_path = program(), shutil.which("inr")
    if own and (on_path is None or Path(on_path).resolve() != own):
        lines.append(f'export PATH={shlex.quote(str(own.parent))}:"$PATH"')
    return lines
