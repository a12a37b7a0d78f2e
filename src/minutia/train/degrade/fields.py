"""What the steps of a degradation share: kinds of values, and the batch they work on."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import Tensor

from minutia.train.degrade.dice import Dice, Range
from minutia.train.degrade.operations import Resampling


def check_range(value: Range) -> Range:
    """Refuse a range whose ends are the wrong way round."""
    if not value[0] <= value[1]:
        raise ValueError(f"a range goes from the smaller to the larger number, and {list(value)} does not.")
    return value


def check_weights(value: dict[str, float]) -> dict[str, float]:
    """Refuse weights that choose nothing."""
    if not sum(value.values()) > 0:
        raise ValueError("one of the weights must be above 0.")
    return value


Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Between = Annotated[tuple[Weight, Weight], AfterValidator(check_range)]
Positive = Annotated[tuple[Annotated[float, Field(gt=0)], float], AfterValidator(check_range)]
Resamplings = Annotated[dict[Resampling, Weight], AfterValidator(check_weights)]


class Strict(BaseModel):
    """A table of a recipe: what it does not know it refuses, and numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
