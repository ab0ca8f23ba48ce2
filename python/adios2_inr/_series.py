"""The networks of a series as functions of place and time."""
from __future__ import annotations

import os
import weakref
from ctypes import c_double, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._library import SeriesFacts, Step, byref, check, library


@dataclass(frozen=True)
class Answer:
    """What the networks say about places and times of shape ``(...)``."""

    values: NDArray[Any]
    """``(...)``, float32, or complex64 for complex variables: the same bits on every machine."""
    gradients: NDArray[Any] | None
    """``(..., n_axes + 1)``, float64 or complex128: per unit of each axis, then per step; None unless asked for."""
    step: NDArray[np.uint64]
    """``(...)``, the nearest step that the network of each place knows."""
    error: NDArray[np.float32]
    """``(...)``, relative L2 error of the network over its block at that step; NaN when it is not known."""
    is_certified: NDArray[np.bool_]
    """``(...)``, false where the error is the one when the step was written, by a network that was trained on since."""
    is_broken: NDArray[np.bool_]
    """``(...)``, true where the certified error is above what was promised."""
    is_by_network: NDArray[np.bool_]
    """``(...)``, false where readers get that step from a record of its own."""


class Series:
    """The networks of one variable; made by `open_series`. May be used by several threads."""

    variable: str
    """Name of the variable."""
    n_axes: int
    """Numbers of a place."""
    is_complex: bool
    """True when values are complex."""
    is_grid: bool
    """True when places are indices of the global array, slowest axis first, which may lie between its points; false when they are
    coordinates in the unit of the file `points`."""
    steps: tuple[int, int]
    """First and last step that the networks know."""
    bounds: NDArray[np.float64]
    """``(n_axes, 2)``, lowest and highest place on each axis."""

    def __init__(self, path: str | os.PathLike[str], variable: str | None = None) -> None:
        handle = c_void_p()
        name = None if variable is None else variable.encode()
        check(library.inr_series_open(os.fsencode(path), name, byref(handle)))
        self._handle = handle
        weakref.finalize(self, library.inr_series_free, handle)
        facts = SeriesFacts()
        check(library.inr_series_describe(handle, byref(facts), None, 0))
        bounds = (c_double * (2 * facts.n_axes))()
        check(library.inr_series_describe(handle, byref(facts), bounds, facts.n_axes))
        self.variable = library.inr_series_variable(handle).decode()
        self.n_axes, self.is_complex, self.is_grid = facts.n_axes, facts.n_channels == 2, bool(facts.is_grid)
        self.steps = (facts.first_step, facts.last_step)
        self.bounds = np.array(bounds, np.float64).reshape(self.n_axes, 2)

    def __repr__(self) -> str:
        return f"<Series {self.variable!r}: {self.n_axes} axes, steps {self.steps[0]} to {self.steps[1]}>"

    def values(self, places: ArrayLike, times: ArrayLike | None = None) -> NDArray[Any]:
        """`Answer.values` of `ask`."""
        return self.ask(places, times).values

    def gradients(self, places: ArrayLike, times: ArrayLike | None = None) -> NDArray[Any]:
        """`Answer.gradients` of `ask`."""
        found = self.ask(places, times, gradients=True).gradients
        assert found is not None
        return found

    def ask(self, places: ArrayLike, times: ArrayLike | None = None, *, gradients: bool = False) -> Answer:
        """Values, and gradients if asked for, between points and steps too.

        Args:
            places: ``(..., n_axes)``.
            times: steps from 0, which may lie between two; broadcast against the ``(...)`` of places. The last step by default.
            gradients: ask for slopes too.

        Raises:
            ValueError: shapes do not match, or a place or time lies outside of what the networks know; it names the domain.
        """
        places, times = self._broadcast(places, times)
        shape, n_channels = times.shape, 1 + self.is_complex
        values = np.empty((*shape, n_channels), np.float32)
        slopes = np.empty((*shape, n_channels, self.n_axes + 1), np.float64) if gradients else None
        known = np.empty(shape, np.dtype(Step))
        inputs = (times.ctypes.data, places.ctypes.data, times.size)
        outputs = (values.ctypes.data, None if slopes is None else slopes.ctypes.data, known.ctypes.data)
        check(library.inr_series_ask(self._handle, *inputs, *outputs))
        return Answer(
            values.view(np.complex64)[..., 0] if self.is_complex else values[..., 0],
            None if slopes is None else _joined(slopes),
            known["step"].copy(),
            known["error"].copy(),
            known["is_certified"] != 0,
            known["is_broken"] != 0,
            known["is_by_network"] != 0,
        )

    def _broadcast(self, places: ArrayLike, times: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        where = np.asarray(places, np.float64)
        when = np.asarray(self.steps[1] if times is None else times, np.float64)
        if where.ndim == 0 or where.shape[-1] != self.n_axes:
            what = f"'{self.variable}' has {self.n_axes} axes: give places of shape (..., {self.n_axes}), not {where.shape}."
            raise ValueError(what)
        try:
            shape = np.broadcast_shapes(where.shape[:-1], when.shape)
        except ValueError:
            what = f"Places of shape {where.shape} and times of shape {when.shape} do not match: give one time, or one a place."
            raise ValueError(what) from None
        where = np.array(np.broadcast_to(where, (*shape, self.n_axes)), order="C")
        return where, np.array(np.broadcast_to(when, shape), order="C")


def _joined(slopes: NDArray[np.float64]) -> NDArray[Any]:
    """Real and imaginary part as one number."""
    return slopes[..., 0, :] if slopes.shape[-2] == 1 else slopes[..., 0, :] + 1j * slopes[..., 1, :]


def open_series(path: str | os.PathLike[str], variable: str | None = None) -> Series:
    """Opens the networks of a variable of a dataset that was written with ``temporal="series"``.

    What `inr query` answers, for arrays of places and times; the array itself is never decoded, and ADIOS2 is not needed.

    Args:
        path: the dataset, a folder ``.bp`` with its folder ``inr``.
        variable: its name; may be left out when only one variable has networks.

    Raises:
        ValueError: there is no such dataset or no network of the variable; it names those that have some.
    """
    return Series(path, variable)
