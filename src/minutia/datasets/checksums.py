"""Check that a file is the published one or, without a published checksum, the same as at the first download."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minutia.datasets.disk import told
from minutia.errors import DataError
from minutia.files import reason, replacing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file turned out to be."""

    sha256: str
    basis: Literal["published", "noted", "first seen"]
    """What it was compared with; a file that is seen first could be compared with nothing."""


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Compute a checksum of a file, in hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}.") from error


def note_of(path: Path) -> Path:
    """Tell where the checksum of a file is noted, in the form that `sha256sum --check` reads."""
    return path.with_name(f"{path.name}.sha256")


def noted(path: Path) -> str | None:
    """Read the SHA-256 that was noted of a file; None where there is none."""
    try:
        words = note_of(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return words[0] if words else None


def match(path: Path, published: str) -> str | None:
    """Compute the SHA-256 of a file that has a published checksum, `sha256:...` or `md5:...`; None where it has not."""
    algorithm, _, wanted = published.partition(":")
    sha256 = digest(path)
    found = sha256 if algorithm == "sha256" else digest(path, algorithm)
    return sha256 if found == wanted else None


def verify(path: Path, published: str | None) -> Verdict:
    """Compare a file with its published checksum; where there is none, with the one noted when it was seen first.

    The SHA-256 is noted beside the file.

    Raises:
        DataError: the file is another one, or cannot be read.
    """
    if published is None:
        return recognise(path, digest(path))
    sha256 = match(path, published)
    if sha256 is None:
        raise DataError(f"{path} is not the published file ({published}); delete it and download it again.")
    return note_down(path, Verdict(sha256, "published"))


def recognise(path: Path, sha256: str) -> Verdict:
    """Compare a file of which nothing is published with what was noted of it.

    Raises:
        DataError: it has changed.
    """
    before = noted(path)
    if before is None:
        return note_down(path, Verdict(sha256, "first seen"))
    if before != sha256:
        raise DataError(
            f"{path} has changed since its first download (SHA-256 {before[:12]}..., now {sha256[:12]}...); "
            f"download it again, or delete {note_of(path)} if you meant to change it."
        )
    return Verdict(sha256, "noted")


def note_down(path: Path, verdict: Verdict) -> Verdict:
    """Note the checksum of a file beside it.

    Raises:
        DataError: the note cannot be written.
    """
    with told(note_of(path)), replacing(note_of(path)) as temporary:
        temporary.write_text(f"{verdict.sha256}  {path.name}\n", encoding="utf-8")
    return verdict
