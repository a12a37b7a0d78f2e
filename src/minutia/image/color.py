"""Between values as files hold them and floats as networks see them; and the luma that figures are taken on."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minutia.errors import PictureError
from minutia.types import Normalisation, Pixels, Tensor, ValueRange

# ITU-R BT.601, 8-bit studio range: the "Y channel" of the super-resolution literature.
LUMA_WEIGHTS = (65.481, 128.553, 24.966)
LUMA_OFFSET = 16.0

BAND = 32
"""Rows that are converted at once, so that caches hold them."""

Depth = TypeVar("Depth", bound=np.integer[Any] | np.floating[Any])
"""uint8, uint16, int16 or float32"""


def full_range(dtype: type[np.generic] | np.dtype[Any]) -> tuple[int, int]:
    """Tell the least and the largest integer of `dtype`."""
    held = np.iinfo(np.dtype(dtype).name)
    return held.min, held.max


def require_range(given: ValueRange | None) -> None:
    """Check which values are to be 0 and 1.

    Raises:
        PictureError: they are no two finite numbers, the smaller first, nor auto.
    """
    if given is None or given == "auto":
        return
    if len(given) != 2 or not all(map(math.isfinite, given)) or not given[0] < given[1]:
        raise PictureError(f"{given} is not a valid range; give the minimum and the maximum, or auto.")


def normalise(pixels: Pixels, by: Normalisation) -> NDArray[np.float32]:
    """Bring (H, W, C) values to the unit that networks see: `low` becomes 0, `high` 1. Nothing is clipped."""
    x = np.empty(pixels.shape, np.float32)
    for band, (low, high) in enumerate(zip(by.low, by.high, strict=True)):
        x[:, :, band] = (pixels[:, :, band].astype(np.float64) - low) / (high - low)
    return x


def denormalise(x: Pixels, by: Normalisation, dtype: np.dtype[Any]) -> Pixels:
    """Undo `normalise`: integers are rounded half up and clipped to what `dtype` holds, floats are left as they are."""
    pixels: Pixels = np.empty(x.shape, dtype)
    for band, (low, high) in enumerate(zip(by.low, by.high, strict=True)):
        pixels[:, :, band] = as_held(x[:, :, band].astype(np.float64) * (high - low) + low, dtype)
    return pixels


def as_held(x: NDArray[np.float64], dtype: np.dtype[Depth]) -> NDArray[Depth]:
    """Bring values to `dtype`: integers are rounded half up and clipped, floats as near as they come."""
    if dtype.kind == "f":
        return x.astype(dtype)
    return np.clip(np.floor(x + 0.5), *full_range(dtype)).astype(dtype)


def to_float(pixels: Pixels) -> Tensor:
    """Turn (H, W, C) into a (1, C, H, W) float32 batch: unsigned integers into [0, 1], floats as they are."""
    x = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    if pixels.dtype.kind != "f":
        x /= full_range(pixels.dtype)[1]
    return x


def from_float(x: NDArray[np.float32], dtype: type[Depth] | np.dtype[Depth]) -> NDArray[Depth]:
    """Turn (C, H, W) floats into (H, W, C): integers scaled, rounded half up, clipped; floats as they are."""
    if np.dtype(dtype).kind == "f":
        return np.ascontiguousarray(x.transpose(1, 2, 0), dtype=dtype)
    peak = full_range(dtype)[1]
    pixels = np.empty((*x.shape[1:], x.shape[0]), dtype)

    def convert(top: int) -> None:
        y = x[:, top : top + BAND] * np.float32(peak)
        y += np.float32(0.5)
        np.clip(y, 0, peak, out=y)
        pixels[top : top + BAND] = y.astype(dtype).transpose(1, 2, 0)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(convert, range(0, len(pixels), BAND)))
    return pixels


def spare_bits(pixels: Pixels) -> int:
    """Count the highest bits, of more than 8, that no value uses: 4 of what a camera of 12 bits wrote into 16."""
    bits = 8 * pixels.dtype.itemsize
    if pixels.dtype.kind != "u" or bits == 8:
        return 0
    return bits - int(pixels.max()).bit_length()


def lift(pixels: Pixels, bits: int) -> Pixels:
    """Bring unsigned integers up by spare bits, so that what is used of them is their full range; more is clipped."""
    if not bits:
        return pixels
    lifted: Pixels = np.left_shift(np.minimum(pixels, full_range(pixels.dtype)[1] >> bits), bits)
    return lifted


def to_rgb(pixels: NDArray[Depth]) -> NDArray[Depth]:
    """Repeat the one channel of a grey (H, W, 1) picture; leave (H, W, 3) as it is."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def to_uint8(pixels: Pixels) -> NDArray[np.uint8]:
    """Bring 16 bit to 8 by rounding; leave 8 bit as it is."""
    assert pixels.dtype.kind == "u", pixels.dtype
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)


def to_depth(pixels: Pixels, dtype: type[Depth] | np.dtype[Depth]) -> NDArray[Depth]:
    """Bring integers to `dtype`, uint8 or uint16: the full range of one becomes that of the other."""
    if pixels.dtype == dtype:
        return pixels.astype(dtype, copy=False)
    converted: Pixels = pixels.astype(np.uint16) * np.uint16(257) if pixels.dtype == np.uint8 else to_uint8(pixels)
    return converted.astype(dtype, copy=False)


def to_grey(pixels: NDArray[Depth]) -> NDArray[Depth]:
    """Turn (H, W, 3) unsigned integers into (H, W, 1) by the weights and the rounding of Pillow's mode L (BT.601)."""
    weighed = pixels.astype(np.uint64) @ np.array([19595, 38470, 7471], np.uint64)
    return ((weighed + 2**15) >> 16).astype(pixels.dtype)[:, :, None]


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Y of BT.601 for (H, W, 3) 8-bit RGB: (H, W) float64 in [16, 235], not rounded.

    A grey (H, W, 1) picture counts as RGB with three equal channels.
    """
    rgb = to_rgb(pixels).astype(np.float64)
    y: NDArray[np.float64] = rgb @ np.asarray(LUMA_WEIGHTS) / 255.0 + LUMA_OFFSET
    return y
