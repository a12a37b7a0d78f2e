"""Bars that grow where somebody sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import final

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from minutia.cli.console import Screen, console, plain
from minutia.types import Progress as Report


def make_bar(*, has_words: bool = False) -> Progress:
    """Make a progress bar with time left, and words of its tasks beside it; drawn on nothing but terminals."""
    columns = [TextColumn("{task.fields[words]}")] if has_words else []
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(20 if columns else 40),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *columns,
        console=console.rich,
        disable=not console.is_terminal,
    )


def make_download_bar() -> Progress:
    """Make a bar that counts bytes, with speed and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(30),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console.rich,
        disable=not console.is_terminal,
    )


@contextmanager
def progress_bar(words: str, make: Callable[[], Progress] = make_bar) -> Iterator[Report]:
    """Show a bar while something counts (done, total); `make_download_bar` is for what counts bytes."""
    with make() as bar:
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
    """Bars of a batch: pictures, and below them the progress of the current one; drawn on terminals only."""

    def __init__(self, screen: Screen, num_pictures: int) -> None:
        name = Column(max_width=40, no_wrap=True, overflow="ellipsis")
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(30),
            TextColumn("{task.fields[state]}"),
            _Times(),
            console=screen.rich,
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
