"""The learning rate as a pure function of the step, so that a resumed run needs no state for it."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from minutia.train.fields import Strict, Weight


class Schedule(Strict):
    """Learning rate over the steps of a phase: a linear warm-up, a constant stretch, then the decay.

    Counted in steps, also where the phase is measured in epochs; a cosine ends with the phase in either case.
    """

    kind: Literal["constant", "cosine", "multistep"] = "cosine"
    """Learning-rate schedule after warm-up and hold."""

    learning_rate: PositiveFloat = 2e-4
    """Peak learning rate."""

    warmup_steps: NonNegativeInt = 0
    """Steps of linear warm-up to the peak rate."""

    hold_steps: NonNegativeInt = 0
    """Steps at the peak rate between warm-up and cosine."""

    final_learning_rate: Weight = 1e-7
    """Learning rate at the end of a cosine schedule."""

    milestones: tuple[PositiveInt, ...] = ()
    """Steps at which a multistep schedule multiplies the rate by `gamma`."""

    gamma: PositiveFloat = 0.5
    """Factor on the learning rate at each milestone (multistep)."""


def learning_rate(schedule: Schedule, step: int, steps: int) -> float:
    """Rate of step `step` (from 0) of a phase of `steps` steps."""
    peak = schedule.learning_rate
    if step < schedule.warmup_steps:
        return peak * (step + 1) / schedule.warmup_steps
    if schedule.kind == "constant":
        return peak
    if schedule.kind == "multistep":
        return peak * schedule.gamma ** sum(step >= milestone for milestone in schedule.milestones)
    start = schedule.warmup_steps + schedule.hold_steps
    done = min(1.0, max(0, step - start) / max(1, steps - 1 - start))
    final = schedule.final_learning_rate
    return final + (peak - final) * (1 + math.cos(math.pi * done)) / 2
