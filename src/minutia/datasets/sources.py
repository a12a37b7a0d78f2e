"""Find the pictures of a set, with their low-resolution copies, in what was downloaded or unpacked."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minutia.datasets.archives import is_unpacked, unpack, unpacked_folder
from minutia.datasets.checksums import noted, verify
from minutia.datasets.dataset import Dataset
from minutia.errors import DataError
from minutia.image.io import find_pictures
from minutia.image.pairs import find_pairs, paired_folders
from minutia.types import Progress, ignore_progress

logger = logging.getLogger(__name__)

MAC_FOLDER = "__MACOSX"
"""What archives made on a Mac hold beside what was packed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to prepare."""

    name: str
    """What it is called when it is prepared, without suffix; `/` separates sub-folders."""
    hr: Path
    lr: Path | None
    """Its low-resolution copy; None where that is to be made."""


def find_sources(
    dataset: Dataset, place: Path, scale: int, progress: Progress = ignore_progress
) -> tuple[list[Source], dict[str, str]]:
    """Find the pictures of a named set; archives are checked and unpacked beside themselves.

    Args:
        place: an archive, a folder with the archives, or a folder into which they were unpacked.
        progress: called with (done, total) while an archive is unpacked.

    Returns:
        The pictures by name, and the SHA-256 of the archives that were used, by name.

    Raises:
        DataError: nothing of the set is there, or an archive is not what it should be.
    """
    roots, archives = _open(dataset, place, progress)
    hr = _glob(roots, dataset.hr.format(scale=scale))
    if not hr:
        raise DataError(_not_found(dataset, place, dataset.hr.format(scale=scale)))
    pictures = {_key(path, dataset): path for path in reversed(hr)}  # Of two copies, the first stays.
    if len(pictures) != dataset.num_pictures:
        logger.warning("%s: %d pictures of %d are in %s.", dataset.name, len(pictures), dataset.num_pictures, place)
    if dataset.lr is None:
        return [Source(key, pictures[key], None) for key in sorted(pictures)], archives
    lr = _glob(roots, dataset.lr.format(scale=scale))
    return _paired(dataset, pictures, lr, place), archives


def find_own(folder: Path, scale: int) -> list[Source]:
    """Find pictures in a folder of the user: in HR and LR folders if it has them, else wherever they lie in it.

    Raises:
        DataError: there are none, they do not pair, or two would get the same name.
    """
    if not folder.is_dir():
        what = "is neither a folder nor an archive" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}.")
    folder = _only_folder(folder)
    hr, lr = paired_folders(folder)
    root, lr = (folder, None) if hr is None else (hr, lr)
    try:
        pairs = find_pairs(root, lr, scale)
    except DataError as error:
        if lr is None:
            raise
        said = str(error).rstrip(".")
        raise DataError(f"{said}; minutia datasets check {folder} --scale {scale} lists all of that kind.") from error
    sources: dict[str, Source] = {}
    for pair in pairs:
        name = pair.hr.relative_to(root).with_suffix("").as_posix()
        if name in sources:
            raise DataError(f"{sources[name].hr} and {pair.hr} would get the same name; rename one of them.")
        sources[name] = Source(name, pair.hr, pair.lr)
    return list(sources.values())


def _only_folder(folder: Path) -> Path:
    """Go into the one folder that archives often hold, beside a README perhaps, where HR is in that."""
    inside = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", MAC_FOLDER))]
    if len(inside) != 1 or paired_folders(inside[0])[0] is None or find_pictures(folder, recursive=False):
        return folder
    return inside[0]


def choose(sources: Sequence[Source], count: int | None, seed: int) -> list[Source]:
    """Take `count` pictures at random, with all their low-resolution copies; None takes all.

    The choice hangs on the seed and the names alone, the same on every machine; a smaller count takes a part of what
    a larger one takes.

    Raises:
        DataError: there are not so many.
    """
    copies: defaultdict[Path, list[Source]] = defaultdict(list)
    for source in sources:
        copies[source.hr].append(source)
    if count is None:
        return list(sources)
    if count > len(copies):
        raise DataError(f"There are {len(copies)} pictures, not {count}; give a smaller --count.")
    ranked = sorted(copies.values(), key=lambda group: _rank(group[0].name, seed))
    return sorted((source for group in ranked[:count] for source in group), key=lambda source: source.name)


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()


def _open(dataset: Dataset, place: Path, progress: Progress) -> tuple[list[Path], dict[str, str]]:
    """Get the folders in which the pictures lie, and the checksums of the archives they came from."""
    if place.is_file():
        if len(dataset.archives) > 1:
            names = " and ".join(archive.name for archive in dataset.archives)
            raise DataError(f"{dataset.name} needs {names}; give the folder that contains them.")
        known = dataset.archives[0]
        root, sha256 = _unpack_checked(place, known.checksum if place.name == known.name else None, progress)
        return [root], {place.name: sha256}
    if not place.is_dir():
        raise DataError(_not_found(dataset, place, dataset.archives[0].name))
    roots, used = [], {}
    for archive in dataset.archives:
        path = place / archive.name
        # A folder of its name that something else has unpacked is looked into with all the rest.
        if path.is_file() and (is_unpacked(path) or not unpacked_folder(path).exists()):
            root, used[archive.name] = _unpack_checked(path, archive.checksum, progress)
            roots.append(root)
    if not roots and dataset.by_hand is not None:
        # Its pattern fits any picture: folders of its name are looked into, or the very one that is given.
        own = [path for path in place.glob(f"{dataset.name}*") if path.is_dir()]
        return own or ([place] if any(place.glob(dataset.hr)) else []), used
    return roots if len(roots) == len(dataset.archives) else [*roots, place], used


def _unpack_checked(archive: Path, published: str | None, progress: Progress) -> tuple[Path, str]:
    """Unpack an archive that is what it should be; one that is unpacked was checked before."""
    before = noted(archive) if is_unpacked(archive) else None
    sha256 = before or verify(archive, published).sha256
    return unpack(archive, progress), sha256


def _glob(roots: Sequence[Path], pattern: str) -> list[Path]:
    """List what matches, nearest first, outside hidden folders."""
    folder, _, name = pattern.rpartition("/")
    found = [
        path
        for root in roots
        for path in (*root.glob(f"**/{pattern}"), *(root.glob(name) if folder and root.match(folder) else ()))
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    return sorted(found, key=lambda path: (len(path.parts), path))


def _key(path: Path, dataset: Dataset) -> str:
    found = re.search(dataset.key, path.stem)
    return found.group() if found else path.stem


def _paired(dataset: Dataset, pictures: dict[str, Path], lr: Sequence[Path], place: Path) -> list[Source]:
    """Give each low-resolution picture its original; one that has several small ones is taken several times."""
    copies: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for path in lr:
        copies[_key(path, dataset)].setdefault(path.stem, path)
    lacking = sorted(set(pictures) - set(copies))
    if lacking:
        raise DataError(
            f"{place} holds no low-resolution picture for {lacking[0]} and {len(lacking) - 1} others; "
            f"minutia datasets download {dataset.name} downloads them."
        )
    return [
        Source(key if len(copies[key]) == 1 else stem, pictures[key], path)
        for key in sorted(pictures)
        for stem, path in sorted(copies[key].items())
    ]


def _not_found(dataset: Dataset, place: Path, what: str) -> str:
    if dataset.by_hand is not None:
        return f"{place} holds no {what}; {dataset.by_hand}."
    return f"{place} holds no {what}; minutia datasets download {dataset.name} downloads it; or use --from PATH."
