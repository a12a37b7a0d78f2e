"""Hold the colours of an enlargement to those of its source: everywhere, but only at low frequencies.

Networks that are trained against a discriminator may shift colours a little. Here the difference between the source and
the enlargement, brought to the source's size by the mean of each pixel's block, is blurred, and what is left of it is
spread smoothly over the enlargement. Detail is finer than the blur and stays as the network made it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minutia.types import Tensor

SIGMA = 3.0
"""Of the Gaussian blur, in pixels of the source."""

TAPS = 9
"""To each side of the middle one."""

RADIUS = TAPS + 1
"""Pixels of the source to each side that a correction depends on, those of interpolation included."""


def lock_colors(y: Tensor, x: Tensor, scale: int) -> Tensor:
    """Correct an enlargement.

    Args:
        y: (N, C, H * scale, W * scale), the enlargement; it is not changed.
        x: (N, C, H, W), its source.

    Returns:
        As `y`.
    """
    drift = _blur(_blur(x - _block_means(y, scale), axis=2), axis=3)
    return y + _spread(_spread(drift, scale, axis=2), scale, axis=3)


def _block_means(y: Tensor, scale: int) -> Tensor:
    """Take the mean of each `scale` x `scale` block, adding in one order wherever a tile begins."""
    rows = sum(y[:, :, row::scale] for row in range(1, scale)) + y[:, :, ::scale]
    both = sum(rows[:, :, :, column::scale] for column in range(1, scale)) + rows[:, :, :, ::scale]
    return np.asarray(both / np.float32(scale * scale), np.float32)


def _blur(x: Tensor, axis: int) -> Tensor:
    """Convolve with a Gaussian along an axis; beyond the border the edge is repeated."""
    offsets = np.arange(-TAPS, TAPS + 1)
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = _padded(x, TAPS, axis)
    length = x.shape[axis]
    blurred = np.zeros_like(x)
    for start, weight in enumerate(weights):
        blurred += weight * _cut(padded, start, length, axis)
    return blurred


def _spread(x: Tensor, scale: int, axis: int) -> Tensor:
    """Interpolate linearly along an axis to `scale` times as many places."""
    padded, length = _padded(x, 1, axis), x.shape[axis]
    before, here, after = (_cut(padded, start, length, axis) for start in range(3))
    phases = []
    for phase in range(scale):
        offset = np.float32((phase + 0.5) / scale - 0.5)
        other = after if offset > 0 else before
        phases.append(here + abs(offset) * (other - here))
    stacked = np.stack(phases, axis=axis + 1)
    shape = list(x.shape)
    shape[axis] *= scale
    return stacked.reshape(shape)


def _padded(x: Tensor, width: int, axis: int) -> Tensor:
    return np.pad(x, [(width, width) if index == axis else (0, 0) for index in range(x.ndim)], mode="edge")


def _cut(x: NDArray[np.float32], start: int, length: int, axis: int) -> NDArray[np.float32]:
    return x[(slice(None),) * axis + (slice(start, start + length),)]
