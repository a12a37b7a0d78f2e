import numpy as np
import pytest

from minutia.engines.fake import FakeEngine
from minutia.enlarge import Network, Share, enlarge, enlarge_rows
from minutia.image.geo import NO_DATA
from minutia.image.target import Target
from minutia.image.windows import PictureRows
from minutia.types import Metadata, Picture


def raster(photo: np.ndarray, dtype: type, value: int, *, has_alpha: bool = False) -> Picture:
    """Whose corner holds no data, and whose last row holds the value in one band alone."""
    pixels = photo[:40, :48].astype(dtype) + 1
    pixels[:13, :17] = value
    pixels[-1, :, 0] = value
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
    with_it = raster(photo, np.uint16, 65535)
    without = Picture(np.where(with_it.pixels == 65535, 255, with_it.pixels))
    large, other = enlarge(with_it, network).pixels, enlarge(without, network).pixels
    assert np.array_equal(large[60:150, 80:], other[60:150, 80:])


@pytest.mark.parametrize("said", ["none", "0.5", "nan"])
def test_words_that_are_no_whole_number_say_nothing(photo: np.ndarray, said: str) -> None:
    picture = Picture(photo[:8, :8], metadata=Metadata(geo=((NO_DATA, said),)))
    network = Network(FakeEngine(), halo=1)
    assert np.array_equal(enlarge(picture, network).pixels, enlarge(Picture(photo[:8, :8]), network).pixels)
