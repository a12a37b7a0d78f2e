"""Single pictures in PNG, 8 or 16 bits a channel, by rows as they come: Pillow has no 16-bit colour, and one thread."""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import putchunk

from minutia.image.pil import stacked
from minutia.image.regroup import regrouped
from minutia.types import ColorSpace, Metadata, Picture, Pixels

_LEVEL = 2
"""Of ISA-L: as small as zlib's level 1, in a fifth of its time."""

_BLOCK = 2**20
"""Bytes that are compressed at once, each block by its own thread."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Grey, grey with alpha, RGB, RGB with alpha (PNG specification, table 11.1)."""

_PROFILES = {b"iCCP", b"sRGB"}
"""Chunks beside which gamma and primaries do not count."""

_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""Of sRGB: white, red, green, blue (PNG specification, section 11.3.2)."""

_SRGB = {b"gAMA": struct.pack(">I", 45455), b"cHRM": struct.pack(">8I", *_PRIMARIES)}
_COLOR_SPACE = {b"cICP", *_PROFILES, *_SRGB}

_AVERAGE = 3
"""The filter of all rows: each byte less the mean of its neighbours at the left and above."""


def is_deep(image: Image.Image) -> bool:
    """Tell whether an opened PNG, not yet decoded, has several channels of 16 bits, which Pillow would halve."""
    return image.mode in {"LA", "RGB", "RGBA"} and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def read_deep(path: Path) -> NDArray[np.uint16]:
    """Read (H, W, 2 to 4) uint16, alpha last; as the file holds them, not turned."""
    planes: NDArray[np.uint16] = imagecodecs.png_decode(path.read_bytes())
    if planes.dtype != np.uint16 or planes.ndim != 3:
        raise ValueError("its header and its data differ")
    return planes


def read_color_space(path: Path) -> ColorSpace | None:
    """Find the chunks of a PNG that say how its colours are to be shown; None where they are those of sRGB.

    A coding of video (cICP) goes before all others; gamma and primaries count where there is no profile (PNG
    specification, third edition, section 4.3).
    """
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        file.seek(len(_SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"IDAT":
                break
            if name in _COLOR_SPACE:
                found[name] = file.read(length)
                length = 0
            file.seek(length + 4, os.SEEK_CUR)
    is_told = b"cICP" in found or not (_PROFILES & set(found))
    is_usual = all(found.get(name, body) == body for name, body in _SRGB.items())
    chunks = tuple((name, found[name]) for name in (b"cICP", *_SRGB) if name in found)
    return chunks if is_told and (b"cICP" in found or not is_usual) else None


def write(picture: Picture, path: Path) -> None:
    """Write a picture with all that may stand beside its pixels."""
    write_rows([stacked(picture)], (picture.height, picture.width), picture.metadata, path)


def write_rows(strips: Iterable[Pixels], size: tuple[int, int], metadata: Metadata, path: Path) -> None:
    """Write a picture whose rows come strip by strip.

    Args:
        strips: rows from the top, (rows, width, 1 to 4), uint8 or uint16, alpha last, any number at a time.
        size: height and width.
        metadata: what stands beside the pixels.
    """
    strips = iter(strips)
    first = next(strips)
    height, width = size
    depth, colours = first.dtype.itemsize * 8, _COLOUR_TYPES[first.shape[2]]
    num_rows = max(1, _BLOCK // first[0].nbytes)
    strips = chain(iter([first]), strips)
    del first  # Which is then let go as soon as it is written.
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        putchunk(file, b"IHDR", struct.pack(">2I5B", width, height, depth, colours, 0, 0, 0))
        for name, body in _chunks(metadata):
            putchunk(file, name, body)
        for part in _compressed(_blocks(strips, num_rows)):
            putchunk(file, b"IDAT", part)
        putchunk(file, b"IEND", b"")


def _blocks(strips: Iterator[Pixels], num_rows: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Cut strips into blocks: some rows, and before them the one above, which is black above the first."""
    above: Pixels | None = None
    for rows in regrouped(strips, num_rows):
        yield np.zeros_like(rows[:1]) if above is None else above, rows
        above = rows[-1:].copy()


def _compressed(blocks: Iterator[tuple[Pixels, Pixels]]) -> Iterator[bytes]:
    """Give the parts of one zlib stream (RFC 1950): blocks are compressed side by side, a few ahead."""
    num_threads = os.cpu_count() or 1
    waiting: deque[Future[tuple[bytes, bytes]]] = deque()
    checksum = zlib.adler32(b"")
    yield b"\x78\x01"  # Deflate with a window of 32 kB, compressed fast.
    with ThreadPoolExecutor(num_threads) as pool:
        for above, rows in blocks:
            waiting.append(pool.submit(_deflate, above, rows))
            if len(waiting) > num_threads:
                plain, part = waiting.popleft().result()
                checksum = isal_zlib.adler32(plain, checksum)
                yield part
        for last in waiting:
            plain, part = last.result()
            checksum = isal_zlib.adler32(plain, checksum)
            yield part
    yield b"\x03\x00" + struct.pack(">I", checksum)  # An empty block that says it is the last.


def _deflate(above: Pixels, rows: Pixels) -> tuple[bytes, bytes]:
    """Filter rows, and compress them such that another block may follow: both are given."""
    plain = _filtered(above, rows).tobytes()
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
    return plain, packer.compress(plain) + packer.flush(isal_zlib.Z_SYNC_FLUSH)


def _filtered(above: Pixels, rows: Pixels) -> NDArray[np.uint8]:
    """Give (rows, 1 + bytes of a row): the filter's number, then what it leaves (PNG specification, section 9.2)."""
    pixel = rows.shape[2] * rows.dtype.itemsize
    values = _as_bytes(rows)
    up = np.concatenate([_as_bytes(above), values[:-1]])
    filtered = np.empty((len(values), 1 + values.shape[1]), np.uint8)
    filtered[:, 0] = _AVERAGE
    left = np.zeros_like(values)
    left[:, pixel:] = values[:, :-pixel]
    mean = (left & up) + ((left ^ up) >> 1)  # Half their sum, which would not fit into a byte.
    np.subtract(values, mean, out=filtered[:, 1:])
    return filtered


def _as_bytes(rows: Pixels) -> NDArray[np.uint8]:
    """See (H, W, C) as (H, bytes), the larger half of 16 bits first."""
    big = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">"))
    return big.view(np.uint8).reshape(len(rows), -1)


def _chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Write metadata as chunks (PNG specification, section 11.3)."""
    chunks = list(metadata.color_space or ())
    if metadata.icc is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi is not None:
        per_metre = [int(value / 0.0254 + 0.5).to_bytes(4, "big") for value in metadata.dpi]
        chunks.append((b"pHYs", b"".join(per_metre) + b"\x01"))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp is not None:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks
