"""The parameters of a request, and the order that follows from them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from minutia.batch import Encoding, Job, Limits, Naming, Output, choose_model, mark, plan_jobs, read_target
from minutia.batch.scan import kept_sizes, size_after
from minutia.batch.streams import suffix_of
from minutia.errors import ModelError
from minutia.image.formats import CAMERA_RAW, READ
from minutia.image.io import read_shape
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import list_models

FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
"""What some system allows in no name of a file."""

OPTION: Final = re.compile(r"--([a-z][a-z-]+)")


Size: TypeAlias = Annotated[float, Field(le=1e9, allow_inf_nan=False)]


class Parameters(BaseModel):
    """Settings for a picture; names and meanings are those of the options of `minutia upscale`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    name: Annotated[
        str, Field(max_length=1000, description="File name of the picture; the result is named after it.")
    ] = "picture"
    model: Annotated[str | None, Field(max_length=1000, description="Name of a model; see /api/models.")] = None
    scale: Annotated[Size | None, Field(description="Scale factor; or give one of the six that follow.")] = None
    width: Size | None = None
    height: Size | None = None
    long_side: Size | None = None
    short_side: Size | None = None
    megapixels: Size | None = None
    fit: Annotated[
        str | None, Field(max_length=20, description="Largest size that fits into a box, such as 3840x2160.")
    ] = None
    format: Annotated[
        str | None, Field(max_length=20, description="png, jpg, webp, avif or tiff; default: the input's.")
    ] = None
    quality: Annotated[int, Field(ge=1, le=100, description="Quality of JPEG, WebP and AVIF files.")] = 95
    strip: Annotated[bool, Field(description="Remove EXIF, XMP, IPTC and resolution.")] = False
    strength: Annotated[float, Field(ge=0, le=1, description="Generated texture of an adversarial model; 0: none.")] = (
        1.0
    )
    denoise: Annotated[float, Field(ge=0, le=1, description="Denoising of a photo model; 0 keeps grain.")] = 1.0
    color_lock: Annotated[bool | None, Field(description="Correct colours to those of the source.")] = None
    tta: Annotated[bool, Field(description="Self-ensemble over eight flips and rotations.")] = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made of one picture."""

    job: Job
    card: ModelCard
    output: Output
    parameters: Parameters
    before: tuple[int, int]
    """Height and width of the picture, or of the first of several."""


def plain_name(name: str) -> str:
    """Make a name that a file of a folder can have on any system, of what a client sent."""
    path = Path(FORBIDDEN.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ") or "picture")
    if PureWindowsPath(path).is_reserved():  # CON.png is the console.
        path = Path(f"_{path}")
    return path.stem.encode()[:150].decode(errors="ignore") + path.suffix[:10]


def place_order(sent: Path, parameters: Parameters, max_pixels: int, max_output_pixels: int) -> Order:
    """Look at a file and settle what becomes of it, before any work.

    Args:
        sent: the file; it is renamed, as `parameters.name` and its content say.

    Raises:
        PictureError: it is broken, no picture or too large, or the parameters contradict each other or cannot be met.
        ModelError: there is no such model, or it has no model to blend with.
    """
    path = sent.with_name(plain_name(parameters.name))
    is_known = path.suffix.lower() in READ | CAMERA_RAW
    path = sent.rename(path if is_known else path.with_name(path.name + suffix_of(sent)))
    sides = ("scale", "width", "height", "long_side", "short_side", "megapixels", "fit")
    asked = read_target({name: getattr(parameters, name) for name in sides})
    if parameters.model is not None and parameters.model not in {card.name for card in list_models()}:
        raise ModelError(f"There is no model called {parameters.model}; /api/models lists the available ones.")
    card, target = choose_model(parameters.model, asked)
    for dial, other in (("strength", card.fidelity), ("denoise", card.grain)):
        if getattr(parameters, dial) != 1 and not other:
            raise ModelError(f"The model {card.name} has no model to blend with; leave out {dial}.")
    output = Output(
        target=target,
        encoding=Encoding(quality=parameters.quality),
        strip=parameters.strip,
        limits=Limits(max_pixels),
        max_output_pixels=max_output_pixels,
    )
    shape = read_shape(path, output.limits)
    (job,) = plan_jobs([path], Naming(extension=parameters.format, mark=mark(card, target))).jobs
    kept = kept_sizes(shape, path, job.target, output.limits)
    output.require_output([size_after(path, job.target, size, card.scale, target) for size in kept], path)
    return Order(job, card, output, parameters, kept[0])


def in_words_of_the_api(words: str, folder: Path) -> str:
    """Say what the library says as a client knows things: options by their keys, files by their names alone."""
    words = words.replace(f"{folder}{os.sep}", "").replace("; raise it with --max-pixels", "")
    return OPTION.sub(lambda found: found[1].replace("-", "_"), words)
