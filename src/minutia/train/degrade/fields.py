"""What the steps of a degradation share: kinds of values, and the batch they work on."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import AfterValidator, BeforeValidator, Field
from torch import Tensor

from minutia.train.degrade.dice import Dice
from minutia.train.degrade.operations import Resampling
from minutia.train.fields import Weight


def as_range(value: object) -> object:
    """Take a number for a range of one, and refuse ends that are the wrong way round."""
    if isinstance(value, int | float):
        return value, value
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("give a number, or two for a range, as in [1, 5].")
    if all(isinstance(end, int | float) for end in value) and value[0] > value[1]:
        raise ValueError(f"a range goes from the smaller to the larger number, and {list(value)} does not.")
    return value


def as_weights(value: object) -> object:
    """Take a name for the only choice."""
    return {value: 1.0} if isinstance(value, str) else value


def check_weights(value: dict[str, float]) -> dict[str, float]:
    """Refuse weights that choose nothing."""
    if not sum(value.values()) > 0:
        raise ValueError("one of the weights must be above 0.")
    return value


Probability = Annotated[float, Field(ge=0, le=1)]
Between = Annotated[tuple[Weight, Weight], BeforeValidator(as_range)]
Positive = Annotated[tuple[Annotated[float, Field(gt=0)], float], BeforeValidator(as_range)]
Resamplings = Annotated[dict[Resampling, Weight], BeforeValidator(as_weights), AfterValidator(check_weights)]


class Batch:
    """Pictures on their way, and what was done to each, in words."""

    def __init__(self, x: Tensor, height: int, width: int) -> None:
        self.x = x
        """(N, C, H, W), float32 in [0, 1]."""
        self.height = height
        """Of the low-resolution pictures that the batch becomes."""
        self.width = width
        self.words: list[list[str]] = [[] for _ in range(len(x))]

    def note(self, words: list[str]) -> None:
        """Write down what was done to each picture; nothing where the words are empty."""
        for told, new in zip(self.words, words, strict=True):
            if new:
                told.append(new)


class Step(Protocol):
    """What a degradation is made of."""

    def apply(self, batch: Batch, dice: Dice) -> None:
        """Do it."""
        ...
