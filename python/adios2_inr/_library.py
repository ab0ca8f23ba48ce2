"""The C interface of libadios2_inr.so (inr.h), by ctypes."""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int, c_size_t, c_uint64, c_void_p
from typing import Any, Mapping

from ._environment import PLUGIN_FOLDER

MAX_GROWTH = 32
"""A record is at most this much longer than its array."""

_OK, _INTERNAL = 0, 4


class SeriesFacts(ctypes.Structure):
    """inr_series_facts."""

    _fields_ = [
        ("n_axes", c_size_t),
        ("n_channels", c_size_t),
        ("first_step", c_uint64),
        ("last_step", c_uint64),
        ("is_grid", c_int),
    ]


class Step(ctypes.Structure):
    """inr_step."""

    _fields_ = [("step", c_uint64), ("error", c_float), ("is_certified", c_int), ("is_broken", c_int), ("is_by_network", c_int)]


_texts, _sizes = POINTER(c_char_p), POINTER(c_size_t)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "inr_version": (c_char_p, []),
    "inr_last_error": (c_char_p, []),
    "inr_check_settings": (c_int, [_texts, _texts, c_size_t]),
    "inr_operator_new": (c_void_p, [_texts, _texts, c_size_t]),
    "inr_operator_free": (None, [c_void_p]),
    "inr_encode": (
        c_int,
        [c_void_p, c_int, _sizes, c_size_t, _sizes, c_size_t, c_void_p, c_void_p, _sizes],
    ),
    "inr_describe": (c_int, [c_void_p, c_size_t, POINTER(c_int), _sizes, c_size_t, _sizes]),
    "inr_decode": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p, _sizes]),
    "inr_series_open": (c_int, [c_char_p, c_char_p, POINTER(c_void_p)]),
    "inr_series_free": (None, [c_void_p]),
    "inr_series_variable": (c_char_p, [c_void_p]),
    "inr_series_describe": (c_int, [c_void_p, POINTER(SeriesFacts), POINTER(c_double), c_size_t]),
    "inr_series_ask": (c_int, [c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p]),
}


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(os.path.join(PLUGIN_FOLDER, "libadios2_inr.so"))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _load()


def version() -> str:
    """Version of the library."""
    return str(library.inr_version().decode())


def check(status: int) -> None:
    """Raises what a call of this thread says about its failure."""
    if status != _OK:
        text = library.inr_last_error().decode()
        raise RuntimeError(text) if status == _INTERNAL else ValueError(text)


def pairs(texts: Mapping[str, str]) -> tuple[Any, Any, int]:
    """Settings as the C functions take them."""
    array = c_char_p * len(texts)
    return array(*(key.encode() for key in texts)), array(*(text.encode() for text in texts.values())), len(texts)


def sizes(numbers: tuple[int, ...]) -> Any:
    """Dimensions as the C functions take them."""
    return (c_size_t * len(numbers))(*numbers)


__all__ = ["MAX_GROWTH", "SeriesFacts", "Step", "byref", "check", "library", "pairs", "sizes", "version"]
