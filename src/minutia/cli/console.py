"""Where the command line speaks: results on one stream, errors and warnings on the other."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from minutia.types import Progress as Report

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

# Paths and figures are printed as they are: no colours guessed from their letters, no line broken inside a path.
console = Console(highlight=False, soft_wrap=True, markup=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal would obey instead of showing it, and bytes that are no text."""


def plain(words: object) -> str:
    """Spell out what no terminal should be sent, as names of files may hold it: `\\x1b` for an escape."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(words))


def remark(words: object, style: str | None = None) -> None:
    """Print what is no result: on standard error; through the console that may be drawing a bar where both are seen."""
    both_are_seen = sys.stdout is not None and sys.stdout.isatty() and errors.is_terminal
    (console if both_are_seen else errors).print(plain(words), style=style)


class _Warnings(logging.Handler):
    """Prints what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        remark(f"{record.levelname.capitalize()}: {record.getMessage()}", "yellow")


def accept_any_name() -> None:
    """Let names of files be printed that the terminal's encoding cannot spell: better spelt oddly than not at all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def show_warnings() -> None:
    """Let warnings of the library be seen; not those of decoders, which speak of what they mend in broken files."""
    warnings.simplefilter("ignore", UserWarning)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    logger = logging.getLogger("minutia")
    if not any(isinstance(handler, _Warnings) for handler in logger.handlers):
        logger.addHandler(_Warnings(logging.WARNING))


def make_bar(*columns: TextColumn) -> Progress:
    """Make a progress bar with time left; nothing is drawn where the output is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(20 if columns else 40),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *columns,
        console=console,
        disable=not console.is_terminal,
    )


@contextmanager
def progress_bar(words: str) -> Iterator[Report]:
    """Show a bar while something counts (done, total)."""
    with make_bar() as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@final
class _Times(ProgressColumn):
    """How long it has taken; and how long it still will, once that can be told."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        left = task.time_remaining
        words = f"{timedelta(seconds=int(task.elapsed or 0))}"
        return Text(words if left is None else f"{words}, {timedelta(seconds=int(left))} left", "progress.elapsed")


@final
class PictureBars:
    """Bars of a batch: pictures, and below it how far the present one is; nothing is drawn on what is no terminal."""

    def __init__(self, screen: Console, num_pictures: int) -> None:
        name = Column(max_width=40, no_wrap=True, overflow="ellipsis")
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(30),
            TextColumn("{task.fields[state]}"),
            _Times(),
            console=screen,
            disable=not screen.is_terminal,
            transient=True,
            speed_estimate_period=600,
        )
        self._num_pictures = num_pictures
        self._all = self._bar.add_task("pictures", total=num_pictures, state="", visible=num_pictures > 1)
        self._one = self._bar.add_task("reading", total=None, state="")
        self._index = -1

    def __enter__(self) -> PictureBars:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, index: int, name: str, done: int, total: int) -> None:
        """Show that the picture of this number is the present one, and how much of it is done."""
        part = done / total
        if index != self._index:
            self._index = index
            self._bar.reset(self._one, description=plain(name))
        self._bar.update(self._all, completed=index + part, state=f"{index + int(part)}/{self._num_pictures}")
        self._bar.update(self._one, completed=done, total=total, state=f"{part:4.0%}")


@contextmanager
def stop_on_signal(promise: str) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or terminating signal into a wish to stop, and the second into a KeyboardInterrupt.

    Gives a function to be asked again and again: it tells whether to stop, the first time by printing `promise`, and
    raises the KeyboardInterrupt, where nothing is torn by it. A third signal does not wait to be asked for.
    """
    wishes: list[int] = []
    told: list[str] = []
    old: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def hear(number: int, frame: object) -> None:
        del frame
        wishes.append(number)
        if len(wishes) > 2:
            raise KeyboardInterrupt

    def should_stop() -> bool:
        if wishes and not told:
            told.append(promise)
            remark(promise)
        if len(wishes) > 1:
            raise KeyboardInterrupt
        return bool(wishes)

    for number, handler in old.items():
        if handler is not signal.SIG_IGN:  # As nohup and shells set it for what runs in the background.
            signal.signal(number, hear)
    try:
        yield should_stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def leave_at_once() -> NoReturn:
    """End the process as after Ctrl-C, without waiting for threads that are still at work."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(INTERRUPTED)


def byte_streams() -> tuple[BinaryIO, BinaryIO]:
    """Give standard input and output for bytes; what is closed is empty, and takes nothing."""
    nowhere = Path(os.devnull)
    stdin = nowhere.open("rb") if sys.stdin is None else sys.stdin.buffer
    stdout = nowhere.open("rb") if sys.stdout is None else sys.stdout.buffer
    return stdin, stdout
