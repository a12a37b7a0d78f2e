"""A queue of pictures; they are processed one at a time, and results are kept until they are fetched or expire."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import final

from minutia.errors import MinutiaError, PictureError
from minutia.upscaler import Upscaler
from minutia.web.maker import Maker, Unwanted
from minutia.web.parameters import Parameters, in_words_of_the_api, place_order
from minutia.web.tasks import Bounds, Busy, Task

PULSE_SECONDS = 10
"""How often it is looked, at the least, what has been kept long enough; and how long the end waits for a tile."""

logger = logging.getLogger(__name__)


@final
class Workshop:
    """Takes pictures on, makes them in the order in which they came, and keeps what is made. Safe from many threads."""

    def __init__(
        self, load: Callable[..., Upscaler] = Upscaler, bounds: Bounds | None = None, memory: int | None = None
    ) -> None:
        """Open it; see `Maker` for what is loaded, and what is raised."""
        self.bounds = bounds or Bounds()
        self._maker = Maker(load, memory, self.bounds.seconds)
        self.description = self._maker.description
        self._place = TemporaryDirectory(prefix="minutia-", ignore_cleanup_errors=True)
        self.folder = Path(self._place.name)
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._num_coming = 0
        self._is_open = True
        self._thread = threading.Thread(target=self._work, name="workshop", daemon=True)
        self._thread.start()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is not made, and forget what is."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        try:
            self._thread.join(PULSE_SECONDS)
        finally:
            self._place.cleanup()

    @contextmanager
    def room(self) -> Iterator[Path]:
        """Give a folder for a picture that is being sent; it goes again unless the picture is taken on.

        Raises:
            Busy: as many as may wait, or are being sent.
        """
        with self._changed:
            self._tidy()
            if self.num_waiting + self._num_coming >= self.bounds.max_waiting:
                raise Busy("The queue is full; try again later.")
            self._num_coming += 1
        folder = self.folder / secrets.token_urlsafe(16)
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)  # Systems clear temporary folders that rest for days.
            folder.mkdir()
            yield folder
        finally:
            with self._changed:
                self._num_coming -= 1
                if folder.name not in self._tasks:
                    shutil.rmtree(folder, ignore_errors=True)

    def take(self, sent: Path, parameters: Parameters) -> Task:
        """Take a picture on.

        Args:
            sent: a file in a folder of `room`.

        Raises:
            PictureError: nothing can be made of it; see `place_order`.
        """
        try:
            with self._looking:  # Some files are decoded for it: one at a time.
                order = place_order(sent, parameters, self.bounds.max_pixels, self.bounds.max_output_pixels)
        except MinutiaError as error:
            raise PictureError(in_words_of_the_api(str(error), sent.parent)) from error
        task = Task(sent.parent.name, sent.parent, order)
        with self._changed:
            self._tasks[task.key] = task
            self._changed.notify_all()
        return task

    def find(self, key: str) -> Task | None:
        """Find a picture that was sent, unless it has been forgotten."""
        with self._changed:
            self._tidy()
            return self._tasks.get(key)

    def place_of(self, task: Task) -> int:
        """Count the pictures that come before one that waits."""
        with self._changed:
            earlier = [each.key for each in self._tasks.values() if each.state in {"waiting", "working"}]
            return earlier.index(task.key) if task.key in earlier else 0

    def drop(self, task: Task) -> None:
        """Forget a picture; the network leaves it after the tile that it is at."""
        with self._changed:
            task.is_dropped = True
            self._tasks.pop(task.key, None)
            if task.state != "working":
                shutil.rmtree(task.folder, ignore_errors=True)

    @property
    def num_waiting(self) -> int:
        """Pictures whose turn has not come."""
        with self._changed:
            return sum(task.state == "waiting" for task in self._tasks.values())

    def _tidy(self) -> None:
        """Forget what has been kept long enough, and the oldest where it is too much."""
        until, num_bytes = time.monotonic() - self.bounds.keep_seconds, 0
        ended = [task for task in self._tasks.values() if task.ended is not None]
        for count, task in enumerate(reversed(ended)):
            num_bytes += task.num_bytes
            is_too_much = count >= self.bounds.max_kept or (count and num_bytes > self.bounds.max_kept_bytes)
            if is_too_much or (task.ended is not None and task.ended < until):
                self.drop(task)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            began = time.monotonic()
            error = self._make(task)
            self._end(task, began, error)

    def _next(self) -> Task | None:
        """Wait for a picture; None once the workshop is closed."""
        with self._changed:
            while self._is_open:
                task = next((each for each in self._tasks.values() if each.state == "waiting"), None)
                if task is not None:
                    task.state = "working"
                    return task
                self._changed.wait(PULSE_SECONDS)
                self._tidy()
        return None

    def _make(self, task: Task) -> str | None:
        """Make a picture, and give back what went wrong."""
        try:
            self._maker.make(task, lambda: self._is_open and not task.is_dropped)
        except Unwanted:
            task.is_dropped = True
        except MinutiaError as error:
            return in_words_of_the_api(str(error), task.folder)
        except Exception:  # The next picture is not to blame.
            logger.exception("%s was not made.", task.order.job.source.name)
            return "The picture could not be processed because of an unexpected error; see the server's log."
        return None

    def _end(self, task: Task, began: float, error: str | None) -> None:
        """Keep what was made, and no longer what it was made of."""
        with self._changed:
            task.state, task.error, task.seconds = "failed" if error else "done", error, time.monotonic() - began
            with suppress(OSError):
                task.order.job.source.unlink()
                task.num_bytes = task.result.stat().st_size
            task.ended = time.monotonic()
            if task.is_dropped:
                shutil.rmtree(task.folder, ignore_errors=True)
