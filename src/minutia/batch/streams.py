"""Standard input and output in place of files, by way of temporary files."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from minutia.batch.sources import STREAM
from minutia.errors import PictureError
from minutia.files import reason
from minutia.image.formats import WRITTEN, suffix_for
from minutia.image.io import is_animated
from minutia.image.opening import Limits, opened, translated
from minutia.image.tiff import read_shape as read_tiff_shape

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Place:
    """What a batch reads and writes, streams replaced by files."""

    paths: list[Path]
    output: Path | None
    folder: Path | None = None
    """Where those files are; None where there are no streams."""
    writes_stream: bool = False
    """Whether standard output is for the picture alone."""


@contextmanager
def replaced_streams(
    paths: Sequence[Path], output: Path | None, extension: str | None, stdin: BinaryIO, stdout: BinaryIO
) -> Iterator[Place]:
    """Put files in the place of `-`: among the paths standard input, as the output standard output.

    A picture from standard input goes to standard output where no output is named. It is written there at the end of
    the `with`, unless that is left by an exception.

    Args:
        extension: format of the output; None keeps that of the input where it can be written.

    Raises:
        PictureError: a stream is a terminal or cannot be written, or `-` stands beside other paths.
    """
    reads, writes = STREAM in paths, output == STREAM or (STREAM in paths and output is None)
    if not (reads or writes):
        yield Place(list(paths), output)
        return
    if len(paths) != 1:
        raise PictureError("Standard input and output, -, are for a single picture.")
    if reads and stdin.isatty():
        raise PictureError("Standard input is the terminal; send a picture through a pipe, or name a file.")
    if writes and stdout.isatty():
        raise PictureError(
            "A picture cannot be written to the terminal; redirect it by > or |, or name a file with -o."
        )
    with TemporaryDirectory(prefix="minutia-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source = _spool(stdin, folder) if reads else paths[0]
        if not writes:
            yield Place([source], output, folder)
            return
        suffix = suffix_for(source, animated=is_animated(source)) if extension is None else f".{extension.lstrip('.')}"
        target = folder / f"standard output{suffix.lower()}"
        yield Place([source], target, folder, writes_stream=True)
        if target.exists():
            _pour(target, stdout)


def _spool(stdin: BinaryIO, folder: Path) -> Path:
    """Keep what comes; its suffix is what it turns out to be, none where it is no picture."""
    path = folder / "standard input"
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file)
    except OSError as error:
        raise PictureError(f"Standard input cannot be stored in {folder}: {reason(error)}.") from error
    return path.rename(path.with_name(path.name + suffix_of(path)))


def suffix_of(path: Path) -> str:
    """Tell by its content what suffix a file should have; empty where it is no picture."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:] in HEIC_BRANDS:
        return ".heic"
    try:
        with translated(path):
            if read_tiff_shape(path) is not None:  # Pillow does not know bands.
                return ".tif"
        with opened(path, Limits()) as image:
            return next((suffix for suffix, form in WRITTEN.items() if form.name == image.format), "")
    except PictureError:
        return ""


def _pour(path: Path, stdout: BinaryIO) -> None:
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, stdout)
        stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:  # Nobody listens any more, and nobody is to be told.
            raise
        raise PictureError(f"Standard output cannot be written: {reason(error)}.") from error
