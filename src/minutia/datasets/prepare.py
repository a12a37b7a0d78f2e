"""Make HR and LR folders of a set of pictures, and a manifest that says what they were made of."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from minutia import __version__
from minutia.datasets.archives import is_archive, unpack
from minutia.datasets.checksums import digest
from minutia.datasets.cutting import DEFAULT_SCALE, HR, LR, Settings, cut, save
from minutia.datasets.dataset import Dataset
from minutia.datasets.disk import finish, part_of, require_new, told
from minutia.datasets.manifest import (
    Made,
    Plan,
    difference,
    note,
    read_journal,
    read_manifest,
    start_journal,
    write_manifest,
)
from minutia.datasets.sources import Source, choose, find_own, find_sources
from minutia.datasets.workers import in_order
from minutia.errors import DataError, PictureError
from minutia.types import Progress, ignore_progress


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set that is ready for training."""

    folder: Path
    num_pairs: int
    skipped: Mapping[str, str]
    """Why a picture was left out, by its name."""
    is_new: bool
    """It was made now; else it was there already."""


def scale_for(dataset: Dataset, wanted: int | None) -> int:
    """Settle the scale at which a set is prepared; None takes 4, or what the set has.

    Raises:
        DataError: the set's low-resolution pictures are of other scales.
    """
    if not dataset.scales:
        return DEFAULT_SCALE if wanted is None else wanted
    if wanted is None:
        return DEFAULT_SCALE if DEFAULT_SCALE in dataset.scales else dataset.scales[0]
    if wanted not in dataset.scales:
        offered = ", ".join(f"x{scale}" for scale in dataset.scales)
        raise DataError(f"{dataset.name} has low-resolution pictures of {offered}, not x{wanted}; change --scale.")
    return wanted


def prepare_dataset(
    dataset: Dataset,
    place: Path,
    target: Path,
    settings: Settings,
    *,
    unpacking: Progress = ignore_progress,
    progress: Progress = ignore_progress,
) -> Prepared:
    """Prepare a named set from its archives, or from folders into which they were unpacked.

    `target` gets the folders HR and LR, with the same names in both, and manifest.json. It is there whole or not at
    all; a run that was stopped is gone on with. Where the same was made before, nothing is done.

    Args:
        place: an archive, or the folder with the archives or with what was unpacked.
        unpacking: called with (done, total) members of an archive; total is 0 where it is not known.
        progress: called with (done, total) pictures.

    Raises:
        DataError: nothing to prepare, another set in `target`, or no room.
    """
    sources, archives = find_sources(dataset, place, settings.scale, unpacking)
    about = {"name": dataset.name, "source": dataset.homepage, "licence": dataset.licence, "archives": archives}
    return _prepare(sources, about, target, settings, progress)


def prepare_own(
    place: Path,
    target: Path,
    settings: Settings,
    *,
    unpacking: Progress = ignore_progress,
    progress: Progress = ignore_progress,
) -> Prepared:
    """Prepare a folder or an archive of one's own; otherwise as `prepare_dataset`."""
    folder = unpack(place, unpacking) if place.is_file() and is_archive(place) else place
    if target.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{target} is inside {folder} and would be used as a source; choose a folder elsewhere.")
    sources = find_own(folder, settings.scale)
    about = {"name": folder.absolute().name, "source": str(folder.resolve()), "licence": "your own", "archives": {}}
    return _prepare(sources, about, target, settings, progress)


def _prepare(sources: Sequence[Source], about: Plan, target: Path, settings: Settings, progress: Progress) -> Prepared:
    if settings.resize is not None and any(source.lr is not None for source in sources):
        raise DataError(
            f"{about['name']} has low-resolution pictures of its own, which --resize does not keep; "
            "leave out --resize, or give only the high-resolution pictures."
        )
    chosen = choose(sources, settings.count, settings.seed)
    plan = _plan(chosen, about, settings)
    before = _find_prepared(target, plan)
    if before is not None:
        return before
    require_new(target)
    made = _make(chosen, plan, target, settings, progress)
    skipped = {each.name: each.skipped for each in made if each.skipped is not None}
    if len(skipped) == len(made):
        shutil.rmtree(part_of(target), ignore_errors=True)
        raise DataError(f"None of the {len(made)} pictures can be used; the first: {next(iter(skipped.values()))}")
    write_manifest(part_of(target), plan, made, f"minutia {__version__}")
    with told(target):
        finish(target)
    return Prepared(target, sum(len(each.files) for each in made) // 2, skipped, is_new=True)


def _plan(chosen: Sequence[Source], about: Plan, settings: Settings) -> Plan:
    """Say what is wanted, as JSON would give it back. Sizes of files tell pictures that were replaced."""
    sizes = [path.stat().st_size for source in chosen for path in (source.hr, source.lr) if path is not None]
    found = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
    plan = about | asdict(settings) | {"pictures": [source.name for source in chosen], "sizes": found}
    again: Plan = json.loads(json.dumps(plan))
    return again


def _find_prepared(target: Path, plan: Plan) -> Prepared | None:
    """Recognise a folder that was prepared by the same plan.

    Raises:
        DataError: it was prepared by another, or files are missing.
    """
    manifest = read_manifest(target)
    if manifest is None:
        return None
    other = difference(manifest, plan)
    if other is not None:
        raise DataError(f"{target} was prepared differently: {other}; choose a new folder.")
    missing = [path for path in manifest["files"] if not (target / path).is_file()]
    if missing:
        raise DataError(f"{target} lacks {missing[0]} and {len(missing) - 1} more; delete it and prepare it again.")
    return Prepared(target, len(manifest["files"]) // 2, manifest.get("skipped", {}), is_new=False)


def _make(chosen: Sequence[Source], plan: Plan, target: Path, settings: Settings, progress: Progress) -> list[Made]:
    """Write all pictures into the folder that grows beside the target, going on where an earlier run stopped."""
    part = part_of(target)
    with told(target):
        made = read_journal(part, plan)
        if made is None:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            made = []
        start_journal(part, plan, made)
    for each in in_order(partial(_make_one, settings=settings, folder=part), chosen[len(made) :]):
        note(part, each)
        made.append(each)
        progress(len(made), len(chosen))
    return made


def _make_one(source: Source, settings: Settings, folder: Path) -> Made:
    """Write what is made of one picture; one that cannot be read or used is left out."""
    try:
        pieces = cut(source, settings)
    except (PictureError, DataError) as error:
        return Made(source.name, skipped=str(error))
    written = [
        save(pixels, file, folder / kind / piece.name)
        for piece in pieces
        for kind, pixels, file in ((HR, piece.hr, piece.hr_file), (LR, piece.lr, piece.lr_file))
    ]
    return Made(source.name, {path.relative_to(folder).as_posix(): digest(path) for path in written})
