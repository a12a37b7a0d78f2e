from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minutia.errors import DataError
from minutia.evaluate.benchmark import Method, run_benchmark
from minutia.evaluate.measures import Pixels8
from minutia.evaluate.precomputed import Precomputed
from minutia.types import Picture


def nearest(picture: Picture) -> Picture:
    return Picture(picture.pixels.repeat(4, axis=0).repeat(4, axis=1))


NEAREST = Method("nearest", 4, nearest)


@pytest.fixture
def small() -> Pixels8:
    return np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)


@pytest.fixture
def originals(tmp_path: Path, small: Pixels8) -> Path:
    folder = tmp_path / "Mine"
    (folder / "HR" / "below").mkdir(parents=True)
    (folder / "LR" / "below").mkdir(parents=True)
    for name in ("1", "10", "below/1"):
        Image.fromarray(small).save(folder / "LR" / f"{name}.png")
        large = small.repeat(4, axis=0).repeat(4, axis=1) // 2
        # One more row than the scale divides, as originals may have.
        Image.fromarray(np.pad(large, ((0, 1), (0, 0), (0, 0)))).save(folder / "HR" / f"{name}.png")
    return folder


def make(folder: Path, small: Pixels8, pattern: str, times: int = 4) -> Path:
    for name in ("1", "10", "below/1"):
        path = folder / pattern.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small.repeat(times, axis=0).repeat(times, axis=1)).save(path, lossless=True)
    return folder


@pytest.mark.parametrize("pattern", ["{}.webp", "{}.tif", "{}x4.png", "{}_out.png", "{}x4-nearest.bmp", "Mine/{}.png"])
def test_what_another_tool_made_is_measured_as_a_model_is(
    originals: Path, tmp_path: Path, small: Pixels8, pattern: str
) -> None:
    made = Precomputed("theirs", 4, make(tmp_path / "made", small, pattern))
    _, ours, theirs = run_benchmark([NEAREST, made], [originals])
    assert theirs.model == "theirs"
    assert theirs.pictures == ours.pictures
    assert len(ours.pictures) == 3


def test_the_names_that_minutia_gives_are_told_apart(tmp_path: Path, small: Pixels8) -> None:
    """photo_2_x4.png begins with "photo" too, and is of another picture."""
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    for folder, names in (("HR", ("photo", "photo_2")), ("made", ("photo_x4", "photo_2_x4"))):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(large).save(tmp_path / folder / f"{name}.png")
    _, theirs = run_benchmark([Precomputed("theirs", 4, tmp_path / "made")], [tmp_path])
    assert set(theirs.pictures) == {"photo.png", "photo_2.png"}


def test_what_cannot_take_part_is_told_before_anything_is_measured(
    originals: Path, tmp_path: Path, small: Pixels8
) -> None:
    enlarged: list[Picture] = []
    watched = Method("watched", 4, lambda picture: (enlarged.append(picture), nearest(picture))[1])

    def refusal(folder: Path) -> str:
        with pytest.raises(DataError) as refused:
            run_benchmark([watched, Precomputed("theirs", 4, folder)], [originals])
        return str(refused.value)

    assert refusal(tmp_path / "none") == f"The folder {tmp_path / 'none'} does not exist."
    made = make(tmp_path / "made", small, "{}_a.png")
    (made / "10_a.png").unlink()
    assert f"{made} holds nothing for {originals / 'HR' / '10.png'}; one picture" in refusal(made)
    twice = make(make(tmp_path / "twice", small, "{}_a.png"), small, "{}_b.png")
    assert f"{twice} holds 1_a.png and 1_b.png for {originals / 'HR' / '1.png'}" in refusal(twice)
    other = make(tmp_path / "other", small, "{}.png", times=2)
    assert "1.png does not have 36x32 pixels, as" in refusal(other)
    assert enlarged == []
