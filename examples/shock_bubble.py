"""A Mach 2 shock runs through bubbles of light gas: 2D compressible Euler equations, written with ADIOS2.

Second-order finite volumes (MUSCL with the van Leer limiter, HLL fluxes, Heun in time) on the unit square. Each step of the output
has density rho, velocities u and v and pressure p as float32. What happens to them is decided in the XML file alone.

usage: python shock_bubble.py CONFIG.xml OUTPUT.bp [--size 256] [--bubbles 1] [--steps 200] [--first 0] [--append]
"""

import argparse

import adios2
import numpy as np

GAMMA = 1.4
INTERVAL = 0.0021  # from one output to the next; the shock crosses the square in about 200
COURANT = 0.4
NAMES = ("rho", "u", "v", "p")


def initial(size, n_bubbles):
    """Primitive variables (4, size, size): shock at x = 0.12, moving to the right; one bubble in the middle or small ones anywhere."""
    centres = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(centres, centres, indexing="ij")
    state = np.zeros((4, size, size))
    state[0] = 1.0
    anywhere = np.random.default_rng(0).uniform((0.2, 0.05), (0.95, 0.95), (n_bubbles, 2))
    for at_x, at_y in anywhere if n_bubbles > 1 else [(0.45, 0.5)]:
        state[0, (x - at_x) ** 2 + (y - at_y) ** 2 < 0.18**2 / n_bubbles] = 0.2
    state[3] = 1.0
    state[:, x < 0.12] = np.array([2.6667, 1.479, 0.0, 4.5])[:, None]
    return state


def conserved(state):
    """Mass, momenta and energy of density, velocities and pressure."""
    rho, u, v, p = state
    return np.stack([rho, rho * u, rho * v, p / (GAMMA - 1) + 0.5 * rho * (u * u + v * v)])


def primitive(values):
    """Mirror of `conserved`; density and pressure stay positive."""
    rho = np.maximum(values[0], 1e-3)
    u, v = values[1] / rho, values[2] / rho
    return np.stack([rho, u, v, np.maximum((GAMMA - 1) * (values[3] - 0.5 * rho * (u * u + v * v)), 1e-3)])


def flux(state):
    """Of the conserved values along x."""
    rho, u, v, p = state
    mass = rho * u
    energy = p / (GAMMA - 1) + 0.5 * rho * (u * u + v * v)
    return np.stack([mass, mass * u + p, mass * v, u * (energy + p)])


def slopes(state):
    """Van Leer's limiter of the differences along x."""
    left, right = np.diff(state, axis=1)[:, :-1], np.diff(state, axis=1)[:, 1:]
    product = left * right
    return np.where(product > 0, 2 * product / (left + right + 1e-30), 0)


def divergence(state, axis, spacing):
    """Of the fluxes along one axis."""
    if axis == 1:
        state = state[[0, 2, 1, 3]].swapaxes(1, 2)
    padded = np.pad(state, ((0, 0), (2, 2), (0, 0)), mode="edge")
    slope = slopes(padded)
    left = padded[:, 1:-2] + 0.5 * slope[:, :-1]
    right = padded[:, 2:-1] - 0.5 * slope[:, 1:]
    sound = [np.sqrt(GAMMA * side[3] / side[0]) for side in (left, right)]
    slowest = np.minimum(np.minimum(left[1] - sound[0], right[1] - sound[1]), 0)
    fastest = np.maximum(np.maximum(left[1] + sound[0], right[1] + sound[1]), 0)
    jump = conserved(right) - conserved(left)
    faces = (fastest * flux(left) - slowest * flux(right) + slowest * fastest * jump) / (fastest - slowest + 1e-30)
    change = np.diff(faces, axis=1) / spacing
    return change.swapaxes(1, 2)[[0, 2, 1, 3]] if axis == 1 else change


def advance(state, duration):
    """The state after `duration`, in as many time steps as the Courant number asks for."""
    spacing = 1.0 / state.shape[1]
    while duration > 1e-12:
        speed = np.abs(state[1]) + np.abs(state[2]) + np.sqrt(GAMMA * state[3] / state[0])
        step = min(COURANT * spacing / speed.max(), duration)
        change = lambda q: divergence(q, 0, spacing) + divergence(q, 1, spacing)
        start = conserved(state)
        middle = start - step * change(state)
        state = primitive(0.5 * (start + middle - step * change(primitive(middle))))
        duration -= step
    return state


def main():
    """Runs the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, default=256, help="cells per axis")
    parser.add_argument("--bubbles", type=int, default=1, help="number of bubbles, of the same area in all")
    parser.add_argument("--steps", type=int, default=200, help="outputs")
    parser.add_argument(
        "--first", type=int, default=0, help="first output that is written; the ones before are computed anew"
    )
    parser.add_argument("--append", action="store_true", help="add to OUTPUT.bp")
    args = parser.parse_args()

    state, shape = initial(args.size, args.bubbles), [args.size] * 2
    io = adios2.Adios(args.config).declare_io("SimulationOutput")
    with adios2.Stream(io, args.output, "a" if args.append else "w") as stream:
        for step in range(args.first + args.steps):
            state = advance(state, INTERVAL)
            if step < args.first:
                continue
            stream.begin_step()
            for name, values in zip(NAMES, state, strict=True):
                stream.write(name, np.ascontiguousarray(values, dtype=np.float32), shape, [0, 0], shape)
            stream.end_step()
            print(step, flush=True)


if __name__ == "__main__":
    main()
