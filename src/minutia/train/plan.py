"""How long the phases of a run are, and what is due after which step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from minutia.train.config import Recipe


@dataclass(frozen=True, slots=True)
class Span:
    """The length of a phase."""

    steps: int
    steps_per_epoch: int | None = None
    """None where the phase is measured in steps."""

    def epoch(self, done: int) -> int | None:
        """Tell to which epoch, from 1, step number `done` belongs; None where the phase is measured in steps."""
        return None if self.steps_per_epoch is None else -(-done // self.steps_per_epoch)

    def finished_epoch(self, done: int) -> int | None:
        """Tell which epoch, from 1, ends with step number `done`; None where none does."""
        return self.epoch(done) if self.steps_per_epoch and done % self.steps_per_epoch == 0 else None


Plan: TypeAlias = dict[str, Span]
"""The phases by name, in order."""


def make_plan(recipe: Recipe, num_pictures: int) -> Plan:
    """Count the steps of each phase; an epoch is ceil(num_pictures / batch_size) of them."""
    plan = {}
    for name, phase in recipe.phases.items():
        if phase.epochs is None:
            assert phase.steps is not None
            plan[name] = Span(phase.steps)
        else:
            steps_per_epoch = -(-num_pictures // phase.num_crops)
            plan[name] = Span(phase.epochs * steps_per_epoch, steps_per_epoch)
    return plan


def shorten(plan: Plan, ended: Mapping[str, int]) -> Plan:
    """Give the phases that have ended the number of steps that they were trained for."""
    return {name: replace(span, steps=ended.get(name, span.steps)) for name, span in plan.items()}


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done after a step."""

    row: bool
    """In the log; a checkpoint has its own."""
    validation: bool
    checkpoint: bool
    """Also where there is a validation."""


def due(recipe: Recipe, span: Span, done: int, *, stopped: bool) -> Due:
    """Tell what is due after step number `done` of a phase."""
    every, epoch = recipe.every, span.finished_epoch(done)
    if span.steps_per_epoch is not None and every.validation_epochs is not None:
        validation = epoch is not None and epoch % every.validation_epochs == 0
    else:
        validation = done % every.validation == 0
    validation = validation or done == span.steps or epoch in recipe.samples.epochs
    checkpoint = validation or done % every.checkpoint == 0 or stopped
    row = done % every.log == 0 or epoch is not None
    return Due(row or checkpoint, validation, checkpoint)
