"""Defects of training pictures, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "unreadable", "name", "partner", "size", "small", "sides", "different", "displaced", "duplicate", "jpeg", "flat"
]

ADVICE: Mapping[Kind, tuple[str, str]] = {
    "unreadable": ("cannot be read", "download or save again, or remove"),
    "name": ("with the same name as another, apart from the suffix", "rename one of each"),
    "partner": ("without a counterpart", "add what is missing, or remove"),
    "size": ("with a size that does not match the low-resolution picture", "make the low-resolution picture again"),
    "small": ("with sides below the scale", "remove"),
    "sides": ("with sides that are not multiples of the scale", "crop at the right and the bottom"),
    "different": (
        "with content that differs from the low-resolution picture",
        "find the right low-resolution picture, or make it again",
    ),
    "displaced": (
        "misaligned with the low-resolution picture",
        "make the low-resolution picture again, or align it",
    ),
    "duplicate": ("identical or nearly identical to another", "keep one of each"),
    "jpeg": ("in lossless files, but with JPEG blocks", "use the original, or halve its size"),
    "flat": ("without content (flat)", "remove"),
}
"""What is wrong with pictures of a kind, and what to do, in the order in which it is reported."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may serve for training, and its low-resolution copy; one of them may be missing."""

    name: str
    """Path below the folder, with its suffix."""
    hr: Path | None
    lr: Path | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a candidate."""

    kind: Kind
    name: str
    """The candidate's."""
    path: Path
    """The file to look at."""
    detail: str
    """A few words more."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked through, and what was found."""

    hr: Path
    """Folder of the pictures."""
    lr: Path | None
    """Folder of their low-resolution copies."""
    scale: int
    candidates: Sequence[Candidate]
    findings: Sequence[Finding]
