"""Score models on test sets: every picture, and the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minutia.errors import DataError
from minutia.image.color import to_uint8
from minutia.image.pairs import PairFiles, find_pairs, load_pair
from minutia.image.resize import upscale_bicubic
from minutia.metrics import CONVENTION, Score, score_y
from minutia.types import Picture, Pixels, Progress, ignore_progress

Enlarge = Callable[[Picture], Picture]

BICUBIC = "bicubic"


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that enlarges pictures."""

    name: str
    scale: int
    enlarge: Enlarge


@dataclass(frozen=True, slots=True)
class TestSet:
    """Pictures whose originals are known, at one scale."""

    name: str
    scale: int
    files: Sequence[PairFiles]


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant reached on one test set."""

    model: str
    data: str
    scale: int
    pictures: dict[str, Score]
    """Score of each picture, by name."""
    convention: str = field(default=CONVENTION)

    @property
    def mean(self) -> Score:
        """Mean of the pictures' figures."""
        scores = list(self.pictures.values())
        return Score(
            psnr=float(np.mean([score.psnr for score in scores])),
            ssim=float(np.mean([score.ssim for score in scores])),
        )


def find_test_set(folder: Path, scale: int) -> TestSet:
    """Find the pictures of a test set for one scale.

    `folder` holds HR and LR folders, or x2, x4, ... folders that hold those, or only originals, from which the
    low-resolution pictures are then made by MATLAB's bicubic.

    Raises:
        DataError: no pictures, or pictures that do not pair.
    """
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist.")
    name = folder.parent.name if folder.name == f"x{scale}" else folder.name
    below = folder / f"x{scale}"
    root = below if below.is_dir() else folder
    if (root / "HR").is_dir():
        lr = root / "LR"
        return TestSet(name, scale, find_pairs(root / "HR", lr if lr.is_dir() else None, scale))
    return TestSet(name, scale, find_pairs(root, None, scale))


def run_benchmark(
    contestants: Sequence[Contestant], folders: Sequence[Path], progress: Progress = ignore_progress
) -> list[Result]:
    """Let every contestant enlarge every picture of every test set; bicubic always takes part.

    Returns:
        Results by test set and scale, bicubic first.

    Raises:
        DataError: a folder holds no test set.
    """
    scales = sorted({contestant.scale for contestant in contestants})
    sets = [find_test_set(folder, scale) for folder in folders for scale in scales]
    rounds = [
        (test_set, contestant)
        for test_set in sets
        for contestant in [_bicubic(test_set.scale), *contestants]
        if contestant.scale == test_set.scale
    ]
    total = sum(len(test_set.files) for test_set, _ in rounds)
    done = 0
    results = []
    for test_set, contestant in rounds:
        scores = {}
        for files in test_set.files:
            scores[files.hr.name] = _score(contestant, files)
            done += 1
            progress(done, total)
        results.append(Result(contestant.name, test_set.name, test_set.scale, scores))
    return results


def _score(contestant: Contestant, files: PairFiles) -> Score:
    pair = load_pair(files, contestant.scale, channels=3)
    sr: Pixels = contestant.enlarge(Picture(pair.lr)).pixels
    return score_y(to_uint8(sr), pair.hr, contestant.scale)


def _bicubic(scale: int) -> Contestant:
    return Contestant(BICUBIC, scale, lambda picture: Picture(upscale_bicubic(to_uint8(picture.pixels), scale)))
