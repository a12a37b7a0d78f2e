"""TIFF: pages of bands and of 16 bits a channel in, with all that may stand beside the pixels."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import COMPRESSION_INFO, IPTC_NAA_CHUNK, XMP

from minutia.errors import PictureError
from minutia.image.color import BAND, full_range
from minutia.image.geo import TYPES as GEO_TAGS
from minutia.image.geo import take_geo
from minutia.image.metadata import travelling_exif, travelling_xmp, usable_dpi
from minutia.image.opening import Limits, camera_raw, require_pixels
from minutia.image.pil import SIDEWAYS, upright
from minutia.image.target import Size
from minutia.types import Metadata, Picture, Pixels

logger = logging.getLogger(__name__)

HELD = ("uint8", "uint16", "int16", "float32")
"""Values that pictures hold."""

_WHITE, _GREY, _RGB = tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB
_NO_UNIT = 1
"""Of the resolution: it tells the shape of pixels alone (TIFF 6.0, page 38)."""

_ALPHA = {tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA}

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: the page shows another one smaller, or where it is transparent (TIFF 6.0, page 36)."""

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

HEADER_BYTES = 8
CR2_MARK = b"CR\2\0"
"""What Canon's raw files have behind the header of a TIFF."""

DNG_VERSION = 50706
"""A tag that every DNG has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file holds, known before it is decoded."""

    sizes: tuple[Size, ...]
    """Height and width of each frame or page, upright."""
    num_values: int
    """Of a pixel, alpha included."""
    itemsize: int
    """Bytes of a value."""
    is_moving: bool = False
    """Whether it is an animation."""

    @property
    def height(self) -> int:
        """Of the first picture."""
        return self.sizes[0][0]

    @property
    def width(self) -> int:
        """Of the first picture."""
        return self.sizes[0][1]

    @property
    def count(self) -> int:
        """Frames or pages."""
        return len(self.sizes)

    @property
    def is_deep(self) -> bool:
        """Whether values have more than 8 bits."""
        return self.itemsize > 1


def is_tiff(path: Path) -> bool:
    """Tell by its first bytes whether a file is a TIFF."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def read_shape(path: Path) -> Shape | None:
    """Look at a TIFF of which a page has bands or several channels of 16 bits, which Pillow halves or refuses.

    Returns:
        None for any other file, which is Pillow's, as are those with pages that Pillow alone reads.
    """
    if not is_tiff(path):
        return None
    with tifffile.TiffFile(path) as tiff:
        refuse_raw(tiff, path)
        pages = image_pages(tiff)
        others = [page for page in pages if _is_pillows(page)]
        if len(others) == len(pages) or not all(map(is_readable, others)):
            return None
        first = pages[0]
        itemsize = 1 if first.dtype is None else first.dtype.itemsize
        return Shape(tuple(map(_upright_size, pages)), first.samplesperpixel, itemsize)


def refuse_raw(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a camera's raw file, known by CR2's mark or DNG's tag, or as a preview that all else is kept below.

    Raises:
        PictureError: it is one.
    """
    if not len(tiff.pages):
        return
    first = tiff.pages.first
    tiff.filehandle.seek(HEADER_BYTES)
    is_cr2 = tiff.filehandle.read(len(CR2_MARK)) == CR2_MARK
    if is_cr2 or DNG_VERSION in first.tags or (first.subifds and not image_pages(tiff)):
        raise camera_raw(path)


def read_pages(path: Path, limits: Limits, count: int) -> tuple[Picture, ...]:
    """Read the first `count` pages of a file that has a `read_shape`.

    Raises:
        PictureError: too many pixels, or values that pictures do not hold.
    """
    with tifffile.TiffFile(path) as tiff:
        pages = image_pages(tiff)[:count]
        for page in pages:
            require_pixels(page.imagewidth, page.imagelength, len(pages), path, limits)
        return tuple(_read_page(page, path) for page in pages)


def image_pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """List the pages, without the overviews and masks that geographical programs add."""
    pages = [page for page in tiff.pages if isinstance(page, tifffile.TiffPage)]
    return [page for page in pages if not (page.is_reduced or page.is_mask)]


def _upright_size(page: tifffile.TiffPage) -> Size:
    is_exchanged = page.tags.valueof(Base.Orientation) in SIDEWAYS
    return (page.imagewidth, page.imagelength) if is_exchanged else (page.imagelength, page.imagewidth)


def is_readable(page: tifffile.TiffPage) -> bool:
    """Tell whether a page is what a picture is, grey, RGB or bands, of values that pictures hold."""
    held = page.dtype is not None and page.dtype.name in HELD and page.bitspersample >= 8
    return held and page.photometric in {_GREY, _RGB}


def _is_pillows(page: tifffile.TiffPage) -> bool:
    """Tell whether Pillow reads a page as it is: grey and RGB of 8 bits, grey of 16, and other colour spaces."""
    knows_all = page.compression in COMPRESSION_INFO and 0 not in page.databytecounts  # Which would hold no data.
    if _is_deep_white(page) or (is_readable(page) and not knows_all):
        return False
    if page.photometric not in {_GREY, _RGB} or page.dtype is None or page.bitspersample < 8:
        return True
    if has_alpha(page) and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        return False  # Pillow knows no plane of premultiplied colours.
    if page.dtype == np.uint8:
        return page.samplesperpixel - has_alpha(page) == (1 if page.photometric == _GREY else 3)
    return page.dtype == np.uint16 and page.samplesperpixel == 1


def _is_deep_white(page: tifffile.TiffPage) -> bool:
    """Tell whether a page is grey of 16 bits whose zero is white, which Pillow takes for black."""
    return page.photometric == _WHITE and page.bitspersample == 16 and page.samplesperpixel == 1


def has_alpha(page: tifffile.TiffPage) -> bool:
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
    if _is_deep_white(page):
        planes = 2**16 - 1 - planes
    picture = replace(as_picture(planes, page), metadata=read_metadata(page, path))
    return upright(picture, page.tags.valueof(Base.Orientation) or 1)


def as_picture(planes: Pixels, page: tifffile.TiffPage) -> Picture:
    """Take (H, W, samples) of a page apart into colours and alpha; premultiplied colours are freed of it."""
    if not has_alpha(page):
        return Picture(planes)
    pixels, alpha = planes[:, :, :-1], planes[:, :, -1]
    if page.extrasamples[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        peak, freed = full_range(planes.dtype)[1], np.empty_like(pixels)
        for top in range(0, len(planes), BAND):
            rows = slice(top, top + BAND)
            share = np.maximum(alpha[rows], 1)[:, :, None] / peak
            freed[rows] = np.minimum(pixels[rows] / share + 0.5, peak)
        pixels = freed
    return Picture(pixels, alpha)


def read_metadata(page: tifffile.TiffPage, path: Path) -> Metadata:
    """Take what travels beside the pixels of a page."""
    exif = Image.Exif()
    exif.endian, exif.bigtiff = page.parent.byteorder, page.parent.is_bigtiff
    with path.open("rb") as file:
        exif.load_from_fp(file, page.offset)
        block = travelling_exif(exif)  # Which reads on from the file.
    iptc = page.tags.get(IPTC_NAA_CHUNK)
    dpi = page.get_resolution("INCH")
    has_unit = page.tags.valueof(Base.ResolutionUnit) != _NO_UNIT
    return Metadata(
        icc=page.iccprofile,
        exif=block,
        xmp=travelling_xmp(page.tags.valueof(XMP)),
        iptc=None if iptc is None else iptc.value,
        dpi=usable_dpi(dpi) if Base.XResolution in page.tags and has_unit else None,
        geo=take_geo({tag: page.tags.valueof(tag) for tag in GEO_TAGS}),
    )
