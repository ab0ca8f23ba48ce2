"""What the writers of scripts/faults write, and how: fields by formula, parameters of the operator, XML files."""

from dataclasses import dataclass

import numpy as np

N_PLANE = 48
N_CUBE = 32
N_CELLS = 2048

# Steps of a run, and of the run that appends to it.
N_STEPS = 30
N_APPENDED = 6

# Name, shape of the array.
ARRAYS = {"u": [N_PLANE, 2 * N_PLANE], "v": [N_CUBE] * 3, "cells": [N_CELLS]}

# More than this above its accuracy no step is that a certificate calls good (docs/SERIES.md, "Certificates").
CERTIFIED = 1.4


@dataclass(frozen=True)
class Way:
    """A use of earlier steps, and the error that it promises: a part of the value range, or of the L2 norm."""

    temporal: str
    norm: str
    accuracy: float
    parameters: tuple = ()


WAYS = {
    way.temporal: way
    for way in (
        Way("none", "Linf", 1e-3),
        Way("predict", "Linf", 1e-3, (("key_interval", 10),)),
        Way("series", "L2", 0.15, (("width", 16), ("blocks", 2), ("iterations", 20), ("seconds", 0.1))),
    )
}


def plane(step):
    """A pulse that moves over a still pattern, which only a network need not store again and again."""
    y, x = np.meshgrid(*[np.arange(N_PLANE) / N_PLANE] * 2, indexing="ij")
    pulse = np.exp(-30 * ((x - 0.5) ** 2 + (y - 0.25 - 0.012 * step) ** 2))
    pattern = np.sin(25 * x + 9 * y * y) * np.sin(23 * y - 7 * x * x) + np.sin(31 * (x - 0.3) * (y + 0.2))
    return (pulse + 0.5 * pattern).astype("f4")


def cube(step):
    """A pulse that moves through a standing wave."""
    x, y, z = np.meshgrid(*[np.arange(N_CUBE) / N_CUBE] * 3, indexing="ij", sparse=True)
    pulse = np.exp(-30 * ((x - 0.2 - 0.008 * step) ** 2 + (y - 0.5) ** 2 + (z - 0.4) ** 2))
    return (pulse + 0.3 * np.sin(19 * x + 5 * y) * np.cos(14 * z - 6 * x * y)).astype("f4")


def blocks(step):
    """Blocks of a step: (array, start, values)."""
    of_u = plane(step)
    two = [("u", [0, 0], of_u), ("u", [0, N_PLANE], np.ascontiguousarray(of_u.T))]
    return [*two, ("v", [0, 0, 0], cube(step)), ("cells", [0], np.arange(N_CELLS, dtype="i4") // (step + 1))]


XML = """<adios-config>
  <operator name="inr" type="plugin">
    {parameters}
  </operator>
  <io name="SimulationOutput">
    <engine type="BP5"><parameter key="StripeSize" value="64"/></engine>
    {variables}
  </io>
</adios-config>
"""


def xml(way):
    """The configuration of a run."""
    keys = {
        "PluginName": "inr",
        "PluginLibrary": "adios2_inr",
        "temporal": way.temporal,
        "norm": way.norm,
        "accuracy": way.accuracy,
        "model": "transform",
        "backend": "cpu",
        "threads": 1,
        **dict(way.parameters),
    }
    parameters = "\n    ".join(f'<parameter key="{key}" value="{value}"/>' for key, value in keys.items())
    variables = "\n    ".join(f'<variable name="{name}"><operation operator="inr"/></variable>' for name in ARRAYS)
    return XML.format(parameters=parameters, variables=variables)
