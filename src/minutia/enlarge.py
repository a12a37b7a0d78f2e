"""Put a picture through a network: tile by tile, as often as it takes, transparency and colours kept in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minutia.errors import PictureError
from minutia.image.color import as_held, denormalise, from_float, full_range, normalise, to_depth, to_float
from minutia.image.geo import enlarge_geo
from minutia.image.lock import RADIUS, lock_colors
from minutia.image.pil import stacked
from minutia.image.resize import resample
from minutia.image.target import Target, num_passes
from minutia.image.tiles import Tile, plan
from minutia.types import Engine, Normalisation, Picture, Pixels, Progress, Tensor, ignore_progress, in_bands

WHOLE = 2**20
"""Pictures of no more pixels than this are enlarged in one piece."""

WINDOW = 1024
"""Side of the windows that larger pictures are cut into, halo included."""


def enlarge(
    picture: Picture,
    engine: Engine,
    *,
    halo: int,
    channels: int = 3,
    normalisation: Normalisation | None = None,
    tile: int | None = None,
    color_lock: bool = False,
    target: Target | None = None,
    progress: Progress = ignore_progress,
) -> Picture:
    """Enlarge a picture with any engine; what travels beside the pixels travels on.

    Where one pass of the network does not give the size that is asked for, as many as are needed are made, and an
    antialiased resize follows; nothing is rounded to 8 bits between them.

    Args:
        halo: receptive radius of the network, in input pixels.
        channels: what the network takes. One of 3 takes grey too; one of 1 colours too, each by itself.
        normalisation: of the values that the network was trained on; without it the full range of integers is [0, 1].
        tile: side of a tile in input pixels; None chooses, 0 never cuts.
        color_lock: hold colours to those of the source at low frequencies.
        target: how large it is to become; None is what one pass gives.

    Raises:
        PictureError: a tile below 0, a picture of other bands than the network's, values that need a normalisation
            where there is none, or a target that is smaller than the picture.
    """
    if tile is not None and tile < 0:
        raise PictureError(f"A tile cannot be {tile} pixels; write 0 for none.")
    require_kind(picture, channels, normalisation)
    halo = max(1, halo) + (RADIUS if color_lock else 0)
    network = _Network(engine, halo, channels, tile, color_lock, is_bounded=normalisation is None)
    if normalisation is None:
        large = _enlarge(picture, network, target, progress)
    else:
        seen = _enlarge(_normalised(picture, normalisation), network, target, progress)
        large = _denormalised(seen, normalisation, picture.pixels.dtype)
    geo = enlarge_geo(picture.metadata.geo, large.height / picture.height, large.width / picture.width)
    return replace(large, metadata=replace(picture.metadata, geo=geo))


def require_kind(picture: Picture, channels: int, normalisation: Normalisation | None) -> None:
    """Check that a network can take a picture.

    Raises:
        PictureError: it has another number of bands, or values that need a normalisation where there is none.
    """
    bands, is_plain = picture.num_bands, normalisation is None
    if bands != channels and not (is_plain and {bands, channels} == {1, 3}):
        raise PictureError(
            f"The picture has {in_bands(bands)}, and the model takes {in_bands(channels)}; "
            "choose another model, or a picture like those it was trained on."
        )
    if is_plain and picture.pixels.dtype.kind != "u":
        raise PictureError(
            f"The picture holds values of {picture.pixels.dtype}, and the model's card does not say which of them are "
            "0 and 1; choose a model that was trained with data.normalisation."
        )


def _enlarge(picture: Picture, network: _Network, target: Target | None, progress: Progress) -> Picture:
    """Enlarge what the network takes, in as many passes as the target asks for."""
    height, width, scale = picture.height, picture.width, network.engine.scale
    size = (height * scale, width * scale) if target is None else target.size(height, width)
    passes = num_passes(height, width, size, scale)
    if passes == 1 and size == (height * scale, width * scale):
        return _enlarge_once(picture, network, progress)
    large = _with_depth(picture, np.uint16)
    # Before the last of several passes the picture is brought to what that pass needs to reach the size, no more.
    sides = [(height * scale**index, width * scale**index) for index in range(passes)]
    if passes > 1:
        sides[-1] = (-(-size[0] // scale), -(-size[1] // scale))
    done, total = 0, sum(rows * columns for rows, columns in sides)
    for before in sides:
        large = _resize(large, before)

        def tell(now: int, _: int, done: int = done) -> None:
            progress(done + now, total)

        large = _enlarge_once(large, network, tell)
        done += before[0] * before[1]
    return _with_depth(_resize(large, size), picture.pixels.dtype)


@dataclass(frozen=True, slots=True)
class _Network:
    """An engine, and how pictures are put through it."""

    engine: Engine
    halo: int
    channels: int
    tile: int | None
    color_lock: bool
    is_bounded: bool
    """Whether values end at 0 and 1."""

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (1, C, H, W), or one channel for as many as the network takes."""
        depth = x.shape[1]
        if self.channels == 1:
            y = self.engine.run(x.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        elif depth == 1:
            # The plain mean: three estimates of one grey, and none is nearer than the others.
            y = self.engine.run(x.repeat(self.channels, axis=1)).mean(axis=1, keepdims=True)
        else:
            y = self.engine.run(x)
        return lock_colors(y, x, self.engine.scale, bounded=self.is_bounded) if self.color_lock else y

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Cut a picture as its size and the user's wish ask."""
        tile = self.tile
        if tile == 0 or (tile is None and height * width <= WHOLE):
            tile = max(height, width)
        elif tile is None:
            tile = max(WINDOW - 2 * self.halo, self.halo, 1)
        return plan(height, width, tile, self.halo)


def _enlarge_once(picture: Picture, network: _Network, progress: Progress) -> Picture:
    """Enlarge tile by tile, straight into the values of the output.

    Colours are weighed by alpha before they go through the network, and freed of it afterwards: what cannot be seen
    leaves no fringe. Alpha goes through it too, as a grey picture, so that its edges are as sharp as those of the
    colours; where it is the same everywhere it is only spread.
    """
    pixels, alpha, scale = picture.pixels, picture.alpha, network.engine.scale
    height, width = picture.height, picture.width
    spread = alpha is not None and bool((alpha == alpha.flat[0]).all())
    planes = pixels if alpha is None or spread else stacked(picture)
    out: Pixels = np.empty((height * scale, width * scale, planes.shape[2]), pixels.dtype)
    done = 0
    for tile in network.tiles(height, width):
        rows, columns = tile.rows, tile.columns
        x = to_float(planes[rows.start : rows.stop, columns.start : columns.stop])
        y = network.run(x) if planes is pixels else _run_weighed(network, x, _least_alpha(pixels.dtype))
        top, left = (rows.core_start - rows.start) * scale, (columns.core_start - columns.start) * scale
        bottom, right = (rows.core_stop - rows.start) * scale, (columns.core_stop - columns.start) * scale
        out[
            rows.core_start * scale : rows.core_stop * scale,
            columns.core_start * scale : columns.core_stop * scale,
        ] = from_float(y[0, :, top:bottom, left:right], pixels.dtype)
        done += (rows.core_stop - rows.core_start) * (columns.core_stop - columns.core_start)
        progress(done, height * width)
    if alpha is not None and spread:
        return Picture(out, np.full(out.shape[:2], alpha.flat[0], alpha.dtype), picture.metadata)
    return _apart(out, picture)


def _run_weighed(network: _Network, x: Tensor, least: float) -> Tensor:
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


def _resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Bring a picture of 16 bits or floats to `size` with an antialiased kernel, colours weighed by alpha."""
    if size == (picture.height, picture.width):
        return picture
    x = to_float(stacked(picture))[0]
    if picture.alpha is not None:
        x[:-1] *= x[-1:]
    y = resample(x, *size)
    if picture.alpha is not None:
        y[:-1] /= np.maximum(y[-1:], np.float32(_least_alpha(picture.pixels.dtype)))
    return _apart(from_float(y, picture.pixels.dtype), picture)


def _least_alpha(dtype: np.dtype[Any]) -> float:
    """Tell the smallest alpha that is seen."""
    return 1 / full_range(np.uint16 if dtype.kind == "f" else dtype)[1]


def _apart(planes: Pixels, picture: Picture) -> Picture:
    """Take planes apart into colours, and alpha where the picture they were made of has one."""
    if picture.alpha is None:
        return replace(picture, pixels=planes)
    return replace(picture, pixels=planes[:, :, :-1], alpha=planes[:, :, -1])


def _normalised(picture: Picture, by: Normalisation) -> Picture:
    """Bring values to those that the network sees, as float32, and alpha to [0, 1]."""
    alpha = None if picture.alpha is None else to_float(picture.alpha[:, :, None])[0, 0]
    return replace(picture, pixels=normalise(picture.pixels, by), alpha=alpha)


def _denormalised(picture: Picture, by: Normalisation, dtype: np.dtype[Any]) -> Picture:
    """Bring values back to those of `dtype`, and alpha with them."""
    alpha = picture.alpha
    if alpha is not None:
        alpha = as_held(alpha.astype(np.float64) * full_range(dtype)[1], dtype)
    return replace(picture, pixels=denormalise(picture.pixels, by, dtype), alpha=alpha)


def _with_depth(picture: Picture, dtype: np.dtype[Any] | type[np.uint16]) -> Picture:
    """Bring integers to `dtype`; floats stay."""
    if picture.pixels.dtype.kind == "f":
        return picture
    alpha = None if picture.alpha is None else to_depth(picture.alpha, dtype)
    return replace(picture, pixels=to_depth(picture.pixels, dtype), alpha=alpha)
