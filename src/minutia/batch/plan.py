"""The plan of a batch: every picture, and the path of its result."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minutia.batch.sources import Source, find_sources, is_folder
from minutia.errors import PictureError
from minutia.image.formats import FOREIGN, READ, WRITTEN, format_of, suffix_for
from minutia.image.io import is_animated


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to enlarge, and where to."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch is to do."""

    jobs: tuple[Job, ...]
    problems: tuple[PictureError, ...] = ()
    """Words of the user that lead to no picture."""

    foreign: tuple[Path, ...] = ()
    """Files that lie among the pictures, of formats that are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Where outputs go, and what they are called."""

    output: Path | None = None
    """A folder; or, for one picture, a file. None is beside the source."""

    suffix: str | None = None
    """Added to names; None is `mark` beside the source, and nothing in another folder."""

    extension: str | None = None
    """Format of the outputs (`png`); None keeps the source's where it can be written."""

    mark: str = "_x4"
    """What an enlargement is told by where it lies beside its source."""

    @property
    def folder(self) -> Path | None:
        """The output, where it is a folder."""
        return None if self.file is not None else self.output

    @property
    def file(self) -> Path | None:
        """The output, where it is a file."""
        if self.output is None or self.output.suffix.lower() not in READ | FOREIGN or is_folder(self.output):
            return None
        return self.output


def plan_jobs(paths: Sequence[Path], naming: Naming, *, recursive: bool = False) -> Plan:
    """Settle what is enlarged and where it goes.

    Pictures go beside their source, or into `naming.output`; there, the tree of a folder is kept.

    Args:
        paths: pictures, folders and patterns; see `find_sources`.
        recursive: search the sub-folders of folders.

    Raises:
        PictureError: no picture at all, a format that is not written, or outputs that fall together.
    """
    form = _form(naming.extension)
    if naming.file is not None:
        return Plan(_without_clashes([_one_file(paths, naming.file, naming, form)]))
    jobs: list[Job] = []
    problems: list[PictureError] = []
    foreign: list[Path] = []
    for path in paths:
        found = find_sources(path, recursive=recursive, output=naming.output)
        jobs += [Job(source.path, _target(source, naming, form)) for source in found.sources]
        problems += found.problems
        foreign += found.foreign
    if problems and not jobs:
        raise PictureError(" ".join(str(problem) for problem in problems))
    return Plan(_without_clashes(jobs), tuple(problems), tuple(foreign))


def _form(extension: str | None) -> str | None:
    form = None if extension is None else "." + extension.lower().lstrip(".")
    if form is not None and form not in WRITTEN:
        known = ", ".join(suffix.removeprefix(".") for suffix in WRITTEN)
        raise PictureError(f"There is no format {extension}; known are {known}.")
    return form


def _one_file(paths: Sequence[Path], output: Path, naming: Naming, form: str | None) -> Job:
    if len(paths) != 1 or is_folder(paths[0]):
        raise PictureError(f"{output} is one file; for several pictures -o must be a folder.")
    format_of(output)
    if naming.suffix or form not in {None, output.suffix.lower()}:
        raise PictureError(f"{output} is a complete file name; leave out --suffix and --format.")
    return Job(paths[0], output)


def _target(source: Source, naming: Naming, form: str | None) -> Path:
    path, folder = source.path, source.path.parent
    added = naming.suffix
    if naming.output is not None:
        folder = naming.output / ("" if source.root is None else folder.relative_to(source.root))
    if added is None:
        added = naming.mark if naming.output is None else ""
    if form is None:
        form = suffix_for(path, animated=path.suffix.lower() == ".gif" and is_animated(path))
    return folder / f"{path.stem}{added}{form}"


def _without_clashes(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Leave out sources that are outputs of an earlier run, and repetitions; refuse outputs that fall on one another.

    Folders are compared by what they are, and not by name: one may have two, and an original must not be lost for that.
    """
    by_target: dict[tuple[int, int, str] | str, Job] = {}
    real = {path: _real(path) for job in jobs for path in (job.source, job.target)}
    for job in jobs:
        source, target = real[job.source], real[job.target]
        if target == source:
            raise PictureError(f"{job.source} would be replaced by its own result; give --suffix or another -o.")
        other = by_target.setdefault(target, job)
        if real[other.source] != source:
            raise PictureError(
                f"{other.source} and {job.source} would both become {job.target}; enlarge them into different folders."
            )
    return tuple(job for job in by_target.values() if real[job.source] not in by_target)


def _real(path: Path) -> tuple[int, int, str] | str:
    """Tell which place a path leads to: the folder itself, whatever it is called, and the name in it."""
    real = os.path.normcase(os.path.realpath(path))
    if sys.platform == "darwin":  # Whose disks take letters of either case for the same, and normcase does not.
        real = real.casefold()
    folder, name = os.path.split(real)
    with suppress(OSError):
        found = Path(folder).stat()
        if found.st_ino:  # Some file systems have none.
            return found.st_dev, found.st_ino, name
    return real
