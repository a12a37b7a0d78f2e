"""Cut a picture into tiles whose seams cannot be seen, because each tile sees as far as the network does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis: the window it sees, and the core within it that it answers for."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: rows and columns, in pixels of the picture."""

    rows: Span
    columns: Span


def plan(height: int, width: int, tile: int, halo: int) -> list[Tile]:
    """Cover a picture with tiles, row by row.

    Every pixel is in one core. Around each core the window holds `halo` more pixels, or ends where the picture ends.
    Windows are `tile + 2 * halo` a side, or the picture's side where that is smaller; they are moved inwards at the
    border and never exceed the picture, so all are of one size and the network meets no border of our making.

    Args:
        tile: side of a core in the middle of the picture.
        halo: the network's receptive radius.
    """
    columns = spans(width, tile, halo)
    return [Tile(row, column) for row in spans(height, tile, halo) for column in columns]


def spans(length: int, tile: int, halo: int) -> list[Span]:
    """Cover one axis; see `plan`."""
    window = min(tile + 2 * halo, length)
    found: list[Span] = []
    done = 0
    while done < length:
        start = min(max(done - halo, 0), length - window)
        stop = start + window
        core_stop = length if stop == length else stop - halo
        found.append(Span(start, stop, done, core_stop))
        done = core_stop
    return found
