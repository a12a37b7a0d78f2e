"""Pictures whose rows come by any number at a time; and such rows given on by the same number, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minutia.image.target import Size
from minutia.types import Picture, Pixels


@dataclass(frozen=True, slots=True)
class Strips:
    """A picture, or page, whose rows come strip by strip."""

    rows: Iterator[Pixels]
    """From the top, (rows, width, bands), alpha last, any number at a time."""
    size: Size
    like: Picture
    """One of the same bands, type, alpha and metadata, of any size."""


def regrouped(strips: Iterator[Pixels], num_rows: int) -> Iterator[Pixels]:
    """Give rows on `num_rows` at a time, the last as many as are left; what has been given is not held any longer."""
    kept: Pixels | None = None
    while (strip := next(strips, None)) is not None:
        start = 0
        if kept is not None:
            start = num_rows - len(kept)
            kept = np.concatenate([kept, strip[:start]])
            if len(kept) == num_rows:
                yield kept
                kept = None
        stop = start + max(0, len(strip) - start) // num_rows * num_rows
        for top in range(start, stop - num_rows, num_rows):
            yield strip[top : top + num_rows]
        rest = strip[max(start, stop - num_rows) :].copy()
        del strip  # Before the next is made, and with it all views of it.
        if len(rest) >= num_rows:
            yield rest[:num_rows]
            rest = rest[num_rows:]
        kept = rest if len(rest) else kept
    if kept is not None:
        yield kept
