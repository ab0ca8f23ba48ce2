"""Bytes that SZ3 and ZFP need, step by step, for the error a series reached. Codecs: scripts/demo/peers.py."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "demo"))
import peers  # noqa: E402

ATTEMPTS = 9


def coded(codec, steps, part):
    """Bytes and error over the series with pointwise bounds of `part` of each step's root mean square; constant steps cost nothing."""
    n_bytes, square = 0, 0.0
    for values in steps:
        bound = part * float(np.sqrt((values.astype("f8") ** 2).mean()))
        if bound == 0 or np.ptp(values) == 0:
            continue
        result = peers.PEERS[codec](np.ascontiguousarray(values), bound)
        n_bytes += result.n_bytes
        square += float(((result.decoded.astype("f8") - values) ** 2).sum())
    return n_bytes, (square / float((steps.astype("f8") ** 2).sum())) ** 0.5


def at_error(codec, steps, error):
    """The fewest bytes found, by bisection, that keep the relative error over the series (steps, ...) at or below `error`, and that
    error; None where the codec's wheel is missing."""
    low, high, best = error / 4, error * 64, (None, None)
    try:
        for _ in range(ATTEMPTS):
            middle = (low * high) ** 0.5
            n_bytes, reached = coded(codec, steps, middle)
            if reached <= error:
                low = middle
                if best[0] is None or n_bytes < best[0]:
                    best = (n_bytes, reached)
            else:
                high = middle
    except ImportError:
        return None, None
    return best
