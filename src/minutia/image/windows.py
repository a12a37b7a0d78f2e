"""Pictures that may be too large for memory: rows of a TIFF, decoded as they are asked for, or of one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
import tifffile
from PIL.ExifTags import Base

from minutia.image.opening import Limits, require_pixels, translated
from minutia.image.tiff import (
    as_picture,
    has_alpha,
    image_pages,
    is_readable,
    is_tiff,
    read_metadata,
    refuse_raw,
)
from minutia.types import Metadata, Picture, Pixels

MAX_SEGMENT = 2**26
"""Bytes of a strip or tile, decoded, above which a file is not read by windows: it was written as one."""

LOOK = 256
"""Rows that are looked at together for what values there are."""


class Rows(Protocol):
    """A picture of which some rows are looked at, at a time."""

    height: int
    width: int
    num_bands: int
    """Without alpha."""
    has_alpha: bool
    dtype: np.dtype[Any]

    @property
    def metadata(self) -> Metadata:
        """What stands beside the pixels."""
        ...

    def read(self, start: int, stop: int) -> Picture:
        """Give the rows from `start` to before `stop`, without metadata."""
        ...


@final
class TiffRows:
    """Rows of a page of a TIFF file."""

    def __init__(self, page: tifffile.TiffPage, path: Path) -> None:
        self._page, self._path = page, path
        self.height, self.width = page.imagelength, page.imagewidth
        self._samples, self.has_alpha = page.samplesperpixel, has_alpha(page)
        self.num_bands = self._samples - self.has_alpha
        assert page.dtype is not None
        self.dtype = page.dtype
        self._length = page.tilelength if page.is_tiled else min(page.rowsperstrip, self.height)
        self._across = -(-self.width // page.tilewidth) if page.is_tiled else 1
        self._is_separate = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and self._samples > 1

    @cached_property
    def metadata(self) -> Metadata:
        """What stands beside the pixels; it is read when it is asked for, since a file may have many pages."""
        with translated(self._path):
            return read_metadata(self._page, self._path)

    def read(self, start: int, stop: int) -> Picture:
        """Decode the strips or tiles that rows are in.

        Raises:
            PictureError: the file is broken.
        """
        rows = np.zeros((stop - start, self.width, self._samples), self.dtype)
        with translated(self._path):
            for index in self._segments(start, stop):
                self._decode_into(rows, start, index)
        return as_picture(rows, self._page)

    def _segments(self, start: int, stop: int) -> Iterator[int]:
        first, last = start // self._length, (stop - 1) // self._length
        in_plane = -(-self.height // self._length) * self._across
        for plane in range(self._samples if self._is_separate else 1):
            begin = plane * in_plane
            yield from range(begin + first * self._across, begin + (last + 1) * self._across)

    def _decode_into(self, rows: Pixels, start: int, index: int) -> None:
        """Decode one strip or tile, and copy what of it lies in the rows; one of no bytes holds no data (GDAL)."""
        file = self._page.parent.filehandle
        file.seek(self._page.dataoffsets[index])
        data = file.read(self._page.databytecounts[index])
        page = self._page
        segment, (plane, _, top, left, _), (_, length, width, _) = page.decode(
            data or None, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader
        )
        bottom, right = min(top + length, start + len(rows), self.height), min(left + width, self.width)
        first = max(top, start)
        bands = slice(plane, plane + 1) if self._is_separate else slice(None)
        place = (slice(first - start, bottom - start), slice(left, right), bands)
        if segment is None:
            rows[place] = page.nodata
        else:
            rows[place] = segment.reshape(segment.shape[-3:])[first - top : bottom - top, : right - left]


@final
class PictureRows:
    """Rows of a picture that is in memory."""

    def __init__(self, picture: Picture) -> None:
        self._pixels, self._alpha = picture.pixels, picture.alpha
        self.height, self.width, self.num_bands = picture.height, picture.width, picture.num_bands
        self.has_alpha, self.dtype, self.metadata = picture.alpha is not None, picture.pixels.dtype, picture.metadata

    def read(self, start: int, stop: int) -> Picture:
        """Give the rows."""
        return Picture(self._pixels[start:stop], None if self._alpha is None else self._alpha[start:stop])


@contextmanager
def opened_rows(path: Path, limits: Limits) -> Iterator[tuple[TiffRows, ...]]:
    """Open the pages of a TIFF to be read by windows.

    Gives none for what must be decoded whole: other formats, and files of which a page has colours that are converted,
    is turned, or was written as one large strip.

    Raises:
        PictureError: the file cannot be read, or has too many pixels.
    """
    with ExitStack() as stack:
        with translated(path):  # And not what whoever reads the rows then does with them.
            pages = _pages_in_pieces(path, limits, stack)
        yield tuple(TiffRows(page, path) for page in pages)


def _pages_in_pieces(path: Path, limits: Limits, stack: ExitStack) -> list[tifffile.TiffPage]:
    """Open a TIFF for as long as `stack` lasts, and list its pages; none where one must be decoded whole."""
    if limits.allow_truncated or not is_tiff(path):
        return []
    tiff = stack.enter_context(tifffile.TiffFile(path))
    refuse_raw(tiff, path)
    pages = image_pages(tiff)
    if not all(map(_is_in_pieces, pages)):
        return []
    for page in pages:
        require_pixels(page.imagewidth, page.imagelength, 1, path, limits)
    return pages


def _is_in_pieces(page: tifffile.TiffPage) -> bool:
    """Tell whether a page can be decoded piece by piece as what it is."""
    if not is_readable(page):
        return False
    assert page.dtype is not None
    length = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    segment = length * width * page.samplesperpixel * page.dtype.itemsize
    return segment <= MAX_SEGMENT and (page.tags.valueof(Base.Orientation) or 1) == 1
