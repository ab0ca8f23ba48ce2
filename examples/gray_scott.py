"""3D Gray-Scott reaction-diffusion, written with ADIOS2.

Two chemicals U and V on a periodic cube (J. E. Pearson, Science 261, 189, 1993), explicit Euler with a time
step of 1, 7-point Laplacian.
What happens to the output is decided in the XML file alone.

usage: python gray_scott.py CONFIG.xml OUTPUT.bp [--size 64] [--steps 1000] [--plotgap 20] [--keep DIR]
"""

import argparse
from pathlib import Path

import adios2
import numpy as np

DIFFUSION_U, DIFFUSION_V = 0.2, 0.1
FEED, KILL = 0.02, 0.048


def laplacian(field, out):
    """7-point Laplacian over 6 of the inner points of `field` (one ghost layer around) into `out`."""
    core = slice(1, -1)
    np.multiply(field[core, core, core], -6.0, out=out)
    for axis in range(3):
        for shift in (slice(0, -2), slice(2, None)):
            index = [core, core, core]
            index[axis] = shift
            out += field[tuple(index)]
    out /= 6.0


def wrap(field):
    """Fills the ghost layer periodically."""
    for axis in range(3):
        planes = np.moveaxis(field, axis, 0)
        planes[0], planes[-1] = planes[-2], planes[1]


class GrayScott:
    """The state: U and V of `size`^3 points, float64, with one ghost layer."""

    def __init__(self, size):
        shape = (size + 2,) * 3
        self.u, self.v = np.ones(shape), np.zeros(shape)
        rng = np.random.default_rng(1)
        centres = [(size // 2,) * 3, *rng.integers(size // 8, size - size // 8, (4, 3))]
        for centre in centres:
            seed = tuple(slice(c - size // 16 + 1, c + size // 16 + 1) for c in centre)
            self.u[seed], self.v[seed] = 0.25, 0.33
        self.lap_u, self.lap_v, self.reaction = (np.empty((size,) * 3) for _ in range(3))

    def inner(self, field):
        """A view without the ghost layer."""
        return field[1:-1, 1:-1, 1:-1]

    def step(self):
        """One time step."""
        wrap(self.u)
        wrap(self.v)
        laplacian(self.u, self.lap_u)
        laplacian(self.v, self.lap_v)
        u, v = self.inner(self.u), self.inner(self.v)
        np.multiply(v, v, out=self.reaction)
        self.reaction *= u
        self.lap_u *= DIFFUSION_U
        self.lap_u -= self.reaction
        self.lap_u += FEED
        self.lap_v *= DIFFUSION_V
        self.lap_v += self.reaction
        u *= 1.0 - FEED
        v *= 1.0 - (FEED + KILL)
        u += self.lap_u
        v += self.lap_v


def main():
    """Runs the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, default=64, help="points per axis")
    parser.add_argument("--steps", type=int, default=1000, help="time steps")
    parser.add_argument("--plotgap", type=int, default=20, help="time steps from one output to the next")
    parser.add_argument("--keep", type=Path, help="folder for a copy of every output as .npy")
    args = parser.parse_args()

    simulation = GrayScott(args.size)
    shape, start = [args.size] * 3, [0] * 3
    io = adios2.Adios(args.config).declare_io("SimulationOutput")
    with adios2.Stream(io, args.output, "w") as stream:
        for step in range(1, args.steps + 1):
            simulation.step()
            if step % args.plotgap:
                continue
            stream.begin_step()
            for name, field in (("U", simulation.u), ("V", simulation.v)):
                values = np.ascontiguousarray(simulation.inner(field))
                stream.write(name, values, shape, start, shape)
                if args.keep:
                    np.save(args.keep / f"{name}_{step // args.plotgap - 1:04}.npy", values)
            stream.write("step", np.array(step))
            stream.end_step()
            print(f"step {step}: V up to {simulation.inner(simulation.v).max():.3f}", flush=True)


if __name__ == "__main__":
    main()
