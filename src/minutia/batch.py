"""Many pictures: what is to be made is settled first; then a bad file does not stop the others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from minutia.errors import MinutiaError, OutputExists, PictureError
from minutia.image.formats import READ, WRITTEN, format_of, suffix_for
from minutia.image.io import find_pictures, is_animated, read_frames, require_free, write_frames
from minutia.types import Progress, ignore_progress
from minutia.upscaler import Upscaler


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to enlarge, and where to."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: Literal["done", "skipped", "failed"]
    error: MinutiaError | None = None
    size: tuple[int, int] = (0, 0)
    """Width and height before."""
    seconds: float = 0.0


def plan_jobs(
    paths: Sequence[Path],
    output: Path | None = None,
    *,
    scale: int,
    suffix: str | None = None,
    extension: str | None = None,
) -> list[Job]:
    """Settle what is enlarged and where it goes.

    Folders are searched with their sub-folders, whose tree is kept in the output. Pictures go beside their source, with
    `suffix` in the name (`_x4`), or into `output`, by default under their own name.

    Args:
        output: a folder; or, for one picture, a file.
        suffix: added to names; None chooses.
        extension: format of the outputs (`png`); None keeps the source's where it can be written.

    Raises:
        PictureError: a folder without pictures, a format that is not written, or outputs that fall together.
    """
    form = None if extension is None else "." + extension.lower().lstrip(".")
    if form is not None and form not in WRITTEN:
        raise PictureError(f"There is no format {extension}; the formats are {', '.join(WRITTEN)}.")
    if output is not None and output.suffix.lower() in READ and not _is_folder(output):
        if len(paths) != 1 or _is_folder(paths[0]):
            raise PictureError(f"{output} is one file; for several pictures -o must be a folder.")
        format_of(output)
        if suffix or form not in {None, output.suffix.lower()}:
            raise PictureError(f"{output} names the file in full; leave out --suffix and --format.")
        return _without_clashes([Job(paths[0], output)])
    added = suffix if suffix is not None else "" if output is not None else f"_x{scale}"
    jobs = []
    for path in paths:
        for source in _sources(path):
            folder = source.parent
            if output is not None:
                folder = output / (folder.relative_to(path) if _is_folder(path) else "")
            kept = suffix_for(source, animated=source.suffix.lower() == ".gif" and is_animated(source))
            jobs.append(Job(source, folder / f"{source.stem}{added}{form or kept}"))
    return _without_clashes(jobs)


def run_jobs(
    jobs: Sequence[Job],
    upscaler: Upscaler,
    *,
    quality: int = 95,
    overwrite: bool = False,
    progress: Progress = ignore_progress,
) -> Iterator[Outcome]:
    """Enlarge one picture after the other, telling what became of each.

    Where several are asked for, those whose output exists are skipped, so that a batch that was stopped goes on where
    it was; a single one fails instead. `overwrite` makes all anew.

    Args:
        progress: called with (done, total) pixels of the present picture.
    """
    for job in jobs:
        began = time.perf_counter()
        try:
            if not overwrite:
                require_free(job.target)
            frames = read_frames(job.source)
            picture = frames.pictures[0]
            large = tuple(upscaler.upscale(each, progress) for each in frames.pictures)
            write_frames(replace(frames, pictures=large), job.target, quality=quality, overwrite=overwrite)
        except MinutiaError as error:
            resumed = isinstance(error, OutputExists) and len(jobs) > 1
            yield Outcome(job, "skipped") if resumed else Outcome(job, "failed", error)
        else:
            yield Outcome(job, "done", None, (picture.width, picture.height), time.perf_counter() - began)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # A path that cannot be looked at (too long, in a closed folder) is told of when it is read.
        return False


def _sources(path: Path) -> list[Path]:
    if not _is_folder(path):
        return [path]  # A file that is missing fails like one that is broken: alone.
    found = find_pictures(path)
    if not found:
        raise PictureError(f"There are no pictures in {path}.")
    return found


def _without_clashes(jobs: Sequence[Job]) -> list[Job]:
    """Leave out sources that are outputs of an earlier run; refuse outputs that would fall on one another.

    Real paths are compared: a folder may be given by two names, and an original must not be lost for that.
    """
    targets: dict[str, Path] = {}
    real = {path: os.path.realpath(path) for job in jobs for path in (job.source, job.target)}
    for job in jobs:
        source, target = real[job.source], real[job.target]
        if target == source:
            raise PictureError(f"{job.source} would be replaced by its own enlargement; give --suffix or another -o.")
        if target in targets and real[targets[target]] != source:
            raise PictureError(f"{targets[target]} and {job.source} would both become {job.target}.")
        targets[target] = job.source
    return [job for job in jobs if real[job.source] not in targets]
