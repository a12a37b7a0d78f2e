"""Put a picture through a network: strip by strip, rows of its full width, and each strip tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from minutia.errors import OutOfMemory, PictureError
from minutia.image.color import from_float, full_range, to_float
from minutia.image.color_lock import RADIUS, lock_colors
from minutia.image.pil import stacked
from minutia.image.tiles import spans
from minutia.image.windows import LOOK, Rows
from minutia.memory import PIXEL_BYTES
from minutia.types import (
    Area,
    Engine,
    EnlargesPixels,
    Normalisation,
    Picture,
    Pixels,
    Progress,
    Tensor,
    ValueRange,
    ignore_progress,
    in_bands,
)

WHOLE = 2**20
"""Pictures of no more pixels than this are enlarged in one piece."""

WINDOW = 1024
"""Side of the windows that larger pictures are cut into, halo included."""

LOCK_BYTES = 700
"""Memory that colours that are locked take, for an input pixel."""

Prepare: TypeAlias = Callable[[Picture], Picture]


def as_it_is(picture: Picture) -> Picture:
    """Leave rows as they are."""
    return picture


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
    value_range: ValueRange | None = None
    """Instead of the full range of integers, for a network without a normalisation."""
    tile: int | None = None
    """Side of a tile in input pixels; None chooses, 0 never cuts."""
    color_lock: bool = False
    """Hold colours to those of the source at low frequencies."""
    pixel_bytes: int = PIXEL_BYTES
    """Memory that the network takes for an input pixel, in fp32."""

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 0:
            raise PictureError(f"A tile cannot have a side of {self.tile} pixels; write 0 for no tiles.")

    @property
    def reach(self) -> int:
        """Input pixels to each side that an output pixel can depend on, colours that are locked included."""
        return max(1, self.halo) + (RADIUS if self.color_lock else 0)

    @property
    def work_bytes(self) -> int:
        """Memory that a pixel of a window takes while it is enlarged."""
        return self.pixel_bytes + (LOCK_BYTES if self.color_lock else 0)

    def require_kind(self, bands: int, dtype: np.dtype[Any]) -> None:
        """Check that the network can take a picture of so many bands.

        Raises:
            PictureError: it has another number of bands, or values that need a normalisation where there is none.
        """
        needs_range = self._is_bounded and dtype.kind != "u"
        is_for_photos = self.normalisation is None and self.channels in {1, 3}
        is_taken = bands == self.channels or (is_for_photos and (bands in {1, 3} or self.value_range is not None))
        if not is_taken:
            way = "choose another model, or a picture with the bands that it was trained on"
            if is_for_photos:
                way = "add --range LOW,HIGH, or --range auto, to enlarge each band separately"
            has, takes = in_bands(bands), in_bands(self.channels)
            raise PictureError(f"The picture has {has}, but the model takes {takes}; {way}.")
        if needs_range:
            raise PictureError(
                f"The picture holds values of {dtype}, and the model's card does not say which of them are 0 and 1; "
                "give them by --range LOW,HIGH, or choose a model that was trained with data.normalisation."
            )

    def seen(self, source: Rows) -> Normalisation | None:
        """Tell how the network sees the values of a picture; None where their full range is [0, 1]."""
        if self.value_range is None:
            return self.normalisation
        if self.value_range == "auto":
            return _extremes(source)
        low, high = self.value_range
        return Normalisation((low,) * source.num_bands, (high,) * source.num_bands)

    def num_runs(self, bands: int) -> int:
        """Tell how often the network runs for a place of a picture of so many bands."""
        return 1 if bands in {1, self.channels} or self.channels == 1 else bands

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (1, C, H, W): all at once, or each channel by itself where the network takes another number."""
        depth = x.shape[1]
        if self.num_runs(depth) > 1:
            return np.concatenate([self.run(x[:, band : band + 1]) for band in range(depth)], axis=1)
        if self.channels == 1:
            y = self._run(x.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        elif depth == 1:
            # The plain mean: three estimates of one grey, and none is nearer than the others.
            y = self._run(x.repeat(self.channels, axis=1)).mean(axis=1, keepdims=True)
        else:
            y = self._run(x)
        return lock_colors(y, x, self.engine.scale, bounded=self._is_bounded) if self.color_lock else y

    def enlarge(self, pixels: Pixels, core: Area) -> Pixels:
        """Enlarge (H, W, C) values, and give the rows and columns `core` of the enlargement, in the same type."""
        is_plain = pixels.dtype.kind == "u" and pixels.shape[2] == self.channels > 1
        if is_plain and isinstance(self.engine, EnlargesPixels):
            with suppress(OutOfMemory):  # Halves are made of floats.
                large = self.engine.enlarge(pixels, core, lock=self.color_lock)
                if large is not None:
                    return large
        return from_float(self.run(to_float(pixels))[0, :, *core], pixels.dtype)

    @property
    def _is_bounded(self) -> bool:
        """Whether values end at 0 and 1."""
        return self.normalisation is None and self.value_range is None

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

    def window_pixels(self, height: int, width: int) -> int:
        """Count the pixels that are enlarged at once."""
        side = self.side(height, width) + 2 * self.reach
        return min(height, side) * min(width, side)

    def side(self, height: int, width: int) -> int:
        """Choose the side of tiles' cores as the picture's size and the user ask."""
        tile = self.tile
        if tile == 0 or (tile is None and height * width <= WHOLE):
            return max(height, width)
        return max(WINDOW - 2 * self.reach, self.reach) if tile is None else tile


def enlarge_strips(
    source: Rows,
    network: Network,
    side: int,
    progress: Progress = ignore_progress,
    *,
    weighed: bool,
    prepare: Prepare = as_it_is,
    out: Pixels | None = None,
) -> Iterator[Picture]:
    """Enlarge a picture tile by tile, from top to bottom, straight into the values of the output.

    Colours are weighed by alpha before they go through the network, and freed of it afterwards: what cannot be seen
    leaves no fringe. Alpha goes through it too, as a grey picture, so that its edges are as sharp as those of the
    colours; where it is the same everywhere it is only spread.

    Args:
        side: of a tile's core, in input pixels.
        progress: called with pixels of the source.
        weighed: whether the source `is_weighed`.
        prepare: what becomes of rows before they are enlarged.
        out: where the whole enlargement goes, (H * scale, W * scale, C), alpha last if it is weighed; without it
            there is room for a strip at a time.

    Yields:
        Rows of the enlargement, as wide as it is, without metadata.
    """
    scale, done = network.engine.scale, 0
    enlarge = _enlarge_weighed if weighed else Network.enlarge
    columns = spans(source.width, side, network.reach)
    for rows in spans(source.height, side, network.reach):
        strip = prepare(source.read(rows.start, rows.stop))
        planes = stacked(strip) if weighed else strip.pixels
        top, bottom = ((edge - rows.start) * scale for edge in (rows.core_start, rows.core_stop))
        large: Pixels
        if out is None:
            large = np.empty((bottom - top, source.width * scale, planes.shape[2]), planes.dtype)
        else:
            large = out[rows.core_start * scale : rows.core_stop * scale]
        for part in columns:
            pixels = planes[:, part.start : part.stop]
            left, right = ((edge - part.start) * scale for edge in (part.core_start, part.core_stop))
            core = enlarge(network, pixels, (slice(top, bottom), slice(left, right)))
            large[:, part.core_start * scale : part.core_stop * scale] = core
            done += (rows.core_stop - rows.core_start) * (part.core_stop - part.core_start)
            progress(done, source.height * source.width)
        strip = with_alpha(large, strip, weighed=weighed)
        del large, planes, pixels, core
        yield strip
        del strip  # Before the next is made.


def with_alpha(planes: Pixels, source: Picture, *, weighed: bool) -> Picture:
    """Make a picture of enlarged planes, and of the alpha of what they were made of where that is the same all over."""
    if weighed or source.alpha is None:
        return apart(planes, source)
    return Picture(planes, np.full(planes.shape[:2], source.alpha.flat[0], source.alpha.dtype), source.metadata)


def is_weighed(source: Rows) -> bool:
    """Tell whether a picture has alpha that is not the same everywhere."""
    if not source.has_alpha:
        return False
    found: set[float] = set()
    for start in range(0, source.height, LOOK):
        alpha = source.read(start, min(start + LOOK, source.height)).alpha
        assert alpha is not None
        found |= {alpha.min().item(), alpha.max().item()}
        if len(found) > 1:
            return True
    return False


def _extremes(source: Rows) -> Normalisation:
    """Find the least and the largest value of each band, of three bands together: they may be colours."""
    low, high = np.full(source.num_bands, math.inf), np.full(source.num_bands, -math.inf)
    for start in range(0, source.height, LOOK):
        pixels = source.read(start, min(start + LOOK, source.height)).pixels
        low, high = np.minimum(low, pixels.min(axis=(0, 1))), np.maximum(high, pixels.max(axis=(0, 1)))
    if source.num_bands == 3:
        low[:], high[:] = low.min(), high.max()
    return Normalisation(tuple(low.tolist()), tuple(np.where(high > low, high, low + 1).tolist()))


def _enlarge_weighed(network: Network, pixels: Pixels, core: Area) -> Pixels:
    """Do as `Network.enlarge` does, alpha last, through premultiplied colours."""
    x = to_float(pixels)
    colours, alpha = x[:, :-1], np.ascontiguousarray(x[:, -1:])
    large_alpha = network.run(alpha)
    large_colours = network.run(colours * alpha) / np.maximum(large_alpha, np.float32(least_alpha(pixels.dtype)))
    # Held to what the neighbours span: an overshoot of alpha would be a halo in clear places, holes in opaque ones.
    held_alpha = np.clip(large_alpha, *_spans(alpha, network.engine.scale))
    return from_float(np.concatenate([large_colours, held_alpha], axis=1)[0, :, *core], pixels.dtype)


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


def apart(planes: Pixels, picture: Picture) -> Picture:
    """Take planes apart into colours, and alpha where the picture they were made of has one."""
    if picture.alpha is None:
        return replace(picture, pixels=planes)
    return replace(picture, pixels=planes[:, :, :-1], alpha=planes[:, :, -1])
