"""Run a batch: while the network works on one picture, others are read and written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, final

from minutia.batch.journal import Journal
from minutia.batch.options import Options
from minutia.batch.plan import Job
from minutia.batch.stages import Outcome, Stages, Work
from minutia.files import temporary_name
from minutia.upscaler import Upscaler

JobProgress: TypeAlias = Callable[[Job, int, int], None]
"""Called with a job, and (done, total) of its pixels."""

MEMORY = 2**30
"""Bytes that pictures which are read ahead may take, if they are no larger than those before; and of pictures that wait
to be written, after which the network waits. What it is at comes on top. A quarter of `Options.memory` where that is
less."""

PULSE_SECONDS = 0.1
"""How often it is asked, at the least, whether to stop."""


def run_jobs(
    jobs: Sequence[Job],
    upscaler: Upscaler,
    options: Options | None = None,
    *,
    journal: Journal | None = None,
    progress: JobProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Outcome, None, None]:
    """Enlarge pictures, and tell what became of each, in the order of the jobs.

    Where several are asked for, those whose output exists are skipped, so that a batch that was stopped goes on where
    it was; a single one fails instead. With `options.resume` the journal decides.

    Args:
        journal: where all is noted.
        progress: called when a picture enters the network, and after each tile, from another thread.
        should_stop: once it is true, the picture in the network is the last one. Whoever leaves the loop instead
            gives up what is not yet written.
    """
    options = options or Options()
    stages = Stages(upscaler, options, journal, alone=len(jobs) == 1)
    waiting = deque(jobs)
    with _Line(stages, progress) as line:
        while True:
            if should_stop():
                waiting.clear()
                line.read_no_further()
            line.fill(waiting)
            line.advance()
            for outcome in line.take_finished():
                yield outcome
                if outcome.status == "failed" and options.fail_fast:
                    waiting.clear()
                    line.read_no_further()
            if line.is_empty and not waiting:
                return
            line.wait()


def upscale_file(
    source: str | Path, target: str | Path, upscaler: Upscaler | None = None, options: Options | None = None
) -> None:
    """Enlarge a file like `minutia upscale`: 16 bits, profile, EXIF, frames and pages are kept where the format allows.

    Args:
        target: path of the result; its suffix gives the format. No two calls at once may have the same target.
        upscaler: None uses the default model.
        options: None uses the defaults, which replace no existing file.

    Raises:
        OutputExists: the target exists.
        MinutiaError: the picture cannot be read, enlarged with these options, or written.
    """
    (outcome,) = run_jobs([Job(Path(source), Path(target))], upscaler or Upscaler(), options)
    if outcome.error is not None:
        raise outcome.error


@dataclass(frozen=True, slots=True)
class _Step:
    """A picture in the network, or what is known of it already; by rows it is written there too."""

    job: Job
    future: Future[Work | Outcome]


@dataclass(frozen=True, slots=True)
class _End:
    """A picture that is being written, or whose outcome is known without that."""

    job: Job
    num_bytes: int
    outcome: Future[Outcome]


@final
class _Line:
    """Pictures on their way: some in the hands of readers, one in the network of each device, some with writers.

    Its methods belong to one thread. Pictures leave in the order in which they came.
    """

    def __init__(self, stages: Stages, progress: JobProgress | None) -> None:
        self._stages, self._progress = stages, progress
        self._threads, memory = stages.options.threads, stages.options.memory
        self._room = MEMORY if memory is None else min(MEMORY, memory // 4)
        self._readers = ThreadPoolExecutor(self._threads)
        # In a thread of its own, so that Ctrl-C is heard while it works.
        self._num_devices = stages.upscaler.num_devices
        self._network = ThreadPoolExecutor(self._num_devices)
        self._writers = ThreadPoolExecutor(self._threads)
        self._loads: deque[Future[Work | Outcome]] = deque()
        self._present: deque[_Step] = deque()
        self._ends: deque[_End] = deque()
        self._given_up = threading.Event()
        self._largest: int | None = None

    def __enter__(self) -> _Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads; after an exception without waiting for them, leaving nothing half-written."""
        if kind is not None:
            self._given_up.set()
        for pool in (self._readers, self._network, self._writers):
            pool.shutdown(wait=kind is None, cancel_futures=True)
        for job in [*(step.job for step in self._present), *(end.job for end in self._ends)]:
            with suppress(OSError):
                temporary_name(job.target).unlink()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self._loads and not self._present and not self._ends

    def fill(self, waiting: deque[Job]) -> None:
        """Read ahead as far as threads and memory allow; one alone while it is not known how large pictures are."""
        fitting = 1 if self._largest is None else max(1, self._room // max(1, self._largest))
        while waiting and len(self._loads) < min(self._threads, fitting):
            self._loads.append(self._readers.submit(self._stages.load, waiting.popleft()))

    def read_no_further(self) -> None:
        """Drop what is not yet in the network."""
        for load in self._loads:
            load.cancel()
        self._loads.clear()

    def advance(self) -> None:
        """Hand what is ready to the next station."""
        while self._present and self._present[0].future.done():
            self._send_off(self._present.popleft().future.result())
        while self._has_free_device() and self._loads and self._loads[0].done() and self._has_room():
            step = self._loads.popleft().result()
            self._largest = max(self._largest or 0, step.num_bytes if isinstance(step, Work) else 0)
            if isinstance(step, Outcome) and not self._present:
                self._send_off(step)
            else:
                job = step.task.job if isinstance(step, Work) else step.job
                self._present.append(_Step(job, self._network.submit(self._enlarge, step)))

    def take_finished(self) -> Iterator[Outcome]:
        """Give the outcomes of pictures that are through, and forget them."""
        while self._ends and self._ends[0].outcome.done():
            yield self._ends.popleft().outcome.result()

    def wait(self) -> None:
        """Wait until something has happened, or might have."""
        heads: list[Future[Any]] = [*islice(self._loads, 1), *(step.future for step in islice(self._present, 1))]
        heads += [end.outcome for end in islice(self._ends, 1)]
        pending = [head for head in heads if not head.done()]
        if pending:
            wait(pending, PULSE_SECONDS, FIRST_COMPLETED)

    def _has_free_device(self) -> bool:
        """Tell whether a device waits; not where too many pictures are done already and wait for one before them."""
        busy = sum(not step.future.done() for step in self._present)
        return busy < self._num_devices and len(self._present) < 2 * self._num_devices

    def _has_room(self) -> bool:
        return len(self._ends) <= self._threads and sum(end.num_bytes for end in self._ends) <= self._room

    def _send_off(self, step: Work | Outcome) -> None:
        if isinstance(step, Work):
            future = self._writers.submit(self._stages.store, step)
            self._ends.append(_End(step.task.job, step.num_bytes, future))
        else:
            known: Future[Outcome] = Future()
            known.set_result(step)
            self._ends.append(_End(step.job, 0, known))

    def _enlarge(self, work: Work | Outcome) -> Work | Outcome:
        if isinstance(work, Outcome):  # There is nothing to enlarge, but pictures leave in the order they came.
            return work

        def tell(done: int, total: int) -> None:
            if self._given_up.is_set():
                raise _GivenUp
            if self._progress is not None:
                self._progress(work.task.job, done, total)

        tell(0, 1)
        return self._stages.enlarge(work, tell)


class _GivenUp(Exception):
    """Ends the work of the network between two tiles."""
