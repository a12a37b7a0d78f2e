"""Download the archives of a set: only what is missing, and checked at the end."""

from __future__ import annotations

from pathlib import Path

from minutia.datasets.checksums import Verdict, digest, match, note_down, recognise, verify
from minutia.datasets.dataset import Archive, Dataset
from minutia.datasets.disk import told
from minutia.datasets.fetch import Patience, fetch, size_of, tag_of
from minutia.errors import DataError
from minutia.types import Progress, ignore_progress


def missing_archives(dataset: Dataset, folder: Path) -> list[Archive]:
    """List the archives of a set that are not in a folder yet.

    Raises:
        DataError: the set has no open address; the message says what to do by hand.
    """
    missing = [archive for archive in dataset.archives if not (folder / archive.name).exists()]
    if dataset.by_hand is not None and any(archive.url is None for archive in missing):
        raise DataError(f"{dataset.by_hand}.")
    return missing


def bytes_to_come(archives: list[Archive], folder: Path) -> int:
    """Tell how much is still to be fetched, as far as sizes are known."""
    return sum(max(0, (archive.num_bytes or 0) - size_of(_part(folder / archive.name))) for archive in archives)


def download(
    archive: Archive, folder: Path, *, patience: Patience | None = None, progress: Progress = ignore_progress
) -> Verdict:
    """Fetch an archive into a folder; one that is there is only checked.

    It grows under the name `NAME.part`, which a later call goes on with, and takes its own name when it is complete
    and its checksum is right.

    Args:
        progress: called with (done, total) bytes of this file.

    Raises:
        DataError: no address, no answer, no room, or not the file that was published.
    """
    target = folder / archive.name
    if target.exists():
        return verify(target, archive.checksum)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if archive.url is None:
        raise DataError(f"{archive.name} has no public download address; get it yourself and put it into {folder}.")
    part = _part(target)
    fetch(archive.url, part, patience or Patience(), progress)
    verdict = _judge(part, archive)
    with told(target):
        part.replace(target)
        tag_of(part).unlink(missing_ok=True)
    return recognise(target, verdict.sha256) if archive.checksum is None else note_down(target, verdict)


def _judge(part: Path, archive: Archive) -> Verdict:
    """Compute the checksum of what has come; the wrong file is deleted, so that the next call begins anew."""
    if archive.checksum is None:
        return Verdict(digest(part), "first seen")
    sha256 = match(part, archive.checksum)
    if sha256 is not None:
        return Verdict(sha256, "published")
    with told(part):
        part.unlink()
        tag_of(part).unlink(missing_ok=True)
    raise DataError(
        f"The download from {archive.url} is not the published file ({archive.checksum}) and was deleted; "
        f"try again, or put the right {archive.name} into {part.parent} yourself."
    )


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")
