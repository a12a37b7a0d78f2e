"""Atomic writing of files, and the cache folder."""

from __future__ import annotations

import errno
import glob
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from minutia.errors import MinutiaError

MAX_NAME = 230
"""Bytes of a name to which a number may be added; file systems take 255."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to; at the end the file takes its place, after an error it vanishes.

    Raises:
        OSError: the place cannot be written.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def reason(error: OSError) -> str:
    """Say in a few words why the system refused."""
    return "the disk is full" if is_full(error) else (error.strerror or str(error)).lower().rstrip(".")


def is_full(error: OSError) -> bool:
    """Tell whether the disk had no room, or the user's share of it."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def require_place(path: Path) -> None:
    """Check that there is a place for a file to come, before the work that is to fill it.

    Raises:
        MinutiaError: there is no folder for it, or it is a folder, or what is there may not be written.
    """
    if _is_passed_on(path):
        return
    if not path.parent.is_dir():
        raise MinutiaError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise MinutiaError(f"{path} cannot be written: it is a folder.")
    if not os.access(path.parent, os.W_OK):
        raise MinutiaError(f"{path} cannot be written: the folder {path.parent} may not be written.")


def write_text(path: Path, text: str) -> None:
    """Write a whole file, or leave what was there; through links and pipes to where they lead.

    Names of files that are no text are spelt as far as they go.

    Raises:
        MinutiaError: the place cannot be written.
    """
    try:
        with nullcontext(path) if _is_passed_on(path) else replacing(path) as place:
            place.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise MinutiaError(f"{path} cannot be written: {reason(error)}.") from error


def _is_passed_on(path: Path) -> bool:
    """Tell whether what is written does not stay at `path`, as of links, pipes and /dev/stdout."""
    return path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir())


def cache_folder() -> Path:
    """Tell where the user's system keeps what programs can make again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "minutia" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "minutia"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minutia"


def temporary_name(path: Path) -> Path:
    """Tell where `path` stands while this process writes it."""
    return path.with_name(f"{_mark(path)}{os.getpid()}.part")


def _mark(path: Path) -> str:
    """How temporary names of `path` begin: with its own, or what stands for one that would become too long."""
    name = os.fsencode(path.name)
    if len(name) <= MAX_NAME:
        return f".{path.name}."
    import hashlib  # Seldom needed, and slow to import.

    return f".{hashlib.sha256(name).hexdigest()}."


def remove_remains(path: Path) -> None:
    """Remove what processes that were killed on this machine have left of writing `path`."""
    import psutil

    for remains in path.parent.glob(f"{glob.escape(_mark(path))}*.part"):
        number = remains.suffixes[-2].removeprefix(".")
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            with suppress(OSError):
                remains.unlink()
