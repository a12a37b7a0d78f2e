"""TIFF: pages of bands and of 16 bits a channel in, pages of any kind out, with all that may stand beside pixels."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tifffile
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, XMP, ImageFileDirectory_v2

from minutia.errors import PictureError
from minutia.image.color import full_range
from minutia.image.geo import NO_DATA, geo_entries, take_geo
from minutia.image.geo import TYPES as GEO_TAGS
from minutia.image.metadata import BLOCKS, travelling_exif, travelling_xmp, usable_dpi
from minutia.image.opening import Limits, require_pixels
from minutia.image.pil import stacked, upright
from minutia.types import Metadata, Picture, Pixels

logger = logging.getLogger(__name__)

Tag: TypeAlias = tuple[int, int, int, Any, bool]
"""Code, type, count, value, and whether it stands on this page alone."""

HELD = ("uint8", "uint16", "int16", "float32")
"""Values that pictures hold."""

_GREY, _RGB = tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB
_ALPHA = {tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA}

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = 2**32 - 2**25
"""Files of more bytes than this need the 64-bit variant, BigTIFF."""

_BYTE, _TEXT, _SHORT, _LONG, _UNDEFINED = 1, 2, 3, 4, 7
"""Types of tags (TIFF 6.0, section 2)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file holds, known before it is decoded."""

    height: int
    width: int
    """Upright, of the first picture."""
    count: int
    """Frames or pages."""
    is_deep: bool
    """Whether its values have more than 8 bits."""


def read_shape(path: Path) -> Shape | None:
    """Look at a TIFF whose pages all have bands or several channels of 16 bits, which Pillow halves or refuses.

    Returns:
        None for any other file, which is Pillow's.
    """
    with path.open("rb") as file:
        if file.read(4) not in _MAGIC:
            return None
    with tifffile.TiffFile(path) as tiff:
        pages = _pages(tiff)
        if not pages or any(_is_pillows(page) for page in pages):
            return None
        first = pages[0]
        height, width = first.imagelength, first.imagewidth
        if (first.tags.valueof(Base.Orientation) or 1) >= 5:
            height, width = width, height
        return Shape(height, width, len(pages), first.dtype != np.uint8)


def read_pages(path: Path, limits: Limits, count: int) -> tuple[Picture, ...]:
    """Read the first `count` pages of a file that has a `read_shape`.

    Raises:
        PictureError: too many pixels, values that pictures do not hold, or places without values.
    """
    with tifffile.TiffFile(path) as tiff:
        pages = _pages(tiff)
        for page in pages:
            require_pixels(page.imagewidth, page.imagelength, len(pages), path, limits)
        return tuple(_read_page(page, path) for page in pages[:count])


def write(pictures: Sequence[Picture], path: Path) -> None:
    """Write pages, compressed by deflate."""
    big = sum(picture.num_bytes for picture in pictures) > _BIG
    with tifffile.TiffWriter(path, bigtiff=big, byteorder="<") as tiff:
        for picture in pictures:
            _write_page(tiff, picture, _tags(picture.metadata, blocks=() if big else BLOCKS))
    if big:
        logger.warning("%s: BigTIFF cannot keep what EXIF tells of camera and place.", path)
    else:
        _write_blocks(path, pictures)


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """List the pages, without the overviews and masks that geographical programs add."""
    pages = [page for page in tiff.pages if isinstance(page, tifffile.TiffPage)]
    return [page for page in pages if not (page.is_reduced or page.is_mask)]


def _is_pillows(page: tifffile.TiffPage) -> bool:
    """Tell whether Pillow reads a page as it is: grey and RGB of 8 bits, grey of 16, and other colour spaces."""
    if page.photometric not in {_GREY, _RGB} or page.dtype is None or page.bitspersample < 8:
        return True
    if page.dtype == np.uint8:
        return page.samplesperpixel - _has_alpha(page) == (1 if page.photometric == _GREY else 3)
    return page.dtype == np.uint16 and page.samplesperpixel == 1


def _has_alpha(page: tifffile.TiffPage) -> bool:
    """Tell whether the last channel is alpha. Only the file can say so: the fourth of four bands is none by itself."""
    is_last = bool(page.extrasamples) and page.extrasamples[-1] in _ALPHA
    return is_last and page.samplesperpixel > 1 and page.dtype is not None and page.dtype.kind == "u"


def _read_page(page: tifffile.TiffPage, path: Path) -> Picture:
    if page.dtype is None or page.dtype.name not in HELD:
        raise PictureError(f"{path} holds values of {page.dtype}; save them as {', '.join(HELD[:-1])} or {HELD[-1]}.")
    size, samples = (page.imagelength, page.imagewidth), page.samplesperpixel
    planes: Pixels = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        planes = np.moveaxis(planes.reshape(samples, *size), 0, -1)
    planes = planes.reshape(*size, samples)
    _require_values(planes, page.tags.valueof(NO_DATA), path)
    pixels, alpha = (planes[:, :, :-1], planes[:, :, -1]) if _has_alpha(page) else (planes, None)
    if alpha is not None and page.extrasamples[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        peak = full_range(planes.dtype)[1]
        share = np.maximum(alpha, 1)[:, :, None] / peak
        pixels = np.minimum(pixels / share + 0.5, peak).astype(planes.dtype)
    return upright(Picture(pixels, alpha, _read_metadata(page, path)), page.tags.valueof(Base.Orientation) or 1)


def _require_values(planes: Pixels, nodata: object, path: Path) -> None:
    """Check that floats are numbers everywhere; a network would spread what is none over its neighbours."""
    if planes.dtype.kind != "f":
        return
    missing = not np.isfinite(planes).all()
    if isinstance(nodata, str):
        try:
            missing = missing or bool((planes == np.float32(nodata)).any())
        except ValueError:
            logger.warning("%s: what it calls no data, %s, is no number.", path, nodata)
    if missing:
        raise PictureError(f"{path} has places without values (NaN, infinite or GDAL_NODATA); fill or cut them first.")


def _read_metadata(page: tifffile.TiffPage, path: Path) -> Metadata:
    exif = Image.Exif()
    exif.endian, exif.bigtiff = page.parent.byteorder, page.parent.is_bigtiff
    with path.open("rb") as file:
        exif.load_from_fp(file, page.offset)
        block = travelling_exif(exif)  # Which reads on from the file.
    iptc = page.tags.get(IPTC_NAA_CHUNK)
    dpi = page.get_resolution("INCH")
    return Metadata(
        icc=page.iccprofile,
        exif=block,
        xmp=travelling_xmp(page.tags.valueof(XMP)),
        iptc=None if iptc is None else iptc.value,
        dpi=usable_dpi(dpi) if Base.XResolution in page.tags else None,
        geo=take_geo({tag: page.tags.valueof(tag) for tag in GEO_TAGS}),
    )


def _write_page(tiff: tifffile.TiffWriter, picture: Picture, tags: list[Tag]) -> None:
    planes, metadata = stacked(picture), picture.metadata
    rgb = picture.is_photo and picture.num_bands == 3
    extras = ["unspecified"] * (picture.num_bands - (3 if rgb else 1)) + ["unassalpha"] * (picture.alpha is not None)
    tiff.write(
        planes[:, :, 0] if planes.shape[2] == 1 else planes,
        photometric="rgb" if rgb else "minisblack",
        planarconfig=None if planes.shape[2] == 1 else "contig",
        extrasamples=extras or None,
        compression="adobe_deflate",
        predictor=True,
        rowsperstrip=max(1, 2**20 // planes[0].nbytes),
        iccprofile=metadata.icc,
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else "INCH",
        extratags=tags,
        metadata=None,
        software=False,
    )


def _tags(metadata: Metadata, blocks: Sequence[int]) -> list[Tag]:
    """Write metadata as tags, with places for blocks that are appended later."""
    found: list[Tag] = geo_entries(metadata.geo)
    if metadata.xmp is not None:
        found.append((XMP, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.iptc is not None:
        found.append((IPTC_NAA_CHUNK, _UNDEFINED, len(metadata.iptc), metadata.iptc, True))
    exif = _exif(metadata.exif)
    for code, value in exif.items():
        if isinstance(value, str):
            text = value.encode() + b"\0"
            found.append((code, _TEXT, len(text), text, True))
        elif isinstance(value, bytes):
            found.append((code, _BYTE, len(value), value, True))
        elif type(value) is int and code not in {*BLOCKS, IFD.Interop, Base.ResolutionUnit}:
            found.append((code, _SHORT, 1, value, True))
    found += [(block - 1, _LONG, 1, 0, True) for block in blocks if exif.get_ifd(block)]
    return found


def _exif(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    if block is not None:
        exif.load(block)
    return exif


def _write_blocks(path: Path, pictures: Sequence[Picture]) -> None:
    """Append the blocks of camera and position to a file, and tell the pages where they are.

    tifffile writes no such blocks: each page has kept a place for them, under the unused code before theirs.
    """
    with tifffile.TiffFile(path) as tiff:
        entries = [{block: page.tags.get(block - 1) for block in BLOCKS} for page in _pages(tiff)]
    with path.open("r+b") as file:
        for picture, places in zip(pictures, entries, strict=True):
            exif = _exif(picture.metadata.exif)
            for block, entry in places.items():
                if entry is None:
                    continue
                directory = ImageFileDirectory_v2(ifh=b"II*\0\0\0\0\0", group=block)
                directory.update(exif.get_ifd(block))
                place = (file.seek(0, os.SEEK_END) + 1) // 2 * 2
                file.seek(place)
                file.write(directory.tobytes(place))
                file.seek(entry.offset)
                file.write(struct.pack("<HHII", block, _LONG, 1, place))
