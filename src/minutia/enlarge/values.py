"""Bring pictures to the values that networks and files hold, and to other sizes; alpha is kept in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minutia.enlarge.strips import apart, least_alpha
from minutia.image.color import (
    as_held,
    denormalise,
    from_float,
    full_range,
    lift,
    normalise,
    spare_bits,
    to_depth,
    to_float,
)
from minutia.image.pil import stacked
from minutia.image.resize import resample
from minutia.image.windows import LOOK, Rows
from minutia.types import Normalisation, Picture


def normalised(picture: Picture, by: Normalisation) -> Picture:
    """Bring values to those that the network sees, as float32, and alpha to [0, 1]."""
    alpha = None if picture.alpha is None else to_float(picture.alpha[:, :, None])[0, 0]
    return replace(picture, pixels=normalise(picture.pixels, by), alpha=alpha)


def denormalised(picture: Picture, by: Normalisation, dtype: np.dtype[Any]) -> Picture:
    """Bring values back to those of `dtype`, and alpha with them."""
    alpha = picture.alpha
    if alpha is not None:
        alpha = as_held(alpha.astype(np.float64) * full_range(dtype)[1], dtype)
    return replace(picture, pixels=denormalise(picture.pixels, by, dtype), alpha=alpha)


def find_spare_bits(source: Rows) -> int:
    """Count the `spare_bits` of a picture's colours, looking at some of its rows at a time."""
    spare = 8 * source.dtype.itemsize
    if source.dtype.kind != "u" or spare == 8:
        return 0
    for start in range(0, source.height, LOOK):
        pixels = source.read(start, min(start + LOOK, source.height)).pixels
        spare = min(spare, spare_bits(pixels))
        if not spare:
            break
    return spare


def lifted(picture: Picture, bits: int) -> Picture:
    """Bring colours up by spare bits: a network that is given the dark end alone of [0, 1] does poorly there."""
    return replace(picture, pixels=lift(picture.pixels, bits))


def lowered(picture: Picture, bits: int) -> Picture:
    """Undo `lifted`, rounded half up, and clipped to the bits that were used before."""
    if not bits:
        return picture
    halves = np.right_shift(picture.pixels, bits - 1)
    pixels = (halves >> 1) + (halves & 1)
    return replace(picture, pixels=np.minimum(pixels, full_range(pixels.dtype)[1] >> bits, out=pixels))


def with_depth(picture: Picture, dtype: np.dtype[Any] | type[np.uint16]) -> Picture:
    """Bring integers to `dtype`; floats stay."""
    if picture.pixels.dtype.kind == "f":
        return picture
    alpha = None if picture.alpha is None else to_depth(picture.alpha, dtype)
    return replace(picture, pixels=to_depth(picture.pixels, dtype), alpha=alpha)


def resized(picture: Picture, size: tuple[int, int], rows: tuple[float, float] | None = None) -> Picture:
    """Bring a picture of 16 bits or floats to `size` with an antialiased kernel, colours weighed by alpha.

    Args:
        rows: where the part that is resized begins and ends; the kernel sees what lies around it. None is the whole.
    """
    if rows is None and size == (picture.height, picture.width):
        return picture
    x = to_float(stacked(picture))[0]
    if picture.alpha is not None:
        x[:-1] *= x[-1:]
    y = resample(x, *size, rows=rows)
    if picture.alpha is not None:
        y[:-1] /= np.maximum(y[-1:], np.float32(least_alpha(picture.pixels.dtype)))
    return apart(from_float(y, picture.pixels.dtype), picture)
