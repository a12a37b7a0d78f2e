"""Curves of a run as a picture, drawn from its diary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minutia.files import replacing
from minutia.train.axis import Axis
from minutia.train.plan import Plan
from minutia.train.rows import Row, read_rows

LOSSES: dict[str, tuple[str, ...]] = {
    "generator losses": ("generator", "pixel", "perceptual", "adversarial"),
    "discriminator loss and logits": ("discriminator", "logit_real", "logit_fake"),
    "learning rate": ("learning_rate",),
}
VALIDATION: dict[str, tuple[str, ...]] = {
    "PSNR of validation and training pictures, dB": ("psnr", "training_psnr"),
    "validation SSIM": ("ssim",),
    "validation perceptual distance": ("perceptual",),
}


def draw_curves(log: Path, plan: Plan, target: Path) -> None:
    """Draw the diary `log` as a PNG; where one phase ends and the next begins there is a line."""
    rows = read_rows(log)
    losses = [row for row in rows if "psnr" not in row]
    validation = [row for row in rows if "psnr" in row]
    axis = Axis(plan)
    figure = Figure(figsize=(12, 10))
    figure.subplots_adjust(left=0.06, right=0.98, bottom=0.05, top=0.96, wspace=0.15, hspace=0.35)
    panels = figure.subplots(3, 2)
    for column, (kind, shown) in enumerate(((LOSSES, losses), (VALIDATION, validation))):
        for axes, (title, names) in zip(panels[:, column], kind.items(), strict=True):
            _draw_panel(axes, title, names, shown, axis)
            for end in axis.ends:
                axes.axvline(end, color="0.7", linewidth=1, linestyle="--")
    with replacing(target) as temporary:
        figure.savefig(temporary, format="png", dpi=90)


def _draw_panel(axes: Axes, title: str, names: Sequence[str], rows: Sequence[Row], axis: Axis) -> None:
    for name in names:
        points = [(axis.place(row), float(row[name])) for row in rows if name in row]
        if points:
            marker = "." if len(points) < 60 else ""
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2, marker=marker)
    axes.set_title(title)
    axes.set_xlabel(axis.unit)
    axes.grid(visible=True, alpha=0.3)
    axes.ticklabel_format(axis="y", scilimits=(-2, 4))
    if len(axes.lines) > 1:
        axes.legend()
    if "generator" in title and axes.lines:
        axes.set_yscale("log")
