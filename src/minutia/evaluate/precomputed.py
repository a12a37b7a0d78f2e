"""Results of other tools, measured beside models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minutia.errors import DataError
from minutia.evaluate.benchmark import PHOTO, Answer, Kind, TestSet
from minutia.image.io import read_size
from minutia.image.pairs import PairFiles, by_stem, decode


@dataclass(frozen=True, slots=True)
class Precomputed:
    """An entrant whose answers are read from a folder, or from one of the test set's name below it."""

    name: str
    scale: int
    folder: Path
    kind: Kind = PHOTO
    about: Mapping[str, str] = field(default_factory=dict)

    def answers_to(self, test_set: TestSet) -> Answer:
        """Find an answer to every picture; it has the picture's name, with the scale perhaps, or one that begins so.

        Raises:
            DataError: a picture has no answer, or several, or one of another size.
        """
        below = self.folder / test_set.name
        root = below if below.is_dir() else self.folder
        if not root.is_dir():
            raise DataError(f"The folder {root} does not exist.")
        made = by_stem(root)
        answers = {files.hr: self._find(files, test_set, root, made) for files in test_set.files}
        channels, deep = self.kind.channels, not self.kind.is_photo
        return lambda files, pair: decode(answers[files.hr], channels, deep=deep, spare=pair.spare_bits)

    def _find(self, files: PairFiles, test_set: TestSet, root: Path, made: Mapping[Path, Path]) -> Path:
        stem = files.hr.relative_to(test_set.folder).with_suffix("")
        names = {stem.name, f"{stem.name}x{self.scale}", f"{stem.name}_x{self.scale}"}
        found = [path for key, path in made.items() if key.parent == stem.parent and key.name in names]
        found = found or [
            path
            for key, path in made.items()
            if key.parent == stem.parent and any(_goes_on(key.name, name) for name in names)
        ]
        if len(found) != 1:
            how_many = "nothing" if not found else " and ".join(path.name for path in found)
            raise DataError(f"{root} holds {how_many} for {files.hr}; one picture of that name is needed.")
        height, width = (side // self.scale * self.scale for side in read_size(files.hr))
        if read_size(found[0]) != (height, width):
            raise DataError(
                f"{found[0]} does not have {width}x{height} pixels, as {files.hr} has at x{self.scale}; "
                "make it from the LR pictures of the test set."
            )
        return found[0]


def _goes_on(name: str, stem: str) -> bool:
    """Tell whether a tool has added something to a name, as in 0801_out or 0801x4-upscaled."""
    return name.startswith(stem) and not name[len(stem) :][:1].isalnum()
