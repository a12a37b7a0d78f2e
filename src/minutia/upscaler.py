"""The heart: a model, an engine and tiles make a large picture of a small one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final, overload

import numpy as np
from numpy.typing import NDArray

from minutia.engines import open_engine
from minutia.engines.ensemble import SelfEnsemble
from minutia.errors import PictureError
from minutia.image import io
from minutia.image.color import to_depth, to_float, to_integers
from minutia.image.lock import RADIUS, lock_colors
from minutia.image.pil import from_pil, stacked, to_pil, unstacked
from minutia.image.resize import resample
from minutia.image.target import Target, num_passes
from minutia.image.tiles import Tile, plan
from minutia.types import Engine, EngineName, Picture, Pixels, Precision, Progress, Tensor, ignore_progress
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
        strength: float = 1.0,
        color_lock: bool | None = None,
        tta: bool = False,
    ) -> None:
        """Load a model: by name, by its folder, or the default one.

        Args:
            engine: auto, openvino, torch or onnxruntime.
            device: auto, cpu, gpu, cuda, cuda:N or mps.
            precision: auto, fp32, bf16 or fp16.
            tile: side of a tile in input pixels; None chooses, 0 never cuts.
            strength: of an adversarial model: 1 as it is, 0 its faithful sibling, between them a blend of both.
            color_lock: hold colours to those of the source at low frequencies; None does so for adversarial models.
            tta: average over the eight mirror images (self-ensemble): a little more faithful, eight times the work.

        Raises:
            ModelError: an unknown or damaged model, or one without a sibling to blend with.
            EngineError: no such device, or not that precision.
        """
        self.card = model if isinstance(model, ModelCard) else find_model(model)
        opened = open_engine(self.card, engine=engine, device=device, precision=precision, strength=strength)
        self.engine: Engine = SelfEnsemble(opened) if tta else opened
        self.tile = tile
        self.strength = strength
        self.color_lock = (self.card.is_adversarial and strength > 0) if color_lock is None else color_lock

    @property
    def scale(self) -> int:
        """Output pixels for one input pixel, along a side."""
        return self.card.scale

    @property
    def description(self) -> str:
        """What runs where and how precisely."""
        return self.engine.description

    @property
    def identity(self) -> dict[str, str | float | bool]:
        """All that outputs depend on, beside the picture, its size to be, and what computes: for journals."""
        return {
            "model": self.card.name,
            "model_sha256": self.card.sha256,
            "strength": self.strength,
            "tta": isinstance(self.engine, SelfEnsemble),
            "color_lock": self.color_lock,
        }

    @overload
    def upscale(self, picture: Picture, progress: Progress = ..., *, target: Target | None = ...) -> Picture: ...
    @overload
    def upscale(self, picture: NDArray[Any], progress: Progress = ..., *, target: Target | None = ...) -> Pixels: ...
    @overload
    def upscale(
        self, picture: Image | str | Path, progress: Progress = ..., *, target: Target | None = ...
    ) -> Image: ...
    def upscale(
        self,
        picture: Picture | NDArray[Any] | Image | str | Path,
        progress: Progress = ignore_progress,
        *,
        target: Target | None = None,
    ) -> Picture | Pixels | Image:
        """Enlarge a picture and give back the same kind.

        Args:
            picture: a Picture; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16; a Pillow image; or
                the path of a file, for which a Pillow image is given back.
            progress: called with (done, total) input pixels.
            target: how large it is to become; None is `scale` times.

        Raises:
            PictureError: the file cannot be read, the array is of another shape or dtype, or the target is smaller.
        """
        if isinstance(picture, Picture):
            return self._enlarge(picture, progress, target)
        if isinstance(picture, np.ndarray):
            large = stacked(self._enlarge(_from_array(picture), progress, target))
            return large[:, :, 0] if picture.ndim == 2 else large
        taken = io.read(Path(picture)) if isinstance(picture, str | Path) else from_pil(picture)
        return to_pil(self._enlarge(taken, progress, target))

    def _enlarge(self, picture: Picture, progress: Progress, target: Target | None) -> Picture:
        card = self.card
        return enlarge(
            picture,
            self.engine,
            halo=card.halo,
            channels=card.channels,
            tile=self.tile,
            color_lock=self.color_lock,
            target=target,
            progress=progress,
        )


def enlarge(
    picture: Picture,
    engine: Engine,
    *,
    halo: int,
    channels: int = 3,
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
        channels: what the network takes: 3, or 1, which then sees each colour by itself.
        tile: side of a tile in input pixels; None chooses, 0 never cuts.
        color_lock: hold colours to those of the source at low frequencies.
        target: how large it is to become; None is what one pass gives.

    Raises:
        PictureError: a tile below 0, or a target that is smaller than the picture.
    """
    if tile is not None and tile < 0:
        raise PictureError(f"A tile cannot be {tile} pixels; write 0 for none.")
    network = _Network(engine, halo + RADIUS if color_lock else halo, channels, tile, color_lock)
    height, width, scale = picture.height, picture.width, engine.scale
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

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (1, 1 or 3, H, W)."""
        depth = x.shape[1]
        if self.channels == 1:
            y = self.engine.run(x.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        elif depth == 1:
            # The plain mean: three estimates of one grey, and none is nearer than the others.
            y = self.engine.run(x.repeat(self.channels, axis=1)).mean(axis=1, keepdims=True)
        else:
            y = self.engine.run(x)
        return lock_colors(y, x, self.engine.scale) if self.color_lock else y

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Cut a picture as its size and the user's wish ask."""
        tile = self.tile
        if tile == 0 or (tile is None and height * width <= WHOLE):
            tile = max(height, width)
        elif tile is None:
            tile = max(WINDOW - 2 * self.halo, self.halo, 1)
        return plan(height, width, tile, self.halo)


def _enlarge_once(picture: Picture, network: _Network, progress: Progress) -> Picture:
    """Enlarge tile by tile, straight into the integers of the output.

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
        y = network.run(x) if planes is pixels else _run_weighed(network, x, 1 / np.iinfo(pixels.dtype).max)
        top, left = (rows.core_start - rows.start) * scale, (columns.core_start - columns.start) * scale
        bottom, right = (rows.core_stop - rows.start) * scale, (columns.core_stop - columns.start) * scale
        out[
            rows.core_start * scale : rows.core_stop * scale,
            columns.core_start * scale : columns.core_stop * scale,
        ] = to_integers(y[0, :, top:bottom, left:right], pixels.dtype)
        done += (rows.core_stop - rows.core_start) * (columns.core_stop - columns.core_start)
        progress(done, height * width)
    if alpha is not None and spread:
        return Picture(out, np.full(out.shape[:2], alpha.flat[0], alpha.dtype), picture.metadata)
    return Picture(*unstacked(out), picture.metadata)


def _run_weighed(network: _Network, x: Tensor, least: float) -> Tensor:
    """Enlarge (1, 2 or 4, H, W), alpha last, through premultiplied colours; `least` is the smallest visible alpha."""
    colours, alpha = x[:, :-1], x[:, -1:]
    large_alpha = network.run(np.ascontiguousarray(alpha))
    large_colours = network.run(colours * alpha) / np.maximum(large_alpha, np.float32(least))
    return np.concatenate([large_colours, large_alpha], axis=1)


def _resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Bring a 16-bit picture to `size` with an antialiased kernel, colours weighed by alpha."""
    if size == (picture.height, picture.width):
        return picture
    peak = np.iinfo(picture.pixels.dtype).max
    x = to_float(stacked(picture))[0]
    if picture.alpha is not None:
        x[:-1] *= x[-1:]
    y = resample(x, *size)
    if picture.alpha is not None:
        y[:-1] /= np.maximum(y[-1:], np.float32(1 / peak))
    return Picture(*unstacked(to_integers(y, picture.pixels.dtype)), picture.metadata)


def _with_depth(picture: Picture, dtype: np.dtype[Any] | type[np.uint16]) -> Picture:
    alpha = None if picture.alpha is None else to_depth(picture.alpha, dtype)
    return replace(picture, pixels=to_depth(picture.pixels, dtype), alpha=alpha)


def _from_array(array: NDArray[Any]) -> Picture:
    if array.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"An array of {array.dtype} is not a picture; give uint8 or uint16.")
    planes = array[:, :, None] if array.ndim == 2 else array
    if planes.ndim != 3 or planes.shape[2] not in {1, 3, 4} or 0 in planes.shape:
        raise PictureError(f"An array of shape {array.shape} is not a picture; give (H, W) or (H, W, 1, 3 or 4).")
    return Picture(*unstacked(planes))
