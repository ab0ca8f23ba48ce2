"""The demo's pictures."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def slices(demo, name, original, decoded):
    """Middle plane of the last step: original, decoded, difference; DEMO/slices_NAME.png."""
    middle = original.shape[0] // 2
    difference = (decoded - original)[middle]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), constrained_layout=True)
    limits = {"vmin": original[middle].min(), "vmax": original[middle].max()}
    largest = max(np.abs(difference).max(), np.finfo(float).tiny)
    panels = (
        ("original", original[middle], {"cmap": "viridis", **limits}),
        ("decoded", decoded[middle], {"cmap": "viridis", **limits}),
        ("decoded - original", difference, {"cmap": "RdBu", "vmin": -largest, "vmax": largest}),
    )
    for ax, (title, plane, style) in zip(axes, panels, strict=True):
        figure.colorbar(ax.imshow(plane, origin="lower", **style), ax=ax, shrink=0.85)
        ax.set(title=f"{name}, last step, {title}", xticks=[], yticks=[])
    figure.savefig(demo / f"slices_{name}.png", dpi=110)
    plt.close(figure)


def steps(demo, variables, accuracy):
    """Ratio and largest error of every step; DEMO/steps.png."""
    figure, (ratio, error) = plt.subplots(2, 1, figsize=(8, 6), sharex=True, constrained_layout=True)
    for name, values in variables.items():
        ratio.plot(values["ratio"], marker="o", label=name)
        error.plot(values["max_error_over_range"], marker="o", label=name)
    error.axhline(accuracy, color="black", linestyle="--", label="promised")
    ratio.set(ylabel="raw / stored bytes", ylim=(0, None))
    error.set(xlabel="output step", ylabel="max error / range", ylim=(0, 1.15 * accuracy))
    for ax in (ratio, error):
        ax.grid(alpha=0.3)
        ax.legend()
    figure.savefig(demo / "steps.png", dpi=110)
    plt.close(figure)
