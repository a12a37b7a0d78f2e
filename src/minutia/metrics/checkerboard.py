"""Checkerboard pattern that networks leave where they make `scale` x `scale` pixels of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError
from minutia.image.color import luma, to_uint8
from minutia.types import Pixels

BLOCK = 8
"""Side of a block, in pixels of the picture before it was enlarged."""

CONVENTION = (
    "checkerboard: error of Y of BT.601 at each position within scale x scale, averaged over blocks of 8 x 8 of those, "
    "standard deviation over positions, median over blocks, in 1/255"
)


def checkerboard(sr: Pixels, hr: Pixels, scale: int) -> float:
    """Measure what repeats every `scale` pixels in the error of (H, W, 1 or 3) `sr`, in 1/255; 0 for equal pictures.

    Errors that know no places average out within a block, and the median passes over the few blocks where a true edge
    runs with the grid.

    Raises:
        DataError: the picture is smaller than a block.
    """
    return checkerboard_of(luma(to_uint8(sr)) - luma(to_uint8(hr)), scale)


def checkerboard_of(error: NDArray[np.float64], scale: int) -> float:
    """Measure what repeats every `scale` pixels in an (H, W) error, in its units: see `checkerboard`."""
    height, width = (size // (BLOCK * scale) for size in error.shape)
    if not height or not width:
        size, least = f"{error.shape[1]}x{error.shape[0]}", f"{BLOCK * scale}x{BLOCK * scale}"
        raise DataError(
            f"A picture of {size} is too small for --checkerboard, which needs {least}; "
            "remove the picture or leave out the option."
        )
    error = error[: height * BLOCK * scale, : width * BLOCK * scale]
    places = error.reshape(height, BLOCK, scale, width, BLOCK, scale).mean(axis=(1, 4))
    return float(np.median(places.std(axis=(1, 3))))
