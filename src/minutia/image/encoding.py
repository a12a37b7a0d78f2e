"""Picture files in every format but single PNG and TIFF, by Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minutia.image.color import full_range
from minutia.image.formats import AVIF, WEBP, Encoding, Format
from minutia.image.metadata import iptc_segment, with_resolution
from minutia.image.pil import to_pil
from minutia.types import Frames, Metadata, Picture

_PNG_LEVEL = 1
"""Of zlib, for animations; higher ones take several times as long for files a few percent smaller."""


def encode(frames: Frames, path: Path, form: Format, encoding: Encoding) -> None:
    """Write what already fits the format."""
    pictures = frames.pictures
    options = _beside(pictures[0].metadata, form) | _settings(form, encoding.quality)
    if len(pictures) == 1:
        image = _bare(pictures[0], form)
    else:
        transparent = any(picture.alpha is not None for picture in pictures)
        image, *others = (_bare(_with_alpha(each) if transparent else each, form) for each in pictures)
        options |= {"save_all": True, "append_images": others, "duration": [round(each) for each in frames.durations]}
        options |= _playing(form, frames.plays, transparent=transparent)
    image.save(path, format=form.name, **options)


def plays_of(image: Image.Image) -> int:
    """Tell how often an opened animation is shown; 0 is for ever."""
    loop = image.info.get("loop")
    if image.format == "GIF":  # Which counts the repetitions, and says nothing where there is none.
        return 1 if loop is None else loop + 1 if loop else 0
    return 0 if loop is None else int(loop)


def _playing(form: Format, plays: int, *, transparent: bool) -> dict[str, Any]:
    if form.name == "GIF":
        again = {} if plays == 1 else {"loop": plays - 1 if plays else 0}
        # Frames are whole pictures here; where one may be transparent, the one before it must vanish first.
        return again | {"disposal": 2 if transparent else 1}
    return {"loop": plays} | ({"disposal": 0, "blend": 0} if form.name == "PNG" else {})


def _bare(picture: Picture, form: Format) -> Image.Image:
    """Make a Pillow image that carries nothing: all that is to be written is told to the encoder."""
    image = to_pil(picture)
    image.info.clear()
    return image if form.grey else image.convert("RGB" if picture.alpha is None else "RGBA")


def _with_alpha(picture: Picture) -> Picture:
    if picture.alpha is not None:
        return picture
    shape, dtype = picture.pixels.shape[:2], picture.pixels.dtype
    return Picture(picture.pixels, np.full(shape, full_range(dtype)[1], dtype))


def _beside(metadata: Metadata, form: Format) -> dict[str, Any]:
    """Say what travels beside the pixels, in the words of Pillow's writers."""
    found: dict[str, Any] = {"icc_profile": metadata.icc, "exif": metadata.exif, "dpi": metadata.dpi}
    if form in {WEBP, AVIF} and metadata.dpi is not None:
        found["exif"] = with_resolution(metadata.exif, metadata.dpi)
    if form.name == "PNG":
        found["pnginfo"] = chunks = PngInfo()
        for name, body in metadata.color_space or ():
            chunks.add(name, body)
        if metadata.xmp is not None:
            chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
    else:
        found["xmp"] = metadata.xmp
    if metadata.iptc is not None:
        found["extra"] = iptc_segment(metadata.iptc)
    return {key: value for key, value in found.items() if value is not None}


def _settings(form: Format, quality: int) -> dict[str, Any]:
    settings: dict[str, dict[str, Any]] = {
        "PNG": {"compress_level": _PNG_LEVEL},
        "JPEG": {"quality": quality, "subsampling": 0 if quality >= 90 else 2},
        "WEBP": {"quality": quality, "lossless": quality == 100},
        "AVIF": {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0"},
    }
    return settings.get(form.name, {})
