from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from minutia.errors import DataError, MissingExtra
from minutia.image.color import luma
from minutia.metrics.fidelity import psnr, score_y, ssim


def test_psnr_by_hand() -> None:
    x, y = np.zeros((4, 4)), np.full((4, 4), 16.0)
    assert psnr(x, y, data_range=255.0, crop=0) == pytest.approx(20 * math.log10(255 / 16))
    assert psnr(x, x, data_range=255.0, crop=0) == math.inf


def test_the_border_does_not_count(photo: np.ndarray) -> None:
    spoilt = photo.copy()
    spoilt[:4], spoilt[-4:], spoilt[:, :4], spoilt[:, -4:] = 0, 255, 0, 255
    assert score_y(spoilt, photo, 4).psnr == math.inf
    assert score_y(spoilt, photo, 4).ssim == pytest.approx(1.0)
    assert score_y(spoilt, photo, 3).psnr < 40


def test_ssim_by_the_formula(photo: np.ndarray) -> None:
    """Equation 13 of Wang et al. 2004, written once more; the window is cut at 5 pixels, 3.5 sigma."""
    x = luma(photo)
    y = x + np.random.default_rng(0).normal(0, 8, x.shape)

    def blur(z: np.ndarray) -> np.ndarray:
        return gaussian_filter(z, 1.5, truncate=3.5)

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    both = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    local = (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    assert ssim(x, y, data_range=255.0, crop=0) == pytest.approx(local[5:-5, 5:-5].mean(), abs=1e-9)


def test_scores_are_taken_on_luma(photo: np.ndarray) -> None:
    """A change of colour that leaves luma alone is hardly seen; in grey, RGB and Y differ by a factor alone."""
    grey = photo[:, :, :1]
    darker = np.where(grey > 10, grey - 10, grey).astype(np.uint8)
    factor = (65.481 + 128.553 + 24.966) / 255
    expected = psnr(darker[:, :, 0] * factor, grey[:, :, 0] * factor, data_range=255.0, crop=2)
    assert score_y(darker, grey, 2).psnr == pytest.approx(expected)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((4, 4)), np.zeros((4, 5)), data_range=1.0, crop=0)


def test_a_picture_too_small_for_the_window_is_refused(photo: np.ndarray) -> None:
    assert score_y(photo[:19, :19], photo[:19, :19], 4).ssim == pytest.approx(1.0)
    with pytest.raises(DataError, match="30x18 pixels is too small for SSIM; sides of 19 pixels are needed"):
        score_y(photo[:18, :30], photo[:18, :30], 4)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[eval\]'"):
        ssim(np.zeros((16, 16)), np.zeros((16, 16)), data_range=1.0, crop=0)
