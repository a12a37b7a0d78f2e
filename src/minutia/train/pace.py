"""How long a phase is going to take, measured on its first steps."""

from __future__ import annotations

import time
from typing import final

import torch

NUM_UNMEASURED = 1
"""The first step also allocates memory and chooses kernels."""

NUM_MEASURED = 5


@final
class Pace:
    """Measures steps as they are done."""

    def __init__(self, first: int, steps: int, device: torch.device) -> None:
        """Begin at the step number `first` of a phase of `steps` steps."""
        self.first = first
        self.steps = steps
        self.device = device
        self.since = 0.0

    def seconds_left(self, done: int) -> float | None:
        """Tell once, after a few steps, how long the rest takes; None at all other steps."""
        measured = done - self.first - NUM_UNMEASURED
        if measured == 0:
            self.since = self._now()
        if measured != NUM_MEASURED:
            return None
        return (self._now() - self.since) / NUM_MEASURED * (self.steps - done)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
