"""Bands and measurements: as the file holds them, whatever its layout, and back; and the place on Earth they are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from minutia.engines import FakeEngine
from minutia.enlarge import Network, enlarge
from minutia.errors import PictureError
from minutia.image.geo import NO_DATA, enlarge_geo
from minutia.image.io import read, read_frames, read_photo, read_shape, read_size, write
from minutia.image.opening import Limits
from minutia.image.pairs import PairFiles, load_pair
from minutia.image.resize import downscale, upscale_bicubic
from minutia.image.target import Target
from minutia.image.windows import opened_rows
from minutia.types import Normalisation, Picture

HEIGHT, WIDTH = 22, 30


def values(bands: int, dtype: str) -> np.ndarray:
    """(H, W, bands): every value another, as far as the dtype goes."""
    ramp = np.arange(HEIGHT * WIDTH * bands).reshape(HEIGHT, WIDTH, bands)
    return (ramp - 900 if dtype in {"int16", "float32"} else ramp).astype(dtype)


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    tifffile.imwrite(
        path, pixels, **{"photometric": "minisblack", "metadata": None, "planarconfig": "contig"} | options
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_bands_come_from_a_file_and_go_into_one(tmp_path: Path, dtype: str, bands: int, layout: str) -> None:
    pixels = values(bands, dtype)
    given = (
        np.moveaxis(pixels, 2, 0) if layout == "separate" and bands > 1 else pixels[:, :, 0] if bands == 1 else pixels
    )
    save(tmp_path / "a.tif", given, planarconfig=None if bands == 1 else layout, compression="deflate")
    for name in ("a.tif", "b.tif"):
        back = read(tmp_path / name)
        assert back.alpha is None
        assert back.pixels.dtype == dtype
        assert np.array_equal(back.pixels, pixels)
        write(back, tmp_path / "b.tif", overwrite=True)
    shape = read_shape(tmp_path / "b.tif")
    assert (shape.height, shape.width, shape.count, shape.is_deep) == (HEIGHT, WIDTH, 1, dtype != "uint8")
    assert read_size(tmp_path / "b.tif") == (HEIGHT, WIDTH)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
@pytest.mark.parametrize("extra", ["unspecified", "unassalpha"])
def test_the_fourth_band_is_alpha_only_where_the_file_says_so(
    tmp_path: Path, dtype: str, photometric: str, extra: str
) -> None:
    pixels = values(4, dtype)
    extras = [extra] if photometric == "rgb" else ["unspecified", "unspecified", extra]
    save(tmp_path / "a.tif", pixels, photometric=photometric, extrasamples=extras)
    picture = read(tmp_path / "a.tif")
    assert picture.num_bands == (4 if extra == "unspecified" else 3)
    assert (picture.alpha is None) == (extra == "unspecified")
    write(picture, tmp_path / "b.tif")
    again = read(tmp_path / "b.tif")
    assert np.array_equal(again.pixels, pixels[:, :, : again.num_bands])


def test_bands_with_alpha_keep_both(tmp_path: Path) -> None:
    pixels = values(5, "uint16")
    write(Picture(pixels[:, :, :4], pixels[:, :, 4]), tmp_path / "a.tif")
    back = read(tmp_path / "a.tif")
    assert np.array_equal(np.dstack([back.pixels, back.alpha]), pixels)
    large = enlarge(back, Network(FakeEngine(2), halo=1, channels=4))
    assert (large.pixels.shape, large.alpha.shape) == ((44, 60, 4), (44, 60))
    by = Normalisation((0.0,) * 4, (2000.0,) * 4)
    clear = replace(back, alpha=np.full((HEIGHT, WIDTH), 65535, np.uint16))
    assert (enlarge(clear, Network(FakeEngine(2), halo=1, channels=4, normalisation=by)).alpha == 65535).all()


def test_overviews_are_no_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for index, kind in enumerate((0, 1, 0)):
            tiff.write(
                values(4, "uint16") + index,
                photometric="minisblack",
                subfiletype=kind,
                metadata=None,
                planarconfig="contig",
            )
    frames = read_frames(tmp_path / "a.tif")
    assert [int(each.pixels[0, 0, 0]) for each in frames.pictures] == [0, 2]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -9999])
def test_places_without_values_are_read_and_not_learnt_from(tmp_path: Path, hole: float) -> None:
    pixels = values(2, "float32")
    tag = (42113, 2, 6, b"-9999\0", True)
    save(tmp_path / "a.tif", pixels, extratags=[tag])
    assert read(tmp_path / "a.tif").num_bands == 2
    pixels[3, 4, 1] = hole
    save(tmp_path / "a.tif", pixels, extratags=[tag])
    assert np.array_equal(read(tmp_path / "a.tif").pixels, pixels, equal_nan=True)
    with pytest.raises(PictureError, match=r"a\.tif has pixels without values .* fill or crop them first"):
        load_pair(PairFiles(tmp_path / "a.tif", None), 2, 2, deep=True)


def test_what_is_not_held_is_refused_in_one_sentence(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", values(2, "float64"))
    with pytest.raises(PictureError, match=r"a\.tif holds values of float64; save them as uint8, uint16, int16"):
        read(tmp_path / "a.tif")
    save(tmp_path / "a.tif", values(4, "uint16"))
    with pytest.raises(PictureError, match=r"a\.tif has 4 bands of uint16; only grey and RGB"):
        read_photo(tmp_path / "a.tif")
    with pytest.raises(PictureError, match="more than the limit of 100"):
        read_size(tmp_path / "a.tif", Limits(max_pixels=100))
    for name in ("b.png", "b.jpg"):
        with pytest.raises(
            PictureError, match=rf"{name} would hold 4 bands of uint16, which \w+ cannot; add --format tiff"
        ):
            write(read(tmp_path / "a.tif"), tmp_path / name)
    with pytest.raises(PictureError, match=r"would hold one band of float32"):
        write(Picture(values(1, "float32")), tmp_path / "b.png")


BY = Normalisation(tuple(10.0 * band - 900 for band in range(13)), tuple(9000.0 + band for band in range(13)))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
@pytest.mark.parametrize("color_lock", [False, True])
def test_enlarged_by_band_and_tiled_is_equal_to_whole(dtype: str, color_lock: bool) -> None:
    picture = Picture(np.tile(values(13, dtype), (2, 3, 1)))
    options = {"halo": 1, "channels": 13, "normalisation": BY, "color_lock": color_lock}
    whole, tiled = (enlarge(picture, Network(FakeEngine(2, 1), tile=tile, **options)).pixels for tile in (0, 9))
    assert whole.dtype == dtype
    assert whole.shape == (88, 180, 13)
    assert np.array_equal(whole, tiled)
    one = Picture(np.ascontiguousarray(picture.pixels[:, :, 7:8]))
    by = Normalisation(BY.low[7:8], BY.high[7:8])
    alone = enlarge(one, Network(FakeEngine(2, 1), **options | {"channels": 1, "normalisation": by})).pixels
    assert np.array_equal(whole[:, :, 7:8], alone), "each band is for itself, the lock of colours included"
    nearest = enlarge(picture, Network(FakeEngine(2, 0), halo=0, channels=13, normalisation=BY)).pixels
    assert np.abs(nearest - picture.pixels.repeat(2, 0).repeat(2, 1).astype(float)).max() < (
        1e-2 if dtype == "float32" else 1
    )


def test_any_size_and_several_passes_keep_values_beyond_the_range() -> None:
    by = Normalisation((0.0, 0.0), (100.0, 1.0))
    flat = Picture(np.full((20, 24, 2), [-50, 7], np.float32))
    for size in (2.5, 3, 6):
        large = enlarge(
            flat, Network(FakeEngine(2, 0), halo=0, channels=2, normalisation=by), target=Target("scale", size)
        )
        assert large.pixels.shape == (20 * size, 24 * size, 2)
        assert np.abs(large.pixels - [-50, 7]).max() < 1e-3


def test_bicubic_keeps_the_depth() -> None:
    for dtype in ("uint16", "int16", "float32"):
        pixels = values(4, dtype)
        small = downscale(pixels, 2)
        assert small.dtype == upscale_bicubic(small, 2).dtype == dtype
        inner = pixels.astype(float).reshape(11, 2, 15, 2, 4).mean(axis=(1, 3))[2:-2, 2:-2]
        assert np.abs(small[2:-2, 2:-2] - inner).max() <= 1, "a ramp shrinks to the means of its blocks"


UTM = {33550: (10.0, 10.0, 0.0), 33922: (3.0, 4.0, 0.0, 600000.0, 5000000.0, 0.0)}
NAMES = {34736: (6378137.0,), 34737: "WGS 84|", 42113: "0"}


def keys(raster_type: int) -> tuple[int, ...]:
    return (1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, raster_type)


def ground(geo: dict, row: float, column: float) -> tuple[float, float]:
    """Where on the ground the corner of a pixel lies."""
    shift = 0.5 if geo[34735][-1] == 2 else 0
    if 34264 in geo:
        x, y, *_ = np.array(geo[34264]).reshape(4, 4) @ [column - shift, row - shift, 0, 1]
        return x, y
    tie, size = geo[33922], geo[33550]
    return tie[3] + (column - shift - tie[0]) * size[0], tie[4] - (row - shift - tie[1]) * size[1]


@pytest.mark.parametrize("raster_type", [1, 2], ids=["area", "point"])
@pytest.mark.parametrize("kind", ["scale", "matrix"])
@pytest.mark.parametrize("file", ["bands", "rgb", "png"])
def test_every_corner_stays_where_it_is_on_earth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, raster_type: int, file: str
) -> None:
    matrix = {34264: (8.0, -6.0, 0.0, 6e5, -6.0, -8.0, 0.0, 5e6, *(0.0,) * 7, 1.0)}
    before = (UTM if kind == "scale" else matrix) | {34735: keys(raster_type)} | NAMES
    types = {34735: 3, 34737: 2, 42113: 2}
    tags = [
        (tag, types.get(tag, 12), len(value) + isinstance(value, str), value, True) for tag, value in before.items()
    ]
    pixels = values(4, "uint16") if file == "bands" else values(3, "uint8")
    save(tmp_path / "a.tif", pixels, photometric="minisblack" if file == "bands" else "rgb", extratags=tags)
    picture = read(tmp_path / "a.tif")
    large = enlarge(picture, Network(FakeEngine(2, 0), halo=0, channels=pixels.shape[2]), target=Target("scale", 3))
    path = tmp_path / ("b.png" if file == "png" else "b.tif")
    write(large, path)
    if file == "png":
        assert "PNG cannot keep its geographic position" in caplog.text
        return
    after = dict(read(path).metadata.geo)
    for row, column in ((0, 0), (22, 30), (7, 5)):
        assert ground(after, 3 * row, 3 * column) == pytest.approx(ground(before, row, column), abs=1e-6)
    assert {tag: after[tag] for tag in NAMES} == NAMES
    assert set(after) == set(before)


def test_a_picture_without_a_place_gets_none_and_a_turned_one_loses_it(tmp_path: Path) -> None:
    assert enlarge_geo(None, 2, 2) is None
    Image.new("RGB", (4, 4)).save(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").metadata.geo is None
    tags = [(33550, 12, 3, (1.0, 1.0, 0.0), True), (274, 3, 1, 6, True)]
    save(tmp_path / "b.tif", values(4, "uint16"), extratags=tags)
    assert read(tmp_path / "b.tif").metadata.geo is None
    assert read_size(tmp_path / "b.tif") == (WIDTH, HEIGHT)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_zero_may_be_white(tmp_path: Path, dtype: str) -> None:
    pixels = values(1, dtype)[:, :, 0]
    save(tmp_path / "a.tif", pixels, photometric="miniswhite", planarconfig=None)
    assert np.array_equal(read(tmp_path / "a.tif").pixels[:, :, 0], np.iinfo(dtype).max - pixels)


@pytest.mark.parametrize("compression", ["png", "jpeg2000", "zstd", "lzw"])
def test_compressions_that_pillow_does_not_know_are_read(tmp_path: Path, compression: str) -> None:
    save(tmp_path / "a.tif", values(3, "uint8"), photometric="rgb", compression=compression)
    assert np.array_equal(read(tmp_path / "a.tif").pixels, values(3, "uint8"))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(("dtype", "bands"), [("uint8", 1), ("uint8", 3), ("uint16", 1), ("float32", 2)])
def test_tiles_without_bytes_hold_no_data(
    tmp_path: Path, dtype: str, bands: int, compression: str | None, planar: str
) -> None:
    pixels = np.full((40, 44, bands), 7, dtype)
    pixels[:32, 32:] = 9
    tile = np.full((32, 32, bands), 7, dtype)
    is_mixed = planar == "contig" and bands > 1
    piece = tile if is_mixed else tile[:, :, 0]
    tifffile.imwrite(
        tmp_path / "a.tif",
        iter([piece, None, piece, piece] * (1 if is_mixed else bands)),
        shape=pixels.shape if is_mixed else (40, 44) if bands == 1 else (bands, 40, 44),
        dtype=dtype,
        tile=(32, 32),
        photometric="rgb" if bands == 3 else "minisblack",
        planarconfig=planar if bands > 1 else None,
        compression=compression,
        metadata=None,
        extratags=[(NO_DATA, 2, 0, "9", True)],
    )
    assert np.array_equal(read(tmp_path / "a.tif").pixels, pixels)
    with opened_rows(tmp_path / "a.tif", Limits()) as pages:
        assert np.array_equal(pages[0].read(20, 40).pixels, pixels[20:])


@pytest.mark.parametrize(
    ("name", "bands", "dtype", "num_bytes"),
    [("a.png", 4, "uint16", 8), ("a.png", 3, "uint8", 3), ("a.png", 1, "uint16", 2), ("a.tif", 10, "float32", 40)],
)
def test_bytes_of_a_pixel_are_known_before_it_is_decoded(
    tmp_path: Path, name: str, bands: int, dtype: str, num_bytes: int
) -> None:
    pixels = values(bands, dtype)
    picture = Picture(pixels[:, :, :3], pixels[:, :, 3]) if bands == 4 else Picture(pixels)
    write(picture, tmp_path / name)
    shape = read_shape(tmp_path / name)
    assert shape.num_values * shape.itemsize == num_bytes
