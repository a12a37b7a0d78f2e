"""What stands beside the pixels of a file, and may travel on to a larger picture."""

from __future__ import annotations

import math

from PIL import ExifTags, Image

TRAVELLING = (
    ExifTags.Base.DocumentName,
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.PageName,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
"""Tags that hold for the larger picture too. Others tell how the source's file is built: phones write its width among
them, TIFF the places of its strips, and a TIFF written with those is broken."""

BLOCKS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
SIZES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight, ExifTags.IFD.Interop)
"""Left out of the block of the camera: sizes of the source, and a place in its file."""


def travelling_exif(image: Image.Image) -> bytes | None:
    """Take the EXIF of an image that is loaded, without its orientation and sizes; None where nothing is left."""
    source, kept = image.getexif(), Image.Exif()
    kept.endian = source.endian  # The makers' own blocks are written in the same order of bytes.
    for tag in TRAVELLING:
        if tag in source:
            kept[tag] = source[tag]
    blocks = {block: dict(source.get_ifd(block)) for block in BLOCKS}
    for block, entries in blocks.items():
        for size in SIZES:
            entries.pop(size, None)
        if entries:
            kept.get_ifd(block).update(entries)
    return kept.tobytes() if kept or any(blocks.values()) else None


def usable_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Take the resolution, in dots per inch, unless it says nothing (0, 0/0) or no file can hold it."""
    found = image.info.get("dpi")
    if not found:
        return None
    dpi = (float(found[0]), float(found[1]))
    return dpi if all(math.isfinite(value) and 0 < value < 2**16 for value in dpi) else None
