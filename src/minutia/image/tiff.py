"""TIFF: pages of 16 bits a channel in, pages of any kind out, with all that may stand beside the pixels."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, XMP, ImageFileDirectory_v2

from minutia.image.metadata import BLOCKS, travelling_exif, travelling_xmp, usable_dpi
from minutia.image.opening import Limits, require_pixels
from minutia.image.pil import stacked, unstacked, upright
from minutia.types import Metadata, Picture

logger = logging.getLogger(__name__)

Tag: TypeAlias = tuple[int, int, int, Any, bool]
"""Code, type, count, value, and whether it stands on this page alone."""

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = 2**32 - 2**25
"""Files of more bytes than this need the 64-bit variant, BigTIFF."""

_BYTE, _TEXT, _SHORT, _LONG, _UNDEFINED = 1, 2, 3, 4, 7
"""Types of tags (TIFF 6.0, section 2)."""


def num_deep_pages(path: Path) -> int:
    """Count the pages of a TIFF that all have several channels of 16 bits, which Pillow halves or refuses; else 0."""
    with path.open("rb") as file:
        if file.read(4) not in _MAGIC:
            return 0
    with tifffile.TiffFile(path) as tiff:
        pages = _pages(tiff)
        return len(pages) if all(_is_deep(page) for page in pages) else 0


def read_deep(path: Path, limits: Limits, count: int) -> tuple[Picture, ...]:
    """Read the first `count` of a file's `num_deep_pages`.

    Raises:
        PictureError: too many pixels.
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
    return [page for page in tiff.pages if isinstance(page, tifffile.TiffPage)]


def _is_deep(page: tifffile.TiffPage) -> bool:
    colours = {tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB}
    return page.dtype == np.uint16 and page.samplesperpixel in {2, 3, 4} and page.photometric in colours


def _read_page(page: tifffile.TiffPage, path: Path) -> Picture:
    planes: NDArray[np.uint16] = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        planes = np.moveaxis(planes, 0, -1)
    pixels, alpha = unstacked(planes)
    if alpha is not None and tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
        share = np.maximum(alpha, 1)[:, :, None] / 65535
        pixels = np.minimum(pixels / share + 0.5, 65535).astype(np.uint16)
    return upright(Picture(pixels, alpha, _read_metadata(page, path)), page.tags.valueof(Base.Orientation) or 1)


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
    )


def _write_page(tiff: tifffile.TiffWriter, picture: Picture, tags: list[Tag]) -> None:
    planes, metadata = stacked(picture), picture.metadata
    grey = picture.pixels.shape[2] == 1
    tiff.write(
        planes[:, :, 0] if planes.shape[2] == 1 else planes,
        photometric="minisblack" if grey else "rgb",
        planarconfig=None if planes.shape[2] == 1 else "contig",
        extrasamples=None if picture.alpha is None else ["unassalpha"],
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
    found: list[Tag] = []
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
