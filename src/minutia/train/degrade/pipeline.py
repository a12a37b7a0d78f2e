"""From high-resolution pictures to degraded low-resolution ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field
from torch import Tensor

from minutia.train.degrade.dice import Dice
from minutia.train.degrade.fields import Batch
from minutia.train.degrade.operations import quantise
from minutia.train.degrade.steps import AnyStep, Downscale
from minutia.train.degrade.tables import read_table
from minutia.train.fields import Strict

MARGIN = 8
"""Low-resolution pixels that crops are larger by while they are degraded.

They are then cut at a random place, so that the blocks of a codec begin anywhere, and less is seen of the border.
"""


class Degradation(Strict):
    """Steps from a high-resolution picture to a low-resolution one, one after the other."""

    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1)]
    """Steps in order; if the size is not the low-resolution size after the last one, the rest is done by bicubic."""

    clean: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of batches that are only downscaled, by bicubic as in MATLAB, so that clean pictures stay clean."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """Degraded pictures."""

    lr: Tensor
    """(N, C, H / scale, W / scale), float32 in [0, 1], of the 256 values that files hold."""
    words: list[list[str]]
    """What was done to each, step by step."""


def _as_table(value: object) -> object:
    """Read a table that comes with Minutia, where a recipe gives its name; steps alone are a table too."""
    if isinstance(value, str):
        return read_table(value)
    return {"steps": value} if isinstance(value, list | tuple) else value


DegradationOrName = Annotated[Degradation, BeforeValidator(_as_table)]


def load_degradation(name: str) -> Degradation:
    """Read a degradation that comes with Minutia.

    Raises:
        ValueError: there is none of this name.
    """
    return Degradation.model_validate(read_table(name))


def is_clean(degradation: Degradation, seed: int, step: int) -> bool:
    """Tell whether the batch of a step is left as it is."""
    return bool(Dice(seed, step, range(0)).shared.random() < degradation.clean)


def degrade(hr: Tensor, degradation: Degradation, scale: int, *, seed: int, step: int, first: int = 0) -> Degraded:
    """Degrade a batch; the same seed, step and number of a crop give the same picture, whatever is beside it.

    Args:
        hr: (N, C, H, W), float32 in [0, 1]; `scale` divides H and W.
        first: number of the batch's first picture among those of the step.
    """
    dice = Dice(seed, step, range(first, first + len(hr)))
    dice.shared.random()  # whether the batch is clean
    batch = Batch(hr, hr.shape[2] // scale, hr.shape[3] // scale)
    for one in degradation.steps:
        one.apply(batch, dice)
    if tuple(batch.x.shape[2:]) != (batch.height, batch.width):
        Downscale(step="downscale", resampling={"bicubic": 1}).apply(batch, dice)
    return Degraded(quantise(batch.x), batch.words)
