"""What the Python clients write and how they check it: the same arrays on both sides, made anew from their names.

Every check is a maximum over all values of a block. Blocks under the operator's threshold (4 KiB) and integers must come
back exactly; NaN must come back where they were.
"""
import zlib

import numpy as np

N_STEPS = 3
PLUGIN = {"PluginName": "inr", "PluginLibrary": "adios2_inr"}
LINF = {"accuracy": "1e-3", "norm": "Linf"}
PARAMETERS = {"L2": {}, "Linf": LINF}


def smooth(name, dims, step):
    """A smooth field with a moving wave; its details depend on the variable's name."""
    seed = zlib.crc32(name.encode())
    phase = np.linspace(0.3, 2.0, max(len(dims), 1)) + seed % 7 + 0.2 * step
    axes = np.meshgrid(*[np.linspace(0, 3, n) for n in dims], indexing="ij", sparse=True)
    field = sum(np.sin((k + 1) * axis + phase[k]) for k, axis in enumerate(axes))
    return np.array(np.broadcast_to(field + 0.5 * np.cos(sum(axes) + phase[0]), dims), order="C")


def values(case, step):
    """The global array of a case at a step."""
    name, dtype, dims = case["name"], np.dtype(case["dtype"]), case["dims"]
    if dtype.kind == "c":
        field = smooth(name, dims, step) + 1j * smooth(name + "i", dims, step)
    elif dtype.kind in "iu":
        field = np.random.default_rng(zlib.crc32(name.encode()) + step).integers(0, 100, dims)
    else:
        field = smooth(name, dims, step)
    if case.get("constant"):
        field = np.full(dims, 2.5 + step)
    field = field.astype(dtype)
    if case.get("nan"):
        flat = field.reshape(-1)
        flat[5::97] = np.nan
        flat[7] = np.inf
        flat[8] = -np.inf
    return field


def case(name, dtype, dims, blocks=1, norm="L2", **more):
    """A variable: `blocks` slabs along the first dimension."""
    return {"name": name, "dtype": dtype, "dims": tuple(dims), "blocks": blocks, "norm": norm, **more}


def cases():
    """All types, ranks 1 to 5, both norms, several blocks, missing values, tiny blocks."""
    found = [case(f"rank{len(d)}", "f4", d) for d in [(5000,), (70, 80), (20, 16, 24), (6, 7, 8, 9), (4, 5, 6, 4, 5)]]
    found += [case(f"linf{len(d)}", "f8", d, norm="Linf") for d in [(3001,), (61, 53), (17, 18, 19)]]
    found += [case(f"type_{t}", t, (24, 25, 10)) for t in ("f4", "f8", "c8", "c16")]
    found += [case(f"type_{t}", t, (50, 60)) for t in ("i2", "i4", "i8", "u1", "u2", "u4", "u8")]
    found += [
        case("nan", "f4", (30, 40, 5), nan=True),
        case("nan_linf", "f8", (30, 40), nan=True, norm="Linf"),
        case("slabs", "f4", (32, 20, 16), blocks=4),
        case("slabs_linf", "f8", (32, 20, 16), blocks=4, norm="Linf"),
        case("tiny", "f4", (3, 3)),
        case("one", "f8", (1,)),
        case("thin", "f4", (1, 2000, 1)),
        case("constant", "f4", (40, 40), constant=True),
        case("path/with space", "f4", (40, 41)),
    ]
    return found


def block_slices(case):
    """The slabs of a case."""
    edges = np.linspace(0, case["dims"][0], case["blocks"] + 1).astype(int)
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:])]


def bound(part, norm):
    """Largest error allowed in a component of a block: over all values (Linf), or of the whole (L2)."""
    ok = part[np.isfinite(part)].astype("f8")
    return 1e-3 * (ok.max() - ok.min()) if norm == "Linf" else 1e-2 * np.linalg.norm(ok)


def check_block(label, wanted, got, norm="L2", threshold=4096):
    """Raises unless a whole block came back within its promise."""
    got = np.asarray(got).reshape(wanted.shape)
    assert got.dtype == wanted.dtype, f"{label}: {got.dtype} instead of {wanted.dtype}"
    if wanted.dtype.kind in "iu" or wanted.nbytes < threshold:
        assert got.tobytes() == wanted.tobytes(), f"{label}: an exact block changed"
        return
    parts = [(wanted.real, got.real), (wanted.imag, got.imag)] if wanted.dtype.kind == "c" else [(wanted, got)]
    for want, have in parts:
        finite = np.isfinite(want)
        assert want[~finite].tobytes() == have[~finite].tobytes(), f"{label}: NaN or infinities changed"
        error = np.abs(have[finite].astype("f8") - want[finite].astype("f8"))
        error = error.max() if norm == "Linf" else np.linalg.norm(error)
        assert error <= bound(want, norm), f"{label}: error {error} above {bound(want, norm)} ({norm})"
        assert want[finite].min() <= have[finite].min() and have[finite].max() <= want[finite].max(), f"{label}: range"
