"""SZ3, ZFP and SPERR from their wheels: the same bound on the same array."""

import time
from dataclasses import dataclass

import numpy as np

WINDOW = 16


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
    import hdf5plugin

    return sperr_with(values, hdf5plugin.Sperr(absolute=bound))


def sperr_with(values, options):
    """SPERR with some options. Its HDF5 filter takes the fastest axis first."""
    import h5py

    shape = values.shape[::-1]
    with h5py.File("sperr", "w", driver="core", backing_store=False) as file:

        def write():
            dataset = file.create_dataset("values", data=values.reshape(shape), chunks=shape, **options)
            file.flush()
            return dataset

        dataset, encode = timed(write)
        # Closing drops the chunk cache, so that reading really decodes.
        n_bytes = dataset.id.get_storage_size()
        dataset.id.close()
        decoded, decode = timed(lambda: file["values"][...].reshape(values.shape))
    return Coded(n_bytes, decoded, encode, decode)


def windows(steps, bounds, codec=sz3):
    """A codec over windows of 16 steps, every step within its own bound: one Coded per window.

    A codec has one bound per window: all steps get the smallest, or each is divided by its own, whichever takes fewer bytes.
    Constant steps are left out and cost nothing."""
    coded = []
    for start in range(0, len(steps), WINDOW):
        window = np.stack(steps[start : start + WINDOW])
        own = np.array(bounds[start : start + WINDOW], window.dtype).reshape(-1, *[1] * (window.ndim - 1))
        changing = own.ravel() > 0
        if not changing.any():
            coded.append(Coded(0, window, 0, 0))
            continue
        values, own = window[changing], own[changing]
        same = codec(values, float(own.min()))
        divided = values / own
        # Dividing and multiplying again rounds.
        scaled = codec(divided, 1.0 - 2 * float(np.finfo(values.dtype).eps * np.abs(divided).max()))
        scaled.decoded = scaled.decoded * own
        best = min(same, scaled, key=lambda c: c.n_bytes)
        window[changing] = best.decoded
        coded.append(Coded(best.n_bytes, window, best.encode_seconds, best.decode_seconds))
    return coded


PEERS = {"SZ3": sz3, "ZFP": zfp, "SPERR": sperr}
