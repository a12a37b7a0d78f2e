"""What may be asked for with a picture, and what follows from it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from minutia.batch import Encoding, Job, Limits, Making, Naming, choose_model, mark, plan_jobs, read_target
from minutia.batch.scan import kept_sizes, size_after
from minutia.batch.streams import suffix_of
from minutia.errors import ModelError
from minutia.image.formats import CAMERA_RAW, READ
from minutia.image.io import read_shape
from minutia.image.opening import require_pixels
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import list_models

FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
"""What some system allows in no name of a file."""

OPTION: Final = re.compile(r"--([a-z][a-z-]+)")


Size: TypeAlias = Annotated[float, Field(le=1e9, allow_inf_nan=False)]


class Wishes(BaseModel):
    """How a picture is to be enlarged; names and meanings are those of `minutia upscale`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    name: Annotated[str, Field(max_length=1000, description="Of the file; the large one is called after it.")] = (
        "picture"
    )
    model: Annotated[str | None, Field(max_length=1000, description="One of /api/models.")] = None
    scale: Annotated[Size | None, Field(description="How many times larger; or one of the six that follow.")] = None
    width: Size | None = None
    height: Size | None = None
    long_side: Size | None = None
    short_side: Size | None = None
    megapixels: Size | None = None
    fit: Annotated[str | None, Field(max_length=20, description="A box, as in 3840x2160.")] = None
    format: Annotated[str | None, Field(max_length=20, description="png, jpg, webp, avif, tiff; else as it came.")] = (
        None
    )
    quality: Annotated[int, Field(ge=1, le=100, description="Of JPEG, WebP and AVIF.")] = 95
    strip: Annotated[bool, Field(description="Leave out EXIF, XMP, IPTC and resolution.")] = False
    strength: Annotated[float, Field(ge=0, le=1, description="Of an adversarial model; 0 invents nothing.")] = 1.0
    denoise: Annotated[float, Field(ge=0, le=1, description="Of a model for photographs; 0 leaves grain.")] = 1.0
    color_lock: Annotated[bool | None, Field(description="Hold colours to those of the source.")] = None
    tta: Annotated[bool, Field(description="The mean of eight mirror images: eight times the work.")] = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made of one picture."""

    job: Job
    card: ModelCard
    making: Making
    wishes: Wishes
    before: tuple[int, int]
    """Height and width of the picture, or of the first of several."""


def plain_name(name: str) -> str:
    """Make a name that a file of a folder can have on any system, of what a client sent."""
    path = Path(FORBIDDEN.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ") or "picture")
    if PureWindowsPath(path).is_reserved():  # CON.png is the console.
        path = Path(f"_{path}")
    return path.stem.encode()[:150].decode(errors="ignore") + path.suffix[:10]


def place_order(sent: Path, wishes: Wishes, max_pixels: int, max_output_pixels: int) -> Order:
    """Look at a file and settle what becomes of it, before any work.

    Args:
        sent: the file; it is renamed, as `wishes.name` and its content say.

    Raises:
        PictureError: it is broken, no picture or too large, or the wishes contradict each other or cannot be met.
        ModelError: there is no such model, or it has no sibling to blend with.
    """
    path = sent.with_name(plain_name(wishes.name))
    is_known = path.suffix.lower() in READ | CAMERA_RAW
    path = sent.rename(path if is_known else path.with_name(path.name + suffix_of(sent)))
    sides = ("scale", "width", "height", "long_side", "short_side", "megapixels", "fit")
    wish = read_target({name: getattr(wishes, name) for name in sides})
    if wishes.model is not None and wishes.model not in {card.name for card in list_models()}:
        raise ModelError(f"There is no model called {wishes.model}; /api/models lists those there are.")
    card, target = choose_model(wishes.model, wish)
    for dial, sibling in (("strength", card.faithful), ("denoise", card.gentle)):
        if getattr(wishes, dial) != 1 and not sibling:
            raise ModelError(f"The model {card.name} has no sibling for {dial}; leave it out.")
    making = Making(
        target=target,
        encoding=Encoding(quality=wishes.quality),
        strip=wishes.strip,
        limits=Limits(max_pixels),
        max_output_pixels=max_output_pixels,
    )
    shape = read_shape(path, making.limits)
    (job,) = plan_jobs([path], Naming(extension=wishes.format, mark=mark(card, target))).jobs
    kept = kept_sizes(shape, job.target)
    for height, width in set(kept):
        require_pixels(width, height, len(kept), path, making.limits)
    making.require_output([size_after(path, job.target, size, card.scale, target) for size in kept], path)
    return Order(job, card, making, wishes, kept[0])


def in_words_of_the_api(words: str, folder: Path) -> str:
    """Say what the library says as a client knows things: options by their keys, files by their names alone."""
    words = words.replace(f"{folder}{os.sep}", "").replace("; raise it with --max-pixels", "")
    return OPTION.sub(lambda found: found[1].replace("-", "_"), words)
