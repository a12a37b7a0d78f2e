"""Upscaler: runs a model with an engine, in tiles."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, final, overload

import numpy as np
from numpy.typing import NDArray

from minutia.engines import open_engine
from minutia.engines.ensemble import SelfEnsemble
from minutia.enlarge import Network, enlarge
from minutia.errors import ModelError, PictureError
from minutia.image import io
from minutia.image.color import require_range
from minutia.image.pil import from_pil, stacked, to_pil, unstacked
from minutia.image.target import Target
from minutia.types import (
    Engine,
    EngineName,
    Picture,
    Pixels,
    Precision,
    Progress,
    ValueRange,
    ignore_progress,
    in_bands,
)
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import find_model, load_model

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)


@final
class Upscaler:
    """A model, ready to enlarge pictures. Can be shared by threads."""

    def __init__(
        self,
        model: str | Path | ModelCard | None = None,
        *,
        engine: EngineName = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        tile: int | None = None,
        strength: float = 1.0,
        denoise: float = 1.0,
        color_lock: bool | None = None,
        tta: bool = False,
        value_range: ValueRange | None = None,
    ) -> None:
        """Load a model: by name, by its folder, or the default one.

        Args:
            engine: auto, openvino, torch or onnxruntime.
            device: auto, cpu, intel-gpu, cuda, cuda:N or mps; several, separated by commas, share the
                pictures.
            precision: auto, fp32, bf16 or fp16; auto is fp32 for measurements, of which bf16 would keep 8 bits.
            tile: side of a tile in input pixels; None chooses, 0 does not tile.
            strength: blends an adversarial model with its fidelity model: 1 is the former alone, 0 the latter.
            denoise: denoising of a photo model: 1 removes noise and grain, 0 keeps them.
            color_lock: correct colours to those of the source at low frequencies; None does so for adversarial models.
            tta: average over eight flips and rotations (self-ensemble): slightly more accurate, eight times the work.
            value_range: for floats and other measurements, and a model for photographs: the values that the network
                sees as 0 and 1; "auto": each picture's minimum and maximum. None is the full range of integers, and
                floats are refused.

        Raises:
            ModelError: an unknown or damaged model, one without a model to blend with, or a range for one whose card
                has a normalisation.
            PictureError: an invalid range.
            EngineError: no such device, or not that precision.
            MissingExtra: the engine is not installed.
        """
        self.card = model if isinstance(model, ModelCard) else find_model(model)
        if value_range is not None and self.card.normalisation is not None:
            raise ModelError(f"The card of the model {self.card.name} has a normalisation; leave out the range.")
        require_range(value_range)
        if precision == "auto" and (self.card.normalisation is not None or value_range is not None):
            precision = "fp32"
        blend = None if strength == denoise == 1 else load_model(self.card, strength, denoise)
        opened = open_engine(self.card, blend, engine=engine, device=device, precision=precision)
        self.engine: Engine = SelfEnsemble(opened) if tta else opened
        self.num_devices = len(device.split(","))
        self.tile = tile
        self.value_range: ValueRange | None = value_range
        self.sha256 = self.card.sha256 if blend is None else hashlib.sha256(blend).hexdigest()
        self.color_lock = (self.card.is_adversarial and strength > 0) if color_lock is None else color_lock

    @property
    def scale(self) -> int:
        """Output pixels per input pixel, along a side."""
        return self.card.scale

    @property
    def description(self) -> str:
        """Engine, device and precision."""
        return self.engine.description

    @property
    def network(self) -> Network:
        """The engine, and the settings with which pictures are run through it."""
        card = self.card
        return Network(
            self.engine,
            card.halo,
            channels=card.channels,
            normalisation=card.normalisation,
            value_range=self.value_range,
            tile=self.tile,
            color_lock=self.color_lock,
            pixel_bytes=card.pixel_bytes,
        )

    @property
    def identity(self) -> dict[str, str | float | bool]:
        """All that outputs depend on, apart from the picture, the output size and the engine: for journals."""
        return {
            "model": self.card.name,
            "model_sha256": self.sha256,
            "tta": isinstance(self.engine, SelfEnsemble),
            "color_lock": self.color_lock,
            **({} if self.card.normalisation is None else {"normalisation": str(self.card.normalisation)}),
            **({} if self.value_range is None else {"range": str(self.value_range)}),
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
        """Enlarge a picture; the result has the same type.

        Args:
            picture: a Picture; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16; an array (H, W, C)
                with the C bands that the model takes, or any number with a range, uint8, uint16, int16 or float32; a
                Pillow image; or the path of a file, for which a Pillow image is returned.
            progress: called with (done, total) input pixels.
            target: output size; None is `scale` times the input.

        Raises:
            PictureError: the file cannot be read, the array is of another shape or dtype, the model takes other bands,
                a Pillow image cannot hold them, or the target is smaller.
        """
        if isinstance(picture, Picture):
            return enlarge(picture, self.network, target=target, progress=progress)
        if isinstance(picture, np.ndarray):
            large = stacked(self.upscale(_from_array(picture, self.card.channels), progress, target=target))
            return large[:, :, 0] if picture.ndim == 2 else large
        taken = io.read(Path(picture)) if isinstance(picture, str | Path) else from_pil(picture)
        if not taken.is_photo:
            raise PictureError(
                f"A Pillow image cannot hold {in_bands(taken.num_bands)} of {taken.pixels.dtype}; give an array, or a "
                "Picture from minutia.image.io.read."
            )
        if taken.pixels.dtype == np.uint16 and taken.num_bands > 1:
            logger.warning("A Pillow image holds 8 bits per channel; to keep 16, give an array or a Picture.")
        return to_pil(self.upscale(taken, progress, target=target))


def _from_array(array: NDArray[Any], channels: int) -> Picture:
    """Take an array over; the fourth of four planes is alpha, unless the model takes four bands."""
    if array.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        raise PictureError(f"An array of {array.dtype} is not a picture; give uint8, uint16, int16 or float32.")
    planes = array[:, :, None] if array.ndim == 2 else array
    if planes.ndim != 3 or 0 in planes.shape:
        raise PictureError(f"An array of shape {array.shape} is not a picture; give (H, W) or (H, W, bands).")
    is_photo = array.dtype.kind == "u" and planes.shape[2] in {1, 3, 4} and planes.shape[2] != channels
    return Picture(*unstacked(planes)) if is_photo else Picture(planes)
