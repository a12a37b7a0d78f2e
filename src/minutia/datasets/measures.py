"""Measurements of pictures: is it flat, was it a JPEG, is it a duplicate, is it misaligned?

All take luma, (H, W) float64, of 8-bit pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Luma = NDArray[np.float64]

FLAT_DEVIATION = 3.0
"""A picture whose values deviate less than this from their mean shows nothing."""

BLOCK = 8
"""JPEG's blocks."""
BLOCK_SIGNIFICANCE = 4.0
"""Standard deviations, over both axes. 930 clean pictures, resized by factors from 0.4 to 3, stayed below 3.3; JPEG of
quality 75 is above in 6 of 7 pictures of 200x200, and in all large ones."""
MIN_BLOCKS = 8
"""Along each side, fewer tell nothing."""

HASH_SIDE = 8
SAME_HASH = 6
"""Bits that may differ between two hashes of one picture; different pictures differ in more than 10."""

SHIFT_BAND = 0.15
"""Frequencies that count for a shift, in cycles per pixel: beyond, kernels and noise differ."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one picture is displaced against another."""

    down: float
    """In pixels."""
    right: float
    likeness: float
    """1 where one is the other, displaced; below 0.3 where they have nothing in common (from 64x64 pixels on)."""


def is_flat(y: Luma) -> bool:
    """Tell whether a picture shows nothing: blank, or nearly so."""
    return bool(y.std() < FLAT_DEVIATION)


def has_jpeg_blocks(y: Luma) -> bool:
    """Tell whether steps recur every 8 pixels in both directions, as JPEG leaves them, wherever the grid begins."""
    return (_block_lead(y) + _block_lead(y.T)) / math.sqrt(2) >= BLOCK_SIGNIFICANCE


def _block_lead(y: Luma) -> float:
    """Tell by how many standard deviations steps at one column of an 8-pixel grid are larger than at the next largest.

    Enlarged pictures have steps that recur every 2 or 4 pixels: several columns are alike, and none leads.
    """
    step = np.diff(y, axis=1)
    # A step beyond what its neighbours lead one to expect; strong edges of the picture itself count no more than 16.
    excess = np.minimum(np.abs(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2), 16.0).mean(axis=0)
    num_periods = excess.size // BLOCK
    if num_periods < MIN_BLOCKS:
        return 0.0
    periods = excess[: num_periods * BLOCK].reshape(num_periods, BLOCK)
    second, first = np.argsort(periods.mean(axis=0))[-2:]
    lead = periods[:, first] - periods[:, second]
    return float(lead.mean() / (lead.std() / np.sqrt(num_periods) + 1e-9))


def perceptual_hash(y: Luma) -> int:
    """Compute 64 bits that stay nearly the same when a picture is resized, recompressed or brightened.

    Signs of the lowest frequencies of its cosine transform, against their median.
    """
    small = np.asarray(Image.fromarray(y.astype(np.float32)).resize((32, 32), Image.Resampling.BOX), dtype=np.float64)
    frequency, place = np.arange(HASH_SIDE)[:, None], np.arange(32)[None, :]
    cosines = np.cos(np.pi * (2 * place + 1) * frequency / 64)
    low = (cosines @ small @ cosines.T).ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def correlate(a: Luma, b: Luma) -> float:
    """Correlate two pictures of one size, pixel by pixel: 1 where one is the other, but for brightness and contrast."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))


def find_shift(a: Luma, b: Luma) -> Shift:
    """Find how far what `a` shows lies further down and right in `b`, to about 0.03 pixels: phase correlation.

    Kuglin and Hines 1975, in the low frequencies, with the peak found on a grid that becomes finer.

    Args:
        a: (H, W)
        b: (H, W)
    """
    height, width = a.shape
    down, right = np.fft.fftfreq(height), np.fft.fftfreq(width)
    band = np.exp(-(down[:, None] ** 2 + right[None, :] ** 2) / (2 * SHIFT_BAND**2))
    cross = np.fft.fft2(_windowed(b)) * np.conj(np.fft.fft2(_windowed(a)))
    phases = band * cross / np.maximum(np.abs(cross), 1e-9)
    peak = np.unravel_index(int(np.fft.ifft2(phases).real.argmax()), a.shape)
    y, x = (float((place + side // 2) % side - side // 2) for place, side in zip(peak, a.shape, strict=True))
    values = np.zeros((1, 1))
    for step in (0.1, 0.01):
        ys, xs = y + step * np.arange(-10, 11), x + step * np.arange(-10, 11)
        values = (np.exp(2j * np.pi * np.outer(ys, down)) @ phases @ np.exp(2j * np.pi * np.outer(right, xs))).real
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        y, x = float(ys[row]), float(xs[column])
    return Shift(y, x, float(values.max() / np.abs(phases).sum()))


def _windowed(y: Luma) -> Luma:
    """Fade out towards the borders, so that they do not count as edges."""
    window = np.outer(np.hanning(y.shape[0] + 2)[1:-1], np.hanning(y.shape[1] + 2)[1:-1])
    faded: Luma = (y - (y * window).sum() / window.sum()) * window
    return faded
