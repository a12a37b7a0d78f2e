"""Correct the colours of a result to those of its source: everywhere, but only at low frequencies.

Networks that are trained against a discriminator may shift colours a little. Here the difference between the source and
the enlargement, brought to the source's size by the mean of each pixel's block, is blurred, and what is left of it is
spread smoothly over the enlargement. Detail is finer than the blur and stays as the network made it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

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

BAND = 65_536
"""Pixels of the source that are corrected, or blurred, at once: few enough for caches, and so many that threads, which
take turns between the steps of NumPy, seldom wait for one another."""

RADIUS = (ROUNDS + TOUCHES) * (TAPS + 1)
"""Pixels of the source to each side that a correction depends on."""


def lock_colors(y: Tensor, x: Tensor, scale: int, *, bounded: bool = True) -> Tensor:
    """Correct an enlargement, each channel by itself.

    Args:
        y: (N, C, H * scale, W * scale), the enlargement; it is corrected in place.
        x: (N, C, H, W), its source.
        bounded: values end at 0 and 1, as those of photographs do; normalised measurements may lie beyond.

    Returns:
        `y`; where it is bounded in [0, 1], and a drift that only shows when colours are clipped is corrected too.
    """
    planes = [
        (y[picture : picture + 1, channel : channel + 1], x[picture : picture + 1, channel : channel + 1])
        for picture, channel in np.ndindex(x.shape[:2])
    ]
    # NumPy lets other threads run while it computes, and a network leaves the processors idle meanwhile.
    with ThreadPoolExecutor(min(len(planes), os.cpu_count() or 1)) as pool:
        for done in [pool.submit(_lock, *plane, scale, bounded=bounded) for plane in planes]:
            done.result()
    return y


def _lock(y: Tensor, x: Tensor, scale: int, *, bounded: bool) -> None:
    """Correct one channel, in place."""
    drift = x - _settle(y, None, scale, bounded=bounded)
    correction = _blur(drift)
    for _ in range(ROUNDS - 1):
        correction += _blur(drift - _as_seen(correction, scale))
    seen = _settle(y, correction, scale, bounded=bounded)
    for _ in range(TOUCHES if bounded else 0):
        drift = _blur(x - seen)
        excess = 2 * (drift - np.clip(drift, -np.float32(ALLOWED), np.float32(ALLOWED)))
        if not excess.any():
            break
        seen = _settle(y, excess, scale, bounded=bounded)


def _settle(y: Tensor, correction: Tensor | None, scale: int, *, bounded: bool) -> Tensor:
    """Add a correction, spread smoothly, to `y`, clip where it is bounded, and give its block means: band by band."""
    seen = np.empty((*y.shape[:2], y.shape[2] // scale, y.shape[3] // scale), np.float32)
    padded = None if correction is None else _padded(correction, 1, axis=2)
    for top, end in _bands(seen):
        band = y[:, :, top * scale : end * scale]
        if padded is not None and padded[:, :, top : end + 2].any():
            band += _spread(padded[:, :, top : end + 2], scale)
        if bounded:
            np.clip(band, 0, 1, out=band)
        seen[:, :, top:end] = _block_means(band, scale)
    return seen


def _bands(x: Tensor) -> list[tuple[int, int]]:
    """First row and end of each band of (N, C, H, W)."""
    num_rows = max(TAPS, BAND // x.shape[3])  # Not fewer, since a blur reads as many again to each side.
    return [(top, min(top + num_rows, x.shape[2])) for top in range(0, x.shape[2], num_rows)]


def _block_means(y: Tensor, scale: int) -> Tensor:
    """Take the mean of each `scale` x `scale` block, adding in one order wherever a tile begins."""
    rows = sum(y[:, :, row::scale] for row in range(1, scale)) + y[:, :, ::scale]
    both = sum(rows[:, :, :, column::scale] for column in range(1, scale)) + rows[:, :, :, ::scale]
    return np.asarray(both / np.float32(scale * scale), np.float32)


def _blur(x: Tensor) -> Tensor:
    """Convolve with a Gaussian; beyond the border the edge is repeated. Band by band."""
    blurred = np.empty_like(x)
    tall = _padded(x, TAPS, axis=2)
    for top, end in _bands(x):
        band = _weigh(tall[:, :, top : end + 2 * TAPS], axis=2)
        blurred[:, :, top:end] = _weigh(_padded(band, TAPS, axis=3), axis=3)
    return blurred


def _weigh(padded: Tensor, axis: int) -> Tensor:
    """Take the Gaussian mean of each place and its neighbours along an axis; what is padded is used up."""
    weights = np.exp(-0.5 * (np.arange(TAPS + 1) / SIGMA) ** 2)
    weights = (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
    length = padded.shape[axis] - 2 * TAPS
    mean: Tensor = weights[0] * _cut(padded, TAPS, length, axis)
    for offset in range(1, TAPS + 1):
        pair = _cut(padded, TAPS - offset, length, axis) + _cut(padded, TAPS + offset, length, axis)
        pair *= weights[offset]
        mean += pair
    return mean


def _as_seen(x: Tensor, scale: int) -> Tensor:
    """Give the block means of `x` interpolated to `scale` times its size."""
    share = np.float32(sum(max(0.0, (phase + 0.5) / scale - 0.5) for phase in range(scale)) / scale)
    for axis in (2, 3):
        padded, length = _padded(x, 1, axis), x.shape[axis]
        x = (1 - 2 * share) * x + share * (_cut(padded, 0, length, axis) + _cut(padded, 2, length, axis))
    return x


def _spread(padded: Tensor, scale: int) -> Tensor:
    """Interpolate linearly to `scale` times the size; one row above and one below are there already."""
    return _stretched(_padded(_stretched(padded, scale, axis=2), 1, axis=3), scale, axis=3)


def _stretched(padded: Tensor, scale: int, axis: int) -> Tensor:
    """Interpolate linearly along an axis; what is padded, by one place, is used up."""
    length = padded.shape[axis] - 2
    before, middle, after = (_cut(padded, start, length, axis) for start in range(3))
    stretched = np.empty(
        [size * scale if index == axis else size for index, size in enumerate(middle.shape)], np.float32
    )
    for phase in range(scale):
        offset = (phase + 0.5) / scale - 0.5
        share = np.float32(abs(offset))
        mixed = (1 - share) * middle + share * (after if offset > 0 else before)
        stretched[(slice(None),) * axis + (slice(phase, None, scale),)] = mixed
    return stretched


def _padded(x: Tensor, width: int, axis: int) -> Tensor:
    return np.pad(x, [(width, width) if index == axis else (0, 0) for index in range(x.ndim)], mode="edge")


def _cut(x: NDArray[np.float32], start: int, length: int, axis: int) -> NDArray[np.float32]:
    return x[(slice(None),) * axis + (slice(start, start + length),)]
