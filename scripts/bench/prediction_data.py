"""Series for `temporal=predict`, one .npy of shape (steps, ...) per variable, time slowest.

gs3d     50 outputs, 64 cubed, float64: U and V of examples/gray_scott.py, every 20 time steps
bubbles  200 outputs, 256 squared, float32: rho, u, v, p of examples/shock_bubble.py with 16 bubbles
gs2d     200 outputs, 256 squared, float32: U and V of Gray-Scott's slow spots (as gs2 of series_data.py, not averaged), every 20
jet      200 outputs, 256 squared, float32: T, Y, u, v of the pulsing, reacting jet (as ign of series_data.py, finer)
turb3d   40 outputs, 64 cubed, float32: one velocity of decaying turbulence, a tenth of the first eddy time apart
noise    20 outputs, 256 squared, float32: white noise
strangers 20 outputs, 256 squared, float32: smooth fields that have nothing to do with each other

usage: python prediction_data.py OUT_DIR [NAME...]
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.fft
from series_data import Spectral, reacting_jet

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))


def gs3d(n_steps=50, gap=20):
    from gray_scott import GrayScott

    simulation, steps = GrayScott(64), []
    for _ in range(n_steps):
        for _ in range(gap):
            simulation.step()
        steps.append([simulation.inner(field).copy() for field in (simulation.u, simulation.v)])
    return dict(zip("uv", np.swapaxes(np.array(steps), 0, 1)))


def bubbles(size=256, n_bubbles=16, n_steps=200):
    from shock_bubble import INTERVAL, NAMES, advance, initial

    state, steps = initial(size, n_bubbles), []
    for _ in range(n_steps):
        state = advance(state, INTERVAL)
        steps.append(state.astype(np.float32))
    return dict(zip(NAMES, np.swapaxes(np.array(steps), 0, 1)))


def gs2d(n=256, n_steps=200, gap=20, first=1000):
    """Feed 0.037, kill 0.06 on a periodic square, as many seeds per area as gs2."""
    rng = np.random.default_rng(3)
    u, v = np.ones((n, n)), np.zeros((n, n))
    for _ in range(40):
        row, column = rng.integers(0, n - 8, 2)
        u[row : row + 8, column : column + 8], v[row : row + 8, column : column + 8] = 0.5, 0.25

    def laplacian(field):
        return sum(np.roll(field, shift, axis) for axis in (0, 1) for shift in (1, -1)) - 4 * field

    steps = []
    for index in range(first + gap * n_steps):
        reaction = u * v * v
        u = u + 0.2097 * laplacian(u) - reaction + 0.037 * (1 - u)
        v = v + 0.105 * laplacian(v) + reaction - (0.037 + 0.06) * v
        if index >= first and (index - first) % gap == gap - 1:
            steps.append(np.stack([u, v]).astype(np.float32))
    return dict(zip("uv", np.swapaxes(np.array(steps), 0, 1)))


def jet(n=320, step=7.5e-4, n_steps=200, first=600):
    """The jet of ign on its own points without the forcing region; what moves, moves about 0.6 points per output, as in ign."""
    noise = np.zeros((n, n))
    noise[:128, :128] = 0.2 * np.random.default_rng(0).standard_normal((128, 128))
    kept, steps = slice(n // 10, n // 10 + 256), []
    for index, frame in enumerate(reacting_jet(n, step, noise, first + 2 * n_steps)):
        if index >= first and (index - first) % 2 == 1:
            steps.append(frame[:, kept, kept].astype(np.float32))
    return dict(zip(("temperature", "fuel", "u", "v"), np.swapaxes(np.array(steps), 0, 1)))


def turb3d(n=64, n_steps=40, first=60, step=0.01):
    """Decaying turbulence, pseudo-spectral, Heun, viscosity 0.006. Unit rms velocity and energy near wave number 4: an eddy time
    (length over rms velocity) is about 0.5 at the first output, outputs are 0.05 apart."""
    k, kr = scipy.fft.fftfreq(n, 1 / n), scipy.fft.rfftfreq(n, 1 / n)
    wave = np.stack(np.meshgrid(k, k, kr, indexing="ij"))
    square = (wave**2).sum(0)
    is_kept = (np.abs(wave) < n / 3).all(0)
    forward = lambda a: scipy.fft.rfftn(a, axes=(-3, -2, -1))
    back = lambda a: scipy.fft.irfftn(a, s=(n, n, n), axes=(-3, -2, -1))
    solenoidal = lambda modes: modes - wave * ((wave * modes).sum(0) / np.where(square == 0, 1, square))
    size = np.sqrt(square)
    modes = forward(np.random.default_rng(0).standard_normal((3, n, n, n)))
    modes = solenoidal(modes * size * np.exp(-((size / 3.5) ** 2)))
    modes /= np.sqrt((back(modes) ** 2).mean())
    decay = np.exp(-0.006 * square * step)

    def change(modes):
        velocity, curl = back(modes), back(1j * np.cross(wave, modes, axis=0))
        return solenoidal(forward(np.cross(velocity, curl, axis=0)) * is_kept)

    steps = []
    for index in range(first + 5 * n_steps):
        start = change(modes)
        end = change(decay * (modes + step * start))
        modes = decay * modes + step / 2 * (decay * start + end)
        if index >= first and (index - first) % 5 == 4:
            steps.append(back(modes)[0].astype(np.float32))
    return {"vx": np.array(steps)}


def noise(n=256, n_steps=20):
    return {"noise": np.random.default_rng(5).standard_normal((n_steps, n, n)).astype(np.float32)}


def strangers(n=256, n_steps=20):
    """Random phases, amplitudes exp(-|k| / 8)."""
    plane, rng = Spectral(n, 2 * np.pi), np.random.default_rng(6)
    size = np.sqrt(plane.square)
    smooth = [plane.back(plane.forward(rng.standard_normal((n, n))) * np.exp(-size / 8)) for _ in range(n_steps)]
    return {"strangers": np.array(smooth, np.float32)}


SERIES = {function.__name__: function for function in (gs3d, bubbles, gs2d, jet, turb3d, noise, strangers)}


def main(out_dir, *names):
    """Makes the named series, all when none is named."""
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in names or SERIES:
        started = time.perf_counter()
        for variable, values in SERIES[name]().items():
            np.save(out_dir / f"{name}_{variable}.npy", values)
            print(f"{name} {variable} {values.shape} {values.dtype}: {values.min():.3g} to {values.max():.3g}", flush=True)
        print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
