"""One process at a time trains in a run folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, final

from minutia.errors import TrainingError
from minutia.files import reason

LOCK = ".lock"
"""A file of the run folder that is locked while a process trains there; it tells the number of the last one."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(2**30)  # What stands before that others may read.
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@final
class Hold:
    """Keeps other processes from training in a folder until it is closed.

    The system forgets a lock when its process ends, however it ends: what a killed run leaves keeps nobody out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Take hold of the folder, which is made where it is missing.

        Raises:
            TrainingError: another process trains in it, or it cannot be written.
        """
        if self._file is not None:
            return
        path = self._folder / LOCK
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise TrainingError(f"The run folder {self._folder} cannot be written: {reason(error)}.") from error
        try:
            _lock(self._file)
        except (BlockingIOError, PermissionError) as error:
            self.close()
            number = path.read_text(encoding="utf-8") or "unknown"
            raise TrainingError(
                f"{self._folder} is being trained by process {number}; wait for its end, or start another run: "
                "--set run=FOLDER."
            ) from error
        except OSError:  # A file system without locks.
            return
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())

    def close(self) -> None:
        """Let others in."""
        if self._file is not None:
            self._file.close()
            self._file = None
