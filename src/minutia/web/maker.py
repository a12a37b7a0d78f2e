"""Processes one picture after the other; the models used last stay loaded."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final

from minutia.batch import Job, Options, run_jobs, unused_settings
from minutia.errors import PictureError
from minutia.upscaler import Upscaler
from minutia.web.parameters import Parameters, in_words_of_the_api
from minutia.web.tasks import Task
from minutia.zoo.catalog import find_model

KEPT_UPSCALERS = 2
"""Models that stay loaded; those used last."""


class Unwanted(Exception):
    """Nobody wants the picture any more."""


class _TooLong(Exception):
    """The network has taken longer than is allowed."""


@final
class Maker:
    """Belongs to one thread."""

    def __init__(self, load: Callable[..., Upscaler], memory: int | None, seconds: float) -> None:
        """Load the default model, so that what is wrong with it or the device shows at once.

        Args:
            load: as Upscaler, with engine, device and the like settled.
            memory: bytes that the process may take; None is half of what is free.
            seconds: that the network may take for a picture.

        Raises:
            MinutiaError: as Upscaler.
        """
        self._load, self._memory, self._seconds = load, memory, seconds
        self._upscalers: OrderedDict[tuple[Any, ...], Upscaler] = OrderedDict()
        self.description = self._upscaler(find_model().name, Parameters()).description

    def make(self, task: Task, is_wanted: Callable[[], bool]) -> None:
        """Make a picture.

        Args:
            is_wanted: asked after every tile.

        Raises:
            Unwanted: it is not wanted any more.
            MinutiaError: it cannot be made, or takes too long.
        """
        began = time.monotonic()

        def tell(job: Job, done: int, total: int) -> None:
            del job
            if not is_wanted():
                raise Unwanted
            if time.monotonic() - began > self._seconds:
                raise _TooLong
            task.progress = done / total

        order = task.order
        with _told_to(task):
            task.warnings += unused_settings(order.output.encoding, [order.job.target])
            upscaler = self._upscaler(order.card.name, order.parameters)
            options = Options(output=order.output, memory=self._memory, num_threads=1)
            try:
                (outcome,) = run_jobs([order.job], upscaler, options, progress=tell)
            except _TooLong:
                raise PictureError(
                    f"Processing took longer than {self._seconds:g} seconds and was cancelled."
                ) from None
        if outcome.error is not None:
            raise outcome.error
        task.after = outcome.after
        task.warnings = [in_words_of_the_api(words, task.folder) for words in task.warnings]

    def _upscaler(self, model: str, parameters: Parameters) -> Upscaler:
        dials = {name: getattr(parameters, name) for name in ("strength", "denoise", "color_lock", "tta")}
        key = (model, *dials.values())
        if key not in self._upscalers:
            while len(self._upscalers) >= KEPT_UPSCALERS:
                self._upscalers.popitem(last=False)
            self._upscalers[key] = self._load(model, **dials)
        self._upscalers.move_to_end(key)
        return self._upscalers[key]


@contextmanager
def _told_to(task: Task) -> Iterator[None]:
    """Let a task hear what the library warns of while it is made, but for models, of which others ask meanwhile."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            task.warnings.append(record.getMessage())

    ear, logger = Ear(logging.WARNING), logging.getLogger("minutia")
    ear.addFilter(lambda record: not record.name.startswith("minutia.zoo"))
    logger.addHandler(ear)
    try:
        yield
    finally:
        logger.removeHandler(ear)
