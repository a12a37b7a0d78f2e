"""Put a strip of a picture, rows of its full width, through a network: tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minutia.errors import OutOfMemory, PictureError
from minutia.image.color import from_float, full_range, to_float
from minutia.image.lock import RADIUS, lock_colors, run_locked
from minutia.image.tiles import Span, spans
from minutia.types import Engine, Normalisation, Pixels, Tensor, in_bands

WHOLE = 2**20
"""Pictures of no more pixels than this are enlarged in one piece."""

WINDOW = 1024
"""Side of the windows that larger pictures are cut into, halo included."""


@dataclass(frozen=True, slots=True)
class Network:
    """An engine, and how pictures are put through it.

    Raises:
        PictureError: a tile below 0.
    """

    engine: Engine
    halo: int
    """Receptive radius of the network, in input pixels."""
    channels: int = 3
    """What the network takes. One of 3 takes grey too; one of 1 colours too, each by itself."""
    normalisation: Normalisation | None = None
    """Of the values that the network was trained on; without it the full range of integers is [0, 1]."""
    tile: int | None = None
    """Side of a tile in input pixels; None chooses, 0 never cuts."""
    color_lock: bool = False
    """Hold colours to those of the source at low frequencies."""

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 0:
            raise PictureError(f"A tile cannot be {self.tile} pixels; write 0 for none.")

    @property
    def reach(self) -> int:
        """Input pixels to each side that an output pixel can depend on, colours that are locked included."""
        return max(1, self.halo) + (RADIUS if self.color_lock else 0)

    def require_kind(self, bands: int, dtype: np.dtype[Any]) -> None:
        """Check that the network can take a picture of so many bands.

        Raises:
            PictureError: it has another number of bands, or values that need a normalisation where there is none.
        """
        is_plain = self.normalisation is None
        if bands != self.channels and not (is_plain and {bands, self.channels} == {1, 3}):
            raise PictureError(
                f"The picture has {in_bands(bands)}, and the model takes {in_bands(self.channels)}; "
                "choose another model, or a picture like those it was trained on."
            )
        if is_plain and dtype.kind != "u":
            raise PictureError(
                f"The picture holds values of {dtype}, and the model's card does not say which of them are "
                "0 and 1; choose a model that was trained with data.normalisation."
            )

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (1, C, H, W), or one channel for as many as the network takes."""
        depth = x.shape[1]
        if self.channels == 1:
            y = self._run(x.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        elif depth == 1:
            # The plain mean: three estimates of one grey, and none is nearer than the others.
            y = self._run(x.repeat(self.channels, axis=1)).mean(axis=1, keepdims=True)
        else:
            return self._run_locked(x) if self.color_lock else self._run(x)
        return self._lock(y, x) if self.color_lock else y

    def _lock(self, y: Tensor, x: Tensor) -> Tensor:
        return lock_colors(y, x, self.engine.scale, bounded=self._is_bounded)

    @property
    def _is_bounded(self) -> bool:
        """Whether values end at 0 and 1."""
        return self.normalisation is None

    def _run_locked(self, x: Tensor) -> Tensor:
        try:
            return run_locked(self.engine, x, bounded=self._is_bounded)
        except OutOfMemory:
            return self._lock(self._run(x), x)

    def _run(self, x: Tensor) -> Tensor:
        """Run the engine; what its memory does not suffice for in halves that overlap as far as the network sees."""
        try:
            return self.engine.run(x)
        except OutOfMemory:
            axis = 2 if x.shape[2] > x.shape[3] else 3
            halo = max(1, self.halo)
            halves = spans(x.shape[axis], -(-x.shape[axis] // 2) - halo, halo)
            if len(halves) < 2:
                raise
        parts = []
        for half in halves:
            y = self._run(x[:, :, half.start : half.stop] if axis == 2 else x[:, :, :, half.start : half.stop])
            core = slice(*((edge - half.start) * self.engine.scale for edge in (half.core_start, half.core_stop)))
            parts.append(y[:, :, core] if axis == 2 else y[:, :, :, core])
        return np.concatenate(parts, axis)

    def side(self, height: int, width: int) -> int:
        """Choose the side of tiles' cores as the picture's size and the user's wish ask."""
        tile = self.tile
        if tile == 0 or (tile is None and height * width <= WHOLE):
            return max(height, width)
        return max(WINDOW - 2 * self.reach, self.reach) if tile is None else tile


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows that a network is shown at once."""

    planes: Pixels
    """(H, width, C): the rows of `rows`, halo included; alpha last where they are weighed."""
    rows: Span
    columns: Sequence[Span]
    is_weighed: bool = False
    """Whether colours are to be weighed by alpha before they go through the network, and freed of it afterwards."""


def enlarge_strip(strip: Strip, out: Pixels, network: Network) -> Iterator[int]:
    """Enlarge the core of a strip into `out`, of the strip's own type; gives the pixels of each tile as it is done."""
    rows, scale = strip.rows, network.engine.scale
    top, bottom = ((edge - rows.start) * scale for edge in (rows.core_start, rows.core_stop))
    for columns in strip.columns:
        x = to_float(strip.planes[:, columns.start : columns.stop])
        y = _run_weighed(network, x, least_alpha(out.dtype)) if strip.is_weighed else network.run(x)
        left, right = ((edge - columns.start) * scale for edge in (columns.core_start, columns.core_stop))
        core = from_float(y[0, :, top:bottom, left:right], out.dtype)
        out[:, columns.core_start * scale : columns.core_stop * scale] = core
        yield (rows.core_stop - rows.core_start) * (columns.core_stop - columns.core_start)


def _run_weighed(network: Network, x: Tensor, least: float) -> Tensor:
    """Enlarge (1, C, H, W), alpha last, through premultiplied colours; `least` is the smallest visible alpha."""
    colours, alpha = x[:, :-1], np.ascontiguousarray(x[:, -1:])
    large_alpha = network.run(alpha)
    large_colours = network.run(colours * alpha) / np.maximum(large_alpha, np.float32(least))
    # Held to what the neighbours span: an overshoot of alpha would be a halo in clear places, holes in opaque ones.
    held_alpha = np.clip(large_alpha, *_spans(alpha, network.engine.scale))
    return np.concatenate([large_colours, held_alpha], axis=1)


def _spans(x: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Find the least and the largest value of each pixel and its eight neighbours, repeated `scale` times."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    views = [padded[:, :, row : row + height, left : left + width] for row in range(3) for left in range(3)]
    least, largest = np.minimum.reduce(views), np.maximum.reduce(views)
    return least.repeat(scale, 2).repeat(scale, 3), largest.repeat(scale, 2).repeat(scale, 3)


def least_alpha(dtype: np.dtype[Any]) -> float:
    """Tell the smallest alpha that is seen."""
    return 1 / full_range(np.uint16 if dtype.kind == "f" else dtype)[1]
