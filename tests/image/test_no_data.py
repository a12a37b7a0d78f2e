from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from minutia.engines.fake import FakeEngine
from minutia.enlarge import Network, Share, enlarge, enlarge_rows
from minutia.image.geo import NO_DATA
from minutia.image.no_data import filled, find_missing
from minutia.image.target import Target
from minutia.image.windows import PictureRows
from minutia.types import Metadata, Picture


def raster(photo: np.ndarray, dtype: type, value: int, *, has_alpha: bool = False, num_bands: int = 1) -> Picture:
    """Whose corner holds no data, and whose last row holds the value in so many bands."""
    pixels = photo[:40, :48].astype(dtype) + 1
    pixels[:13, :17] = value
    pixels[-1, :, :num_bands] = value
    alpha = np.full(pixels.shape[:2], 200, dtype) if has_alpha else None
    return Picture(pixels, alpha, Metadata(geo=((NO_DATA, str(value)),)))


@pytest.mark.parametrize("target", [None, Target("scale", 3), Target("width", 130)])
@pytest.mark.parametrize(
    ("dtype", "value", "has_alpha"), [(np.uint16, 0, True), (np.uint16, 65535, False), (np.int16, -9, False)]
)
def test_what_holds_no_data_stays_without(
    photo: np.ndarray, dtype: type, value: int, has_alpha: bool, target: Target | None
) -> None:
    picture = raster(photo, dtype, value, has_alpha=has_alpha)
    network = Network(FakeEngine(), halo=1, tile=16, value_range=(0, 300) if dtype is np.int16 else None)
    large = enlarge(picture, network, target=target)
    height, width = large.height, large.width
    inside = (slice(0, 12 * height // 40), slice(0, 16 * width // 48))
    assert (large.pixels[inside] == value).all()
    beyond = large.pixels[14 * height // 40 :, 18 * width // 48 :]
    assert not (beyond == value).all(axis=2).any()
    num_empty = (large.pixels == value).all(axis=2).sum()
    assert num_empty / (height * width) == pytest.approx(13 * 17 / (40 * 48), rel=0.05)
    size = None if target is None else (height, width)
    rows = np.concatenate(list(enlarge_rows(PictureRows(picture), network, Share(2**40), size=size)))
    assert ((rows[:, :, :3] == value).all(axis=2) == (large.pixels == value).all(axis=2)).all()


def test_a_value_for_no_data_takes_no_bits(photo: np.ndarray) -> None:
    network = Network(FakeEngine(), halo=1)
    with_it = raster(photo, np.uint16, 65535, num_bands=3)
    without = Picture(np.where(with_it.pixels == 65535, 255, with_it.pixels))
    large, other = enlarge(with_it, network).pixels, enlarge(without, network).pixels
    assert np.array_equal(large[60:150, 80:], other[60:150, 80:])


@pytest.mark.parametrize("said", ["none", "0.5", "nan"])
def test_words_that_are_no_whole_number_say_nothing(photo: np.ndarray, said: str) -> None:
    picture = Picture(photo[:8, :8], metadata=Metadata(geo=((NO_DATA, said),)))
    network = Network(FakeEngine(), halo=1)
    assert np.array_equal(enlarge(picture, network).pixels, enlarge(Picture(photo[:8, :8]), network).pixels)


@pytest.mark.parametrize("value_range", [(0, 300), "auto"])
@pytest.mark.parametrize("target", [None, Target("scale", 3)])
@pytest.mark.parametrize("hole", [np.nan, np.inf, -9999, -3.4028234663852886e38])
def test_floats_without_values_stay_so_band_by_band(
    photo: np.ndarray, hole: float, target: Target | None, value_range: tuple[float, float] | Literal["auto"]
) -> None:
    pixels = photo[:40, :48].astype(np.float32)
    whole = Picture(pixels, metadata=Metadata(geo=((NO_DATA, str(hole)),)))
    pixels = pixels.copy()
    pixels[10:14, 20:30, 1] = hole
    pixels[20] = hole
    pixels[30, :5] = hole
    picture, network = replace(whole, pixels=pixels), Network(FakeEngine(), halo=1, tile=16, value_range=value_range)
    large, other = (enlarge(each, network, target=target).pixels for each in (picture, whole))
    scale = large.shape[0] // 40
    missing = np.repeat(np.repeat(find_missing(pixels, picture.metadata), scale, axis=0), scale, axis=1)
    assert np.array_equal(large == hole if np.isfinite(hole) else ~np.isfinite(large), missing)
    far = np.s_[: 6 * scale, : 12 * scale]
    assert np.allclose(large[far], other[far], atol=1e-3)
    near = np.s_[8 * scale : 18 * scale, 15 * scale : 35 * scale]
    assert np.abs(np.where(missing, 0, large - np.where(missing, 0, other)))[near].max() < 256
    size = None if target is None else large.shape[:2]
    rows = np.concatenate(list(enlarge_rows(PictureRows(picture), network, Share(2**40), size=size)))
    assert np.allclose(rows, large, equal_nan=True, atol=1e-3)


def test_the_network_sees_the_next_value_of_the_row() -> None:
    nan = np.nan
    pixels = np.array([[nan, nan, nan], [nan, 3, nan], [5, nan, 7]], np.float32)[:, :, None]
    seen = filled(PictureRows(Picture(pixels))).read(0, 3).pixels[:, :, 0]
    assert seen.tolist() == [[3, 3, 3], [3, 3, 3], [5, 5, 7]]
    assert filled(PictureRows(Picture(np.full((2, 2, 1), np.float32(nan))))).read(1, 2).pixels.tolist() == [[[0], [0]]]


def test_what_cannot_lack_values_is_left_as_it_is(photo: np.ndarray) -> None:
    source = PictureRows(Picture(photo))
    assert filled(source) is source


def test_no_data_is_no_extreme(photo: np.ndarray) -> None:
    """-9999 as the least value would leave the network a hundredth of its range."""
    network = Network(FakeEngine(), halo=1, value_range="auto")
    without = network.seen(filled(PictureRows(raster(photo, np.int16, -9999, num_bands=3))))
    assert without is not None
    assert min(without.low) >= 1
    assert max(without.high) <= 256
