from __future__ import annotations

import numpy as np
import pytest

from minutia.image.color import from_float, luma, to_float, to_rgb, to_uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_there_and_back_changes_nothing(dtype: type) -> None:
    peak = np.iinfo(dtype).max
    pixels = np.arange(peak + 1, dtype=dtype).reshape(-1, 16, 1)
    x = to_float(pixels)
    assert x.shape == (1, 1, pixels.shape[0], 16)
    assert (x.dtype, x.min(), x.max()) == (np.float32, 0, 1)
    back = from_float(x[0], dtype)
    assert back.dtype == dtype
    assert np.array_equal(back, pixels)


def test_integers_are_rounded_and_clipped() -> None:
    x = np.array([[[-0.1, 1.1, 0.49 / 255, 0.51 / 255]]], np.float32)
    assert from_float(x, np.uint8).ravel().tolist() == [0, 255, 0, 1]


def test_the_input_is_left_alone() -> None:
    x = np.full((1, 2, 2), 0.5, np.float32)
    from_float(x, np.uint8)
    assert (x == 0.5).all()


def test_luma_of_known_colours() -> None:
    """White is 235, black 16, and green counts most: BT.601 in studio range."""
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luma(colours)[0] == pytest.approx([235.0, 16.0, 81.481, 144.553, 40.966])
    assert luma(colours[:, :1, :1]) == pytest.approx(235.0)


def test_depth_and_channels() -> None:
    deep = np.array([[[0], [257], [65535], [32768]]], np.uint16)
    assert to_uint8(deep).ravel().tolist() == [0, 1, 255, 128]
    assert to_rgb(deep).shape == (1, 4, 3)
