"""Enlarge a picture that memory does not hold: strip by strip, from rows that are read to rows that are written."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minutia.enlarge.strips import WINDOW, Network, enlarge_strips, is_weighed
from minutia.enlarge.values import denormalised, find_spare_bits, lifted, lowered, normalised, resized, with_depth
from minutia.image.no_data import filled, put_back
from minutia.image.pil import stacked
from minutia.image.target import Size, pass_sizes
from minutia.image.windows import Rows
from minutia.memory import spell_bytes
from minutia.types import Picture, Pixels, Progress, ignore_progress

logger = logging.getLogger(__name__)

PROCESS_BYTES = 300 * 2**20
"""What a process takes with a network loaded, before there is a picture, and what writers hold."""

STEP = 16
SMALLEST = 32
"""Side of the smallest tiles: below it a network does little but look around."""

RESIZED_BYTES = 16
"""Memory that a value of an enlarged strip takes while it is resized: 16 bits as it comes and joined, and as floats."""

REACH = 2
"""Pixels of the smaller picture to each side that a pixel resized by the bicubic kernel is made of."""


@dataclass(frozen=True, slots=True)
class Share:
    """Memory that an enlargement may take, and what its network needs of it."""

    num_bytes: int
    """Of the whole process."""

    def side(self, source: Rows, network: Network, copies: float = 2) -> int:
        """Choose the side of tiles' cores, such that a window and so many copies of an enlarged strip fit in.

        Where nothing does it is the smallest, with a warning.
        """
        scale, halo = network.engine.scale, network.reach
        row = source.width * (source.num_bands + source.has_alpha) * source.dtype.itemsize

        def needed(side: int) -> float:
            rows = (side + 2 * halo) * row * (2 if source.dtype.itemsize < 4 else 3)
            work = (side + 2 * halo) ** 2 * network.work_bytes
            return PROCESS_BYTES + work + rows + copies * side * scale * scale * row

        for side in range(WINDOW - 2 * halo, SMALLEST, -STEP):
            if needed(side) <= self.num_bytes:
                return side
        if needed(SMALLEST) > self.num_bytes:
            least = spell_bytes(int(needed(SMALLEST)))
            logger.warning("Even with the smallest tiles up to %s of memory may be used, more than the limit.", least)
        return SMALLEST


@dataclass(frozen=True, slots=True)
class Whole:
    """A picture that might be enlarged as a whole."""

    before: Size
    after: Size
    pixel: int
    """Bytes that one of its pixels takes."""

    @property
    def held_bytes(self) -> int:
        """What it takes before and after."""
        return (math.prod(self.before) + math.prod(self.after)) * self.pixel

    def work_bytes(self, network: Network) -> int:
        """Estimate what is taken besides while a network is at it."""
        scale = network.engine.scale
        needed = network.window_pixels(*self.before) * network.work_bytes
        native = math.prod(pass_sizes(self.before, self.after, scale)[-1]) * scale**2
        if native != math.prod(self.after):  # Of 16 bits, and once more as floats.
            needed += native * self.pixel * 6
        return needed


def whole_bytes(pictures: Sequence[Whole], network: Network) -> int:
    """Estimate the memory that a process needs to hold pictures, or pages, and enlarge one after the other."""
    held = sum(each.held_bytes for each in pictures)
    return PROCESS_BYTES + held + max(each.work_bytes(network) for each in pictures)


def enlarge_rows(
    source: Rows, network: Network, share: Share, *, size: Size | None = None, progress: Progress = ignore_progress
) -> Iterator[Pixels]:
    """Enlarge a picture, from top to bottom; what comes is what `enlarge` gives, to the last bit.

    That bit may differ where another `size` is asked for.

    Args:
        share: memory that may be taken; where the network has a tile it decides.
        size: height and width of what comes, no larger than one pass of the network makes it; None is that.

    Yields:
        Rows of the enlargement, (rows, width, bands), alpha last, of the source's dtype.

    Raises:
        PictureError: as `enlarge`, before the first rows are read; or the source cannot be read.
    """
    network.require_kind(source.num_bands, source.dtype)
    as_it_is, source = source, filled(source)
    normalisation, scale, dtype = network.seen(source), network.engine.scale, source.dtype
    native = (source.height * scale, source.width * scale)
    is_resized = size is not None and size != native
    bits = 0 if normalisation else find_spare_bits(source)

    def prepare(strip: Picture) -> Picture:
        if normalisation is not None:
            return normalised(strip, normalisation)
        strip = lifted(strip, bits)
        return with_depth(strip, np.uint16) if is_resized else strip

    if network.tile is None:
        side = share.side(source, network, RESIZED_BYTES / dtype.itemsize if is_resized else 2)
    else:
        side = network.side(source.height, source.width)
    strips = enlarge_strips(source, network, side, progress, weighed=is_weighed(source), prepare=prepare)
    if size is not None and is_resized:
        strips = _resized(strips, native, size)

    height, top = (native if size is None else size)[0], 0

    def held(strip: Picture) -> Pixels:
        nonlocal top
        if normalisation is None:
            rows = stacked(lowered(with_depth(strip, dtype), bits))
        else:
            rows = stacked(denormalised(strip, normalisation, dtype))
        put_back(rows, top, height, as_it_is)
        top += len(rows)
        return rows

    yield from map(held, strips)  # Which holds no strip while the next is made.


def _resized(strips: Iterator[Picture], before: Size, after: Size) -> Iterator[Picture]:
    """Resize a picture whose rows come strip by strip: as soon as all that a row is made of is there."""
    factor = before[0] / after[0]
    reach = math.ceil(REACH * max(1.0, factor)) + 1
    kept: Picture | None = None
    top = made = 0  # Where the kept rows begin, and the rows that have been made of them.
    while (strip := next(strips, None)) is not None:
        kept = strip if kept is None else _joined(kept, strip)
        del strip
        bottom = top + kept.height
        ready = after[0] if bottom == before[0] else max(made, math.floor((bottom - reach) / factor))
        if ready > made:
            rows = (made * factor - top, ready * factor - top)
            yield resized(kept, (ready - made, after[1]), rows)
            made = ready
            start = max(top, math.floor(made * factor) - reach)
            kept, top = _without(kept, start - top), start


def _joined(above: Picture, below: Picture) -> Picture:
    pixels = np.concatenate([above.pixels, below.pixels])
    if above.alpha is None or below.alpha is None:
        return Picture(pixels)
    return Picture(pixels, np.concatenate([above.alpha, below.alpha]))


def _without(picture: Picture, num_rows: int) -> Picture:
    """Leave out the first rows, and the memory they take."""
    alpha = None if picture.alpha is None else picture.alpha[num_rows:].copy()
    return Picture(picture.pixels[num_rows:].copy(), alpha)
