"""Between integers as files hold them and floats as networks see them; and the luma that figures are taken on."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minutia.types import Pixels, Tensor

# ITU-R BT.601, 8-bit studio range: the "Y channel" of the super-resolution literature.
LUMA_WEIGHTS = (65.481, 128.553, 24.966)
LUMA_OFFSET = 16.0

Depth = TypeVar("Depth", bound=np.unsignedinteger[Any])
"""uint8 or uint16"""


def to_float(pixels: Pixels) -> Tensor:
    """Turn (H, W, C) integers into a (1, C, H, W) float32 batch in [0, 1]."""
    peak = np.iinfo(pixels.dtype).max
    x = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    x /= peak
    return x


def to_integers(x: NDArray[np.float32], dtype: type[Depth] | np.dtype[Depth]) -> NDArray[Depth]:
    """Turn (C, H, W) floats into (H, W, C) integers of `dtype`: scaled, rounded half up, clipped."""
    peak = np.iinfo(dtype).max
    y = x * np.float32(peak)
    y += np.float32(0.5)
    np.clip(y, 0, peak, out=y)
    return np.ascontiguousarray(y.astype(dtype).transpose(1, 2, 0))


def to_rgb(pixels: NDArray[Depth]) -> NDArray[Depth]:
    """Repeat the one channel of a grey (H, W, 1) picture; leave (H, W, 3) as it is."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def to_uint8(pixels: Pixels) -> NDArray[np.uint8]:
    """Bring 16 bit to 8 by rounding; leave 8 bit as it is."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)


def to_depth(pixels: Pixels, dtype: type[Depth] | np.dtype[Depth]) -> NDArray[Depth]:
    """Bring integers to `dtype`, uint8 or uint16: the full range of one becomes that of the other."""
    if pixels.dtype == dtype:
        return pixels.astype(dtype, copy=False)
    converted: Pixels = pixels.astype(np.uint16) * np.uint16(257) if pixels.dtype == np.uint8 else to_uint8(pixels)
    return converted.astype(dtype, copy=False)


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Y of BT.601 for (H, W, 3) 8-bit RGB: (H, W) float64 in [16, 235], not rounded.

    A grey (H, W, 1) picture counts as RGB with three equal channels.
    """
    rgb = to_rgb(pixels).astype(np.float64)
    y: NDArray[np.float64] = rgb @ np.asarray(LUMA_WEIGHTS) / 255.0 + LUMA_OFFSET
    return y
