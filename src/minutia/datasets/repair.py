"""Write a folder without the defects that a check has found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from minutia.datasets.cutting import HR, LR, copy
from minutia.datasets.disk import growing
from minutia.datasets.findings import Candidate, Kind, Report
from minutia.datasets.workers import in_order
from minutia.errors import DataError
from minutia.image.io import read, read_size, write
from minutia.image.target import Size
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
        raise DataError(f"{target} is inside the folder that was checked; choose a folder elsewhere.")
    bad = {finding.name for finding in report.findings if finding.kind not in CURABLE}
    uneven = {finding.name for finding in report.findings if finding.kind in CURABLE}
    good = [candidate for candidate in report.candidates if candidate.name not in bad]
    if not good:
        raise DataError(f"No picture of {report.hr} is without defects; {target} was not made.")
    with growing(target) as part:
        hr, lr = (part, None) if report.lr is None else (part / HR, part / LR)
        mend = partial(_write, scale=report.scale, hr=hr, lr=lr)
        for done, _ in enumerate(in_order(mend, good), start=1):
            progress(done, len(good))
    num_cut = sum(candidate.name in uneven for candidate in good)
    return Repaired(len(good), num_cut, len(report.candidates) - len(good))


def _write(candidate: Candidate, scale: int, hr: Path, lr: Path | None) -> None:
    """Write a picture into the folder `hr`, and its low-resolution copy into the folder `lr`, where there is one."""
    assert candidate.hr is not None
    height, width = (side // scale for side in read_size(candidate.hr))
    name = PurePosixPath(candidate.name).with_suffix("")
    _take(candidate.hr, (height * scale, width * scale), hr / name)
    if lr is not None:
        assert candidate.lr is not None
        _take(candidate.lr, (height, width), lr / name)


def _take(source: Path, size: Size, target: Path) -> None:
    """Copy a picture of this size; of a larger one write what is left of its right and bottom edge."""
    if read_size(source) == size:
        copy(source, target)
        return
    picture = read(source)
    area = np.s_[: size[0], : size[1]]
    alpha = None if picture.alpha is None else picture.alpha[area]
    suffix = ".png" if picture.is_photo else ".tif"
    kept = replace(picture, pixels=picture.pixels[area], alpha=alpha)
    write(kept, target.with_name(target.name + suffix), overwrite=True)
