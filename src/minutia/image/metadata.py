"""Metadata of a file, which may be copied to the result."""

from __future__ import annotations

import logging
import math
import re
import struct
from typing import final

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, TiffImageFile

from minutia.image.geo import NO_DATA, take_geo
from minutia.types import Metadata

logger = logging.getLogger(__name__)

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

STALE_DESCRIPTIONS = ('{"shape"', "ImageJ=", "<?xml", "<OME")
"""How descriptions begin that scientific programs write for themselves: they tell sizes, and would be wrong."""

BLOCKS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
SIZES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight, ExifTags.IFD.Interop)
"""Left out of the block of the camera: sizes of the source, and a place in its file."""


def travelling(image: Image.Image) -> Metadata:
    """Take what a larger picture may keep of the metadata of an image that is loaded."""
    return Metadata(
        icc=image.info.get("icc_profile") or None,
        exif=travelling_exif(image.getexif()),
        xmp=travelling_xmp(image.info.get("xmp")),
        iptc=_iptc(image),
        dpi=usable_dpi(image.info.get("dpi")) or usable_dpi(_exif_dpi(image.getexif())),
        geo=take_geo(image.tag_v2) if isinstance(image, TiffImageFile) else None,
    )


def stripped(metadata: Metadata) -> Metadata:
    """Leave what tells how the pixels are to be read: their colours, and which value means that there is none."""
    no_data = tuple(entry for entry in metadata.geo or () if entry[0] == NO_DATA)
    return Metadata(icc=metadata.icc, geo=no_data or None, color_space=metadata.color_space)


def travelling_exif(source: Image.Exif) -> bytes | None:
    """Take an EXIF block without its orientation and sizes; None where nothing is left."""
    kept = Image.Exif()
    kept.endian = source.endian  # The makers' own blocks are written in the same order of bytes.
    for tag in TRAVELLING:
        if tag in source and not str(source[tag]).startswith(STALE_DESCRIPTIONS):
            kept[tag] = raw(source[tag])
    blocks = {block: raw_block(source, block) for block in BLOCKS}
    for block, entries in blocks.items():
        for size in SIZES:
            entries.pop(size, None)
        if entries:
            kept.get_ifd(block).update(entries)
    try:
        return kept.tobytes() if kept or any(blocks.values()) else None
    except (TypeError, ValueError, struct.error):  # A number written as text, or one that its type does not hold.
        logger.warning("Invalid EXIF is left out.")
        return None


@final
class _Text(str):
    """Text of EXIF that is written as the bytes it was read from.

    Pillow reads bytes as Latin-1, whatever they are, and writes ASCII with question marks; but it asks the text.
    """

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        """Give the bytes."""
        del encoding, errors
        return super().encode("latin-1")


def raw(value: object) -> object:
    """Take over a value of EXIF; text will be written as the bytes it was read from."""
    return _Text(value) if isinstance(value, str) else value


def raw_block(source: Image.Exif, block: int) -> dict[int, object]:
    """Take one of the blocks of an EXIF."""
    return {tag: raw(value) for tag, value in source.get_ifd(block).items()}


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Write a resolution into an EXIF block, for formats that have no other place for it."""
    block = Image.Exif()
    if exif is not None:
        block.load(exif)
        block.update({tag: raw(value) for tag, value in block.items()})
        for inner in BLOCKS:
            block.get_ifd(inner).update(raw_block(block, inner))
    block[ExifTags.Base.XResolution], block[ExifTags.Base.YResolution] = dpi
    block[ExifTags.Base.ResolutionUnit] = _INCH
    return block.tobytes()


_INCH, _CENTIMETRE = 2, 3


def _exif_dpi(exif: Image.Exif) -> object:
    unit = exif.get(ExifTags.Base.ResolutionUnit, _INCH)
    found = exif.get(ExifTags.Base.XResolution), exif.get(ExifTags.Base.YResolution)
    try:
        return tuple(float(value) * {_INCH: 1.0, _CENTIMETRE: 2.54}[unit] for value in found)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):  # None of that, or text.
        return None


def usable_dpi(found: object) -> tuple[float, float] | None:
    """Take a resolution, in dots per inch, unless it says nothing (0, 0/0) or no file can hold it."""
    if not isinstance(found, tuple) or len(found) != 2:
        return None
    dpi = (float(found[0]), float(found[1]))
    return dpi if all(math.isfinite(value) and 0 < value < 2**16 for value in dpi) else None


_XMP_SIZES = rb"tiff:(?:Orientation|ImageWidth|ImageLength)|exif:Pixel[XY]Dimension"
_XMP_STALE = re.compile(rb"<(" + _XMP_SIZES + rb")>[^<]*</\1>|\s(?:" + _XMP_SIZES + rb")=(?:\"[^\"]*\"|'[^']*')")


def travelling_xmp(found: object) -> bytes | None:
    """Take an XMP packet without its orientation and sizes."""
    packet = found.encode() if isinstance(found, str) else found
    return _XMP_STALE.sub(b"", packet) if isinstance(packet, bytes) and packet else None


_IPTC_RESOURCE = 0x0404


def _iptc(image: Image.Image) -> bytes | None:
    found = image.info.get("photoshop", {}).get(_IPTC_RESOURCE)
    if isinstance(image, TiffImageFile):
        # As they stand there: Photoshop calls them numbers of 32 bits, of which Pillow gives the first.
        found = image.tag_v2._tagdata.get(IPTC_NAA_CHUNK)
    return found if isinstance(found, bytes) and found else None


def iptc_segment(records: bytes) -> bytes:
    """Wrap IPTC records as the segment of a JPEG that holds them (APP13, a Photoshop resource); b"" if too long."""
    padded = records + b"\0" * (len(records) % 2)
    body = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(records)) + padded
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body if len(body) + 2 < 2**16 else b""
