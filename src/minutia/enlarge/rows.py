"""Enlarge a picture that memory does not hold: strip by strip, from rows that are read to rows that are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minutia.enlarge.strips import WINDOW, Network, Strip, enlarge_strip
from minutia.image.color import denormalise, normalise
from minutia.image.tiles import spans
from minutia.image.windows import Rows
from minutia.types import Pixels, Progress, ignore_progress

PROCESS_BYTES = 300 * 2**20
"""What a process takes with a network of this size loaded, before there is a picture, and what writers hold."""

WINDOW_BYTES = 2000
"""Memory that a pixel of a window takes in a network of 64 features, in fp32: 1,300 bytes were measured in OpenVINO,
the rest is for colours that are locked."""

STEP = 16
SMALLEST = 32
"""Side of the smallest tiles: below it a network does little but look around."""


@dataclass(frozen=True, slots=True)
class Share:
    """Memory that an enlargement may take, and what its network needs of it."""

    num_bytes: int
    """Of the whole process."""

    def side(self, source: Rows, scale: int, halo: int) -> int:
        """Choose the side of tiles' cores, such that a window and two strips of the enlargement fit in."""
        row = source.width * source.num_bands * source.dtype.itemsize
        for side in range(WINDOW - 2 * halo, SMALLEST, -STEP):
            rows = (side + 2 * halo) * row * (2 if source.dtype.itemsize < 4 else 3)
            needed = (side + 2 * halo) ** 2 * WINDOW_BYTES + rows + 2 * side * scale * scale * row
            if PROCESS_BYTES + needed <= self.num_bytes:
                return side
        return SMALLEST


def whole_bytes(height: int, width: int, pixel: int, scale: int) -> int:
    """Estimate the memory that a process needs to enlarge a picture as a whole; `pixel` is the bytes of each."""
    num_pixels = height * width
    return PROCESS_BYTES + num_pixels * pixel * (1 + scale * scale) + min(num_pixels, WINDOW * WINDOW) * WINDOW_BYTES


def enlarge_rows(
    source: Rows, network: Network, share: Share, progress: Progress = ignore_progress
) -> Iterator[Pixels]:
    """Enlarge a picture, from top to bottom; what comes is what `enlarge` gives, to the last bit.

    Args:
        share: memory that may be taken; where the network has a tile it decides.

    Yields:
        Rows of the enlargement, (rows, width * scale, bands), of the source's dtype.

    Raises:
        PictureError: as `enlarge`, before the first rows are read; or the source cannot be read.
    """
    network.require_kind(source.num_bands, source.dtype)
    normalisation = network.normalisation
    height, width, scale = source.height, source.width, network.engine.scale
    side = share.side(source, scale, network.reach) if network.tile is None else network.side(height, width)
    columns = spans(width, side, network.reach)
    done = 0
    for rows in spans(height, side, network.reach):
        planes = source.read(rows.start, rows.stop)
        if normalisation is not None:
            planes = normalise(planes, normalisation)
        num_rows = (rows.core_stop - rows.core_start) * scale
        large = np.empty((num_rows, width * scale, source.num_bands), planes.dtype)
        for num_pixels in enlarge_strip(Strip(planes, rows, columns), large, network):
            done += num_pixels
            progress(done, height * width)
        yield large if normalisation is None else denormalise(large, normalisation, source.dtype)
