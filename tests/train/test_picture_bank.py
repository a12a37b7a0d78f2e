from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minutia.errors import DataError
from minutia.image.pairs import Pair, find_pairs, load_pair
from minutia.image.resize import downscale
from minutia.train.data import PictureBank

CPU = torch.device("cpu")


def numbered(height: int, width: int, first: int) -> Pair:
    """A pair whose low-resolution pixels are all different, and whose high-resolution ones repeat them 2x2."""
    lr = (first + np.arange(height * width)).astype(np.uint8).reshape(height, width, 1)
    return Pair(str(first), lr.repeat(2, axis=0).repeat(2, axis=1), lr)


@pytest.fixture
def bank() -> PictureBank:
    return PictureBank([numbered(5, 6, 0), numbered(4, 9, 100)], 2, 4, device=CPU, place=CPU)


def test_every_crop_is_a_window_of_a_picture_and_hr_matches_lr(bank: PictureBank) -> None:
    lr, hr = bank.batch(64, seed=1, step=0, augment=False)
    assert lr.shape == (64, 1, 4, 4)
    assert hr.shape == (64, 1, 8, 8)
    assert torch.equal(lr.repeat_interleave(2, 2).repeat_interleave(2, 3), hr)
    values = (lr * 255).round().long()
    steps_right = values[:, 0, 0, 1:] - values[:, 0, 0, :-1]
    steps_down = values[:, 0, 1:, 0] - values[:, 0, :-1, 0]
    assert (steps_right == 1).all()
    wide = values[:, 0, 0, 0] >= 100
    assert (steps_down[wide] == 9).all()
    assert (steps_down[~wide] == 6).all()


def test_every_place_is_equally_likely(bank: PictureBank) -> None:
    lr, _ = bank.batch(12000, seed=1, step=0, augment=False)
    corners = Counter((lr[:, 0, 0, 0] * 255).round().int().tolist())
    assert set(corners) == {0, 1, 2, 6, 7, 8, 100, 101, 102, 103, 104, 105}
    assert min(corners.values()) > 800
    assert max(corners.values()) < 1200


def test_augmentation_gives_the_eight_orientations(bank: PictureBank) -> None:
    lr, hr = bank.batch(4000, seed=1, step=0, augment=True)
    assert torch.equal(lr.repeat_interleave(2, 2).repeat_interleave(2, 3), hr)
    first = [crop for crop in (lr * 255).round().int()[:, 0] if crop.min() == 0 and crop.max() == 21]
    assert len({tuple(crop.flatten().tolist()) for crop in first}) == 8


def test_batches_depend_on_seed_and_step_alone(bank: PictureBank) -> None:
    again = PictureBank([numbered(5, 6, 0), numbered(4, 9, 100)], 2, 4, device=CPU, place=CPU)
    one, _ = bank.batch(32, seed=1, step=7, augment=True)
    same, _ = again.batch(32, seed=1, step=7, augment=True)
    other, _ = again.batch(32, seed=1, step=8, augment=True)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_small_pictures_are_left_out_and_none_left_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    pairs = [numbered(5, 6, 0), numbered(3, 9, 100)]
    lr, _ = PictureBank(pairs, 2, 4, device=CPU, place=CPU).batch(100, seed=0, step=0, augment=False)
    assert (lr * 255).max() < 99
    assert "1 of 2 pictures are smaller than a crop" in caplog.text
    with pytest.raises(DataError, match="No picture is as large as a crop of 16"):
        PictureBank(pairs, 2, 8, device=CPU, place=CPU)


def save(path: Path, height: int, width: int) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_low_resolution_is_made_where_there_is_none(tmp_path: Path) -> None:
    pixels = save(tmp_path / "a.png", 18, 21)
    pair = load_pair(find_pairs(tmp_path, None, 4)[0], 4, channels=3)
    assert np.array_equal(pair.hr, pixels[:16, :20])
    assert np.array_equal(pair.lr, downscale(pixels[:16, :20], 4))
    grey = load_pair(find_pairs(tmp_path, None, 4)[0], 4, channels=1)
    assert grey.lr.shape == (4, 5, 1)


def test_partners_are_found_by_name(tmp_path: Path) -> None:
    hr, lr = tmp_path / "hr", tmp_path / "lr"
    for name, partner in (("a", "a"), ("b", "bx4"), ("deep/c", "deep/c")):
        save(hr / f"{name}.png", 16, 16)
        save(lr / f"{partner}.png", 4, 4)
    assert [(pair.hr.stem, pair.lr and pair.lr.stem) for pair in find_pairs(hr, lr, 4)] == [
        ("a", "a"),
        ("b", "bx4"),
        ("c", "c"),
    ]


def test_pairs_that_do_not_fit_are_refused_before_the_start(tmp_path: Path) -> None:
    hr, lr = tmp_path / "hr", tmp_path / "lr"
    with pytest.raises(DataError, match="hr"):
        find_pairs(hr, None, 4)
    save(hr / "a.png", 16, 16)
    lr.mkdir()
    with pytest.raises(DataError, match=r"a\.png has no partner in"):
        find_pairs(hr, lr, 4)
    save(lr / "a.png", 4, 5)
    with pytest.raises(DataError, match=r"is 5x4 pixels, but 4x4 would be 1/4"):
        find_pairs(hr, lr, 4)
