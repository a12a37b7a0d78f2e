"""PSNR and SSIM on arrays. Range and border are never guessed: both must be given.

The convention of the super-resolution literature, `score_y`, is: outputs clipped and rounded to 8 bit, luma of
BT.601 as float, `scale` pixels cut from each side, peak 255, SSIM with a Gaussian window of 11 and sigma 1.5,
and the score of a set is the mean of the scores of its pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, needs_extra
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


@final
@dataclass(frozen=True, slots=True)
class _Domain:
    """What pictures are measured on: how they become arrays, and the peak of these."""

    arrays: Callable[[Pixels], NDArray[Any]]
    peak: float

    def psnr(self, sr: Pixels, hr: Pixels, scale: int) -> float:
        """Take the PSNR alone, as `score` does."""
        return psnr(*self._both(sr, hr, scale), data_range=self.peak, crop=scale)

    def ssim(self, sr: Pixels, hr: Pixels, scale: int) -> float:
        """Take the SSIM alone, as `score` does."""
        return ssim(*self._both(sr, hr, scale), data_range=self.peak, crop=scale)

    def score(self, sr: Pixels, hr: Pixels, scale: int) -> Score:
        """Score `sr` against `hr` of the same size.

        Raises:
            DataError: nothing is left for a window of SSIM once the border is cut.
            MissingExtra: scikit-image is not installed.
        """
        return Score(self.psnr(sr, hr, scale), self.ssim(sr, hr, scale))

    def _both(self, sr: Pixels, hr: Pixels, scale: int) -> tuple[NDArray[Any], NDArray[Any]]:
        _require_window(hr, scale)
        return self.arrays(sr), self.arrays(hr)


def _unit(bands: Pixels) -> NDArray[np.float32]:
    clipped: NDArray[np.float32] = np.clip(to_float(bands)[0].transpose(1, 2, 0), 0, 1)
    return clipped


Y = _Domain(lambda pixels: luma(to_uint8(pixels)), 255.0)
"""For (H, W, 1 or 3) by the convention above; 16 bits are brought to 8."""
BANDS = _Domain(_unit, 1.0)
"""For normalised bands (H, W, C), floats or unsigned integers whose full range is [0, 1], by `BAND_CONVENTION`."""

score_y, score_bands = Y.score, BANDS.score


def _require_window(pixels: Pixels, scale: int) -> None:
    height, width = pixels.shape[:2]
    smallest = SSIM_WINDOW + 2 * scale
    if min(height, width) < smallest:
        raise DataError(
            f"A picture of {width}x{height} pixels is too small for SSIM; sides of {smallest} pixels are needed."
        )


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
    with needs_extra("SSIM", "eval"):
        from skimage.metrics import structural_similarity
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
