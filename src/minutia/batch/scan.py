"""Pictures whose enlargement memory does not hold: found before they are read, and written as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minutia.batch.options import Options
from minutia.enlarge import Share, enlarge_rows, whole_bytes
from minutia.errors import PictureError
from minutia.image.formats import format_of, require_room
from minutia.image.geo import enlarge_geo
from minutia.image.io import read_frames, to_first, upright_size, write_rows
from minutia.image.opening import Limits, opened, translated
from minutia.image.target import Size, num_passes
from minutia.image.tiff import read_shape
from minutia.image.windows import PictureRows, Rows, opened_rows
from minutia.memory import free_memory, in_gigabytes
from minutia.types import Metadata, Picture, Progress
from minutia.upscaler import Upscaler

DECODED_BYTES = 4
"""Of a pixel, where it is not known yet how many channels a file has."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A picture that is enlarged by rows."""

    size: Size
    """Height and width of the source; those of a PNG that asks to be turned behind its pixels are exchanged."""
    share: Share


def find_scan(source: Path, target: Path, upscaler: Upscaler, options: Options) -> Scanned | None:
    """Tell whether a picture must be enlarged by rows; None where memory holds it.

    Raises:
        PictureError: memory does not hold it, and its format is not written by rows, or it takes several passes to its
            size; or the source cannot be read.
    """
    free = free_memory()
    share = Share(options.memory or free // 2)
    with opened_rows(source, options.making.limits) as rows:
        size = _header_size(source, options.making.limits) if rows is None else (rows.height, rows.width)
        pixel = DECODED_BYTES if rows is None else (rows.num_bands + rows.has_alpha) * rows.dtype.itemsize
        after = size_after(source, target, size, upscaler, options)
        needed = whole_bytes(size, after, pixel, upscaler.scale)
        if needed <= share.num_bytes:
            return None
        if rows is not None:
            upscaler.network.require_kind(rows.num_bands, rows.dtype)
    is_one_pass = num_passes(*size, after, upscaler.scale) == 1
    if is_one_pass and format_of(target).rows:
        return Scanned(size, share)
    if options.memory is None and needed <= free:
        return None
    raise PictureError(
        f"{source} needs about {in_gigabytes(needed)} of memory, and {in_gigabytes(options.memory or free)} may be "
        "taken; "
        + (
            "add --format tiff or png, which are written row by row."
            if is_one_pass
            else f"up to {upscaler.scale} times as large it can be made row by row."
        )
    )


def size_after(source: Path, target: Path, before: Size, upscaler: Upscaler, options: Options) -> Size:
    """Tell how large a picture becomes.

    Raises:
        PictureError: it would become smaller, or larger than the format of its output can hold.
    """
    wish, scale = options.making.target, upscaler.scale
    try:
        height, width = (before[0] * scale, before[1] * scale) if wish is None else wish.size(*before)
    except PictureError as error:
        raise PictureError(f"{source}: {error}") from error
    require_room(format_of(target), height, width, target)
    return height, width


def scan(
    source: Path, target: Path, scanned: Scanned, upscaler: Upscaler, options: Options, progress: Progress
) -> Size:
    """Enlarge a picture by rows, into a TIFF or PNG; under a temporary name first.

    Returns:
        Height and width of the source.

    Raises:
        OutputExists: the target exists and `options.overwrite` is not set.
        PictureError: the source cannot be read by rows, or the place cannot be written.
    """
    with _rows_of(source, options) as rows:
        height, width = size = size_after(source, target, (rows.height, rows.width), upscaler, options)
        strips = enlarge_rows(rows, upscaler.network, scanned.share, size=size, progress=progress)
        metadata = rows.metadata
        if options.making.strip:
            metadata = Metadata(icc=metadata.icc)
        metadata = replace(metadata, geo=enlarge_geo(metadata.geo, height / rows.height, width / rows.width))
        alpha = np.empty((1, 1), rows.dtype) if rows.has_alpha else None
        like = Picture(np.empty((1, 1, rows.num_bands), rows.dtype), alpha, metadata)
        write_rows(strips, size, like, target, options.making.encoding, overwrite=options.overwrite)
        return rows.height, rows.width


def _header_size(source: Path, limits: Limits) -> Size:
    """Read a size from the first bytes of a file; Pillow decodes a whole PNG to tell how it is to be turned."""
    with translated(source):
        shape = read_shape(source)
    if shape is not None:
        return shape.height, shape.width
    with opened(source, limits) as image:
        to_first(image)
        knows_turn = image.format != "PNG" or "exif" in image.info
        return upright_size(image) if knows_turn else (image.height, image.width)


@contextmanager
def _rows_of(source: Path, options: Options) -> Iterator[Rows]:
    """Open a file by rows, or decode it where that cannot be."""
    with opened_rows(source, options.making.limits) as rows:
        if rows is not None:
            yield rows
            return
    pictures = read_frames(source, options.making.limits).pictures
    if len(pictures) > 1:
        raise PictureError(f"{source} has several pages, and they do not fit into the memory that may be taken.")
    yield PictureRows(pictures[0])
