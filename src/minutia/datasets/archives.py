"""Unpack archives: nothing lands outside the folder, and a folder is there whole or not at all."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]
from typing import Any, Self

from minutia.datasets.disk import growing, require_space
from minutia.errors import DataError
from minutia.types import Progress, ignore_progress

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError),
)
"""What the libraries raise on files that are cut off, encrypted, or no archives."""

MARK = ".minutia-unpacked"
"""File in a folder that tells of which archive it holds all."""

_READ_BYTES = 2**20

_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""A second guard, which the first releases of Python 3.11 do not have: only files and folders are unpacked anyway."""


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def unpacked_folder(archive: Path) -> Path:
    """Tell where an archive is unpacked: beside it, under its name without suffix."""
    suffix = next((suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix)), "")
    return archive.with_name(archive.name[: len(archive.name) - len(suffix)])


def is_unpacked(archive: Path) -> bool:
    """Tell whether an archive has been unpacked by `unpack`, as it is now."""
    try:
        return (unpacked_folder(archive) / MARK).read_text(encoding="utf-8") == _mark_of(archive)
    except (OSError, UnicodeDecodeError):
        return False


def unpack(archive: Path, progress: Progress = ignore_progress) -> Path:
    """Unpack an archive beside itself, unless that is done; what was half done is removed and done again.

    Args:
        progress: called with (done, total) members; total is 0 where it cannot be known before.

    Returns:
        The folder: the archive's name without its suffix.

    Raises:
        DataError: no archive, a broken one, one whose members would land elsewhere, no room, or a folder of the same
            name that holds something else.
    """
    if not is_archive(archive):
        raise DataError(f"{archive} is not an archive; supported are {', '.join(SUFFIXES)}.")
    folder = unpacked_folder(archive)
    if is_unpacked(archive):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder}, into which {archive.name} would be unpacked, exists and holds other files; move it away, or "
            "give the folder instead of the archive."
        )
    with growing(folder) as part:
        try:
            if archive.name.lower().endswith(".zip"):
                _unzip(archive, part, progress)
            else:
                _untar(archive, part, progress)
        except BROKEN as error:
            raise DataError(f"{archive} is damaged or not an archive; download it again.") from error
        (part / MARK).write_text(_mark_of(archive), encoding="utf-8")
    return folder


def _mark_of(archive: Path) -> str:
    facts = archive.stat()
    return f"{facts.st_size} bytes of {facts.st_mtime_ns}"


def _unzip(archive: Path, folder: Path, progress: Progress) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            _require_inside(archive, member.filename, is_link=stat.S_ISLNK(member.external_attr >> 16))
        require_space(folder.parent, sum(member.file_size for member in members), f"Unpacking {archive.name}")
        for done, member in enumerate(members, start=1):
            file.extract(member, folder)
            progress(done, len(members))


def _require_inside(archive: Path, name: str, *, is_link: bool) -> None:
    """Refuse names that lead out of the folder, and links, which could."""
    paths = (PurePosixPath(name), PureWindowsPath(name))
    leads_out = any(path.is_absolute() or path.drive or ".." in path.parts for path in paths)
    if leads_out or is_link:
        raise DataError(f"{archive} holds {name!r}, which would be written outside its folder; do not use it.")


class _Member(tarfile.TarInfo):
    """A member whose head is whole: a broken one would pass for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Read a head.

        Raises:
            ReadError: it is broken or missing.
        """
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:  # Two blocks of zeros, as an archive ends.
            raise
        except HeaderError as error:
            raise ReadError("the head of a member is broken") from error


def _untar(archive: Path, folder: Path, progress: Progress) -> None:
    with tarfile.open(archive, tarinfo=_Member) as file:
        for done, member in enumerate(file, start=1):
            _require_inside(archive, member.name, is_link=not (member.isfile() or member.isdir()))
            file.extract(member, folder, **_FILTER)
            progress(done, 0)
        while file.fileobj is not None and file.fileobj.read(_READ_BYTES):
            pass  # Checksums of what was compressed stand behind its end.
