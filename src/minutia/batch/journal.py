"""The journal of a batch: inputs, outputs and settings, so that a later run knows what is still to be done.

JSON lines, only ever added to. A line is written when the writing of a picture begins, and one when it is done or has
failed: killed between the two, the next run still knows whose file it finds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, final, get_args

from minutia.batch.settings import Setting, settings_for
from minutia.errors import MinutiaError, PictureError
from minutia.files import reason, remove_remains

JOURNAL_NAME = "minutia-journal.jsonl"
START = b'{"status": "'
"""How every line begins: by this a journal is told from other files."""

MAX_BLANK = 4096
"""Empty lines that may stand before the first, each left by a line that found no room on the disk."""

Status: TypeAlias = Literal["begun", "done", "failed"]
State: TypeAlias = Literal["current", "ours", "foreign"]
"""A file that is up to date; that a batch made, of another input or with other settings; that no batch made."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a journal."""

    status: Status
    source: str
    target: str
    """Relative to the journal's folder where it lies in it, so that the folder may be moved."""
    input: str | None
    """SHA-256 of the source; None where it could not be read."""
    settings: Mapping[str, Setting]
    seconds: float | None = None
    error: str | None = None
    output: str | None = None
    """SHA-256 of the target when done; at the beginning, of what stands in its place until then."""
    num_bytes: int | None = None
    """Size of the target when done."""


@final
class Journal:
    """A journal file, and the settings of the batch that goes on with it. Safe from several threads."""

    def __init__(self, path: Path, settings: Mapping[str, Setting]) -> None:
        """Read what earlier batches have left; a line that was cut off, by a kill or a full disk, counts for nothing.

        Raises:
            PictureError: the file cannot be read, or is something else.
        """
        self.path = path
        self._settings = dict(settings)
        self._lock = threading.Lock()
        self._entries: dict[str, list[Entry]] = {}
        self._lost = False
        for entry in _read(path):
            self._entries.setdefault(entry.target, []).append(entry)

    def require_writable(self) -> None:
        """Make sure that lines can be added, and that the next one begins a line of its own.

        Raises:
            PictureError: they cannot.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                if file.tell() > 0:
                    file.seek(-1, os.SEEK_END)
                    if file.read() != b"\n":
                        file.write(b"\n")
        except OSError as error:
            raise PictureError(
                f"The journal {self.path} cannot be written: {reason(error)}; choose another file with --journal."
            ) from error

    def judge(self, target: Path, digest: str | None) -> State:
        """Tell what the file at `target` is, if the journal is asked.

        Args:
            digest: SHA-256 of what it is to be made of.
        """
        entries = self._entries.get(self._key(target), [])
        if not entries:
            return "foreign"
        last = entries[-1]
        try:
            if last.status == "done" and last.num_bytes == target.stat().st_size and self._is_same(last, digest):
                return "current"
            maker = _find_maker(entries, digest_of(target))
        except OSError:
            return "foreign"
        if maker is None:
            return "foreign"
        return "current" if self._is_same(maker, digest) else "ours"

    def begin(self, source: Path, target: Path, digest: str | None) -> None:
        """Note that `target` is about to be written, and remove what is left of a writing that never ended."""
        last = self._entries.get(self._key(target), [])[-1:]
        if last and last[0].status == "begun":
            remove_remains(target)
        before, _ = _look(target)
        self._add(replace(self._entry("begun", source, target, digest), output=before))

    def finish(self, source: Path, target: Path, digest: str | None, seconds: float) -> None:
        """Note that `target` is written."""
        output, num_bytes = _look(target)
        entry = self._entry("done", source, target, digest)
        self._add(replace(entry, seconds=round(seconds, 3), output=output, num_bytes=num_bytes))

    def fail(self, source: Path, target: Path, digest: str | None, seconds: float, error: MinutiaError) -> None:
        """Note that a picture could not be made; what stands at `target` is what stood there before."""
        entry = self._entry("failed", source, target, digest)
        self._add(replace(entry, seconds=round(seconds, 3), error=str(error)))

    def _entry(self, status: Status, source: Path, target: Path, digest: str | None) -> Entry:
        return Entry(
            status=status,
            source=os.path.realpath(source),
            target=self._key(target),
            input=digest,
            settings=settings_for(target, self._settings),
        )

    def _add(self, entry: Entry) -> None:
        # After a failure half a line may stand there; an empty one harms nothing.
        line = (b"\n" if self._lost else b"") + json.dumps(asdict(entry)).encode() + b"\n"
        with self._lock:
            self._entries.setdefault(entry.target, []).append(entry)
            try:
                with self.path.open("ab") as file:
                    file.write(line)
            except OSError as failure:
                if not self._lost:
                    logger.warning("The journal %s cannot be written: %s.", self.path, reason(failure))
                self._lost = True

    def _is_same(self, entry: Entry, digest: str | None) -> bool:
        wanted, made = (settings_for(Path(entry.target), each) for each in (self._settings, entry.settings))
        return digest is not None and entry.input == digest and made == wanted

    def _key(self, target: Path) -> str:
        folder = Path(os.path.realpath(self.path.parent))
        path = Path(os.path.realpath(target.parent), target.name)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def place_of(given: Path | None, folder: Path | None, *, resume: bool, num_jobs: int) -> Path | None:
    """Tell where the journal of a batch is kept: where the user says, or in its output folder; None is nowhere.

    Args:
        folder: the output folder, where there is one.
        num_jobs: one picture alone is no batch, and leaves no journal in the user's folder unasked.

    Raises:
        PictureError: a batch that is to be resumed has no journal.
    """
    if given is not None:
        return given
    if resume and folder is None:
        raise PictureError("--resume needs a journal: write into a folder with -o, or name the journal with --journal.")
    return folder / JOURNAL_NAME if folder is not None and (resume or num_jobs > 1) else None


def digest_of(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(path: Path) -> tuple[str | None, int | None]:
    """Tell the SHA-256 and the size of a file; None where there is none that can be read."""
    try:
        return digest_of(path), path.stat().st_size
    except OSError:
        return None, None


def _find_maker(entries: list[Entry], found: str) -> Entry | None:
    """Find the entry that tells how a file of this SHA-256 was made; None where no batch made it."""
    for entry in reversed(entries):
        if entry.status == "done" and entry.output == found:
            return entry
    # Files take their names whole: after a kill there stands what stood before, or what was begun.
    last = entries[-1]
    return last if last.status == "begun" and last.output != found else None


def _read(path: Path) -> Iterator[Entry]:
    try:
        with path.open("rb") as file:
            head = file.read(len(START) + MAX_BLANK).lstrip(b"\n")[: len(START)]
            if not START.startswith(head):
                raise PictureError(f"{path} is not a journal of Minutia; choose another file with --journal.")
            file.seek(0)
            for line in file:
                entry = _parse(line)
                if entry is not None:
                    yield entry
    except FileNotFoundError:
        return
    except OSError as error:
        raise PictureError(f"The journal {path} cannot be read: {reason(error)}.") from error


def _parse(line: bytes) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None
    return entry if entry.status in get_args(Status) and isinstance(entry.target, str) else None
