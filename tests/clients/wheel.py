"""usage: wheel.py MODE FOLDER [ARGUMENT]: what the installed wheel adios2-inr can do, in a Python where nothing else was set."""
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

mode, folder = sys.argv[1], Path(sys.argv[2])
SHAPE = (64, 80)


def wave(step=0):
    y, x = np.meshgrid(np.linspace(0, 5, SHAPE[0]), np.linspace(0, 4, SHAPE[1]), indexing="ij")
    return np.sin(3 * x + 0.1 * step) * np.cos(2 * y) + 0.2 * y


def within_the_bound(path):
    import adios2

    with adios2.FileReader(path) as reader:
        for step in range(3):
            error = np.abs(reader.read("u", step_selection=[step, 1]).reshape(SHAPE) - wave(step)).max()
            assert 0 < error <= 1e-3 * np.ptp(wave(step)), f"step {step}: {error} of {np.ptp(wave(step))}"
    assert sum(f.stat().st_size for f in Path(path).glob("data.*")) < 3 * wave().nbytes / 4, "the operator was not used"


def operations(first, second):
    """The modules are imported in this order."""
    for name in (first, second):
        importlib.import_module(name)
    import adios2
    import adios2_inr

    operation = ("plugin", adios2_inr.parameters(norm="Linf", accuracy=1e-3))
    with adios2.Stream(str(folder / "run.bp"), "w") as stream:
        for step in range(3):
            stream.begin_step()
            stream.write("u", wave(step), SHAPE, [0, 0], SHAPE, operations=[operation])
            stream.end_step()
    within_the_bound(str(folder / "run.bp"))


def xml():
    import adios2
    import adios2_inr

    text = adios2_inr.xml("u", io="Output", engine_parameters={"StripeSize": 64}, norm="Linf", accuracy=np.float64(1e-3), temporal="predict")
    (folder / "adios2.xml").write_text(text)
    io = adios2.Adios(str(folder / "adios2.xml")).declare_io("Output")
    with adios2.Stream(io, str(folder / "run.bp"), "w") as stream:
        for step in range(3):
            stream.begin_step()
            stream.write("u", wave(step), SHAPE, [0, 0], SHAPE)
            stream.end_step()
    within_the_bound(str(folder / "run.bp"))


def arrays():
    from adios2_inr import decode, encode

    for kind in ("f4", "f8", "c8", "c16"):
        array = (wave() * (1 + 0.5j) if kind[0] == "c" else wave()).astype(kind)
        layouts = [array, array.T, array[::-1, 3::2], np.asfortranarray(array), array.astype(array.dtype.newbyteorder(">"))]
        for values in layouts:
            record = encode(values, norm="Linf", mode="ABS", accuracy=1e-3)
            again = decode(record)
            assert again.dtype == np.dtype(kind) and again.shape == values.shape and again.flags.writeable
            for part in (np.real, np.imag):
                assert np.abs(part(again) - part(values)).max() <= 1e-3
            assert len(record) < values.nbytes / 3 and not np.array_equal(again, values)
    for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
        values = np.random.default_rng(1).integers(0, 100, (6, 7, 300)).astype(kind)[:, ::2]
        assert np.array_equal(decode(encode(values)), values) and decode(encode(values)).dtype == values.dtype
    for values in (np.float32(2.5), np.zeros((0, 4)), np.arange(7.0), np.array([np.nan, np.inf, 1.0])):
        again = decode(memoryview(encode(values)))
        assert again.shape == np.shape(values) and np.array_equal(again, values, equal_nan=True)
    assert encode(wave(), threads=1) == encode(wave(), threads=2) == encode(wave().tolist())


def refusal(call, *arguments, **settings):
    try:
        call(*arguments, **settings)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{call.__name__}{arguments}{settings} was not refused")


def errors():
    import adios2_inr as inr

    cases = [
        (refusal(inr.parameters, acuracy=1e-3), "unknown parameter 'acuracy': did you mean 'accuracy'?"),
        (refusal(inr.parameters, norm="L7"), "parameter 'norm' cannot be 'L7': set it to"),
        (refusal(inr.xml, "u", io="io", ratio=10, accuracy=1), "exclude each other"),
        (refusal(inr.encode, wave(), accuracy=-1), "parameter 'accuracy' cannot be '-1'"),
        (refusal(inr.encode, wave(), temporal="series"), "leave it out"),
        (refusal(inr.encode, wave(), norm="L2\0"), "NUL"),
        (refusal(inr.encode, np.zeros(3, bool)), "Arrays of bool cannot be encoded: convert to one of float32"),
        (refusal(inr.encode, np.ma.masked_less(wave(), 0)), "filled"),
        (refusal(inr.decode, b""), "too few for a record"),
        (refusal(inr.decode, inr.encode(wave())[:-1]), "checksum"),
        (refusal(inr.decode, inr.encode(np.ones((400, 400))), limit=1_000_000), "asks for 1280000 bytes, the limit is 1000000"),
        (refusal(inr.open_series, folder), "model store"),
    ]
    for said, wanted in cases:
        assert wanted in said and re.fullmatch(r"\S.*[.?]", said), said


def series():
    """ARGUMENT is what `inr query --json` said about the same places and times."""
    import adios2_inr

    asked = json.loads(sys.argv[3])
    points = asked["points"]
    places, times = np.array([p["at"] for p in points]), np.array([p["time"] for p in points])
    for found in (adios2_inr.open_series(folder), adios2_inr.open_series(str(folder), "u")):
        assert (found.variable, found.n_axes, found.is_grid, found.is_complex) == ("u", 2, True, False)
        assert list(found.steps) == asked["steps"] and found.bounds.tolist() == asked["axes"]
        answer = found.ask(places, times, gradients=True)
        assert answer.values.dtype == np.float32 and answer.values.tolist() == [np.float32(p["values"][0]) for p in points]
        np.testing.assert_allclose(answer.gradients, [p["gradients"][0] for p in points], rtol=1e-14)
        for name in ("step", "error", "is_certified"):
            assert getattr(answer, name).tolist() == [p[name] for p in points], name
        assert answer.is_broken.any() and answer.is_broken.tolist() == [p["promise"] == "broken" for p in points]
        assert answer.is_by_network.tolist() == [p["stored"] == "network" for p in points]
    # Arrays of places and times broadcast, in any layout; without times it is the last step.
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(12.0), indexing="ij"), axis=-1)
    all_times = np.array([2.0, 3.5, 9.0])
    values = found.values(grid, all_times[:, None, None])
    assert values.shape == (3, 6, 12) and np.array_equal(values[2], found.values(grid))
    assert values[1, 4, 7] == found.values([4, 7], 3.5) and found.values([4, 7]).shape == ()
    assert np.array_equal(found.values(np.asfortranarray(grid)[::2, ::-1]), values[2, ::2, ::-1])
    assert found.gradients(grid[:0]).shape == (0, 12, 3) and found.gradients([4, 7], all_times).shape == (3, 3)
    for said, wanted in [
        (refusal(found.values, [0.0, 12.0]), "goes from 0 to 11"),
        (refusal(found.values, [0.0, 1.0], 40), "they know 1 to 9"),
        (refusal(found.values, [1.0, 2.0, 3.0]), "shape (..., 2)"),
        (refusal(found.values, grid, [1.0, 2.0, 3.0]), "do not match"),
        (refusal(adios2_inr.open_series, folder, "v"), "no network of 'v', it has those of 'u'"),
    ]:
        assert wanted in said and said.endswith("."), said


def complex_series():
    """ARGUMENT as for `series`."""
    import adios2_inr

    points = json.loads(sys.argv[3])["points"]
    found = adios2_inr.open_series(folder)
    answer = found.ask([p["at"] for p in points], [p["time"] for p in points], gradients=True)
    assert found.is_complex and answer.values.dtype == np.complex64 and answer.gradients.shape == (len(points), 3)
    assert answer.values.tolist() == [np.complex64(complex(*p["values"])) for p in points]
    slopes = [np.array(p["gradients"][0]) + 1j * np.array(p["gradients"][1]) for p in points]
    np.testing.assert_allclose(answer.gradients, slopes, rtol=1e-14)


def env():
    """A shell gets ADIOS2_PLUGIN_PATH and `inr`, and what was set before stays behind."""
    import adios2_inr

    before = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "ADIOS2_PLUGIN_PATH": "/somewhere else"}
    lines = f'eval "$({sys.executable} -m adios2_inr env)"; echo "$ADIOS2_PLUGIN_PATH"; command -v inr; inr --version'
    said = subprocess.run(["bash", "-c", lines], env=before, check=True, capture_output=True, text=True).stdout.splitlines()
    program = Path(sys.executable).parent / "inr"
    assert said == [f"{adios2_inr.PLUGIN_FOLDER}:/somewhere else", str(program), f"inr {adios2_inr.__version__}"], said
    assert os.environ["ADIOS2_PLUGIN_PATH"] == adios2_inr.PLUGIN_FOLDER


operations(*sys.argv[3:]) if mode == "operations" else globals()[mode]()
