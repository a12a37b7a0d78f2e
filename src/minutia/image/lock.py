"""Hold the colours of an enlargement to those of its source: everywhere, but only at low frequencies.

Networks that are trained against a discriminator may shift colours a little. Here the difference between the source and
the enlargement, brought to the source's size by the mean of each pixel's block, is blurred, and what is left of it is
spread smoothly over the enlargement. Detail is finer than the blur and stays as the network made it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from minutia.types import Tensor

SIGMA = 3.0
"""Of the Gaussian blur, in pixels of the source."""

TAPS = 9
"""To each side of the middle one."""

ROUNDS = 2
"""How often what a correction has left is corrected."""

ALLOWED = 0.2 / 255
"""Drift that may stay where colours were clipped again, so that nothing is done where nothing is seen."""

TOUCHES = 2
"""How often what is above that is corrected, twice as strongly, since half of it will be clipped."""

BAND = 32
"""Rows of the enlargement that are corrected at once."""

RADIUS = (ROUNDS + TOUCHES) * (TAPS + 1)
"""Pixels of the source to each side that a correction depends on."""


def lock_colors(y: Tensor, x: Tensor, scale: int, *, bounded: bool = True) -> Tensor:
    """Correct an enlargement, each channel by itself.

    Args:
        y: (N, C, H * scale, W * scale), the enlargement; it is not changed.
        x: (N, C, H, W), its source.
        bounded: values end at 0 and 1, as those of photographs do; normalised measurements may lie beyond.

    Returns:
        As `y`; where it is bounded in [0, 1], and a drift that only shows when colours are clipped is corrected too.
    """
    clipped = np.clip(y, 0, 1) if bounded else y.copy()
    drift = x - _block_means(clipped, scale)
    correction = np.zeros_like(x)
    for _ in range(ROUNDS):
        correction += _blur(drift - _as_seen(correction, scale))
    _add_spread(clipped, correction, scale)
    if not bounded:
        return clipped
    np.clip(clipped, 0, 1, out=clipped)
    for _ in range(TOUCHES):
        drift = _blur(x - _block_means(clipped, scale))
        excess = 2 * (drift - np.clip(drift, -np.float32(ALLOWED), np.float32(ALLOWED)))
        if not excess.any():
            break
        _add_spread(clipped, excess, scale)
        np.clip(clipped, 0, 1, out=clipped)
    return clipped


def _block_means(y: Tensor, scale: int) -> Tensor:
    """Take the mean of each `scale` x `scale` block, adding in one order wherever a tile begins."""
    rows = sum(y[:, :, row::scale] for row in range(1, scale)) + y[:, :, ::scale]
    both = sum(rows[:, :, :, column::scale] for column in range(1, scale)) + rows[:, :, :, ::scale]
    return np.asarray(both / np.float32(scale * scale), np.float32)


def _blur(x: Tensor) -> Tensor:
    """Convolve with a Gaussian; beyond the border the edge is repeated."""
    return _blur_along(_blur_along(x, axis=2), axis=3)


def _blur_along(x: Tensor, axis: int) -> Tensor:
    offsets = np.arange(-TAPS, TAPS + 1)
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = _padded(x, TAPS, axis)
    length = x.shape[axis]
    blurred = np.zeros_like(x)
    for start, weight in enumerate(weights):
        blurred += weight * _cut(padded, start, length, axis)
    return blurred


def _add_spread(y: Tensor, x: Tensor, scale: int) -> None:
    """Add `x`, interpolated linearly to `scale` times its size, to `y`: band by band, so that caches hold them."""
    rows = np.repeat(x, scale, axis=2)
    for phase, (near, far) in enumerate(_phases(x, scale, axis=2)):
        rows[:, :, phase::scale] = near + far
    for top in range(0, rows.shape[2], BAND):
        band, out = rows[:, :, top : top + BAND], y[:, :, top : top + BAND]
        if band.any():
            for phase, (near, far) in enumerate(_phases(band, scale, axis=3)):
                out[:, :, :, phase::scale] += near + far


def _as_seen(x: Tensor, scale: int) -> Tensor:
    """Give the block means of `x` interpolated to `scale` times its size."""
    for axis in (2, 3):
        seen = np.zeros_like(x)
        for near, far in _phases(x, scale, axis):
            seen += near + far
        x = seen / np.float32(scale)
    return x


def _phases(x: Tensor, scale: int, axis: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Interpolate linearly along an axis: for each of `scale` places in a pixel, the shares of it and a neighbour."""
    padded, length = _padded(x, 1, axis), x.shape[axis]
    before, after = _cut(padded, 0, length, axis), _cut(padded, 2, length, axis)
    for phase in range(scale):
        offset = (phase + 0.5) / scale - 0.5
        share = np.float32(abs(offset))
        yield (1 - share) * x, share * (after if offset > 0 else before)


def _padded(x: Tensor, width: int, axis: int) -> Tensor:
    return np.pad(x, [(width, width) if index == axis else (0, 0) for index in range(x.ndim)], mode="edge")


def _cut(x: NDArray[np.float32], start: int, length: int, axis: int) -> NDArray[np.float32]:
    return x[(slice(None),) * axis + (slice(start, start + length),)]
