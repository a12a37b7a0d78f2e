from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minutia.errors import DataError
from minutia.image.io import write
from minutia.image.pairs import Pair, PairFiles
from minutia.train import data
from minutia.train.data import PictureBank, load_pairs
from minutia.train.pictures import Chosen, spread
from minutia.types import Normalisation, Picture

CPU = torch.device("cpu")


def numbered(height: int, width: int, first: int) -> Pair:
    """A pair whose low-resolution pixels are all different, and whose high-resolution ones repeat them 2x2."""
    lr = (first + np.arange(height * width)).astype(np.uint8).reshape(height, width, 1)
    return Pair(str(first), lr.repeat(2, axis=0).repeat(2, axis=1), lr)


@pytest.fixture
def bank() -> PictureBank:
    return PictureBank([numbered(5, 6, 0), numbered(4, 9, 100)], 2, device=CPU, place=CPU)


def test_every_crop_is_a_window_of_a_picture_and_hr_matches_lr(bank: PictureBank) -> None:
    lr, hr = bank.batch(64, 4, seed=1, step=0, augment=False)
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
    lr, _ = bank.batch(12000, 4, seed=1, step=0, augment=False)
    corners = Counter((lr[:, 0, 0, 0] * 255).round().int().tolist())
    assert set(corners) == {0, 1, 2, 6, 7, 8, 100, 101, 102, 103, 104, 105}
    assert min(corners.values()) > 800
    assert max(corners.values()) < 1200


def test_augmentation_gives_the_eight_orientations(bank: PictureBank) -> None:
    lr, hr = bank.batch(4000, 4, seed=1, step=0, augment=True)
    assert torch.equal(lr.repeat_interleave(2, 2).repeat_interleave(2, 3), hr)
    first = [crop for crop in (lr * 255).round().int()[:, 0] if crop.min() == 0 and crop.max() == 21]
    assert len({tuple(crop.flatten().tolist()) for crop in first}) == 8


def test_batches_depend_on_seed_and_step_alone(bank: PictureBank) -> None:
    again = PictureBank([numbered(5, 6, 0), numbered(4, 9, 100)], 2, device=CPU, place=CPU)
    one, _ = bank.batch(32, 4, seed=1, step=7, augment=True)
    same, _ = again.batch(32, 4, seed=1, step=7, augment=True)
    other, _ = again.batch(32, 4, seed=1, step=8, augment=True)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_of_several_candidates_the_one_with_the_most_detail_is_cut() -> None:
    """A picture that rises by one to the right, and from the seventh column by two."""
    columns = np.arange(12)
    lr = np.broadcast_to(columns + np.maximum(columns - 6, 0), (6, 12)).astype(np.uint8)[..., None]
    bank = PictureBank([Pair("ramp", lr.repeat(2, axis=0).repeat(2, axis=1), lr)], 2, device=CPU, place=CPU)
    plain, _ = bank.batch(2000, 4, seed=1, step=0, augment=False)
    chosen, hr = bank.batch(2000, 4, seed=1, step=0, augment=False, candidates=64)
    span = [(crops[:, 0, 0, 3] - crops[:, 0, 0, 0]) * 255 for crops in (plain, chosen)]
    assert (span[0].round() == 6).float().mean() == pytest.approx(3 / 9, abs=0.05)
    assert (span[1].round() == 6).all()
    assert torch.equal(chosen.repeat_interleave(2, 2).repeat_interleave(2, 3), hr)


def test_small_pictures_are_left_out_and_none_left_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    bank = PictureBank([numbered(5, 6, 0), numbered(3, 9, 100)], 2, device=CPU, place=CPU)
    lr, _ = bank.batch(100, 4, seed=0, step=0, augment=False)
    assert (lr * 255).max() < 99
    bank.check(3)
    assert not caplog.text
    bank.check(4)
    assert "1 of 2 pictures are smaller than a crop" in caplog.text
    with pytest.raises(DataError, match="No picture is as large as a crop of 16x16"):
        bank.check(8)
    bank.check(3, 2)
    with pytest.raises(
        DataError, match="16x16 pixels, of which 8 are the margin for degradation; set lr_crop to at most 1"
    ):
        bank.check(4, 4)
    with pytest.raises(DataError, match="for degradation; use larger pictures"):
        bank.check(1, 7)


def test_files_are_taken_from_all_over() -> None:
    assert spread(range(12), 5) == [0, 2, 4, 7, 9]
    assert spread(range(399), 200)[-1] == 397
    assert spread(range(800), 8) == list(range(0, 800, 100))
    assert spread(range(3), 3) == [0, 1, 2]
    assert spread([], 0) == []


def test_no_picture_is_in_memory_twice() -> None:
    def pairs() -> Iterator[Pair]:
        for index in range(20):
            yield numbered(100, 100, index)

    tracemalloc.start()
    bank = PictureBank(pairs(), 2, device=CPU, place=CPU, num_pixels=20 * 100 * 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * (bank.hr.nbytes + bank.lr.nbytes)
    same = PictureBank(pairs(), 2, device=CPU, place=CPU)
    assert torch.equal(bank.hr, same.hr)
    assert torch.equal(bank.start, same.start)


def test_memory_is_known_before_anything_is_decoded(tmp_path: Path) -> None:
    for index, side in enumerate((16, 19)):
        Image.new("RGB", (side, 12)).save(tmp_path / f"{index}.png")
    chosen = Chosen([PairFiles(tmp_path / f"{index}.png", None) for index in range(2)], [])
    decoded = list(load_pairs(chosen.training, 4, 3))
    assert chosen.num_bytes(4, 3) == sum(pair.hr.nbytes + pair.lr.nbytes for pair in decoded)


def test_sixteen_bits_stay_and_eight_are_brought_to_them(tmp_path: Path) -> None:
    levels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64, 1) * 16 + 1
    write(Picture(levels), tmp_path / "0.png")
    Image.fromarray(np.full((64, 64), 200, np.uint8)).save(tmp_path / "1.png")
    chosen = Chosen([PairFiles(tmp_path / f"{index}.png", None) for index in range(2)], [])
    pairs = load_pairs(chosen.training, 2, 1)
    bank = PictureBank(pairs, 2, device=CPU, place=CPU)
    assert bank.hr.dtype == bank.lr.dtype == torch.int16
    assert chosen.num_bytes(2, 1) == bank.hr.nbytes + bank.lr.nbytes
    _, hr = bank.batch(400, 16, seed=0, step=0, augment=False)
    seen = {round(value) for value in (hr.double() * 65535).flatten().tolist()}
    assert seen <= {*levels.flatten().tolist(), 200 * 257}
    assert len(seen) > 3000


def test_memory_of_sixteen_bit_colour_is_known(tmp_path: Path) -> None:
    write(Picture(np.zeros((8, 12, 3), np.uint16)), tmp_path / "0.png")
    assert Chosen([PairFiles(tmp_path / "0.png", None)], []).num_bytes(4, 3) == 2 * 3 * (8 * 12 + 2 * 3)


def test_measurements_become_sixteen_bits_of_their_range(tmp_path: Path) -> None:
    pixels = np.linspace(-10, 10, 32 * 32, dtype=np.float32).reshape(32, 32, 1)
    write(Picture(pixels), tmp_path / "0.tif")
    chosen = Chosen([PairFiles(tmp_path / "0.tif", None)], [])
    by = Normalisation((-5.0,), (5.0,))
    (pair,) = load_pairs(chosen.training, 2, 1, normalisation=by)
    assert chosen.num_bytes(2, 1, normalised=True) == pair.hr.nbytes + pair.lr.nbytes
    assert np.abs(pair.hr / 65535 - np.clip((pixels + 5) / 10, 0, 1)).max() < 1 / 65535


def test_who_leaves_while_pictures_are_decoded_does_not_wait_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []

    def decode(file: object, *_: object) -> object:
        time.sleep(0.01)
        decoded.append(file)
        return file

    def leave(done: int, total: int) -> None:
        del total
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(data, "_load", decode)
    with pytest.raises(KeyboardInterrupt):
        list(load_pairs(list(range(2000)), 4, 3, leave))
    assert len(decoded) < 1500
