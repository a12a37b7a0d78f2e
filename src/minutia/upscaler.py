"""The heart: a model, an engine and tiles make a large picture of a small one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, final, overload

import numpy as np
from numpy.typing import NDArray

from minutia.engines import open_engine
from minutia.errors import PictureError
from minutia.image import io
from minutia.image.color import to_float, to_integers
from minutia.image.tiles import Tile, plan
from minutia.types import Engine, EngineName, Picture, Pixels, Precision, Progress, ignore_progress
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import find_model

if TYPE_CHECKING:
    from PIL.Image import Image

WHOLE = 2**20
"""Pictures of no more pixels than this are enlarged in one piece."""

WINDOW = 1024
"""Side of the windows that larger pictures are cut into, halo included."""


@final
class Upscaler:
    """A model, ready to enlarge pictures. Safe from several threads."""

    def __init__(
        self,
        model: str | Path | ModelCard | None = None,
        *,
        engine: EngineName = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        tile: int | None = None,
    ) -> None:
        """Load a model: by name, by its folder, or the default one.

        Args:
            engine: auto, openvino, torch or onnxruntime.
            device: auto, cpu, gpu, cuda, cuda:N or mps.
            precision: auto, fp32, bf16 or fp16.
            tile: side of a tile in input pixels; None chooses, 0 never cuts.

        Raises:
            ModelError: an unknown or damaged model.
            EngineError: no such device, or not that precision.
        """
        self.card = model if isinstance(model, ModelCard) else find_model(model)
        self.engine: Engine = open_engine(self.card, engine=engine, device=device, precision=precision)
        self.tile = tile

    @property
    def scale(self) -> int:
        """Output pixels for one input pixel, along a side."""
        return self.card.scale

    @property
    def description(self) -> str:
        """What runs where and how precisely."""
        return self.engine.description

    @overload
    def upscale(self, picture: Picture, progress: Progress = ...) -> Picture: ...
    @overload
    def upscale(self, picture: NDArray[Any], progress: Progress = ...) -> Pixels: ...
    @overload
    def upscale(self, picture: Image | str | Path, progress: Progress = ...) -> Image: ...
    def upscale(
        self, picture: Picture | NDArray[Any] | Image | str | Path, progress: Progress = ignore_progress
    ) -> Picture | Pixels | Image:
        """Enlarge a picture `scale` times and give back the same kind.

        Args:
            picture: a Picture; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16; a Pillow image; or
                the path of a file, for which a Pillow image is given back.
            progress: called with (done, total) input pixels.

        Raises:
            PictureError: the file cannot be read, or the array is of another shape or dtype.
        """
        if isinstance(picture, Picture):
            return self._enlarge(picture, progress)
        if isinstance(picture, np.ndarray):
            large = self._enlarge(_from_array(picture), progress)
            planes = large.pixels if large.alpha is None else np.dstack([large.pixels, large.alpha])
            return planes[:, :, 0] if picture.ndim == 2 else planes
        taken = io.read(Path(picture)) if isinstance(picture, str | Path) else io.from_pil(picture)
        return io.to_pil(self._enlarge(taken, progress))

    def _enlarge(self, picture: Picture, progress: Progress) -> Picture:
        card = self.card
        return enlarge(picture, self.engine, halo=card.halo, channels=card.channels, tile=self.tile, progress=progress)


def enlarge(
    picture: Picture,
    engine: Engine,
    *,
    halo: int,
    channels: int = 3,
    tile: int | None = None,
    progress: Progress = ignore_progress,
) -> Picture:
    """Enlarge a picture with any engine; what travels beside the pixels travels on.

    Alpha goes through the network too, as a grey picture, so that its edges are as sharp as those of the colours; where
    it is the same everywhere it is only spread.

    Args:
        halo: receptive radius of the network, in input pixels.
        channels: what the network takes: 3, or 1, which then sees each colour by itself.
        tile: side of a tile in input pixels; None chooses, 0 never cuts.
    """
    if tile is not None and tile < 0:
        raise PictureError(f"A tile cannot be {tile} pixels; write 0 for none.")
    alpha = picture.alpha
    tiles = plan(picture.height, picture.width, _choose_tile(picture, tile, halo), halo)
    if alpha is None or _is_constant(alpha):
        pixels = _enlarge_pixels(picture.pixels, engine, tiles, channels, progress)
        spread = None if alpha is None else np.full(pixels.shape[:2], alpha.flat[0], alpha.dtype)
        return Picture(pixels, spread, picture.icc, picture.exif, picture.dpi)
    pixels = _enlarge_pixels(picture.pixels, engine, tiles, channels, lambda done, total: progress(done, 2 * total))
    large_alpha = _enlarge_pixels(
        alpha[:, :, None], engine, tiles, channels, lambda done, total: progress(total + done, 2 * total)
    )
    return Picture(pixels, large_alpha[:, :, 0], picture.icc, picture.exif, picture.dpi)


def _enlarge_pixels(pixels: Pixels, engine: Engine, tiles: list[Tile], channels: int, progress: Progress) -> Pixels:
    """Enlarge (H, W, C) tile by tile, straight into the integers of the output."""
    height, width, depth = pixels.shape
    scale = engine.scale
    out: Pixels = np.empty((height * scale, width * scale, depth), pixels.dtype)
    done = 0
    for tile in tiles:
        rows, columns = tile.rows, tile.columns
        x = to_float(pixels[rows.start : rows.stop, columns.start : columns.stop])
        if channels == 1:
            y = engine.run(x.transpose(1, 0, 2, 3))[:, 0]
        elif depth == 1:
            # The plain mean: three estimates of one grey, and none is nearer than the others.
            y = engine.run(x.repeat(channels, axis=1))[0].mean(axis=0, keepdims=True)
        else:
            y = engine.run(x)[0]
        top, left = (rows.core_start - rows.start) * scale, (columns.core_start - columns.start) * scale
        bottom, right = (rows.core_stop - rows.start) * scale, (columns.core_stop - columns.start) * scale
        out[
            rows.core_start * scale : rows.core_stop * scale,
            columns.core_start * scale : columns.core_stop * scale,
        ] = to_integers(y[:, top:bottom, left:right], pixels.dtype)
        done += (rows.core_stop - rows.core_start) * (columns.core_stop - columns.core_start)
        progress(done, height * width)
    return out


def _choose_tile(picture: Picture, tile: int | None, halo: int) -> int:
    if tile == 0 or (tile is None and picture.height * picture.width <= WHOLE):
        return max(picture.height, picture.width)
    return max(WINDOW - 2 * halo, halo, 1) if tile is None else tile


def _from_array(array: NDArray[Any]) -> Picture:
    if array.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"An array of {array.dtype} is not a picture; give uint8 or uint16.")
    planes = array[:, :, None] if array.ndim == 2 else array
    if planes.ndim != 3 or planes.shape[2] not in {1, 3, 4} or 0 in planes.shape:
        raise PictureError(f"An array of shape {array.shape} is not a picture; give (H, W) or (H, W, 1, 3 or 4).")
    return Picture(planes[:, :, :3], planes[:, :, 3] if planes.shape[2] == 4 else None)


def _is_constant(alpha: Pixels) -> bool:
    return bool((alpha == alpha.flat[0]).all())
