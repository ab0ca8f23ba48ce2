"""SZ3, ZFP and SPERR from their wheels: the same bound on the same array."""

import time
from dataclasses import dataclass

import numpy as np


@dataclass
class Coded:
    """One array through one codec."""

    n_bytes: int
    decoded: np.ndarray
    encode_seconds: float
    decode_seconds: float


def timed(call):
    """The result of `call` and how many seconds it took."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def sz3(values, bound):
    """SZ3 with an absolute pointwise bound."""
    import pysz

    config = pysz.szConfig(values.shape)
    config.errorBoundMode = pysz.szErrorBoundMode.ABS
    config.absErrorBound = bound
    (stream, _), encode = timed(lambda: pysz.sz.compress(values, config))
    (decoded, _), decode = timed(lambda: pysz.sz.decompress(stream, values.dtype, values.shape))
    return Coded(stream.nbytes, decoded, encode, decode)


def zfp(values, bound):
    """ZFP in fixed-accuracy mode."""
    import zfpy

    stream, encode = timed(lambda: zfpy.compress_numpy(values, tolerance=bound, write_header=False))
    decoded = np.empty_like(values)
    kind = zfpy.dtype_to_ztype(values.dtype)
    _, decode = timed(lambda: zfpy._decompress(stream, kind, values.shape, out=decoded, tolerance=bound))
    return Coded(len(stream), decoded, encode, decode)


def sperr(values, bound):
    """SPERR with a pointwise bound, through its HDF5 filter in a file that stays in memory."""
    import h5py
    import hdf5plugin

    with h5py.File("sperr", "w", driver="core", backing_store=False) as file:
        options = {"chunks": values.shape, **hdf5plugin.Sperr(absolute=bound)}

        def write():
            dataset = file.create_dataset("values", data=values, **options)
            file.flush()
            return dataset

        dataset, encode = timed(write)
        # Closing drops the chunk cache, so that reading really decodes.
        n_bytes = dataset.id.get_storage_size()
        dataset.id.close()
        decoded, decode = timed(lambda: file["values"][...])
    return Coded(n_bytes, decoded, encode, decode)


PEERS = {"SZ3": sz3, "ZFP": zfp, "SPERR": sperr}
