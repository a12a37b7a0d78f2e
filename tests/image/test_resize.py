from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minutia.image.resize import downscale, imresize, modcrop, resize, upscale_bicubic


def keys(x: float) -> float:
    """Keys' cubic, a = -0.5, written once more."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def matlab_line(line: np.ndarray, size: int) -> np.ndarray:
    """imresize of one line, as MATLAB's documentation tells it: 1-based, one output pixel at a time."""
    factor = size / len(line)
    shrink = min(factor, 1.0)
    out = []
    for place in range(1, size + 1):
        centre = place / factor + 0.5 * (1 - 1 / factor)
        total = weights = 0.0
        for source in range(int(np.floor(centre - 2 / shrink)) - 1, int(np.ceil(centre + 2 / shrink)) + 2):
            weight = shrink * keys(shrink * (centre - source))
            mirrored = source
            while not 1 <= mirrored <= len(line):
                mirrored = 1 - mirrored if mirrored < 1 else 2 * len(line) + 1 - mirrored
            total += weight * line[mirrored - 1]
            weights += weight
        out.append(total / weights)
    return np.array(out)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_agrees_with_the_definition(length: int, size: int, seed: int) -> None:
    line = np.random.default_rng(seed).uniform(0, 255, length)
    ours = imresize(line[:, None], size, 1)[:, 0]
    assert np.allclose(ours, matlab_line(line, size), atol=1e-9)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscaling_rounds_after_each_direction(photo: np.ndarray, scale: int) -> None:
    """As MATLAB does with 8-bit pictures; one rounding alone would change every eighth value."""

    def shrink(lines: np.ndarray) -> np.ndarray:
        exact = np.array([matlab_line(line, len(line) // scale) for line in lines])
        return np.clip(np.floor(exact + 0.5), 0, 255)

    grey = photo[:36, :48, :1]
    expected = shrink(shrink(grey[:, :, 0].astype(float).T).T)
    assert np.array_equal(downscale(grey, scale)[:, :, 0], expected)
    assert not np.array_equal(resize(grey, 36 // scale, 48 // scale)[:, :, 0], expected)


@pytest.mark.parametrize(("height", "width"), [(24, 28), (48, 56), (50, 61)])
def test_agrees_with_pillow_away_from_the_border(photo: np.ndarray, height: int, width: int) -> None:
    ours = resize(photo, height, width).astype(int)
    theirs = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    inner = slice(10, -10)
    assert np.abs(ours - theirs)[inner, inner].max() <= 1


@given(st.integers(0, 255), st.integers(2, 8))
@settings(deadline=None)
def test_flat_pictures_stay_flat(level: int, scale: int) -> None:
    flat = np.full((3 * scale, 4 * scale, 3), level, np.uint8)
    assert (downscale(flat, scale) == level).all()
    assert (upscale_bicubic(flat, scale) == level).all()


def test_nothing_is_shifted(photo: np.ndarray) -> None:
    """Mirroring and resizing may be done in either order."""
    assert np.array_equal(downscale(photo[::-1, ::-1], 4), downscale(photo, 4)[::-1, ::-1])


def test_modcrop_cuts_right_and_bottom(photo: np.ndarray) -> None:
    assert np.array_equal(modcrop(photo, 9), photo[:90, :108])
