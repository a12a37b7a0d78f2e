"""What can be wrong with pictures for training, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "unreadable", "name", "partner", "size", "small", "sides", "different", "displaced", "duplicate", "jpeg", "flat"
]

ADVICE: Mapping[Kind, tuple[str, str]] = {
    "unreadable": ("cannot be read", "fetch or save again, or take out"),
    "name": ("named like another but for the suffix", "rename one of each"),
    "partner": ("without a partner", "add what is missing, or take out"),
    "size": ("of another size than the low-resolution copy tells", "make the copy anew"),
    "small": ("with sides below the scale", "take out"),
    "sides": ("with sides that the scale does not divide", "cut at the right and the bottom"),
    "different": ("of which the low-resolution copy shows something else", "find the right copy, or make it anew"),
    "displaced": ("displaced against the low-resolution copy", "make the copy anew, or align it"),
    "duplicate": ("showing the same as another", "keep one of each"),
    "jpeg": ("lossless now, but with the blocks of a JPEG", "use the original, or halve its size"),
    "flat": ("showing nothing", "take out"),
}
"""What is the matter with pictures of a kind, and what to do, in the order in which it is told."""


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
