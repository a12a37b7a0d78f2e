"""PSNR and SSIM on arrays. Range and border are never guessed: both must be given.

The convention of the super-resolution literature, `score_y`, is: outputs clipped and rounded to 8 bit, luma of
BT.601 as float, `scale` pixels cut from each side, peak 255, SSIM with a Gaussian window of 11 and sigma 1.5,
and the figure of a set is the mean of the figures of its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, MissingExtra
from minutia.image.color import luma

CONVENTION = "Y of BT.601, 8 bit, border of one scale cut, peak 255, Gaussian SSIM 11x11 sigma 1.5"
SSIM_WINDOW = 11


@dataclass(frozen=True, slots=True)
class Score:
    """How near a picture is to its original."""

    psnr: float
    """dB; infinite for equal pictures."""

    ssim: float
    """Structural similarity, 1 for equal pictures."""


def score_y(sr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int) -> Score:
    """Score (H, W, C) 8-bit `sr` against `hr` of the same size by the convention above.

    Raises:
        DataError: nothing is left for a window of SSIM once the border is cut.
        MissingExtra: scikit-image is not installed.
    """
    height, width = hr.shape[:2]
    smallest = SSIM_WINDOW + 2 * scale
    if min(height, width) < smallest:
        raise DataError(
            f"A picture of {width}x{height} pixels is too small to be scored; sides of {smallest} are needed."
        )
    y_sr, y_hr = luma(sr), luma(hr)
    return Score(psnr(y_sr, y_hr, data_range=255.0, crop=scale), ssim(y_sr, y_hr, data_range=255.0, crop=scale))


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
