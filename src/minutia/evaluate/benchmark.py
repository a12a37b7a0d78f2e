"""Score models on test sets: every picture, and the mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from minutia.errors import DataError
from minutia.evaluate.measures import FIDELITY, Measure
from minutia.image.color import normalise, to_float, to_uint8
from minutia.image.io import read_size
from minutia.image.pairs import Pair, PairFiles, find_pairs, load_pair, paired_folders, require_folder
from minutia.image.resize import upscale_bicubic
from minutia.types import Normalisation, Picture, Pixels, Progress, ignore_progress
from minutia.zoo.card import ModelCard

Enlarge: TypeAlias = Callable[[Picture], Picture]
Answer: TypeAlias = Callable[[PairFiles, Pair], Pixels]
"""Gives the enlarged (H, W, C) of one picture of a test set."""

BICUBIC = "bicubic"
ORIGINAL = "original"

SMALL = re.compile(r"LR($|[\W\d_]|bic|x\d)|.*(bic|down).*x\d", re.IGNORECASE)
"""Names of folders of low-resolution pictures: LR, LRbicx4, DIV2K_bicubic_x4, downsampled_x4."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of pictures that a method takes."""

    channels: int = 3
    normalisation: Normalisation | None = None

    @property
    def is_photo(self) -> bool:
        """Whether metrics are computed on 8 bits, as in the literature, and not on normalised bands."""
        return self.normalisation is None and self.channels in {1, 3}

    def seen(self, pixels: Pixels) -> Pixels:
        """Convert (H, W, C) to the values that are measured."""
        if self.is_photo:
            return to_uint8(pixels)
        if self.normalisation is None:
            return np.ascontiguousarray(to_float(pixels)[0].transpose(1, 2, 0))
        return normalise(pixels, self.normalisation)


PHOTO = Kind()
"""Of models of one channel too: they see each colour by itself."""


def kind_of(card: ModelCard) -> Kind:
    """Tell what sort of pictures a model takes."""
    kind = Kind(card.channels, card.normalisation)
    return PHOTO if kind.is_photo else kind


@dataclass(frozen=True, slots=True)
class TestSet:
    """Pictures whose originals are known, at one scale."""

    name: str
    scale: int
    folder: Path
    """Of the originals."""
    files: Sequence[PairFiles]


class Entrant(Protocol):
    """Something whose pictures are measured."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    @property
    def scale(self) -> int:
        """Its scale."""

    @property
    def kind(self) -> Kind:
        """Kind of pictures that it takes."""

    @property
    def about(self) -> Mapping[str, str]:
        """Facts that a report keeps besides the name: which weights, and what ran them."""

    def answers_to(self, test_set: TestSet) -> Answer:
        """Get ready for a test set.

        Raises:
            DataError: it cannot take part.
        """


@dataclass(frozen=True, slots=True)
class Method:
    """Something that enlarges pictures."""

    name: str
    scale: int
    enlarge: Enlarge
    kind: Kind = PHOTO
    about: Mapping[str, str] = field(default_factory=dict)

    def answers_to(self, _: TestSet) -> Answer:
        """Enlarge each low-resolution picture."""
        return lambda _, pair: self.enlarge(Picture(pair.lr)).pixels


@dataclass(frozen=True, slots=True)
class _Original:
    """Scores the originals themselves with metrics that need no original."""

    scale: int
    kind: Kind
    name: str = ORIGINAL
    about: Mapping[str, str] = field(default_factory=dict)

    def answers_to(self, _: TestSet) -> Answer:
        return lambda _, pair: pair.hr


@dataclass(frozen=True, slots=True)
class Result:
    """Scores of one method on one test set."""

    model: str
    data: str
    scale: int
    measures: tuple[Measure, ...]
    pictures: dict[str, dict[str, float]]
    """Scores of each picture, by its path below the folder and the key of the metric."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Other facts about the method."""

    @property
    def mean(self) -> dict[str, float]:
        """Mean of the scores of all pictures, by the key of the metric."""
        figures = self.pictures.values()
        return {each.key: float(np.mean([figure[each.key] for figure in figures])) for each in self.measures}


def find_test_set(folder: Path, scale: int) -> TestSet:
    """Find the pictures of a test set for one scale.

    `folder` holds HR and LR folders, in letters of either case, or x2, x4, ... folders that hold those, or only
    originals, from which the low-resolution pictures are then made by bicubic downscaling as in MATLAB.

    Raises:
        DataError: no pictures, pictures that do not pair, folders of other scales alone, or LR pictures without HR.
    """
    require_folder(folder)
    place = Path(os.path.normpath(folder.absolute()))  # The working folder has a name too, and links keep theirs.
    name = place.parent.name if place.name == f"x{scale}" else place.name
    below = folder / f"x{scale}"
    root = below if below.is_dir() else folder
    hr, lr = paired_folders(root)
    if hr is not None:
        return TestSet(name, scale, hr, find_pairs(hr, lr, scale))
    others = sorted(path.name for path in root.glob("x[2-9]") if path.is_dir())
    if others:
        raise DataError(f"{folder} holds {' and '.join(others)}, and no x{scale} for models of that scale.")
    copies = sorted(path.name for path in root.iterdir() if path.is_dir() and SMALL.match(path.name))
    if copies:
        raise DataError(
            f"{root} holds {' and '.join(copies)}, low-resolution by name, and no HR; call the folders of originals "
            "and low-resolution pictures HR and LR, or give only that of the originals."
        )
    return TestSet(name, scale, root, find_pairs(root, None, scale))


def run_benchmark(
    entrants: Sequence[Entrant],
    folders: Sequence[Path],
    progress: Progress = ignore_progress,
    *,
    measures: Sequence[Measure] = FIDELITY,
) -> list[Result]:
    """Measure every entrant's answer to every picture of every test set.

    Bicubic always takes part, and the originals do where a measure needs none.

    Returns:
        Results by test set and scale, bicubic first, and the originals last.

    Raises:
        DataError: a folder holds no test set, two are of one name, a picture is too small for a measure, entrants take
            pictures of different kinds, or one has no answer to a test set.
    """
    kinds = {entrant.kind for entrant in entrants}
    if len(kinds) > 1:
        raise DataError("These models differ in their bands or their normalisation; evaluate them separately.")
    (kind,) = kinds or {PHOTO}
    scales = sorted({entrant.scale for entrant in entrants})
    sets = [find_test_set(folder, scale) for folder in folders for scale in scales]
    _require_fit(sets, measures)
    shows_originals = any(not measure.needs_original for measure in measures)
    rounds = []
    for test_set in sets:
        last = [_Original(test_set.scale, kind)] if shows_originals else []
        these = [each for each in entrants if each.scale == test_set.scale]
        everybody: list[Entrant] = [_bicubic(test_set.scale, kind), *these, *last]
        rounds.append((test_set, [(each, each.answers_to(test_set)) for each in everybody]))
    total = sum(len(test_set.files) * len(answers) for test_set, answers in rounds)
    done = 0
    results = []
    for test_set, answers in rounds:
        figures: list[dict[str, dict[str, float]]] = [{} for _ in answers]
        for files in test_set.files:
            # All have a go at one picture before the next: what a measure knows of an original holds for all of them.
            is_lifted = kind.normalisation is None
            pair = load_pair(files, test_set.scale, kind.channels, deep=not kind.is_photo, lifted=is_lifted)
            hr = kind.seen(pair.hr)
            for (_, answer), found in zip(answers, figures, strict=True):
                sr = kind.seen(answer(files, pair))
                place = files.hr.relative_to(test_set.folder).as_posix()
                found[place] = {each.key: each.compute(sr, hr, test_set.scale) for each in measures}
                done += 1
                progress(done, total)
        results += [
            Result(entrant.name, test_set.name, test_set.scale, tuple(measures), found, entrant.about)
            for (entrant, _), found in zip(answers, figures, strict=True)
        ]
    return results


def _require_fit(sets: Sequence[TestSet], measures: Sequence[Measure]) -> None:
    """Check before anything is measured that names tell sets apart, and that every picture can be measured."""
    names = [(each.name, each.scale) for each in sets]
    if double := next((name for name, scale in names if names.count((name, scale)) > 1), None):
        raise DataError(f"Two test sets are called {double}; rename the folder of one, or evaluate them separately.")
    for test_set in sets:
        scale = test_set.scale
        side, strict = max((each.least(scale), each.key.upper()) for each in measures)
        least = -(-side // scale) * scale  # Originals are cut to a multiple of the scale before they are measured.
        for files in test_set.files:
            height, width = read_size(files.hr)
            if min(height, width) < least:
                raise DataError(
                    f"{files.hr} has {width}x{height} pixels, and {strict} at x{scale} needs sides of {least}; "
                    "remove it from the folder."
                )


def _bicubic(scale: int, kind: Kind) -> Method:
    return Method(BICUBIC, scale, lambda picture: Picture(upscale_bicubic(picture.pixels, scale)), kind)
