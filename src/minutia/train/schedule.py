"""The learning rate as a pure function of the step, so that a resumed run needs no state for it."""

from __future__ import annotations

import math

from minutia.train.config import Schedule


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
