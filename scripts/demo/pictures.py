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


def prediction(path, title, field, predicted, last):
    """Middle plane of a field, its prediction, and what the last step and the prediction leave of it, on one scale."""
    plane = (field.shape[0] // 2,) if field.ndim == 3 else ()
    field, predicted, last = (values[plane].astype("f8") for values in (field, predicted, last))
    whole = {"cmap": "viridis", "vmin": field.min(), "vmax": field.max()}
    # The few largest values of a front would leave the rest of the picture white.
    largest = max(np.quantile(np.abs(field - last), 0.995), np.finfo(float).tiny)
    left = {"cmap": "RdBu", "vmin": -largest, "vmax": largest}

    def spread(values):
        return f"root mean square {np.sqrt((values**2).mean()) / np.ptp(field):.1e} of the range"

    panels = (
        (title, field, whole),
        ("prediction", predicted, whole),
        (f"field - last step\n{spread(field - last)}", field - last, left),
        (f"residual: field - prediction\n{spread(field - predicted)}", field - predicted, left),
    )
    figure, axes = plt.subplots(1, 4, figsize=(15, 4), constrained_layout=True)
    for ax, (text, values, style) in zip(axes, panels, strict=True):
        figure.colorbar(ax.imshow(values, origin="lower", **style), ax=ax, shrink=0.75)
        ax.set(xticks=[], yticks=[])
        ax.set_title(text, fontsize=10)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def steps(demo, variables, accuracy):
    """Bytes of every step, predicted and alone, and its largest error; DEMO/steps.png."""
    figure, (size, error) = plt.subplots(2, 1, figsize=(8, 6), sharex=True, constrained_layout=True)
    for name, (predicted, alone) in variables.items():
        (drawn,) = size.plot(predicted["stored_bytes"], marker=".", label=f"{name}, predicted")
        size.plot(alone["stored_bytes"], color=drawn.get_color(), linestyle=":", label=f"{name}, alone")
        error.plot(predicted["max_error_over_range"], marker=".", label=name)
    error.axhline(accuracy, color="black", linestyle="--", label="promised")
    size.set(ylabel="stored bytes", ylim=(0, None))
    error.set(xlabel="output step", ylabel="max error / range", ylim=(0, 1.15 * accuracy))
    for ax in (size, error):
        ax.grid(alpha=0.3)
        ax.legend()
    figure.savefig(demo / "steps.png", dpi=110)
    plt.close(figure)
