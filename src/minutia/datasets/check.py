"""Check a folder of pictures for defects that would spoil training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from minutia.datasets.cutting import DEFAULT_SCALE, HR
from minutia.datasets.examine import examine
from minutia.datasets.findings import Candidate, Finding, Report
from minutia.datasets.manifest import read_manifest
from minutia.datasets.measures import SAME_HASH
from minutia.datasets.workers import in_order
from minutia.errors import DataError
from minutia.image.io import find_pictures
from minutia.image.pairs import by_stem, paired_folders, partner_of, require_folder
from minutia.types import Progress, ignore_progress

HASH_BITS = 64


def check(
    folder: Path, lr: Path | None = None, scale: int | None = None, progress: Progress = ignore_progress
) -> Report:
    """Look through a folder of pictures, or of pictures and their low-resolution copies.

    Args:
        folder: pictures; or a folder with the folders HR and LR.
        lr: low-resolution copies, if they are elsewhere.
        scale: how much smaller they are; without them, what the sides of pictures should be multiples of. None is what
            the folder was prepared for, or 4.
        progress: called with (done, total) pictures.

    Raises:
        DataError: a folder does not exist, or holds no pictures.
    """
    scale = _prepared_scale(folder) if scale is None else scale
    for place in (folder, lr):
        if place is not None:
            require_folder(place)
    if lr is None:
        hr, lr = paired_folders(folder)
        folder, lr = (folder, None) if hr is None else (hr, lr)
    candidates = find_candidates(folder, lr, scale)
    if not candidates:
        raise DataError(f"There are no pictures in {folder}.")
    findings = _same_names(candidates, folder)
    hashes: dict[str, int] = {}
    look = partial(examine, paired=lr is not None, scale=scale)
    for done, seen in enumerate(in_order(look, candidates), start=1):
        findings += seen.findings
        if seen.hash is not None:
            hashes[candidates[done - 1].name] = seen.hash
        progress(done, len(candidates))
    findings += _same_pictures(candidates, hashes)
    return Report(folder, lr, scale, candidates, findings)


def _prepared_scale(folder: Path) -> int:
    """Tell the scale that a folder, or the one its HR folder lies in, was prepared for; the usual one without."""
    try:
        prepared = read_manifest(folder.parent if folder.name == HR else folder) or {}
    except DataError:  # Other programs call files so too.
        return DEFAULT_SCALE
    scale = prepared.get("scale")
    return scale if type(scale) is int else DEFAULT_SCALE


def find_candidates(folder: Path, lr: Path | None, scale: int) -> list[Candidate]:
    """List the pictures of a folder, each with its low-resolution copy, and copies that have no original."""
    copies = {} if lr is None else by_stem(lr)
    candidates = []
    for path in find_pictures(folder):
        name = path.relative_to(folder)
        candidates.append(Candidate(name.as_posix(), path, partner_of(name, copies, scale)))
    used = {candidate.lr for candidate in candidates}
    candidates += [Candidate(stem.as_posix(), None, path) for stem, path in copies.items() if path not in used]
    return candidates


def _same_names(candidates: Sequence[Candidate], folder: Path) -> list[Finding]:
    """Find pictures whose names differ in the suffix alone: they would have one copy between them."""
    first: dict[Path, Path] = {}
    findings = []
    for candidate in candidates:
        if candidate.hr is not None:
            other = first.setdefault(candidate.hr.relative_to(folder).with_suffix(""), candidate.hr)
            if other != candidate.hr:
                findings.append(Finding("name", candidate.name, candidate.hr, f"same as {other.name}"))
    return findings


def _same_pictures(candidates: Sequence[Candidate], hashes: Mapping[str, int]) -> list[Finding]:
    """Find pictures that show the same as an earlier one.

    Hashes that differ in few bits agree wholly in at least one of as many parts and one: only such are compared.
    """
    num_parts = SAME_HASH + 1
    edges = [HASH_BITS * part // num_parts for part in range(num_parts + 1)]
    alike: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    findings = []
    for candidate in candidates:
        value = hashes.get(candidate.name)
        if value is None or candidate.hr is None:
            continue
        keys = [(low, value >> low & (1 << high - low) - 1) for low, high in pairwise(edges)]
        earlier = {name for key in keys for name in alike[key]}
        same = [name for name in earlier if (hashes[name] ^ value).bit_count() <= SAME_HASH]
        if same:
            findings.append(Finding("duplicate", candidate.name, candidate.hr, f"same as {min(same)}"))
        else:
            for key in keys:
                alike[key].append(candidate.name)
    return findings
