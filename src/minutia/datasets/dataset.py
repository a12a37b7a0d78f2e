"""Description of a public data set: its archives, its terms, and where its pictures are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One file to download."""

    name: str
    """What the file is called when it is saved."""
    url: str | None
    """Official address; None where there is no public one."""
    num_bytes: int | None
    """Size: exact where a checksum is published, else as its page says; None where it says nothing."""
    checksum: str | None = None
    """`sha256:...` or `md5:...` in hexadecimal, as published; None where nobody publishes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A set of pictures that has a name here."""

    name: str
    """What is typed: `div2k-bicubic-x4`."""
    title: str
    summary: str
    """A few words for people who choose."""
    num_pictures: int
    """High-resolution pictures in it."""
    licence: str
    homepage: str
    archives: tuple[Archive, ...]
    hr: str
    """Pattern of the high-resolution pictures, at any depth below the archives' folders; `{scale}` is filled in."""
    lr: str | None = None
    """Pattern of the low-resolution pictures that come with it; None where they are to be made."""
    scales: tuple[int, ...] = ()
    """Scales of the low-resolution pictures that come with it."""
    key: str = r".+"
    """Regular expression of the part of a name that a picture shares with its low-resolution copies."""
    by_hand: str | None = None
    """What the user must do where there is no public address."""

    @property
    def num_bytes(self) -> int:
        """Size of all archives, as far as it is known."""
        return sum(archive.num_bytes or 0 for archive in self.archives)
