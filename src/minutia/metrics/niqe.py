"""NIQE: how far the statistics of a picture are from those of good photographs. No original is needed.

Mittal, Soundararajan and Bovik 2013, "Output a completely blind image quality analyzer". Figures depend on the pristine
pictures that the model was fitted on: they compare with others of this package, not with those of other programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import gamma
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, needs_extra
from minutia.image.color import luma
from minutia.image.resize import imresize

Array: TypeAlias = NDArray[np.float64]

BLOCK = 96
"""Side of the blocks that are described one by one, at full size; half of it at half size."""

SHARP = 0.75
"""Share of the sharpest block's sharpness that a block of a pristine picture needs, to be learned from."""

SIGMA = 7 / 6
TAPS = 3
"""Of the Gaussian window, to each side: 7x7."""

SHAPES = np.arange(0.2, 10.0, 0.001)
"""Shape parameters of generalised Gaussians that are tried."""

PRISTINE = Path(__file__).with_name("niqe.npz")
"""Fitted by benchmarks/fit_niqe.py on 2,253 tiles of 400x400 pixels from openly licensed photographs."""

CONVENTION = "NIQE on Y of BT.601, 8 bits, a border of scale pixels removed, fitted on openly licensed photographs"


@dataclass(frozen=True, slots=True)
class Naturalness:
    """A Gaussian of 36 features: what good photographs are like."""

    mean: Array
    """(36,)"""
    covariance: Array
    """(36, 36)"""

    def save(self, path: Path) -> None:
        """Write as an .npz file."""
        np.savez_compressed(path, mean=self.mean.astype(np.float32), covariance=self.covariance.astype(np.float32))


def niqe(pixels: NDArray[np.uint8], model: Naturalness | None = None, *, crop: int) -> float:
    """Measure (H, W, C) 8-bit pixels; lower is more natural.

    Args:
        model: what is natural; None is what comes with the package.
        crop: pixels left out along each side.

    Raises:
        DataError: nothing is left for a single block.
        MissingExtra: SciPy is not installed.
    """
    pristine = _bundled() if model is None else model
    features, _ = _describe(luma(pixels)[crop : pixels.shape[0] - crop, crop : pixels.shape[1] - crop])
    mean, covariance = features.mean(axis=0), _covariance(features)
    difference = pristine.mean - mean
    spread = np.linalg.pinv((pristine.covariance + covariance) / 2)
    return float(np.sqrt(difference @ spread @ difference))


def fit(pictures: Iterable[NDArray[np.uint8]]) -> Naturalness:
    """Learn what is natural from the sharp blocks of good photographs, (H, W, C) 8-bit each."""
    chosen = []
    for pixels in pictures:
        features, sharpness = _describe(luma(pixels))
        chosen.append(features[sharpness > SHARP * sharpness.max()])
    learned = np.concatenate(chosen)
    return Naturalness(learned.mean(axis=0), _covariance(learned))


@cache
def _bundled() -> Naturalness:
    with np.load(PRISTINE) as file:
        return Naturalness(file["mean"].astype(np.float64), file["covariance"].astype(np.float64))


def _covariance(features: Array) -> Array:
    """Covariance of (blocks, 36); none of a single block."""
    return np.cov(features, rowvar=False) if len(features) > 1 else np.zeros((features.shape[1],) * 2)


def _describe(y: Array) -> tuple[Array, Array]:
    """Describe each whole block of (H, W) luma: features (blocks, 36) and sharpness (blocks,)."""
    rows, columns = y.shape[0] // BLOCK, y.shape[1] // BLOCK
    if min(rows, columns) < 1:
        raise DataError(
            f"A picture of {y.shape[1]}x{y.shape[0]} pixels is too small for NIQE, which needs sides of {BLOCK} pixels."
        )
    y = y[: rows * BLOCK, : columns * BLOCK]
    half = imresize(y, y.shape[0] // 2, y.shape[1] // 2)
    described = []
    sharpness = np.zeros(rows * columns)
    for scaled, side in ((y, BLOCK), (half, BLOCK // 2)):
        normalised, deviation = _normalise(scaled)
        blocks = normalised.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
        described.append(np.array([_features(block) for block in blocks]))
        if side == BLOCK:
            sharpness = deviation.reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel()
    return np.concatenate(described, axis=1), sharpness


def _normalise(y: Array) -> tuple[Array, Array]:
    """Subtract the local mean and divide by the local deviation (equation 1); and give that deviation."""
    with needs_extra("NIQE", "eval"):
        from scipy.ndimage import correlate1d
    weights = np.exp(-0.5 * (np.arange(-TAPS, TAPS + 1) / SIGMA) ** 2)
    weights /= weights.sum()

    def blur(x: Array) -> Array:
        blurred: Array = correlate1d(correlate1d(x, weights, axis=0, mode="nearest"), weights, axis=1, mode="nearest")
        return blurred

    mean = blur(y)
    deviation = np.sqrt(np.abs(blur(y**2) - mean**2))
    return (y - mean) / (deviation + 1), deviation


def _features(block: Array) -> list[float]:
    """18 features of a block: of its values, and of the products of neighbours in four directions."""
    shape, left, right = _fit_asymmetric(block)
    found = [shape, (left + right) / 2]
    for rows, columns in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _fit_asymmetric(block * np.roll(block, (rows, columns), axis=(0, 1)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        found += [shape, mean, left, right]
    return found


def _fit_asymmetric(x: Array) -> tuple[float, float, float]:
    """Fit an asymmetric generalised Gaussian by moments (Lasmar et al. 2009): its shape and its two scales."""
    left = np.sqrt(np.mean(x[x < 0] ** 2)) if (x < 0).any() else 1e-6
    right = np.sqrt(np.mean(x[x > 0] ** 2)) if (x > 0).any() else 1e-6
    skew = left / right
    ratio = np.mean(np.abs(x)) ** 2 / max(float(np.mean(x**2)), 1e-12)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(SHAPES[np.argmin((_ratios() - ratio) ** 2)])
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, float(left * scale), float(right * scale)


@cache
def _ratios() -> Array:
    """What `_fit_asymmetric` compares with, for every shape."""
    return np.array([gamma(2 / a) ** 2 / (gamma(1 / a) * gamma(3 / a)) for a in SHAPES])
