"""The steps of a degradation: the keys of each, and how its numbers are drawn.

Sizes, interpolation methods and the branch of `one_of` are drawn once for a batch, whose pictures must stay of one
size; everything else is drawn for each crop.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import torch
from pydantic import BeforeValidator, Field, model_validator

from minutia.train.degrade.dice import Dice, uniform, weighted
from minutia.train.degrade.fields import (
    Batch,
    Between,
    Positive,
    Probability,
    Resamplings,
    as_range,
    check_weights,
)
from minutia.train.degrade.filters import Blur, Shift
from minutia.train.degrade.operations import Resampling, compress, gaussian_noise, poisson_noise, resize
from minutia.train.degrade.tables import read_table
from minutia.train.fields import Strict, Weight

SMALLEST = 16
"""Pixels below which no step downscales a side."""

Quality = Annotated[int, Field(ge=1, le=100)]

ALL_RESAMPLINGS: dict[Resampling, float] = {"area": 1, "bilinear": 1, "bicubic": 1}


class Resize(Strict):
    """Resize by a random factor."""

    step: Literal["resize"]
    up: Weight = 0.0
    down: Weight = 1.0
    keep: Weight = 0.0
    """Weights of upscaling, downscaling, and no change."""

    factor: Positive = (0.15, 1.5)
    """Range of factors: below 1 for downscaling, above 1 for upscaling."""

    relative_to: Literal["picture", "lr"] = "picture"
    """Reference of the factor: the current size, or "lr", the low-resolution size."""

    resampling: Resamplings = ALL_RESAMPLINGS

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_weights({"up": self.up, "down": self.down, "keep": self.keep})
        for way, weight, beyond in (("up", self.up, self.factor[1] < 1), ("down", self.down, self.factor[0] > 1)):
            if weight and beyond:
                raise ValueError(f"factor {list(self.factor)} has none for {way}, whose weight is {weight:g}.")
        return self

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Resize all pictures alike."""
        way = weighted(dice.shared, {"up": self.up, "down": self.down, "keep": self.keep})
        bounds = {"up": (1.0, self.factor[1]), "down": (self.factor[0], 1.0), "keep": (1.0, 1.0)}[way]
        factor = uniform(dice.shared, bounds)
        resampling = weighted(dice.shared, self.resampling)
        sides = (batch.height, batch.width) if self.relative_to == "lr" else batch.x.shape[2:]
        height, width = (max(SMALLEST, round(side * factor)) for side in sides)
        if (height, width) != tuple(batch.x.shape[2:]):
            batch.x = resize(batch.x, height, width, resampling)
            batch.note([f"to {width}x{height} {resampling}"] * len(batch.x))


class Downscale(Strict):
    """Downscale to the low-resolution size."""

    step: Literal["downscale"]
    resampling: Resamplings = ALL_RESAMPLINGS

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Resize all pictures alike."""
        resampling = weighted(dice.shared, self.resampling)
        batch.x = resize(batch.x, batch.height, batch.width, resampling)
        batch.note([f"to LR {resampling}"] * len(batch.x))


class Noise(Strict):
    """Add Gaussian or Poisson (shot) noise, in colour or grey."""

    step: Literal["noise"]
    probability: Probability = 1.0
    gaussian: Weight = 0.5
    poisson: Weight = 0.5
    """Weights of the two kinds."""

    sigma: Between = (1.0, 30.0)
    """Standard deviation of Gaussian noise, in 1/255."""

    scale: Between = (0.05, 3.0)
    """Strength of Poisson noise; 1 is that of 255 photons at white."""

    grey: Probability = 0.4
    """Probability of grey noise, the same in all channels."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_weights({"gaussian": self.gaussian, "poisson": self.poisson})
        return self

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Add noise of its own kind and strength to each picture."""
        happens = torch.tensor(dice.chances(self.probability))
        kinds = {"gaussian": self.gaussian, "poisson": self.poisson}
        is_gaussian = torch.tensor(dice.each(lambda random: weighted(random, kinds) == "gaussian"))
        deviations, scales = torch.tensor(dice.numbers(self.sigma)), torch.tensor(dice.numbers(self.scale))
        grey, keys = torch.tensor(dice.chances(self.grey)), dice.keys()
        deviations, scales = deviations * (happens & is_gaussian), scales * (happens & ~is_gaussian)
        if deviations.any():
            batch.x = gaussian_noise(batch.x, deviations / 255, grey, keys)
        if scales.any():
            batch.x = poisson_noise(batch.x, scales, grey, keys)
        batch.note(
            [_noise_words(*one) for one in zip(deviations.tolist(), scales.tolist(), grey.tolist(), strict=True)]
        )


class Compress(Strict):
    """Compress in a lossy format and decompress."""

    step: Literal["jpeg", "webp"]
    probability: Probability = 1.0
    quality: Annotated[tuple[Quality, Quality], BeforeValidator(as_range)] = (30, 95)

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Compress each picture at its own quality."""
        happens = dice.chances(self.probability)
        drawn = dice.each(lambda random: int(random.integers(self.quality[0], self.quality[1] + 1)))
        qualities = [quality if so else None for so, quality in zip(happens, drawn, strict=True)]
        batch.x = compress(batch.x, self.step, qualities)
        batch.note([f"{self.step} {quality}" if quality else "" for quality in qualities])


def _steps_of(way: object) -> object:
    return read_table(way)["steps"] if isinstance(way, str) else way


class OneOf(Strict):
    """Apply one of several lists of steps."""

    step: Literal["one_of"]
    options: Annotated[tuple[Annotated[tuple[AnyStep, ...], BeforeValidator(_steps_of)], ...], Field(min_length=1)]
    """Lists of steps, or names of tables (their `clean` is ignored); one is drawn with equal probability."""

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Apply the steps of one list."""
        for step in self.options[int(dice.shared.integers(len(self.options)))]:
            step.apply(batch, dice)


AnyStep: TypeAlias = Annotated[
    Blur | Resize | Downscale | Noise | Compress | Shift | OneOf, Field(discriminator="step")
]
OneOf.model_rebuild()


def _noise_words(deviation: float, scale: float, grey: bool) -> str:
    if not deviation and not scale:
        return ""
    strength = f"noise {deviation:.0f}" if deviation else f"photon noise {scale:.2f}"
    return f"{strength} grey" if grey else strength
