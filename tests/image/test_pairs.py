from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from minutia.errors import DataError
from minutia.image.pairs import PairFiles, decode, find_pairs, load_pair
from minutia.image.resize import downscale


def save(pixels: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_partners_are_found_by_name(tmp_path: Path, photo: np.ndarray) -> None:
    same = PairFiles(save(photo, tmp_path / "hr/a.png"), save(photo[:24, :28], tmp_path / "lr/a.bmp"))
    marked = PairFiles(save(photo, tmp_path / "hr/sub/b.png"), save(photo[:24, :28], tmp_path / "lr/sub/bx4.png"))
    assert sorted(find_pairs(tmp_path / "hr", tmp_path / "lr", 4), key=lambda pair: pair.hr) == [same, marked]
    assert all(pair.lr is None for pair in find_pairs(tmp_path / "hr", None, 4))


def test_folders_that_do_not_pair_are_refused(tmp_path: Path, photo: np.ndarray) -> None:
    with pytest.raises(DataError, match="no pictures"):
        find_pairs(tmp_path, None, 4)
    save(photo, tmp_path / "hr/a.png")
    with pytest.raises(DataError, match=r"The folder .*lr does not exist"):
        find_pairs(tmp_path / "hr", tmp_path / "lr", 4)
    with pytest.raises(DataError, match=r"a\.png is a file; give the folder that contains it"):
        find_pairs(tmp_path / "hr/a.png", None, 4)
    save(photo, tmp_path / "lr/c.png")
    with pytest.raises(DataError, match=r"a\.png has no counterpart"):
        find_pairs(tmp_path / "hr", tmp_path / "lr", 4)
    save(photo[:24, :27], tmp_path / "lr/a.png")
    with pytest.raises(DataError, match=r"27x24 pixels, but 1/4 of .* is 28x24"):
        find_pairs(tmp_path / "hr", tmp_path / "lr", 4)


def test_the_small_picture_is_read_or_made(tmp_path: Path, photo: np.ndarray) -> None:
    hr = save(photo[:95, :110], tmp_path / "hr.png")
    made = load_pair(PairFiles(hr, None), 4, channels=3)
    assert np.array_equal(made.hr, photo[:92, :108])
    assert np.array_equal(made.lr, downscale(photo[:92, :108], 4))
    other = photo[:23, :27]
    assert np.array_equal(load_pair(PairFiles(hr, save(other, tmp_path / "lr.png")), 4, channels=3).lr, other)
    grey = load_pair(PairFiles(hr, None), 4, channels=1)
    assert (grey.hr.shape, grey.lr.shape) == ((92, 108, 1), (23, 27, 1))


def test_bits_that_neither_uses_are_spared(tmp_path: Path, photo: np.ndarray) -> None:
    deep = photo[:96, :108].astype(np.uint16) * 16 + 15  # 12 bits.
    hr, lr = tmp_path / "hr.tif", tmp_path / "lr.tif"
    tifffile.imwrite(hr, deep, photometric="rgb")
    tifffile.imwrite(lr, np.minimum(deep[::4, ::4], 2047), photometric="rgb")
    pair = load_pair(PairFiles(hr, lr), 4, channels=3)
    assert pair.spare_bits == 4
    assert np.abs(pair.hr.astype(int) - photo[:96, :108]).max() <= 1
    assert pair.lr.max() == 127
    kept = load_pair(PairFiles(hr, lr), 4, channels=3, deep=True, lifted=False)
    assert (kept.spare_bits, kept.hr.max()) == (0, deep.max())
    assert decode(lr, 3, deep=False, spare=5).max() == 255
    assert decode(hr, 3, deep=True, spare=5).max() == 2047 * 32


def test_a_picture_smaller_than_one_small_pixel_is_refused(tmp_path: Path, photo: np.ndarray) -> None:
    path = save(photo[:3, :20], tmp_path / "dot.png")
    with pytest.raises(DataError, match=r"dot\.png has sides below 4 pixels"):
        load_pair(PairFiles(path, None), 4, channels=3)
