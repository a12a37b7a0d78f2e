"""Find the input pictures: files, folders, patterns and lists."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from minutia.errors import PictureError
from minutia.files import reason
from minutia.image.formats import FOREIGN, READ

STREAM = Path("-")
"""Standard input or output, as it is written on a command line."""


@dataclass(frozen=True, slots=True)
class Source:
    """A picture, and the folder below which its place is kept in the output; None keeps only its name."""

    path: Path
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a word of a user leads to."""

    sources: list[Source] = field(default_factory=list)
    problems: list[PictureError] = field(default_factory=list)
    """What is wrong with places where pictures were to be."""
    foreign: list[Path] = field(default_factory=list)
    """Files that lie among them and may be meant, of formats that are not read."""

    def take(self, paths: Iterable[Path], root: Path) -> None:
        """Take files over that a folder or a pattern leads to, by their suffixes."""
        for path in paths:
            if path.suffix.lower() in READ:
                self.sources.append(Source(path, root))
            elif path.suffix.lower() in FOREIGN:
                self.foreign.append(path)


def find_sources(path: Path, *, recursive: bool, output: Path | None = None) -> Found:
    """Find the pictures that one word of a user means.

    A folder means the pictures in it, by their suffixes; hidden ones are left out. A pattern (`scans/*.jpg`, `**` for
    any depth) means what it matches, unless there is a file of just that name. Anything else is a picture: whether it
    is there, and whole, shows when it is read.

    Args:
        recursive: search the sub-folders of folders. Links to folders are not followed, so no loop is met.
        output: a folder that is not searched where it lies in another.
    """
    if is_folder(path):
        return _search(path, path, recursive=recursive, output=output)
    if _is_pattern(path) and not os.path.lexists(path):
        return _expand(path, recursive=recursive, output=output)
    return Found([Source(path)])


def gather(paths: Sequence[Path], names: Path | None, stdin: BinaryIO) -> list[Path]:
    """Put together what a user names on the command line and in a list.

    Args:
        names: file of the list, a name on each line, or parted by NULs (`find -print0`); `-` is standard input.

    Raises:
        PictureError: nothing is named, or the list cannot be read.
    """
    if names is None:
        if not paths:
            raise PictureError("Name a picture or a folder, as in: minutia upscale photo.jpg.")
        return list(paths)
    if names == STREAM and STREAM in paths:
        raise PictureError("Standard input cannot be a picture and a list at once.")
    return [*paths, *_read_list(names, stdin)]


def kinds_of(paths: Iterable[Path]) -> str:
    """Name the suffixes of files."""
    return ", ".join(sorted({path.suffix.lower() for path in paths}))


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; False where it cannot be looked at (too long a name, a closed folder)."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _read_list(path: Path, stdin: BinaryIO) -> list[Path]:
    try:
        data = stdin.read() if path == STREAM else path.read_bytes()
    except OSError as error:
        raise PictureError(f"The list {path} cannot be read: {reason(error)}.") from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\0") if b"\0" in data else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    names = [Path(os.fsdecode(line)) for line in lines if line.strip()]
    if not names:
        raise PictureError(f"The list {path} is empty.")
    return names


def _is_pattern(path: Path) -> bool:
    return glob.escape(str(path)) != str(path)


def _search(folder: Path, root: Path, *, recursive: bool, output: Path | None) -> Found:
    found = Found()
    unsearched = False

    def note(error: OSError) -> None:
        found.problems.append(PictureError(f"{error.filename} cannot be searched: {reason(error)}."))

    kept_out = None if output is None else os.path.realpath(output)
    for base, folders, names in os.walk(folder, onerror=note):
        below = [name for name in folders if not name.startswith(".")]
        unsearched = unsearched or (bool(below) and not recursive)
        folders[:] = [
            name for name in below if recursive and os.path.realpath(Path(base, name)) != kept_out
        ]  # os.walk goes on with what is left here.
        found.take((Path(base, name) for name in names if not name.startswith(".")), root)
    if not found.sources and not found.problems:
        hint = "; add -r to search its sub-folders" if unsearched else ""
        if found.foreign:
            hint = f"; {kinds_of(found.foreign)} cannot be read{hint}"
        found.problems.append(PictureError(f"There are no pictures in {folder}{hint}."))
    found.sources.sort(key=lambda source: source.path)
    found.foreign.sort()
    return found


def _expand(pattern: Path, *, recursive: bool, output: Path | None) -> Found:
    """Find what a pattern matches. The tree is kept below its fixed part: `scans` in `scans/*/page?.png`."""
    fixed = tuple(takewhile(lambda part: not _is_pattern(Path(part)), pattern.parts))
    # Two stars within a name mean what one does, which Python says itself from 3.13 on.
    root = Path(*fixed)
    rest = [part if part == "**" else re.sub(r"\*+", "*", part) for part in pattern.parts[len(fixed) :]]
    deep = "**" in rest  # Which goes through folders, but not through links to them, by itself.
    found = Found()
    for match in sorted(root.glob(str(Path(*rest, "*") if rest[-1] == "**" else Path(*rest)))):
        if any(part.startswith(".") for part in match.relative_to(root).parts):
            continue
        if not is_folder(match):
            found.take([match], root)
        elif not deep:
            inside = _search(match, root, recursive=recursive, output=output)
            found.sources.extend(inside.sources)
            found.problems.extend(inside.problems)
            found.foreign.extend(inside.foreign)
    if not found.sources and not found.problems:
        found.problems.append(PictureError(f"No picture matches {pattern}."))
    return found
