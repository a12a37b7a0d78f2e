"""Dry run of a batch: outputs, their sizes and the estimated time; nothing is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from minutia.batch.journal import Journal
from minutia.batch.options import Options
from minutia.batch.plan import Job
from minutia.batch.scan import find_scan, kept_sizes
from minutia.batch.stages import Outcome, Stages
from minutia.errors import MinutiaError
from minutia.image.io import read_shape
from minutia.image.target import pass_sizes
from minutia.upscaler import Upscaler

SIDES = (32, 64, 128, 256)
"""Of the squares that are tried; larger ones tell more."""

PATIENCE_SECONDS = 0.25
"""A square that took longer is the last."""


def foretell(
    jobs: Sequence[Job], upscaler: Upscaler, options: Options, *, journal: Journal | None = None
) -> Iterator[Outcome]:
    """Tell of each job what would become of it. Sizes are read, pictures are not; seconds are those of the network.

    Args:
        journal: what it knows is left out where `options.resume` is set.

    Yields:
        Outcomes, `done` for what would be made.
    """
    stages = Stages(upscaler, options, journal, alone=len(jobs) == 1)
    seconds_per_pixel = measure(upscaler)
    for job in jobs:
        try:
            task = stages.examine(job)
            if isinstance(task, Outcome):
                yield task
                continue
            shape = read_shape(job.source, options.output.limits)
            before = kept_sizes(shape, job.source, job.target, options.output.limits)
            after = [stages.size_after(job, size) for size in before]
            find_scan(job.source, job.target, upscaler, options, alone=stages.alone)  # Which tells what cannot be.
        except MinutiaError as error:
            yield Outcome(job, "skipped" if stages.passes_over(error) else "failed", error)
        else:
            passes = (pass_sizes(*sizes, upscaler.scale) for sizes in zip(before, after, strict=True))
            num_pixels = sum(map(math.prod, chain.from_iterable(passes)))
            seconds = seconds_per_pixel * num_pixels / min(upscaler.num_devices, len(jobs))
            yield Outcome(job, "done", None, before[0], after[0], seconds, len(before))


def measure(upscaler: Upscaler) -> float:
    """Estimate the seconds that an input pixel takes, by enlarging small squares."""
    card = upscaler.card
    channels = 3 if card.channels == 1 and card.normalisation is None else card.channels
    for side in SIDES:
        square = np.full((side, side, channels), 128, np.uint8)
        upscaler.upscale(square)  # The first of a size is slower: memory is laid out for it.
        began = time.perf_counter()
        upscaler.upscale(square)
        seconds = time.perf_counter() - began
        if seconds > PATIENCE_SECONDS:
            break
    return seconds / side**2
