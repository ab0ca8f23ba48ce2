"""Small space-time data sets for series mode, each a float32 .npy of shape (steps, nodes, channels) on a square grid, row by row.

ign    400 steps, 50 x 50: temperature, fuel and velocities of a pulsing jet with a reaction front
eul    200 steps, 50 x 50: density, velocities and pressure of a Mach 2 shock that runs through a light bubble
turb   200 steps, 64 x 64: vorticity of decaying turbulence
spike  200 steps, 50 x 50: three narrow pulses on circles; 37 of 2,500 nodes have 90 % of the energy
gs2    200 steps, 50 x 50: both chemicals of Gray-Scott's slow spots

usage: python series_data.py OUT_DIR [NAME...]
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.fft
from scipy.ndimage import map_coordinates


class Spectral:
    """A periodic square of n x n points and period `length`: dealiased transforms (two thirds), derivatives."""

    def __init__(self, n, length):
        self.n = n
        rows, columns = scipy.fft.fftfreq(n, 1 / n), scipy.fft.rfftfreq(n, 1 / n)
        whole_x, whole_y = np.meshgrid(rows, columns, indexing="ij")
        self.is_kept = (np.abs(whole_x) < n / 3) & (np.abs(whole_y) < n / 3)
        self.kx, self.ky = 2 * np.pi / length * whole_x, 2 * np.pi / length * whole_y
        self.square = self.kx**2 + self.ky**2

    def forward(self, values):
        return scipy.fft.rfft2(values) * self.is_kept

    def back(self, modes):
        return scipy.fft.irfft2(modes, s=(self.n, self.n))

    def gradient(self, modes):
        return self.back(1j * self.kx * modes), self.back(1j * self.ky * modes)

    def velocity(self, vorticity):
        """Of the stream function that solves -laplace(psi) = vorticity."""
        stream = vorticity / np.where(self.square == 0, 1, self.square)
        stream[0, 0] = 0
        return self.back(1j * self.ky * stream), self.back(-1j * self.kx * stream)


def reacting_jet(n, step, noise, n_steps):
    """Temperature, fuel, u and v after each of `n_steps` steps on n x n points. A jet enters at the left of a periodic square (a forcing
    region at both ends makes it in- and outflow), its strength and place pulse; temperature T and fuel Y are carried, diffuse and
    react at the rate 60 Y (T - 0.15)+ (1.2 - T)+. `noise` is the vorticity at the start."""
    plane = Spectral(n, 1.0)
    x, y = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
    forcing = 40 * np.exp(-((np.minimum(x, 1 - x) / 0.05) ** 2))
    across = y - 0.5
    vorticity = plane.forward(noise)
    temperature = np.exp(-(((x - 0.25) ** 2 + across**2) / 0.05**2))
    fuel = np.exp(-((across / 0.16) ** 2))
    decay, spread = np.exp(-1.5e-3 * plane.square * step), np.exp(-1e-3 * plane.square * step)
    for index in range(n_steps):
        now = index * step
        start = 1 - np.exp(-now / 0.3)
        pulse = 1 + 0.25 * np.sin(2 * np.pi * now / 1.3)
        inflow = start * pulse * np.exp(-(((across - 0.03 * np.sin(2 * np.pi * now / 0.7)) / 0.09) ** 2))
        u, v = plane.velocity(vorticity)
        u = u + 0.15

        def carried(modes, u=u, v=v):
            along_x, along_y = plane.gradient(modes)
            return u * along_x + v * along_y

        force_u, force_v = plane.forward((inflow - u) * forcing), plane.forward(-v * forcing)
        curl = 1j * plane.kx * force_v - 1j * plane.ky * force_u
        rate = 60 * np.maximum(fuel, 0) * np.maximum(temperature - 0.15, 0) * np.maximum(1.2 - temperature, 0)
        warm, rich = 0.25 * start * np.exp(-((across / 0.09) ** 2)), np.exp(-((across / 0.12) ** 2))
        heating = rate + forcing * (warm - temperature) - carried(plane.forward(temperature))
        feeding = forcing * (rich - fuel) - rate - carried(plane.forward(fuel))
        vorticity = (vorticity + step * (curl - plane.forward(carried(vorticity)))) * decay
        temperature = plane.back(plane.forward(temperature + step * heating) * spread)
        fuel = plane.back(plane.forward(fuel + step * feeding) * spread)
        yield np.stack([temperature, fuel, u, v])


def ign(n=128, n_frames=450, n_dropped=50):
    """Every sixth step of a reacting jet on 50 x 50 nodes, without the forcing region."""
    noise = 0.2 * np.random.default_rng(0).standard_normal((n, n))
    frames = [frame for index, frame in enumerate(reacting_jet(n, 1.5e-3, noise, 6 * n_frames)) if index % 6 == 5]
    nodes = np.meshgrid(np.linspace(0.12, 0.88, 50) * n, np.linspace(0.1, 0.9, 50) * n, indexing="ij")
    picked = [[map_coordinates(channel, nodes, order=3, mode="wrap") for channel in frame] for frame in frames[n_dropped:]]
    return np.moveaxis(np.array(picked), 1, -1).reshape(-1, 2500, 4)


def eul(n_steps=200):
    """The simulation of examples/shock_bubble.py with 150 x 150 cells, mean of 3 x 3."""
    sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
    from shock_bubble import INTERVAL, advance, initial

    state, steps = initial(150, 1), []
    for _ in range(n_steps):
        state = advance(state, INTERVAL)
        steps.append(state.reshape(4, 50, 3, 50, 3).mean((2, 4)).reshape(4, 2500).T)
    return np.stack(steps)


def turb(n=128, n_steps=200):
    """Vorticity equation with viscosity 4e-4 from random vortices (Heun, viscosity exact), every second point of every eighth step."""
    plane, step = Spectral(n, 2 * np.pi), 4e-3
    noise = plane.forward(np.random.default_rng(1).standard_normal((n, n)))
    size = np.sqrt(plane.square)
    vorticity = noise * size * np.exp(-((size / 6) ** 2))
    vorticity *= 4 / plane.back(vorticity).std()
    decay = np.exp(-4e-4 * plane.square * step)

    def change(modes):
        (u, v), (along_x, along_y) = plane.velocity(modes), plane.gradient(modes)
        return plane.forward(-(u * along_x + v * along_y))

    steps = []
    for index in range(300 + 8 * n_steps):
        first = change(vorticity)
        second = change(decay * (vorticity + step * first))
        vorticity = decay * vorticity + step / 2 * (decay * first + second)
        if index >= 300 and (index - 300) % 8 == 7:
            steps.append(plane.back(vorticity)[::2, ::2])
    return np.stack(steps).reshape(n_steps, -1, 1)


def spike(n_steps=200):
    """Three Gaussians of width 0.05 to 0.06 on circles of radius 0.7, 0.45 and 0.25 around the middle of (-1, 1)^2."""
    x, y = np.meshgrid(np.linspace(-1, 1, 50), np.linspace(-1, 1, 50), indexing="ij")
    pulses = ((0.7, 1, 0, 0.05, 1.0), (0.45, -1.3, 1, 0.06, 1.2), (0.25, 2, 2, 0.05, 1.4))
    steps = []
    for time_ in np.arange(n_steps) / n_steps * 2 * np.pi:
        field = np.zeros_like(x)
        for radius, speed, phase, width, height in pulses:
            angle = 0.6 * speed * time_ + phase
            distance = (x - radius * np.cos(angle)) ** 2 + (y - radius * np.sin(angle)) ** 2
            field += height * np.exp(-distance / (2 * width**2))
        steps.append(field.reshape(-1, 1))
    return np.stack(steps)


def gs2(n=100, n_steps=200):
    """Gray-Scott (feed 0.037, kill 0.06) on a periodic square with six seeds, mean of 2 x 2 cells, every 20th step after 1,000."""
    rng = np.random.default_rng(3)
    u, v = np.ones((n, n)), np.zeros((n, n))
    for _ in range(6):
        row, column = rng.integers(10, 85, 2)
        u[row : row + 8, column : column + 8], v[row : row + 8, column : column + 8] = 0.5, 0.25

    def laplacian(field):
        around = sum(np.roll(field, shift, axis) for axis in (0, 1) for shift in (1, -1))
        return around - 4 * field

    steps = []
    for index in range(1000 + 20 * n_steps):
        reaction = u * v * v
        u = u + 0.2097 * laplacian(u) - reaction + 0.037 * (1 - u)
        v = v + 0.105 * laplacian(v) + reaction - (0.037 + 0.06) * v
        if index >= 1000 and index % 20 == 19:
            steps.append(np.stack([u, v], -1).reshape(50, 2, 50, 2, 2).mean((1, 3)).reshape(2500, 2))
    return np.stack(steps)


SERIES = {function.__name__: function for function in (ign, eul, turb, spike, gs2)}


def main(out_dir, *names):
    """Makes the named series, all when none is named."""
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in names or SERIES:
        started = time.perf_counter()
        values = SERIES[name]().astype(np.float32)
        np.save(out_dir / f"{name}.npy", values)
        print(f"{name} {values.shape}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
