"""Drop what a format cannot hold, and say what that was."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from minutia.image.color import full_range, to_uint8
from minutia.image.formats import Format, require_bands, require_room
from minutia.image.metadata import iptc_segment
from minutia.types import Frames, Metadata, Picture

logger = logging.getLogger(__name__)

NAMES = {
    "icc": "its colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "dpi": "its resolution",
    "geo": "its geographic position",
    "color_space": "its colour space",
}
_JPEG_SEGMENT = 2**16 - 64
"""EXIF and XMP must fit into one segment of a JPEG."""


def fit_all(frames: Frames, path: Path, form: Format) -> Frames:
    """Bring all to what the format can hold, and say in one line what is lost."""
    pictures, lost = [], []
    for picture in frames.pictures if form.keeps_all(moving=bool(frames.durations)) else frames.pictures[:1]:
        require_room(form, picture.height, picture.width, path)
        require_bands(form, picture, path)
        fitted, missing = fit(picture, form)
        pictures.append(fitted)
        lost += [words for words in missing if words not in lost]
    if len(pictures) < len(frames.pictures):
        lost.append(f"more than the first of {len(frames.pictures)} pictures")
    elif frames.durations and not form.frames:
        lost.append("the timing of its frames")
    if lost:
        logger.warning("%s: %s cannot keep %s.", path, form.name, ", ".join(lost))
    return replace(frames, pictures=tuple(pictures), durations=frames.durations[: len(pictures)])


def fit(picture: Picture, form: Format) -> tuple[Picture, list[str]]:
    """Bring a picture to what a format can hold; and say in a few words each what is lost by that."""
    lost = []
    pixels, alpha = picture.pixels, picture.alpha
    if picture.is_photo and pixels.dtype == np.uint16 and pixels.shape[2] + (alpha is not None) not in form.deep:
        lost.append("8 of its 16 bits")
        pixels = to_uint8(pixels)
        alpha = None if alpha is None else to_uint8(alpha)
    if alpha is not None and not form.alpha:
        lost.append("transparency (it is blended with white)")
        peak = full_range(pixels.dtype)[1]
        share = alpha[:, :, None].astype(np.float32) / peak
        pixels = (pixels * share + peak * (1 - share) + 0.5).astype(pixels.dtype)
        alpha = None
    if form.colours is not None:
        lost.append(f"more than {form.colours} colours")
        if alpha is not None and np.any((alpha != 0) & (alpha != full_range(alpha.dtype)[1])):
            lost.append("partial transparency")
    metadata, dropped = _fit_metadata(picture.metadata, form, grey=pixels.shape[2] == 1)
    return Picture(pixels, alpha, metadata), lost + [NAMES[name] for name in dropped]


def _fit_metadata(metadata: Metadata, form: Format, *, grey: bool) -> tuple[Metadata, list[str]]:
    dropped = [name for name in NAMES if getattr(metadata, name) is not None and name not in form.beside]
    if form.name == "JPEG":
        lengths = {"exif": metadata.exif, "xmp": metadata.xmp}
        dropped += [name for name, block in lengths.items() if block is not None and len(block) > _JPEG_SEGMENT]
        if metadata.iptc is not None and not iptc_segment(metadata.iptc):
            dropped.append("iptc")
    if grey and not form.grey and metadata.icc is not None and metadata.icc[16:20] == b"GRAY" and "icc" not in dropped:
        dropped.append("icc")
    return replace(metadata, **dict.fromkeys(dropped)), dropped
