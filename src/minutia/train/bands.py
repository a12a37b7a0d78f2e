"""The keys of a recipe on bands: which values a network sees as 0 and 1, which bands are shown, which compared."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, model_validator

from minutia.types import Normalisation

Percent = Annotated[float, Field(ge=0, le=100)]
Bands: TypeAlias = tuple[NonNegativeInt, ...]
"""Indices of bands, from 0."""


class NormalisationTable(BaseModel):
    """Which value of each band the network sees as 0, and which as 1: written down, or found in the training pictures.

    Values outside are clipped in training, and extrapolated when the network is used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: tuple[FiniteFloat, ...] | None = None
    """Value of each band that becomes 0: one number per band."""

    high: tuple[FiniteFloat, ...] | None = None
    """Value of each band that becomes 1: one number per band, above `low`."""

    percentiles: tuple[Percent, Percent] | None = None
    """Percentiles of each band over all training pictures, from which low and high are computed."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("give both low and high, or neither.")
        if self.low is None and self.percentiles is None:
            raise ValueError("give low and high, or percentiles = [0.1, 99.9].")
        for low, high in (self.percentiles or (0, 1), *zip(self.low or (), self.high or (), strict=False)):
            if low >= high:
                raise ValueError(f"{low:g} is not below {high:g}.")
        return self

    @property
    def found(self) -> Normalisation | None:
        """The numbers, once they are known."""
        return None if self.low is None or self.high is None else Normalisation(self.low, self.high)


def check_bands(key: str, bands: Bands | None, channels: int, lengths: set[int]) -> None:
    """Check the bands that a key of the recipe chooses.

    Raises:
        ValueError: too few or too many, or one that the network does not have.
    """
    if bands is None:
        return
    if len(bands) not in lengths:
        raise ValueError(f"{key} must name {' or '.join(map(str, sorted(lengths)))} bands, not {len(bands)}.")
    if max(bands) >= channels:
        raise ValueError(f"{key} names band {max(bands)}, but the network has {channels} bands, counted from 0.")


def check_normalisation(table: NormalisationTable | None, channels: int) -> None:
    """Check that there are numbers for each band.

    Raises:
        ValueError: there are not.
    """
    for name in ("low", "high"):
        numbers = getattr(table, name, None)
        if numbers is not None and len(numbers) != channels:
            raise ValueError(f"data.normalisation.{name} has {len(numbers)} numbers for a network of {channels} bands.")


def shown_bands(bands: Bands | None, channels: int) -> Bands:
    """Choose the bands that are looked at: the first three, or the first of fewer."""
    return bands or ((0, 1, 2) if channels >= 3 else (0,))


def compared_bands(bands: Bands | None, channels: int) -> Bands:
    """Choose the three bands that the perceptual loss sees as red, green and blue: the first three, or one repeated."""
    return bands or ((0, 1, 2) if channels >= 3 else (0, 0, 0))
