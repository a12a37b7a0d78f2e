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


def spans(length: int, tile: int, halo: int) -> list[Span]:
    """Cover one axis of a picture with tiles.

    Every place is in one core. Around each core the window holds `halo` more places, or ends where the picture ends.
    All windows are of one size, and none exceeds the picture, so the network meets no border of our making. They are
    as many as tiles of the given size need, and no larger than so many have to be: what windows share is seen twice.

    Args:
        length: of the axis, in pixels.
        tile: length of a core in the middle of the picture, at most.
        halo: the network's receptive radius.
    """
    if length <= tile + 2 * halo:
        return [Span(0, length, 0, length)]
    count = -(-(length - 2 * halo) // tile)
    window = -(-(length + 2 * halo * (count - 1)) // count)
    found: list[Span] = []
    done = 0
    while done < length:
        start = min(max(done - halo, 0), length - window)
        stop = start + window
        core_stop = length if stop == length else stop - halo
        found.append(Span(start, stop, done, core_stop))
        done = core_stop
    return found
