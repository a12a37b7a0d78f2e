"""Bicubic resizing exactly as MATLAB's imresize, by which the field makes its low-resolution pictures.

Keys' cubic with a = -0.5; when shrinking, the kernel is widened by the factor (antialiasing); weights are
renormalised; beyond the border the picture is mirrored, edge pixel included. (Older releases of MATLAB repeat the
edge pixel; so were the low-resolution pictures of Set5 and Set14 made, which differ from ours along the border alone.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minutia.image.color import Depth, as_held

Weights = NDArray[np.float64]
Indices = NDArray[np.intp]


def imresize(x: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Resize (H, W) or (H, W, C) to `height` x `width`; float64, neither rounded nor clipped."""
    return _resize_axis(_resize_axis(x, height, axis=0), width, axis=1)


def resize(pixels: NDArray[Depth], height: int, width: int) -> NDArray[Depth]:
    """Resize (H, W, C) pixels; integers are rounded half up and clipped as a file would."""
    return as_held(imresize(pixels.astype(np.float64), height, width), pixels.dtype)


def downscale(pixels: NDArray[Depth], scale: int) -> NDArray[Depth]:
    """Make the low-resolution picture of (H, W, C) pixels whose sides `scale` divides, of the same depth.

    Equal to what MATLAB makes of 8-bit pictures: it shrinks down the columns, rounds, shrinks along the rows, rounds.
    """
    lower = as_held(_resize_axis(pixels.astype(np.float64), pixels.shape[0] // scale, axis=0), pixels.dtype)
    return as_held(_resize_axis(lower.astype(np.float64), pixels.shape[1] // scale, axis=1), pixels.dtype)


def upscale_bicubic(pixels: NDArray[Depth], scale: int) -> NDArray[Depth]:
    """Enlarge (H, W, C) pixels: what every model must beat."""
    return resize(pixels, pixels.shape[0] * scale, pixels.shape[1] * scale)


def resample(
    x: NDArray[np.float32], height: int, width: int, rows: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Resize (C, H, W) floats with the same kernel, by Pillow, which is many times faster and differs at the border.

    Args:
        rows: where the part that is resized begins and ends; None is the whole.
    """
    first, last = rows or (0, x.shape[1])
    box = (0, first, x.shape[2], last)
    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC, box) for plane in x]
    return np.stack([np.asarray(plane, dtype=np.float32) for plane in planes])


def modcrop(pixels: NDArray[Depth], scale: int) -> NDArray[Depth]:
    """Cut (H, W, C) at the right and the bottom to sides that `scale` divides."""
    return pixels[: pixels.shape[0] // scale * scale, : pixels.shape[1] // scale * scale]


def _resize_axis(x: NDArray[np.float64], size: int, axis: int) -> NDArray[np.float64]:
    if x.shape[axis] == size:
        return x
    weights, indices = _contributions(x.shape[axis], size)
    moved = np.moveaxis(x, axis, 0)
    column = (-1,) + (1,) * (x.ndim - 1)
    out = weights[:, 0].reshape(column) * moved[indices[:, 0]]
    for tap in range(1, weights.shape[1]):
        out += weights[:, tap].reshape(column) * moved[indices[:, tap]]
    return np.moveaxis(out, 0, axis)


def _contributions(size_in: int, size_out: int) -> tuple[Weights, Indices]:
    """For each output place, the input places it is made of and their weights: two (size_out, taps)."""
    factor = size_out / size_in
    stretch = max(1.0, 1.0 / factor)
    num_taps = math.ceil(4 * stretch) + 2
    centre = (np.arange(size_out) + 0.5) / factor - 0.5
    first = np.floor(centre - 2 * stretch).astype(np.intp)
    places = first[:, None] + np.arange(num_taps)
    weights = _cubic((centre[:, None] - places) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(size_in), np.arange(size_in)[::-1]])
    indices = mirrored[places % (2 * size_in)]
    used = np.any(weights != 0, axis=0)
    return weights[:, used], indices[:, used]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys 1981, a = -0.5."""
    near = np.abs(x)
    inner = 1.5 * near**3 - 2.5 * near**2 + 1
    outer = -0.5 * near**3 + 2.5 * near**2 - 4 * near + 2
    return np.where(near <= 1, inner, np.where(near <= 2, outer, 0.0))
