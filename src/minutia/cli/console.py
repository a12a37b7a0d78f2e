"""Where the command line speaks: results on one stream, errors and warnings on the other."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from minutia.types import Progress as Report

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

# Paths and figures are printed as they are: no colours guessed from their letters, no line broken inside a path.
console = Console(highlight=False, soft_wrap=True, markup=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


class _Warnings(logging.Handler):
    """Prints what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        errors.print(f"{record.levelname.capitalize()}: {record.getMessage()}", style="yellow")


def accept_any_name() -> None:
    """Let names of files be printed that the terminal's encoding cannot spell: better spelt oddly than not at all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def show_warnings() -> None:
    """Let warnings of the library be seen."""
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
