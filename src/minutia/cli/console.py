"""Where the command line speaks: results on one stream, errors and warnings on the other."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@final
class Screen:
    """One of the two streams; rich, which takes longer to import than `--help` has, comes with the first words."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr

    @cached_property
    def rich(self) -> Console:
        """What draws bars and tables; paths and figures are printed as they are, no colours guessed from letters."""
        from rich.console import Console

        return Console(stderr=self._stderr, highlight=False, soft_wrap=True, markup=False)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody sees it."""
        return self.rich.is_terminal

    def print(self, words: RenderableType = "", style: str | None = None) -> None:
        """Print a line or a table."""
        self.rich.print(words, style=style)


console = Screen(stderr=False)
errors = Screen(stderr=True)

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal would obey instead of showing it, and bytes that are no text."""


def plain(words: object) -> str:
    """Spell out what no terminal should be sent, as names of files may hold it: `\\x1b` for an escape."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(words))


def remark(words: object, style: str | None = None) -> None:
    """Print what is not a result: on standard error, or through the console that may draw a bar where both are seen."""
    both_are_seen = sys.stdout is not None and sys.stdout.isatty() and errors.is_terminal
    (console if both_are_seen else errors).print(plain(words), style=style)


def print_named(entries: Iterable[tuple[str, str]]) -> None:
    """Print names, whole in a narrow terminal too, each with what there is to say of it beside it."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    for name, words in entries:
        grid.add_row(name, f"{words}\n")
    console.print(grid)


class _Warnings(logging.Handler):
    """Prints what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        remark(f"{record.levelname.capitalize()}: {record.getMessage()}", "yellow")
        if record.exc_info:
            errors.print(logging.Formatter().formatException(record.exc_info))


def accept_any_name() -> None:
    """Let names of files be printed that the terminal's encoding cannot spell: better spelt oddly than not at all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def show_warnings() -> None:
    """Let warnings of the library be seen; not those of decoders, which speak of what they mend in broken files."""
    warnings.simplefilter("ignore", UserWarning)
    for decoder in ("tifffile", "PIL"):
        logging.getLogger(decoder).setLevel(logging.CRITICAL)
    logger = logging.getLogger("minutia")
    if not any(isinstance(handler, _Warnings) for handler in logger.handlers):
        logger.addHandler(_Warnings(logging.WARNING))


@contextmanager
def stop_on_signal(promise: str = "", *, patience: int = 1) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or terminating signal into a request to stop, and the second into a KeyboardInterrupt.

    With a patience of 0 the first is that already.

    Gives a function to be asked again and again: it tells whether to stop, the first time by printing `promise` where
    there is one, and raises the KeyboardInterrupt, where nothing is torn by it. One more signal does not wait for that.
    """
    signals: list[int] = []
    told: list[str] = []
    old: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def hear(number: int, frame: object) -> None:
        del frame
        signals.append(number)
        if len(signals) > patience + 1:
            raise KeyboardInterrupt

    def should_stop() -> bool:
        if len(signals) > patience:
            raise KeyboardInterrupt
        if signals and promise and not told:
            told.append(promise)
            remark(promise)
        return bool(signals)

    for number, handler in old.items():
        if handler is not signal.SIG_IGN:  # As nohup and shells set it for what runs in the background.
            signal.signal(number, hear)
    try:
        yield should_stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def in_words(seconds: float) -> str:
    """Spell a time with the units that matter: 0.53 s, 2 h 05 min, 3 d 4 h."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours = minutes // 60
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def left_at_once(*, when_done: bool = False) -> Iterator[None]:
    """End the process at Ctrl-C, or `when_done` too, without waiting for threads that are still at work."""
    try:
        yield
    except KeyboardInterrupt:
        leave(INTERRUPTED)
    if when_done:
        leave(0)


def leave(status: int) -> NoReturn:
    """End the process at once, when all that was said is written.

    Raises:
        OSError, ValueError: That cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)


def byte_streams() -> tuple[BinaryIO, BinaryIO]:
    """Give standard input and output for bytes; what is closed is empty, and takes nothing."""
    nowhere = Path(os.devnull)
    stdin = nowhere.open("rb") if sys.stdin is None else sys.stdin.buffer
    stdout = nowhere.open("rb") if sys.stdout is None else sys.stdout.buffer
    return stdin, stdout
