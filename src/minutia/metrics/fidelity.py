"""PSNR and SSIM on arrays. Range and border are never guessed: both must be given.

The convention of the super-resolution literature, `score_y`, is: outputs clipped and rounded to 8 bit, luma of
BT.601 as float, `scale` pixels cut from each side, peak 255, SSIM with a Gaussian window of 11 and sigma 1.5,
and the score of a set is the mean of the scores of its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, MissingExtra
from minutia.image.color import luma, to_float, to_uint8
from minutia.types import Pixels

CONVENTION = "Y of BT.601, 8 bits, a border of scale pixels removed, peak 255, Gaussian SSIM 11x11, sigma 1.5"
BAND_CONVENTION = (
    "all bands, normalised, clipped to [0, 1], a border of scale pixels removed, peak 1, Gaussian SSIM 11x11, "
    "sigma 1.5, mean over bands"
)
SSIM_WINDOW = 11


@dataclass(frozen=True, slots=True)
class Score:
    """How near a picture is to its original."""

    psnr: float
    """dB; infinite for equal pictures."""

    ssim: float
    """Structural similarity, 1 for equal pictures."""


def score_y(sr: Pixels, hr: Pixels, scale: int) -> Score:
    """Score (H, W, 1 or 3) `sr` against `hr` of the same size by the convention above; 16 bits are brought to 8.

    Raises:
        DataError: nothing is left for a window of SSIM once the border is cut.
        MissingExtra: scikit-image is not installed.
    """
    return _score(luma(to_uint8(sr)), luma(to_uint8(hr)), 255.0, scale)


def score_bands(sr: Pixels, hr: Pixels, scale: int) -> Score:
    """Score normalised bands (H, W, C), floats or unsigned integers whose full range is [0, 1], by `BAND_CONVENTION`.

    Raises:
        DataError: nothing is left for a window of SSIM once the border is cut.
        MissingExtra: scikit-image is not installed.
    """
    x, y = (np.clip(to_float(each)[0].transpose(1, 2, 0), 0, 1) for each in (sr, hr))
    return _score(x, y, 1.0, scale)


def _score(sr: NDArray[Any], hr: NDArray[Any], data_range: float, scale: int) -> Score:
    height, width = hr.shape[:2]
    smallest = SSIM_WINDOW + 2 * scale
    if min(height, width) < smallest:
        raise DataError(
            f"A picture of {width}x{height} pixels is too small for SSIM; sides of {smallest} pixels are needed."
        )
    return Score(psnr(sr, hr, data_range=data_range, crop=scale), ssim(sr, hr, data_range=data_range, crop=scale))


def psnr(x: NDArray[Any], y: NDArray[Any], *, data_range: float, crop: int) -> float:
    """Peak signal-to-noise ratio in dB of two arrays (H, W) or (H, W, C); infinite where they are equal.

    Args:
        data_range: the peak, in the unit of the arrays.
        crop: pixels left out along each side.
    """
    x, y = _shave(x, y, crop)
    mse = float(np.mean((x - y) ** 2))
    return float("inf") if mse == 0 else 10.0 * float(np.log10(data_range**2 / mse))


def ssim(x: NDArray[Any], y: NDArray[Any], *, data_range: float, crop: int) -> float:
    """Structural similarity (Wang et al. 2004) of two arrays (H, W) or (H, W, C), channels averaged.

    Raises:
        MissingExtra: scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise MissingExtra("SSIM", "eval") from error
    x, y = _shave(x, y, crop)
    value = structural_similarity(
        x,
        y,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2 if x.ndim == 3 else None,
    )
    return float(value)


def _shave(x: NDArray[Any], y: NDArray[Any], crop: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if x.shape != y.shape:
        raise ValueError(f"arrays of one shape are compared, not {x.shape} and {y.shape}")
    inner = slice(crop, -crop or None)
    return x[inner, inner].astype(np.float64), y[inner, inner].astype(np.float64)
