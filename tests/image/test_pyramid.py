import gc
import weakref
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from minutia.image.formats import Encoding
from minutia.image.io import read, read_frames, read_shape, write, write_rows
from minutia.image.pyramid import ROWS, halve, levels, pyramid_sizes
from minutia.image.regroup import Strips
from minutia.types import Compression, Metadata, Picture


def test_sizes_halve_until_they_fit() -> None:
    assert pyramid_sizes((256, 200)) == [(256, 200)]
    assert pyramid_sizes((1025, 3)) == [(1025, 3), (513, 2), (257, 1), (129, 1)]


def test_halves_by_hand() -> None:
    planes = np.array([[[0], [10], [7]], [[20], [31], [9]]], np.uint8)
    assert halve(planes, has_alpha=False).ravel().tolist() == [15, 8]
    clear = np.array([[[200, 0], [50, 90]], [[50, 90], [50, 0]]], np.uint16)
    assert halve(clear, has_alpha=True).ravel().tolist() == [50, 45]
    assert halve(clear * np.uint16([1, 0]), has_alpha=True).ravel().tolist() == [88, 0]


@pytest.mark.parametrize("compression", ["deflate", "none"])
@pytest.mark.parametrize("kind", ["grey", "colours", "alpha", "deep", "floats"])
@pytest.mark.parametrize("heights", [None, [700], [512, 188], [3, 500, 197], [101] * 6 + [94]])
def test_a_pyramid_holds_the_picture_and_its_halves(
    kind: str, heights: list[int] | None, compression: Compression, tmp_path: Path
) -> None:
    depth = {"grey": 1, "floats": 2}.get(kind, 3)
    dtype = {"deep": np.uint16, "floats": np.float32}.get(kind, np.uint8)
    planes = np.random.default_rng(0).integers(0, 256, (700, 523, depth + (kind == "alpha"))).astype(dtype)
    picture = Picture(planes[:, :, :depth], planes[:, :, -1] if kind == "alpha" else None, Metadata(dpi=(300, 300)))
    path, encoding = tmp_path / "a.tif", Encoding(pyramid=True, compression=compression)
    if heights is None:
        write(picture, path, encoding)
    else:
        strips = (planes[top:bottom] for top, bottom in pairwise(np.cumsum([0, *heights])))
        write_rows([Strips(strips, (700, 523), picture)], path, encoding)
    back = read_frames(path)
    assert len(back.pictures) == 1
    assert np.array_equal(back.pictures[0].pixels, picture.pixels)
    assert back.pictures[0].metadata.dpi == (300, 300)
    assert (read_shape(path).height, read_shape(path).count) == (700, 1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tif"]
    with tifffile.TiffFile(path) as tiff:
        sizes = [(page.imagelength, page.imagewidth) for page in tiff.pages]  # type: ignore[union-attr]
        assert sizes == [(700, 523), (350, 262), (175, 131)]
        assert [page.is_reduced for page in tiff.pages] == [False, True, True]  # type: ignore[union-attr]
        assert all(page.is_tiled for page in tiff.pages)  # type: ignore[union-attr]
        half = tiff.pages[1].asarray().reshape(350, 262, -1)
        assert np.array_equal(half, halve(planes, has_alpha=kind == "alpha"))


def test_smaller_versions_are_no_pages(photo: np.ndarray, tmp_path: Path) -> None:
    """As programs for maps write them, and Pillow counts them."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for page in (photo, np.ascontiguousarray(photo[::-1])):
            tiff.write(page, photometric="rgb", metadata=None)
            tiff.write(page[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    with Image.open(path) as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]
    assert read_shape(path).count == 2
    first, second = read_frames(path).pictures
    assert np.array_equal(first.pixels, photo)
    assert np.array_equal(second.pixels, photo[::-1])
    assert np.array_equal(read(path).pixels, photo)


def test_a_writer_need_not_ask_for_more_than_there_is(tmp_path: Path) -> None:
    rows = np.arange(512 * 512, dtype=np.uint8).reshape(512, 512, 1)
    found = []
    for (height, width), strips in levels(iter([rows]), (512, 512), 1, rows.dtype, tmp_path, has_alpha=False):
        found.append(np.concatenate([next(strips) for _ in range(-(-height // ROWS))]))
        assert found[-1].shape == (height, width, 1)
    assert np.array_equal(found[1], halve(rows, has_alpha=False))


def test_a_smaller_version_may_come_first(photo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(photo[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        tiff.write(photo, photometric="rgb", metadata=None)
    shape = read_shape(path)
    assert (shape.height, shape.width, shape.count) == (*photo.shape[:2], 1)
    assert np.array_equal(read(path).pixels, photo)


@pytest.mark.parametrize("compression", ["deflate", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_picture_may_be_one_pixel_wide(dtype: type, compression: Compression, tmp_path: Path) -> None:
    column = np.arange(1, 301).reshape(300, 1, 1).astype(dtype)
    encoding = Encoding(pyramid=True, compression=compression)
    write(Picture(column), tmp_path / "a.tif", encoding)
    assert np.array_equal(read(tmp_path / "a.tif").pixels, column)
    strips = Strips(iter([column[:7], column[7:]]), (300, 1), Picture(column[:1]))
    write_rows([strips], tmp_path / "b.tif", encoding)
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        assert np.array_equal(tiff.pages[0].asarray().ravel(), column.ravel())
        assert tiff.pages[1].asarray().size == 150


@pytest.mark.parametrize("height", [256, 300])
@pytest.mark.parametrize("compression", ["deflate", "none"])
def test_a_strip_that_is_written_is_let_go(compression: Compression, height: int, tmp_path: Path) -> None:
    made: list[weakref.ref[np.ndarray]] = []

    def strips() -> Iterator[np.ndarray]:
        for _ in range(4):
            gc.collect()
            assert all(strip() is None for strip in made)
            strip = np.zeros((height, 500, 3), np.uint8)
            made.append(weakref.ref(strip))
            yield strip
            strip = None

    like = Picture(np.zeros((1, 1, 3), np.uint8))
    for name, encoding in (("a.tif", Encoding(compression=compression)), ("b.tif", Encoding(pyramid=True))):
        write_rows([Strips(strips(), (4 * height, 500), like) for _ in range(2)], tmp_path / name, encoding)
        made.clear()
    write_rows([Strips(strips(), (4 * height, 500), like)], tmp_path / "a.png")
