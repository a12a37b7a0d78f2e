"""Make a folder without what a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from minutia.datasets.cutting import HR, LR, Settings, cut, save
from minutia.datasets.disk import growing
from minutia.datasets.findings import Candidate, Kind, Report
from minutia.datasets.sources import Source
from minutia.datasets.workers import in_order
from minutia.errors import DataError
from minutia.image.io import read_photo
from minutia.image.resize import modcrop
from minutia.types import Progress, ignore_progress

CURABLE: frozenset[Kind] = frozenset({"sides"})
"""Cut; pictures with anything else are left out."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What has become of the pictures of a folder."""

    num_kept: int
    """As they were, or cut."""
    num_cut: int
    num_left_out: int


def repair(report: Report, target: Path, progress: Progress = ignore_progress) -> Repaired:
    """Write what was found good into a new folder, cut where that helps; the checked folder stays as it is.

    With low-resolution copies, the new folder has the folders HR and LR; else it holds the pictures themselves.

    Args:
        progress: called with (done, total) pictures.

    Raises:
        DataError: the new folder exists, lies in the checked one, or cannot be written; or no picture is good.
    """
    if any(target.resolve().is_relative_to(place.resolve()) for place in (report.hr, report.lr) if place is not None):
        raise DataError(f"{target} lies in the folder that was checked; choose a folder elsewhere.")
    bad = {finding.name for finding in report.findings if finding.kind not in CURABLE}
    uneven = {finding.name for finding in report.findings if finding.kind in CURABLE}
    good = [candidate for candidate in report.candidates if candidate.name not in bad]
    if not good:
        raise DataError(f"No picture of {report.hr} is good as it is; {target} was not made.")
    with growing(target) as part:

        def write(candidate: Candidate) -> None:
            if report.lr is not None:
                _write_pair(candidate, report.scale, part)
            else:
                _write_alone(candidate, report.scale, part)

        for done, _ in enumerate(in_order(write, good), start=1):
            progress(done, len(good))
    num_cut = sum(candidate.name in uneven for candidate in good)
    return Repaired(len(good), num_cut, len(report.candidates) - len(good))


def _write_pair(candidate: Candidate, scale: int, folder: Path) -> None:
    assert candidate.hr is not None
    name = PurePosixPath(candidate.name).with_suffix("").as_posix()
    (piece,) = cut(Source(name, candidate.hr, candidate.lr), Settings(scale=scale))
    save(piece.hr, piece.hr_file, folder / HR / name)
    save(piece.lr, piece.lr_file, folder / LR / name)


def _write_alone(candidate: Candidate, scale: int, folder: Path) -> None:
    assert candidate.hr is not None
    pixels = read_photo(candidate.hr)
    kept = modcrop(pixels, scale)
    name = PurePosixPath(candidate.name).with_suffix("").as_posix()
    save(kept, candidate.hr if kept.shape == pixels.shape else None, folder / name)
