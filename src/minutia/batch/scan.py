"""Pictures whose result does not fit into memory: found before they are read, and written row by row."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minutia.batch.options import Options
from minutia.enlarge import Network, Share, Whole, enlarge_rows, whole_bytes
from minutia.errors import LargeEnough, PictureError
from minutia.image.formats import format_of, require_room
from minutia.image.geo import enlarge_geo
from minutia.image.io import read, read_shape, write_rows
from minutia.image.metadata import stripped
from minutia.image.opening import Limits, require_pixels
from minutia.image.regroup import Strips
from minutia.image.target import Size, Target, num_passes
from minutia.image.tiff import Shape
from minutia.image.windows import PictureRows, Rows, opened_rows
from minutia.memory import free_memory, spell_bytes
from minutia.types import Picture, Progress
from minutia.upscaler import Upscaler

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A picture that is enlarged by rows."""

    size: Size
    """Height and width of the source; those of a PNG that asks to be turned behind its pixels are exchanged."""
    share: Share


def find_scan(source: Path, target: Path, upscaler: Upscaler, options: Options, *, alone: bool) -> Scanned | None:
    """Tell whether a picture must be enlarged by rows; None where memory holds it.

    Args:
        alone: all memory is for this picture. In a batch devices share it; and of `options.memory` half is for pictures
            that are read ahead or wait to be written, which otherwise take of the half of what is free that is left.

    Raises:
        PictureError: memory does not hold it, and its format is not written by rows, it takes several passes to its
            size, or it has pages or frames that are not read by rows; or the source cannot be read.
    """
    free = free_memory()
    allowed = options.memory or free // 2
    if not alone:
        allowed //= upscaler.num_devices * (1 if options.memory is None else 2)
    share = Share(allowed)
    form = format_of(target)
    with opened_rows(source, options.output.limits) as pages:
        kept = pages if form.keeps_all(moving=False) else pages[:1]
        for page in kept:
            require_kind(upscaler.network, source, page.num_bands, page.dtype)
        wholes = _wholes(source, target, kept, upscaler, options)
        needed = whole_bytes(wholes, upscaler.network)
        if needed <= share.num_bytes:
            return None
    is_one_pass = all(num_passes(*each.before, each.after, upscaler.scale) == 1 for each in wholes)
    comes_by_rows = bool(kept) or len(wholes) == 1
    if is_one_pass and comes_by_rows and form.rows:
        return Scanned(wholes[0].before, share)
    if options.memory is None and needed <= free:
        return None
    if not comes_by_rows:
        words = f"its {len(wholes)} pictures cannot be read row by row; processed one by one they might fit."
    elif is_one_pass:
        words = "add --format tiff or png, which are written row by row."
    else:
        words = f"up to x{upscaler.scale} it can be processed row by row."
    may_take = spell_bytes(free if options.memory is None else share.num_bytes)
    raise PictureError(f"{source} needs about {spell_bytes(needed)} of memory; the limit is {may_take}; {words}")


def require_kind(network: Network, source: Path, num_bands: int, dtype: np.dtype[Any]) -> None:
    """Check that the network can take a picture.

    Raises:
        PictureError: it has another number of bands, or values that need a normalisation where there is none.
    """
    try:
        network.require_kind(num_bands, dtype)
    except PictureError as error:
        raise PictureError(f"{source}: {error}") from error


def _wholes(source: Path, target: Path, pages: Sequence[Rows], upscaler: Upscaler, options: Options) -> list[Whole]:
    """List what would be enlarged as a whole: open pages, or what the first bytes tell where there are none."""

    def whole(size: Size, pixel: int) -> Whole:
        return Whole(size, size_after(source, target, size, upscaler.scale, options.output.target), pixel)

    limits = options.output.limits
    if pages:
        for page in pages:
            require_pixels(page.width, page.height, len(pages), source, limits)
        return [whole((p.height, p.width), (p.num_bands + p.has_alpha) * p.dtype.itemsize) for p in pages]
    shape = read_shape(source, limits, is_exact=False)
    return [whole(size, shape.num_values * shape.itemsize) for size in kept_sizes(shape, source, target, limits)]


def kept_sizes(shape: Shape, source: Path, target: Path, limits: Limits) -> tuple[Size, ...]:
    """List the sizes of those pictures of a file that the format of its output can keep: all, or the first.

    Raises:
        PictureError: together they have too many pixels.
    """
    sizes = shape.sizes if format_of(target).keeps_all(moving=shape.is_moving) else shape.sizes[:1]
    for height, width in set(sizes):
        require_pixels(width, height, len(sizes), source, limits)
    return sizes


def size_after(source: Path, target: Path, before: Size, scale: int, asked: Target | None) -> Size:
    """Tell how large a picture becomes.

    Raises:
        LargeEnough: it would become smaller.
        PictureError: it would become larger than the format of its output can hold.
    """
    try:
        height, width = (before[0] * scale, before[1] * scale) if asked is None else asked.size(*before)
    except LargeEnough as error:
        raise LargeEnough(f"{source}: {error}") from error
    require_room(format_of(target), height, width, target)
    return height, width


def scan(
    source: Path, target: Path, scanned: Scanned, upscaler: Upscaler, options: Options, progress: Progress
) -> Size:
    """Enlarge a picture, or page after page, by rows, into a TIFF or PNG; under a temporary name first.

    Returns:
        Height and width of the source, of several pages of the first.

    Raises:
        OutputExists: the target exists and `options.overwrite` is not set.
        PictureError: the source cannot be read by rows, or the place cannot be written.
    """
    with _rows_of(source, options) as pages:
        pages = _kept_of(pages, target)
        total = sum(each.height * each.width for each in pages)
        asked = options.output.target
        sizes = [size_after(source, target, (rows.height, rows.width), upscaler.scale, asked) for rows in pages]
        options.output.require_output(sizes, source)
        done, made = 0, []
        for rows, size in zip(pages, sizes, strict=True):

            def tell(now: int, _: int, done: int = done) -> None:
                progress(done + now, total)

            strips = enlarge_rows(rows, upscaler.network, scanned.share, size=size, progress=tell)
            made.append(Strips(strips, size, _like(rows, size, options)))
            done += rows.height * rows.width
        write_rows(made, target, options.output.encoding, overwrite=options.overwrite)
        return pages[0].height, pages[0].width


def _kept_of(pages: Sequence[Rows], target: Path) -> Sequence[Rows]:
    """Leave out the pages that the format of the output cannot keep, and say so."""
    form = format_of(target)
    if len(pages) == 1 or form.keeps_all(moving=False):
        return pages
    logger.warning("%s: %s cannot keep more than the first of %d pictures.", target, form.name, len(pages))
    return pages[:1]


def _like(rows: Rows, size: Size, options: Options) -> Picture:
    """Make a small picture of the same kind as what rows become when they are enlarged to a size."""
    metadata = stripped(rows.metadata) if options.output.strip else rows.metadata
    metadata = replace(metadata, geo=enlarge_geo(metadata.geo, size[0] / rows.height, size[1] / rows.width))
    alpha = np.empty((1, 1), rows.dtype) if rows.has_alpha else None
    return Picture(np.empty((1, 1, rows.num_bands), rows.dtype), alpha, metadata)


@contextmanager
def _rows_of(source: Path, options: Options) -> Iterator[Sequence[Rows]]:
    """Open the pages of a file by rows, or decode the first where that cannot be."""
    with opened_rows(source, options.output.limits) as pages:
        if pages:
            yield pages
            return
    yield [PictureRows(read(source, options.output.limits))]
