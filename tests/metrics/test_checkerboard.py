from __future__ import annotations

import numpy as np
import pytest

from minutia.errors import DataError
from minutia.metrics.checkerboard import checkerboard

HR = np.random.default_rng(0).integers(60, 200, (128, 96, 3), dtype=np.uint8)


def with_pattern(step: int, scale: int) -> np.ndarray:
    """HR with every `scale`-th row and column brighter."""
    sr = HR.copy()
    sr[::scale, ::scale] += np.uint8(step)
    return sr


def test_equal_pictures_have_no_pattern() -> None:
    assert checkerboard(HR, HR, 4) == 0


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_one_bright_place_of_each_is_found_by_its_height(scale: int) -> None:
    luma_of_white = 219 / 255
    places = np.zeros(scale**2)
    places[0] = 16 * luma_of_white
    assert checkerboard(with_pattern(16, scale), HR, scale) == pytest.approx(places.std(), rel=1e-3)


def test_a_shift_of_brightness_and_noise_are_no_pattern() -> None:
    noise = np.random.default_rng(1).integers(-20, 21, HR.shape)
    assert checkerboard((HR + 5).astype(np.uint8), HR, 4) == pytest.approx(0, abs=1e-4)
    assert checkerboard((HR + noise).astype(np.uint8), HR, 4) < 1.5 < checkerboard(with_pattern(16, 4), HR, 4)


def test_a_picture_smaller_than_a_block_is_refused() -> None:
    with pytest.raises(DataError, match="32x32"):
        checkerboard(HR[:31], HR[:31], 4)
