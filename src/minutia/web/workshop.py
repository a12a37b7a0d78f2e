"""Pictures wait for their turn; one is made at a time, and what is made is kept until it is fetched or forgotten."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, TypeAlias, final

from minutia.batch import Job, Options, run_jobs
from minutia.errors import MinutiaError, PictureError
from minutia.upscaler import Upscaler
from minutia.web.wishes import Order, Wishes, in_words_of_the_api, place_order
from minutia.zoo.catalog import find_model

State: TypeAlias = Literal["waiting", "working", "done", "failed"]

KEPT_UPSCALERS = 2
"""Models that stay loaded; those used last."""

PULSE_SECONDS = 10
"""How often it is looked, at the least, what has been kept long enough."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is taken on."""

    max_bytes: int = 100 * 2**20
    """Of a file that is sent."""
    max_pixels: int = 2**26
    """Of a picture that is sent, all its frames or pages together."""
    max_output_pixels: int = 2**30
    """Of what is made of it."""
    max_waiting: int = 16
    """Pictures that wait or are being sent; more are refused."""
    seconds: float = 3600
    """That the network may take for a picture."""
    keep_seconds: float = 3600
    """That a picture is kept after it is made."""
    max_kept: int = 64
    """Pictures that are kept; the oldest go first."""


class Busy(MinutiaError):
    """As many pictures wait as may."""


@dataclass(slots=True)
class Task:
    """A picture that was sent, and what has become of it."""

    key: str
    """Nobody can guess it: who knows it may fetch the picture."""
    folder: Path
    order: Order
    state: State = "waiting"
    progress: float = 0.0
    """0 to 1."""
    after: tuple[int, int] | None = None
    """Height and width of what was made."""
    error: str | None = None
    seconds: float = 0.0
    """How long it took, reading and writing included."""
    ended: float | None = None
    """When, by time.monotonic()."""
    is_dropped: bool = field(default=False, repr=False)

    @property
    def result(self) -> Path:
        """What is made."""
        return self.order.job.target


class _Dropped(Exception):
    """Nobody wants the picture any more."""


class _TooLong(Exception):
    """The network has taken longer than is allowed."""


@final
class Workshop:
    """Takes pictures on, makes them in the order in which they came, and keeps what is made. Safe from many threads."""

    def __init__(
        self, load: Callable[..., Upscaler] = Upscaler, bounds: Bounds | None = None, memory: int | None = None
    ) -> None:
        """Load the default model, so that what is wrong with it or the device shows at once.

        Args:
            load: as Upscaler, with engine, device and the like settled.
            memory: bytes that the process may take; None is half of what is free.

        Raises:
            MinutiaError: as Upscaler.
        """
        self.bounds = bounds or Bounds()
        self._load, self._memory = load, memory
        self._upscalers: OrderedDict[tuple[Any, ...], Upscaler] = OrderedDict()
        card = find_model()
        self.description = self._upscaler(card.name, Wishes()).description
        self._place = TemporaryDirectory(prefix="minutia-", ignore_cleanup_errors=True)
        self.folder = Path(self._place.name)
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._changed = threading.Condition()
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
        self._thread.join(10)
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
                raise Busy("As many pictures wait as may; try again later.")
            self._num_coming += 1
        folder = self.folder / secrets.token_urlsafe(16)
        try:
            folder.mkdir()
            yield folder
        finally:
            with self._changed:
                self._num_coming -= 1
                if folder.name not in self._tasks:
                    shutil.rmtree(folder, ignore_errors=True)

    def take(self, sent: Path, wishes: Wishes) -> Task:
        """Take a picture on.

        Args:
            sent: a file in a folder of `room`.

        Raises:
            PictureError: nothing can be made of it; see `place_order`.
        """
        try:
            order = place_order(sent, wishes, self.bounds.max_pixels)
        except MinutiaError as error:
            raise PictureError(in_words_of_the_api(error, sent.parent)) from error
        if order.num_output_pixels > self.bounds.max_output_pixels:
            made, most = order.num_output_pixels / 1e6, self.bounds.max_output_pixels / 1e6
            raise PictureError(f"It would have {made:.0f} megapixels; no more than {most:.0f} are made here.")
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
        """Forget what has been kept long enough."""
        ended = [task for task in self._tasks.values() if task.ended is not None]
        until = time.monotonic() - self.bounds.keep_seconds
        for index, task in enumerate(ended):
            if len(ended) - index > self.bounds.max_kept or (task.ended is not None and task.ended < until):
                self.drop(task)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            began = time.monotonic()
            try:
                self._make(task, began)
            except _Dropped:
                shutil.rmtree(task.folder, ignore_errors=True)
            except _TooLong:
                self._end(task, began, f"It took longer than {self.bounds.seconds:g} seconds, and was given up.")
            except MinutiaError as error:
                self._end(task, began, in_words_of_the_api(error, task.folder))
            except Exception:  # The next picture is not to blame.
                logger.exception("%s was not made.", task.order.job.source.name)
                self._end(task, began, "It could not be made, for a reason that was not foreseen; the log has it.")

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

    def _make(self, task: Task, began: float) -> None:
        def tell(job: Job, done: int, total: int) -> None:
            del job
            if task.is_dropped or not self._is_open:
                raise _Dropped
            if time.monotonic() - began > self.bounds.seconds:
                raise _TooLong
            task.progress = done / total

        upscaler = self._upscaler(task.order.card.name, task.order.wishes)
        options = Options(making=task.order.making, memory=self._memory, num_threads=1)
        for outcome in run_jobs([task.order.job], upscaler, options, progress=tell):
            if outcome.error is not None:
                raise outcome.error
            task.after = outcome.after
        self._end(task, began)

    def _end(self, task: Task, began: float, error: str | None = None) -> None:
        with self._changed:
            task.ended = time.monotonic()
            task.state, task.error, task.seconds = "failed" if error else "done", error, task.ended - began
            if task.is_dropped:
                shutil.rmtree(task.folder, ignore_errors=True)

    def _upscaler(self, model: str, wishes: Wishes) -> Upscaler:
        dials = {name: getattr(wishes, name) for name in ("strength", "denoise", "color_lock", "tta")}
        key = (model, *dials.values())
        if key not in self._upscalers:
            while len(self._upscalers) >= KEPT_UPSCALERS:
                self._upscalers.popitem(last=False)
            self._upscalers[key] = self._load(model, **dials)
        self._upscalers.move_to_end(key)
        return self._upscalers[key]
