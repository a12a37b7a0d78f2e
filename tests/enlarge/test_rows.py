from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from minutia.engines.fake import FakeEngine
from minutia.enlarge import Network, Share, enlarge, enlarge_rows, whole_bytes
from minutia.errors import PictureError
from minutia.image.io import read
from minutia.image.opening import Limits
from minutia.image.tiff_writer import write_rows
from minutia.image.windows import PictureRows, opened_rows
from minutia.types import Normalisation, Picture

PLENTY = Share(2**40)

LAYOUTS = {
    "strips": {"rowsperstrip": 7},
    "deflated strips": {"rowsperstrip": 16, "compression": "adobe_deflate", "predictor": True},
    "tiles": {"tile": (32, 48), "compression": "lzw"},
    "planes of strips": {"rowsperstrip": 5, "planarconfig": "separate"},
    "planes of tiles": {"tile": (16, 32), "planarconfig": "separate"},
    "big": {"rowsperstrip": 9, "bigtiff": True},
    "other byte order": {"rowsperstrip": 9, "byteorder": ">"},
}


def write_layout(path: Path, pixels: np.ndarray, **layout: object) -> None:
    outer = {key: layout.pop(key) for key in ("bigtiff", "byteorder") if key in layout}
    if layout.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    with tifffile.TiffWriter(path, **outer) as tiff:  # type: ignore[arg-type]
        tiff.write(pixels, photometric="rgb", metadata=None, **layout)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_those_of_the_whole_picture(layout: str, dtype: type, photo: np.ndarray, tmp_path: Path) -> None:
    pixels = photo.astype(dtype) * (257 if dtype is np.uint16 else 1)
    path = tmp_path / "a.tif"
    write_layout(path, pixels, **LAYOUTS[layout])
    with opened_rows(path, Limits()) as rows:
        assert rows is not None
        assert (rows.height, rows.width, rows.num_bands, rows.dtype) == (96, 112, 3, dtype)
        for start, stop in ((0, 96), (0, 1), (31, 33), (90, 96), (5, 60)):
            assert np.array_equal(rows.read(start, stop), pixels[start:stop])
    assert np.array_equal(read(path).pixels, pixels)


def test_what_is_not_in_pieces_is_left_to_others(photo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = {"compression": "adobe_deflate"}
    with tifffile.TiffWriter(path) as tiff:
        for _ in range(2):
            tiff.write(photo, photometric="rgb", metadata=None, **pages)  # type: ignore[arg-type]
    alpha = tmp_path / "alpha.tif"
    tifffile.imwrite(alpha, np.dstack([photo, photo[:, :, :1]]), photometric="rgb", extrasamples=["unassalpha"])
    turned = tmp_path / "turned.tif"
    tifffile.imwrite(turned, photo, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    picture = tmp_path / "a.png"
    picture.write_bytes(b"no tiff")
    for other in (path, alpha, turned, picture):
        with opened_rows(other, Limits()) as rows:
            assert rows is None, other


@pytest.mark.parametrize("color_lock", [False, True])
@pytest.mark.parametrize("tile", [None, 16, 23])
@pytest.mark.parametrize("radius", [1, 4])
def test_strips_are_the_whole_enlargement(radius: int, tile: int | None, color_lock: bool, photo: np.ndarray) -> None:
    picture, engine = Picture(photo), FakeEngine(scale=2, radius=radius)
    wanted = enlarge(picture, Network(engine, halo=radius, tile=tile, color_lock=color_lock)).pixels
    strips = enlarge_rows(
        PictureRows(picture), Network(engine, halo=radius, tile=tile, color_lock=color_lock), Share(0)
    )
    found = list(strips)
    assert np.array_equal(np.concatenate(found), wanted)
    if tile == 16 and not color_lock:
        assert len(found) > 2


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colours_are_brought_to_the_network(channels: int, photo: np.ndarray) -> None:
    for pixels in (photo, photo[:, :, :1]):
        picture, engine = Picture(np.ascontiguousarray(pixels)), FakeEngine(scale=2)
        wanted = enlarge(picture, Network(engine, halo=1, channels=channels, tile=40)).pixels
        strips = enlarge_rows(PictureRows(picture), Network(engine, halo=1, channels=channels, tile=40), PLENTY)
        assert np.array_equal(np.concatenate(list(strips)), wanted)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_measurements_are_normalised_strip_by_strip(dtype: type, photo: np.ndarray) -> None:
    pixels = np.dstack([photo, photo[:, :, :1]]).astype(dtype) * 7 - 300
    picture, by = Picture(pixels), Normalisation((-300.0,) * 4, (1485.0,) * 4)
    wanted = enlarge(picture, Network(FakeEngine(2), halo=1, channels=4, normalisation=by, tile=20)).pixels
    strips = enlarge_rows(
        PictureRows(picture), Network(FakeEngine(2), halo=1, channels=4, normalisation=by, tile=20), PLENTY
    )
    assert np.array_equal(np.concatenate(list(strips)), wanted)


def test_what_a_network_does_not_take_is_refused_before_it_is_read() -> None:
    strips = enlarge_rows(PictureRows(Picture(np.zeros((4, 4, 4), np.uint8))), Network(FakeEngine(), halo=1), PLENTY)
    with pytest.raises(PictureError, match="4 bands"):
        next(strips)


def test_less_memory_makes_smaller_tiles() -> None:
    source = PictureRows(Picture(np.zeros((8, 16384, 3), np.uint8)))
    sides = [Share(megabytes * 2**20).side(source, 4, 43) for megabytes in (400, 600, 1000, 1536, 4096)]
    assert sides == sorted(sides)
    assert sides[0] < 64 < 256 < sides[3]
    assert sides[-1] == 1024 - 2 * 43


def test_the_need_of_a_whole_picture_grows_with_its_enlargement() -> None:
    small, large = whole_bytes(1000, 1000, 3, 4), whole_bytes(16384, 16384, 3, 4)
    assert small < 3 * 2**30
    assert large > 16384 * 16384 * 3 * 16


@pytest.mark.parametrize("heights", [[300], [1, 299], [100, 100, 100], [256, 44], [37] * 8 + [4]])
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_file_that_is_written_by_rows_is_the_picture(heights: list[int], bands: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (300, 270, bands), dtype=np.uint8)
    edges = np.cumsum([0, *heights])
    strips = (pixels[top:bottom] for top, bottom in pairwise(edges))
    path = tmp_path / "a.tif"
    write_rows(strips, (300, 270), Picture(pixels[:1, :1]), path)
    assert np.array_equal(read(path).pixels, pixels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].is_tiled  # type: ignore[union-attr]
