"""What stays the same through a run, and how it speaks to whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from minutia.train.checkpoint import Place
from minutia.train.config import Recipe
from minutia.train.pictures import Pictures
from minutia.train.plan import Plan
from minutia.train.processes import Processes
from minutia.train.rows import Row
from minutia.types import Progress


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose size was chosen for the memory at hand."""

    num_crops: int
    """Of all processes together."""
    num_bytes: int
    """About how much one process needs at the peak of a step, networks and all."""
    num_free: int
    """Before pictures are decoded; where processes share a device or machine, the part of one."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a run is going to do, known before a picture is decoded."""

    num_training: int
    num_held_out: int
    num_bytes: int
    """Memory of the decoded training pictures, in each process."""
    plan: Plan
    chosen: dict[str, Batch]
    """By phase; phases whose batch_size the recipe tells are left out."""
    num_processes: int
    device: str
    """What it computes with, and how precisely."""
    start: Place | None = None
    """Where a run goes on; None where it begins."""


def ignore(*told: object) -> None:
    """Do nothing with what is told."""
    del told


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Callables that are told how a run fares; whoever wants to know nothing leaves them out."""

    outline: Callable[[Outline], None] = ignore
    """Before anything is decoded."""
    loading: Progress = ignore
    """While pictures are decoded."""
    step: Callable[[str, int], None] = ignore
    """After each step: the phase, and how many of its steps are done."""
    time_left: Callable[[str, float], None] = ignore
    """Once in each phase: the phase, and the seconds it still takes by its first steps, validations apart."""
    row: Callable[[Row], None] = ignore
    """With each row of the log, as it is written."""


SILENT = Listener()
"""Wants to know nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same through a run."""

    recipe: Recipe
    accelerator: Accelerator
    pictures: Pictures
    plan: Plan
    listener: Listener
    should_stop: Callable[[], bool]
    processes: Processes

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.recipe.folder
