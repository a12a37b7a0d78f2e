"""The steps that filter: blur, and displacement."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from minutia.train.degrade import kernels
from minutia.train.degrade.dice import Dice, Range, angle, uniform, weighted
from minutia.train.degrade.fields import (
    Batch,
    Between,
    Positive,
    Probability,
    as_range,
    as_weights,
    check_weights,
)
from minutia.train.degrade.operations import blur
from minutia.train.fields import Strict, Weight

KernelKind = Literal[
    "isotropic",
    "anisotropic",
    "generalised_isotropic",
    "generalised_anisotropic",
    "plateau_isotropic",
    "plateau_anisotropic",
    "sinc",
    "motion",
]


Side = Annotated[int, Field(ge=3, le=101)]
WIDE = 13
"""Side of a kernel from which `wide_cutoff` holds."""

ISOTROPIC: dict[KernelKind, float] = {"isotropic": 1}


class Blur(Strict):
    """Blur with a random kernel; the kinds are drawn by weight."""

    step: Literal["blur"]
    probability: Probability = 1.0
    kernels: Annotated[dict[KernelKind, Weight], BeforeValidator(as_weights), AfterValidator(check_weights)] = ISOTROPIC
    size: Annotated[tuple[Side, Side], BeforeValidator(as_range)] = (7, 21)
    """Sides of the kernel, in pixels; odd ones are drawn."""

    sigma: Positive = (0.2, 3.0)
    """Standard deviation of kernels of the Gaussian family, in pixels; two are drawn for anisotropic ones."""

    generalised_beta: Positive = (0.5, 4.0)
    plateau_beta: Positive = (1.0, 2.0)
    halved_beta: bool = False
    """Draw betas below and above 1 with equal probability, as Real-ESRGAN does, instead of uniformly."""

    cutoff: Positive = (1 / 3, 1.0)
    """Cut-off of sinc, relative to the Nyquist frequency; 1 keeps all frequencies along an axis."""

    wide_cutoff: Positive | None = None
    """Cut-off of sinc for kernels of 13 pixels and more; default: `cutoff`."""

    length: Between = (3.0, 15.0)
    """Length of motion kernels, in pixels."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (low, high) in (("generalised_beta", self.generalised_beta), ("plateau_beta", self.plateau_beta)):
            if self.halved_beta and not low <= 1 <= high:
                raise ValueError(f"halved_beta divides {name} at 1, which is not in {[low, high]}.")
        if self.kernels.get("motion") and self.length[1] > self.size[1]:
            raise ValueError(f"a motion of {self.length[1]:g} pixels is longer than its kernel; make size larger.")
        return self

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Blur each picture by its own kernel, laid in the middle of the largest size."""
        largest = self.size[1] | 1
        happens = dice.chances(self.probability)
        drawn = dice.each(self._draw)
        chosen = [one if so else (kernels.identity(3), "") for so, one in zip(happens, drawn, strict=True)]
        batch.x = blur(batch.x, torch.stack([_centred(kernel, largest) for kernel, _ in chosen]))
        batch.note([words for _, words in chosen])

    def _draw(self, random: np.random.Generator) -> tuple[Tensor, str]:
        kind = weighted(random, self.kernels)
        size = int(random.integers(self.size[0] // 2, self.size[1] // 2 + 1)) * 2 + 1
        if kind == "sinc":
            cutoff = uniform(random, (size >= WIDE and self.wide_cutoff) or self.cutoff)
            return kernels.sinc(size, cutoff * math.pi), f"sinc {cutoff:.2f}"
        if kind == "motion":
            length = uniform(random, self.length)
            return kernels.motion(self.size[1] | 1, length, angle(random)), f"motion {length:.1f}"
        first = uniform(random, self.sigma)
        isotropic = "anisotropic" not in kind
        deviations = (first, first if isotropic else uniform(random, self.sigma))
        turn = angle(random)
        words = f"{kind.replace('_', ' ')} {deviations[0]:.1f}" + ("" if isotropic else f"/{deviations[1]:.1f}")
        if kind.startswith("plateau"):
            return kernels.plateau(size, deviations, turn, self._beta(random, self.plateau_beta)), words
        beta = self._beta(random, self.generalised_beta) if kind.startswith("generalised") else 1.0
        return kernels.gaussian(size, deviations, turn, beta), words

    def _beta(self, random: np.random.Generator, between: Range) -> float:
        if not self.halved_beta:
            return uniform(random, between)
        return uniform(random, (between[0], 1.0) if random.random() < 0.5 else (1.0, between[1]))


class Shift(Strict):
    """Displace relative to the original, which a network can only learn as blur."""

    step: Literal["shift"]
    distance: Between = (0.0, 1.0)
    """Distance in pixels of the current size, in a direction drawn for each crop."""

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Displace each picture."""
        ways = list(zip(dice.numbers(self.distance), dice.numbers((0, 2 * math.pi)), strict=True))
        size = 2 * math.ceil(self.distance[1]) + 3
        moves = [(length * math.cos(turn), length * math.sin(turn)) for length, turn in ways]
        batch.x = blur(batch.x, torch.stack([kernels.displacement(size, right, down) for right, down in moves]))
        batch.note([f"shift {right:+.1f} {down:+.1f}" for right, down in moves])


def _centred(kernel: Tensor, size: int) -> Tensor:
    """Lay a kernel in the middle of zeros."""
    margin = (size - kernel.shape[-1]) // 2
    return F.pad(kernel, (margin,) * 4)
