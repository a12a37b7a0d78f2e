"""Random numbers of a batch: some drawn once for all its crops, the others for each crop on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar, final

import numpy as np
import torch
from torch import Tensor

Range = tuple[float, float]
T = TypeVar("T")

SHARED, OWN, PLACE = 1, 2, 3
"""Words after seed and step. Never 0: numpy's seeds that differ in zeros at their end are one seed."""


@final
class Dice:
    """Depends on the seed, the step and the number of the crop alone, not on the crops beside it."""

    def __init__(self, seed: int, step: int, crops: range) -> None:
        self.shared = np.random.default_rng((seed, step, SHARED))
        self.own = [np.random.default_rng((seed, step, OWN, crop)) for crop in crops]

    def each(self, draw: Callable[[np.random.Generator], T]) -> list[T]:
        """Draw something for each crop."""
        return [draw(random) for random in self.own]

    def chances(self, probability: float) -> list[bool]:
        """Tell for each crop whether something happens."""
        return self.each(lambda random: bool(random.random() < probability))

    def numbers(self, between: Range) -> list[float]:
        """Draw a number for each crop."""
        return self.each(lambda random: uniform(random, between))

    def keys(self) -> Tensor:
        """Draw the key of each crop's noise: (N,) int64."""
        return torch.tensor(self.each(lambda random: int(random.integers(2**62))), dtype=torch.int64)


def uniform(random: np.random.Generator, between: Range) -> float:
    """Draw a number, all in the range equally likely."""
    return float(random.uniform(*between))


def angle(random: np.random.Generator) -> float:
    """Draw a direction, in radians."""
    return uniform(random, (0, math.pi))


def weighted(random: np.random.Generator, weights: Mapping[T, float]) -> T:
    """OneOf a key by its weight."""
    keys, values = list(weights), np.array(list(weights.values()), dtype=float)
    return keys[int(random.choice(len(keys), p=values / values.sum()))]
