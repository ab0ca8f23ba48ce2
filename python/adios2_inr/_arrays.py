"""Arrays as records: what the operator stores for a block, without ADIOS2."""
from __future__ import annotations

import math
from ctypes import c_int, c_size_t
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._library import MAX_GROWTH, byref, check, library, pairs, sizes
from ._settings import texts

# As inr_dtype counts them, from 1.
_TYPES = ("f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
# NumPy has no array of more.
_MAX_DIMS = 64


def encode(array: ArrayLike, **settings: Any) -> bytes:
    """Encodes an array of any shape and memory layout.

    Floating-point and complex arrays keep the promise of the settings (docs/PARAMETERS.md), by default a relative L2 error of 1e-2;
    those below `threshold` bytes and integers come back exactly. Where the encoding itself fails the array is stored as it is, and
    one line on stderr says why.

    Args:
        array: float32, float64, complex64, complex128, or integers of 8 to 64 bits.
        settings: as for `parameters`, but `temporal` and `order`: an array has no steps and knows its order.

    Returns:
        The record, at most 32 bytes longer than the array; a file of it is what `inr decode` and `inr inspect` read.

    Raises:
        ValueError: a wrong setting, a type that is none of the above, a masked array.
    """
    for key, value in settings.items():
        if key.lower() == "order" or (key.lower() == "temporal" and str(value).lower() != "none"):
            raise ValueError(f"The parameter '{key}' is not for single arrays: leave it out, or write through ADIOS2.")
    checked = pairs(texts(settings))
    values, number = _plain(array)
    record = np.empty(values.nbytes + MAX_GROWTH, np.uint8)
    n_bytes = c_size_t()
    operator = library.inr_operator_new(*checked)
    try:
        place = (sizes(()), 0, sizes(values.shape), values.ndim)
        outcome = library.inr_encode(operator, number, *place, values.ctypes.data, record.ctypes.data, byref(n_bytes))
        check(outcome)
    finally:
        library.inr_operator_free(operator)
    encoded = record[: n_bytes.value].tobytes()
    if _describe(encoded)[1] != values.shape:
        raise ValueError(f"A record cannot keep the shape {values.shape}: reshape the array to fewer dimensions.")
    return encoded


def _plain(array: ArrayLike) -> tuple[NDArray[Any], int]:
    """The array in C order and the machine's byte order, and the number of its type."""
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError("A masked array would lose its mask: encode array.filled(numpy.nan) instead.")
    values = np.asarray(array)
    kind = values.dtype.newbyteorder("=")
    number = next((i for i, name in enumerate(_TYPES, 1) if kind == np.dtype(name)), None)
    if number is None:
        raise ValueError(f"Arrays of {values.dtype} cannot be encoded: convert to one of {', '.join(map(_name, _TYPES))}.")
    return np.asarray(values, dtype=np.dtype(_TYPES[number - 1]), order="C"), number


def _name(code: str) -> str:
    return np.dtype(code).name


def _describe(record: bytes) -> tuple[np.dtype[Any], tuple[int, ...]]:
    number, n_dims, dims = c_int(), c_size_t(), sizes((0,) * _MAX_DIMS)
    check(library.inr_describe(record, len(record), byref(number), dims, _MAX_DIMS, byref(n_dims)))
    if n_dims.value > _MAX_DIMS:
        raise ValueError(f"The record holds an array of {n_dims.value} dimensions, more than NumPy has ({_MAX_DIMS}).")
    return np.dtype(_TYPES[number.value - 1]), tuple(dims[: n_dims.value])


def decode(record: bytes | bytearray | memoryview, *, limit: int = 16 << 30) -> NDArray[Any]:
    """Decodes a record, of `encode` or of `inr encode`.

    Args:
        record: the bytes.
        limit: refuse what claims to be larger, in bytes; an array of one value takes 29 bytes whatever its size.

    Returns:
        A new array in C order with the shape and type of the original.

    Raises:
        ValueError: the record is damaged, claims to be larger than the limit, or refers to networks in the folder of a dataset (read those through ADIOS2).
        MemoryError: there is not the room for the array.
    """
    data = bytes(memoryview(record))
    kind, shape = _describe(data)
    asked = math.prod(shape) * kind.itemsize
    if asked > limit:
        raise ValueError(f"The record asks for {asked} bytes, the limit is {limit}: raise the limit if the record is trusted.")
    values = np.empty(shape, kind)
    n_bytes = c_size_t()
    check(library.inr_decode(None, data, len(data), values.ctypes.data, byref(n_bytes)))
    assert n_bytes.value == asked
    return values
