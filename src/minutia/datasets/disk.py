"""Room on the disk, and folders that are seen whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minutia.errors import DataError
from minutia.files import is_full, reason


def in_bytes(count: int) -> str:
    """Say a number of bytes as people do: `3.53 GB`; a GB is 10^9."""
    if count < 1000:
        return f"{count} B"
    value, units = count / 1000, iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.5 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:.3g} {unit}"


def free_bytes(folder: Path) -> int:
    """Tell how much room there is where `folder` is or would be.

    Raises:
        DataError: there is no such drive.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with told(folder):
        return shutil.disk_usage(place).free


def require_space(folder: Path, num_bytes: int, what: str) -> None:
    """Check that there is room for what is to be written.

    Raises:
        DataError: there is not.
    """
    free = free_bytes(folder)
    if num_bytes > free:
        raise DataError(
            f"{what} needs {in_bytes(num_bytes)} in {folder}, which has {in_bytes(free)} free; "
            "make room or choose another folder."
        )


@contextmanager
def told(path: Path, advice: str = "") -> Iterator[None]:
    """Translate what the system says of a place into one sentence; the advice is for a disk that is full.

    Raises:
        DataError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        what_next = f"; {advice}" if is_full(error) and advice else ""
        raise DataError(f"{path} cannot be written: {reason(error)}{what_next}.") from error


def part_of(folder: Path) -> Path:
    """Tell where a folder grows until it is whole."""
    place = folder.resolve()
    return place.with_name(f".{place.name}.part")


def require_new(folder: Path) -> None:
    """Check that a folder can be made: there is nothing of that name, or an empty folder.

    Raises:
        DataError: something is there, or it is the working folder, which cannot be exchanged.
    """
    if folder.resolve() == Path.cwd().resolve():
        raise DataError(f"{folder} is the working folder; choose a new folder.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists; choose a new folder.")


def finish(folder: Path) -> None:
    """Let a folder that has grown beside its place take it."""
    place = folder.resolve()
    if place.exists():
        place.rmdir()  # It is empty: see require_new.
    part_of(place).rename(place)


@contextmanager
def growing(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` to fill; at the end it takes the place, after an error it vanishes.

    What an earlier run left of it, when it was ended by force, is removed first.

    Raises:
        DataError: the place is taken or cannot be written.
    """
    require_new(folder)
    part = part_of(folder)
    with told(folder):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            finish(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
