from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from minutia.engines.fake import FakeEngine
from minutia.enlarge import Network, Share, Whole, enlarge, enlarge_rows, whole_bytes
from minutia.errors import PictureError
from minutia.image.io import read
from minutia.image.opening import Limits
from minutia.image.pil import stacked
from minutia.image.regroup import Strips
from minutia.image.target import Size, Target
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
    with opened_rows(path, Limits()) as (rows,):
        assert (rows.height, rows.width, rows.num_bands, rows.dtype) == (96, 112, 3, dtype)
        for start, stop in ((0, 96), (0, 1), (31, 33), (90, 96), (5, 60)):
            assert np.array_equal(rows.read(start, stop).pixels, pixels[start:stop])
    assert np.array_equal(read(path).pixels, pixels)


def test_what_is_not_in_pieces_is_left_to_others(photo: np.ndarray, tmp_path: Path) -> None:
    turned, second = tmp_path / "turned.tif", tmp_path / "second.tif"
    for path, places in ((turned, [6]), (second, [1, 6])):
        with tifffile.TiffWriter(path) as tiff:
            for place in places:
                tiff.write(photo, photometric="rgb", metadata=None, extratags=[(274, 3, 1, place, True)])
    picture = tmp_path / "a.png"
    picture.write_bytes(b"no tiff")
    for other in (turned, second, picture):
        with opened_rows(other, Limits()) as pages:
            assert not pages, other


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_transparency_is_read_by_rows(kind: str, dtype: type, planar: str, photo: np.ndarray, tmp_path: Path) -> None:
    path, peak = tmp_path / "a.tif", np.iinfo(dtype).max
    alpha = np.linspace(1, peak, photo[:, :, 0].size).astype(dtype).reshape(photo.shape[:2])
    planes = np.dstack([np.minimum(photo.astype(dtype) * (peak // 255), alpha[:, :, None]), alpha])
    stored = np.moveaxis(planes, -1, 0) if planar == "separate" else planes
    options = {"photometric": "rgb", "planarconfig": planar, "extrasamples": [kind], "metadata": None}
    tifffile.imwrite(path, stored, rowsperstrip=7, **options)  # type: ignore[arg-type]
    with opened_rows(path, Limits()) as (rows,):
        assert (rows.num_bands, rows.has_alpha) == (3, True)
        found = rows.read(20, 41)
    wanted = read(path)
    assert found.alpha is not None
    assert wanted.alpha is not None
    assert np.array_equal(found.alpha, alpha[20:41])
    assert np.array_equal(wanted.alpha, alpha)
    # Pillow, which reads whole pictures of 8 bits, divides by alpha with less care.
    slack = 1 if dtype is np.uint8 and kind == "assocalpha" else 0
    assert np.abs(found.pixels.astype(int) - wanted.pixels[20:41]).max() <= slack


def transparencies(shape: tuple[int, int]) -> dict[str, np.ndarray | None]:
    ramp = np.linspace(0, 255, shape[0] * shape[1]).astype(np.uint8).reshape(shape)
    corner = np.full(shape, 255, np.uint8)
    corner[-1, -1] = 0
    return {"none": None, "even": np.full(shape, 90, np.uint8), "ramp": ramp, "one clear corner": corner}


@pytest.mark.parametrize("alpha", ["none", "even", "ramp", "one clear corner"])
@pytest.mark.parametrize("target", [None, Target("scale", 2.5), Target("width", 301), Target("scale", 1)])
@pytest.mark.parametrize("color_lock", [False, True])
def test_transparency_and_other_sizes_are_those_of_the_whole(
    alpha: str, target: Target | None, color_lock: bool, photo: np.ndarray
) -> None:
    picture = Picture(photo, transparencies(photo.shape[:2])[alpha])
    network = Network(FakeEngine(scale=3, radius=2), halo=2, tile=16, color_lock=color_lock)
    wanted = enlarge(picture, network, target=target)
    size = None if target is None else target.size(picture.height, picture.width)
    strips = list(enlarge_rows(PictureRows(picture), network, PLENTY, size=size))
    assert color_lock or len(strips) > 3
    differences = np.abs(np.concatenate(strips).astype(int) - stacked(wanted))
    if target is None:
        assert not differences.any()
    else:  # Places in the picture and in the strip are not the same sums of floats.
        assert differences.max() <= 1
        assert differences.mean() < 1e-4


@pytest.mark.parametrize("target", [None, Target("scale", 2.5)])
def test_measurements_of_another_size(target: Target | None, photo: np.ndarray) -> None:
    picture, by = Picture(photo.astype(np.float32) * 7 - 300), Normalisation((-300.0,) * 3, (1485.0,) * 3)
    network = Network(FakeEngine(3), halo=1, normalisation=by, tile=20)
    wanted = enlarge(picture, network, target=target)
    size = None if target is None else target.size(picture.height, picture.width)
    strips = list(enlarge_rows(PictureRows(picture), network, PLENTY, size=size))
    assert np.allclose(np.concatenate(strips), wanted.pixels, rtol=0, atol=1e-2)  # Of 1785.


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
    network = Network(FakeEngine(4), halo=43)
    sides = [Share(megabytes * 2**20).side(source, network) for megabytes in (400, 600, 1000, 1536, 4096)]
    assert sides == sorted(sides)
    assert sides[0] < 64 < 256 < sides[3]
    assert sides[-1] == 1024 - 2 * 43
    hungry = replace(network, pixel_bytes=12_000)
    assert Share(4096 * 2**20).side(source, hungry) < 600 < Share(16384 * 2**20).side(source, hungry)
    assert Share(1536 * 2**20).side(source, replace(network, color_lock=True)) < sides[3]


def test_less_memory_than_the_smallest_tiles_take_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    source, network = PictureRows(Picture(np.zeros((8, 800, 3), np.uint8))), Network(FakeEngine(4), halo=43)
    assert Share(400 * 2**20).side(source, network) > 32
    assert not caplog.records
    assert Share(10 * 2**20).side(source, network) == 32
    assert "Even with the smallest tiles up to 0.3 GB of memory" in caplog.text


def test_the_need_of_a_whole_picture_grows_with_its_enlargement() -> None:
    small, large = ((side, side) for side in (1000, 16384))
    four_times, twice = ((side * 4, side * 4) for side in (1000, 16384)), (2000, 2000)

    def needed(before: Size, *afters: Size) -> int:
        return whole_bytes([Whole(before, after, 3) for after in afters], network)

    network = Network(FakeEngine(4), halo=43)

    assert needed(small, next(four_times)) < 3 * 2**30
    assert needed(large, next(four_times)) > 16384 * 16384 * 3 * 16
    assert needed(small, twice) > needed(small, (4000, 4000))  # It is first made larger.
    assert needed(small, (16000, 16000)) < needed(small, (15999, 16000)) / 2
    pages = needed(small, *[(4000, 4000)] * 11) - needed(small, (4000, 4000))
    assert pages == 10 * 17 * 1000 * 1000 * 3  # All are held, and one at a time is enlarged.
    before = needed(small, (4000, 4000))
    network = replace(network, pixel_bytes=network.pixel_bytes + 10_000)
    assert needed(small, (4000, 4000)) == before + 10_000 * 1000 * 1000
    network = replace(network, tile=14)
    assert needed(small, (4000, 4000)) < before  # Tiles of 100x100 are at work at once.


@pytest.mark.parametrize("heights", [[300], [1, 299], [100, 100, 100], [256, 44], [37] * 8 + [4]])
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_file_that_is_written_by_rows_is_the_picture(heights: list[int], bands: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (300, 270, bands), dtype=np.uint8)
    edges = np.cumsum([0, *heights])
    strips = (pixels[top:bottom] for top, bottom in pairwise(edges))
    path = tmp_path / "a.tif"
    write_rows([Strips(strips, (300, 270), Picture(pixels[:1, :1]))], path)
    assert np.array_equal(read(path).pixels, pixels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].is_tiled  # type: ignore[union-attr]
