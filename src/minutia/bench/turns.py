"""Take the time of several things so that they can be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from minutia.types import Progress, ignore_progress

PAUSE = 0.05
"""Seconds between two actions: threads of the first may still spin for a while, waiting for more of its work."""


def take_turns(actions: Sequence[Callable[[], object]], runs: int, progress: Progress = ignore_progress) -> list[float]:
    """Run actions one after the other, again and again, so that a machine that slows down slows all of them.

    Args:
        runs: rounds that count, at least one; a round before them, which does not, loads and warms what it has to.
        progress: called with (done, total) actions.

    Returns:
        The median seconds of each action.
    """
    seconds: list[list[float]] = [[] for _ in actions]
    total = len(actions) * (runs + 1)
    for turn in range(total):
        which = turn % len(actions)
        time.sleep(PAUSE)
        began = time.perf_counter()
        actions[which]()
        seconds[which].append(time.perf_counter() - began)
        progress(turn + 1, total)
    return [statistics.median(kept[1:]) for kept in seconds]
