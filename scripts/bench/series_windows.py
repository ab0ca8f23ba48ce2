"""Bytes that classical codecs need for the error of a series network, over windows of 1, 4, 16 and all steps of a series.

SZ3, ZFP and SPERR are real streams, one per window and channel, headers included. DCT is a strong baseline that no file
format has: orthonormal DCT-II over space and window, one dead-zone quantiser per channel, and the code length of an ideal adaptive
coder whose contexts (magnitudes of earlier neighbours, radius of the frequency) are shared by all windows and channels.
All windows of a channel get the same absolute error, in parts of the channel's range, found by bisection: the relative L2
error over the series, mean of the channels, is the network's.

usage: python series_windows.py DATA_DIR NAME=ERROR_PERCENT:BYTES... [--windows 1,4,16,200]
"""

import argparse
import importlib.metadata
import sys
from pathlib import Path

import hdf5plugin
import numpy as np
import scipy.fft
from scipy.special import gammaln

sys.path.append(str(Path(__file__).resolve().parents[1] / "demo"))
import peers  # noqa: E402

N_STEPS = 200
ATTEMPTS = 12
# Rounds towards zero: cheaper per error than rounding to the nearest.
ROUNDING = 0.36
N_SYMBOLS, N_CONTEXTS = 15, 128


def earlier_neighbours(magnitudes):
    """Weighted sum of the neighbours before each coefficient: along one axis twice, along two once."""
    padded = np.pad(magnitudes, [(1, 0)] * magnitudes.ndim)

    def shifted(*axes):
        return padded[tuple(slice(0, -1) if axis in axes else slice(1, None) for axis in range(magnitudes.ndim))]

    axes = range(magnitudes.ndim)
    single = sum(2 * shifted(axis) for axis in axes)
    return single + sum(shifted(a, b) for a in axes for b in axes if b < a)


class ContextCoder:
    """Code length of an adaptive coder with a symmetric Dirichlet prior of 0.05 (Krichevsky and Trofimov have 0.5) per symbol."""

    def __init__(self):
        self.counts, self.raw_bits = np.zeros((N_CONTEXTS, N_SYMBOLS)), 0.0

    def add(self, integers):
        magnitudes = np.abs(integers)
        grids = np.meshgrid(*[np.arange(n) / n for n in integers.shape], indexing="ij")
        radius = np.sqrt(sum(grid**2 for grid in grids))
        activity = np.minimum(np.round(2 * np.log2(1 + earlier_neighbours(magnitudes))), 15).astype(int)
        context = 8 * activity + np.minimum((6 * radius).astype(int), 7)
        np.add.at(self.counts, (context.ravel(), np.minimum(magnitudes, N_SYMBOLS - 1).ravel()), 1)
        large = magnitudes[magnitudes >= N_SYMBOLS - 1] - (N_SYMBOLS - 2)
        self.raw_bits += (2 * np.floor(np.log2(large)) + 1).sum() + (magnitudes > 0).sum()

    def n_bytes(self):
        n, prior = self.counts.sum(1), 0.05
        ideal = gammaln(n + N_SYMBOLS * prior) - gammaln(N_SYMBOLS * prior)
        ideal -= (gammaln(self.counts + prior) - gammaln(prior)).sum(1)
        return (ideal.sum() / np.log(2) + self.raw_bits) / 8


def dct(windows, error):
    """Bytes and decoded windows; the step that gives the root mean square `error` at a high rate is error * sqrt(12)."""
    coder, decoded = ContextCoder(), []
    for window, step in windows_and(windows, error * 12**0.5):
        coefficients = scipy.fft.dctn(window.astype("f8"), norm="ortho")
        integers = (np.sign(coefficients) * np.floor(np.abs(coefficients) / step + ROUNDING)).astype(int)
        coder.add(integers)
        decoded.append(scipy.fft.idctn(integers * step, norm="ortho"))
    return coder.n_bytes(), decoded


def sperr_psnr(window, error):
    """SPERR for a root mean square error."""
    reach = np.ptp(window)
    if reach == 0:
        return peers.Coded(0, window, 0, 0)
    ratio = max(20 * np.log10(reach / error), 1e-3)
    return peers.sperr_with(window, hdf5plugin.Sperr(peak_signal_to_noise_ratio=ratio))


def bounded(codec):
    """A codec with a pointwise bound; constant windows cost nothing."""

    def coded(window, error):
        return codec(window, error) if np.ptp(window) > 0 else peers.Coded(0, window, 0, 0)

    return coded


def windows_and(windows, errors):
    """Each window of a channel with the channel's error."""
    return ((window, errors[channel]) for channel, all_of_it in enumerate(windows) for window in all_of_it)


def streams(codec):
    """Sums up real streams."""

    def coded(windows, errors):
        results = [codec(np.ascontiguousarray(window), float(error)) for window, error in windows_and(windows, errors)]
        return sum(r.n_bytes for r in results), [r.decoded for r in results]

    return coded


CODECS = {
    "SZ3": streams(bounded(peers.sz3)),
    "ZFP": streams(bounded(peers.zfp)),
    "SPERR": streams(sperr_psnr),
    "DCT": dct,
}


def cut(series, length):
    """[channel][window] of (steps, rows, columns, channels); single steps lose their axis."""
    starts = range(0, len(series), length)
    return [[np.squeeze(series[s : s + length, ..., c], 0) if length == 1 else series[s : s + length, ..., c] for s in starts]
            for c in range(series.shape[-1])]  # fmt: skip


def relative_error(windows, decoded):
    """Over the series, mean of the channels, in percent."""
    decoded, errors = iter(decoded), []
    for channel in windows:
        square = sum(((next(decoded).astype("f8") - window) ** 2).sum() for window in channel)
        errors.append((square / sum((window.astype("f8") ** 2).sum() for window in channel)) ** 0.5)
    return 100 * float(np.mean(errors))


def bytes_at(codec, series, length, target):
    """The fewest bytes whose error is at most `target` percent, and that error."""
    windows = cut(series, length)
    reach = series.max((0, 1, 2)) - series.min((0, 1, 2))
    low, high, best = 1e-4, 1.0, (float("nan"), float("nan"))
    for _ in range(ATTEMPTS):
        middle = (low * high) ** 0.5
        n_bytes, decoded = codec(windows, middle * reach)
        error = relative_error(windows, decoded)
        if error <= target:
            low, best = middle, (n_bytes, error)
        else:
            high = middle
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", nargs="+", metavar="NAME=ERROR:BYTES")
    parser.add_argument("--windows", default="1,4,16,200")
    args = parser.parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("pysz", "zfpy", "hdf5plugin"))
    print(f"{versions}\n")
    lengths = [int(length) for length in args.windows.split(",")]
    columns = [(name, length) for name in CODECS for length in lengths if name != "ZFP" or length == 1]
    print("| data | RFE % | network | " + " | ".join(f"{name} {length}" for name, length in columns) + " |")
    print("|---" * (3 + len(columns)) + "|")
    for network in args.networks:
        name, result = network.split("=")
        target, ours = (float(part) for part in result.split(":"))
        series = np.load(args.data / f"{name}.npy")[:N_STEPS]
        side = round(series.shape[1] ** 0.5)
        series = series.reshape(len(series), side, side, -1)
        cells = []
        for codec, length in columns:
            n_bytes, _ = bytes_at(CODECS[codec], series, length, target)
            cells.append(f"{n_bytes:,.0f} ({n_bytes / ours:.2f}x)")
        print(f"| {name} | {target:g} | {ours:,.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
