"""Our CPU kernels beside eager PyTorch: same network, batch, optimiser and threads, one after the other in one run.

    python benches/torch_siren.py [--threads 1] [--widths 32,64] [--layers 4] [--seconds 2] [--clock cpu]

Needs `pip install torch` and cargo. `--clock cpu` divides CPU time by threads: fair on a machine that is in use.
"""

import argparse
import subprocess
import time

import torch

BATCH = 16_384
SIDE = 64
N_STEPS = 4


class Sine(torch.nn.Module):
    """sin(30 (W x + b))."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = torch.nn.Linear(n_in, n_out)

    def forward(self, x):
        return torch.sin(30 * self.linear(x))


class Siren(torch.nn.Module):
    """The residual SIREN of src/model/siren.rs: 3 -> width x n_layers -> 1."""

    def __init__(self, width, n_layers):
        super().__init__()
        self.first = Sine(3, width)
        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(Sine(width, width), Sine(width, width)) for _ in range(n_layers // 2)
        )
        self.last = torch.nn.Linear(width, 1)

    def forward(self, x):
        y = self.first(x)
        for block in self.blocks:
            y = 0.5 * (y + block(y))
        return self.last(y)


def best_rate(n_samples, seconds, clock, work):
    """Best samples/s of repeated calls."""
    work()
    start, best = time.perf_counter(), float("inf")
    while time.perf_counter() - start < seconds:
        begin = clock()
        work()
        best = min(best, clock() - begin)
    return n_samples / best


def torch_rates(width, n_layers, seconds, clock):
    """Training and evaluation of the network in samples/s."""
    axis = torch.linspace(-1, 1, SIDE)
    points = torch.cartesian_prod(axis, axis, axis)
    values = torch.sin(0.001 * torch.arange(SIDE**3)).unsqueeze(1)
    net = Siren(width, n_layers)
    adam = torch.optim.Adam(net.parameters(), lr=1e-4)

    def train():
        for _ in range(N_STEPS):
            index = torch.randint(SIDE**3, (BATCH,))
            adam.zero_grad()
            torch.nn.functional.mse_loss(net(points[index]), values[index]).backward()
            adam.step()

    def evaluate():
        with torch.no_grad():
            for tile in points.split(BATCH):
                net(tile)

    return best_rate(N_STEPS * BATCH, seconds, clock, train), best_rate(SIDE**3, seconds, clock, evaluate)


def our_rates(width, n_layers, args):
    """The same from benches/kernels.rs."""
    command = ["cargo", "bench", "--no-default-features", "--bench", "kernels", "--", "--threads", str(args.threads)]
    command += ["--widths", str(width), "--layers", str(n_layers), "--seconds", str(args.seconds), "--clock", args.clock]
    row = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    return float(cells[3]) * 1e6, float(cells[6]) * 1e6, cells[5], cells[8]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--widths", default="16,32,64,128")
    parser.add_argument("--layers", default="2,4,6")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.perf_counter if args.clock == "wall" else lambda: time.process_time() / args.threads
    print(f"PyTorch {torch.__version__} eager, {args.threads} thread(s), batch {BATCH}, {args.clock} clock")
    print("| network | train ours | torch | ratio | of peak | evaluate ours | torch | ratio | of peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    for width in map(int, args.widths.split(",")):
        for n_layers in map(int, args.layers.split(",")):
            train, evaluate = torch_rates(width, n_layers, args.seconds, clock)
            our_train, our_evaluate, train_share, evaluate_share = our_rates(width, n_layers, args)
            print(
                f"| 3-{width}x{n_layers}-1 | {our_train / 1e6:.3f} M/s | {train / 1e6:.3f} M/s | {our_train / train:.1f}x"
                f" | {train_share} | {our_evaluate / 1e6:.2f} M/s | {evaluate / 1e6:.2f} M/s"
                f" | {our_evaluate / evaluate:.1f}x | {evaluate_share} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
