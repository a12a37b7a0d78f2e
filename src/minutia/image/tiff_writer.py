"""TIFF: pages of any kind out, with all that may stand beside the pixels; whole, or by rows as they come."""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import tifffile
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, XMP, ImageFileDirectory_v2

from minutia.image.formats import USUAL_ENCODING, Encoding
from minutia.image.geo import geo_entries
from minutia.image.metadata import BLOCKS, raw_block
from minutia.image.pil import stacked
from minutia.image.pyramid import levels
from minutia.image.regroup import Strips, regrouped
from minutia.image.target import Size
from minutia.image.tiff import image_pages
from minutia.types import Metadata, Picture, Pixels

logger = logging.getLogger(__name__)

Tag: TypeAlias = tuple[int, int, int, Any, bool]
"""Code, type, count, value, and whether it stands on this page alone."""

_BIG = 2**32 - 2**25
"""Files of more bytes than this need the 64-bit variant, BigTIFF."""

TILE = 256
"""Side of the tiles that large pictures are written in."""

_BUFFER = 2**25
"""Bytes that are compressed at once."""

_BYTE, _TEXT, _SHORT, _LONG, _UNDEFINED = 1, 2, 3, 4, 7
"""Types of tags (TIFF 6.0, section 2)."""


def write_rows(pages: Sequence[Strips], path: Path, encoding: Encoding = USUAL_ENCODING) -> None:
    """Write pages whose rows come strip by strip, in tiles."""
    big = sum(_tiled_bytes(page.size, page.like, encoding) for page in pages) > _BIG
    with tifffile.TiffWriter(path, bigtiff=big, byteorder="<") as tiff:
        for page in pages:
            _write_tiled(tiff, page, encoding, big=big)
    _finish(path, [page.like for page in pages], big=big)


def _write_tiled(tiff: tifffile.TiffWriter, strips: Strips, encoding: Encoding, *, big: bool) -> None:
    """Write a page by rows as they come, and where there is to be a pyramid its smaller versions after it."""
    like = strips.like
    num_planes, dtype, has_alpha = like.num_bands + (like.alpha is not None), like.pixels.dtype, like.alpha is not None
    if encoding.pyramid:
        folder = Path(tiff.filehandle.dirname)
        parts = levels(strips.rows, strips.size, num_planes, dtype, folder, has_alpha=has_alpha)
    else:
        parts = iter([(strips.size, strips.rows)])
    page = like
    for (height, width), rows in parts:
        tiff.write(
            _tiles(rows),
            shape=(height, width) if num_planes == 1 else (height, width, num_planes),
            dtype=dtype,
            tile=(TILE, TILE),
            buffersize=_BUFFER,
            subfiletype=int(page is not like),
            **_page_options(page, _tags(page.metadata, blocks=() if big else BLOCKS), encoding),
        )
        page = replace(like, metadata=Metadata(icc=like.metadata.icc))
    next(strips.rows, None)  # tifffile asks for no more than it needs, and the last strip would stay.


def _tiles(strips: Iterator[Pixels]) -> Iterator[Pixels]:
    """Cut strips into tiles, row by row of tiles; those at the right and at the bottom may be smaller."""
    for rows in regrouped(strips, TILE):
        for left in range(0, rows.shape[1], TILE):
            yield rows[:, left : left + TILE].copy()  # The writer holds some for long, and with a view the whole strip.


def _tiled_bytes(size: Size, like: Picture, encoding: Encoding) -> float:
    """Tell how much the tiles of a page hold before they are compressed, those of its smaller versions included."""
    num_pixels = math.prod(-(-side // TILE) * TILE for side in size)
    num_planes = like.num_bands + (like.alpha is not None)
    return num_pixels * num_planes * like.pixels.itemsize * (4 / 3 if encoding.pyramid else 1)


def write(pictures: Sequence[Picture], path: Path, encoding: Encoding = USUAL_ENCODING) -> None:
    """Write pages."""
    held = (_tiled_bytes((each.height, each.width), each, encoding) for each in pictures)
    big = sum(held if encoding.pyramid else (each.num_bytes for each in pictures)) > _BIG
    with tifffile.TiffWriter(path, bigtiff=big, byteorder="<") as tiff:
        for picture in pictures:
            if encoding.pyramid:
                strips = Strips(iter([stacked(picture)]), (picture.height, picture.width), picture)
                _write_tiled(tiff, strips, encoding, big=big)
            else:
                _write_page(tiff, picture, _tags(picture.metadata, blocks=() if big else BLOCKS), encoding)
    _finish(path, pictures, big=big)


def _finish(path: Path, pictures: Sequence[Picture], *, big: bool) -> None:
    """Append what tifffile does not write."""
    if not big:
        _write_blocks(path, pictures)
    elif any(_exif(picture.metadata.exif).get_ifd(block) for picture in pictures for block in BLOCKS):
        logger.warning("BigTIFF cannot keep the camera and GPS fields of EXIF.")


def _write_page(tiff: tifffile.TiffWriter, picture: Picture, tags: list[Tag], encoding: Encoding) -> None:
    planes = stacked(picture)
    tiff.write(
        planes[:, :, 0] if planes.shape[2] == 1 else planes,
        rowsperstrip=max(1, 2**20 // planes[0].nbytes),
        **_page_options(picture, tags, encoding),
    )


def _page_options(picture: Picture, tags: list[Tag], encoding: Encoding) -> dict[str, Any]:
    """Say what a page is, as tifffile wants to know it."""
    metadata, num_planes = picture.metadata, picture.num_bands + (picture.alpha is not None)
    rgb = picture.is_photo and picture.num_bands == 3
    extras = ["unspecified"] * (picture.num_bands - (3 if rgb else 1)) + ["unassalpha"] * (picture.alpha is not None)
    return {
        "photometric": "rgb" if rgb else "minisblack",
        "planarconfig": None if num_planes == 1 else "contig",
        "extrasamples": extras or None,
        "compression": "adobe_deflate" if encoding.compression == "deflate" else None,
        "predictor": encoding.compression == "deflate",
        "iccprofile": metadata.icc,
        "resolution": metadata.dpi,
        "resolutionunit": None if metadata.dpi is None else "INCH",
        "extratags": tags,
        "metadata": None,
        "software": False,
    }


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
            text = value.encode("latin-1") + b"\0"
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
        entries = [{block: page.tags.get(block - 1) for block in BLOCKS} for page in image_pages(tiff)]
    with path.open("r+b") as file:
        for picture, places in zip(pictures, entries, strict=True):
            exif = _exif(picture.metadata.exif)
            for block, entry in places.items():
                if entry is None:
                    continue
                directory = ImageFileDirectory_v2(ifh=b"II*\0\0\0\0\0", group=block)
                directory.update(raw_block(exif, block))
                place = (file.seek(0, os.SEEK_END) + 1) // 2 * 2
                file.seek(place)
                file.write(directory.tobytes(place))
                file.seek(entry.offset)
                file.write(struct.pack("<HHII", block, _LONG, 1, place))
