"""Pixels of a raster without data: networks see a neighbouring value there, and no-data is restored afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from minutia.errors import PictureError
from minutia.image.geo import NO_DATA
from minutia.image.windows import LOOK, Rows
from minutia.types import Metadata, Picture, Pixels


def filled(source: Rows) -> Rows:
    """Give rows without such places: of integers, and of floats that are all numbers, the source as it is."""
    return Filled(source) if _may_lack(source) else source


def put_back(large: Pixels, top: int, height: int, source: Rows) -> None:
    """Put what stands in such places of the source into rows of its enlargement, in place.

    Args:
        large: (rows, width, bands), alpha last if there is any.
        top: the first of these rows, of `height` in all.
    """
    if not _may_lack(source):
        return
    rows = np.arange(top, top + large.shape[0]) * source.height // height
    columns = np.arange(large.shape[1]) * source.width // large.shape[1]
    pixels = source.read(int(rows[0]), int(rows[-1]) + 1).pixels
    missing = find_missing(pixels, source.metadata)
    if missing.any():
        place = np.ix_(rows - rows[0], columns)
        np.copyto(large[:, :, : source.num_bands], pixels[place], where=missing[place])


def require_values(picture: Picture, path: Path) -> None:
    """Check that floats are finite numbers everywhere: missing values can be neither learnt nor measured.

    Raises:
        PictureError: they are not.
    """
    if picture.pixels.dtype.kind == "f" and find_missing(picture.pixels, picture.metadata).any():
        raise PictureError(f"{path} has pixels without values (NaN, infinite or GDAL_NODATA); fill or crop them first.")


def find_missing(pixels: Pixels, metadata: Metadata) -> NDArray[np.bool_]:
    """Tell, (H, W, C), which floats are no numbers or GDAL_NODATA, and where integers are that in all bands."""
    empty = _no_data_of(metadata, pixels.dtype)
    if pixels.dtype.kind != "f":
        return np.broadcast_to((pixels == empty).all(axis=2, keepdims=True), pixels.shape)
    missing: NDArray[np.bool_] = ~np.isfinite(pixels)
    if empty is None:
        return missing
    with np.errstate(over="ignore"):  # Of a value that no float32 is.
        missing |= pixels == np.float32(empty)
    return missing


@final
class Filled:
    """Rows of a picture, without places that hold no data: those have the value to their left, or right, in their row.

    Where a row has none, the first of the picture stands in for it.
    """

    def __init__(self, source: Rows) -> None:
        self._source = source
        self.height, self.width, self.num_bands = source.height, source.width, source.num_bands
        self.has_alpha, self.dtype, self.metadata = source.has_alpha, source.dtype, source.metadata
        self._first = self._find_first()

    def read(self, start: int, stop: int) -> Picture:
        """Give the rows from `start` to before `stop`, without metadata."""
        picture = self._source.read(start, stop)
        missing = find_missing(picture.pixels, self.metadata)
        rows = np.flatnonzero(missing.any(axis=(1, 2)))
        if not rows.size:
            return picture
        pixels = picture.pixels.copy()
        for row in rows:
            pixels[row] = self._fill(pixels[row], missing[row])
        return replace(picture, pixels=pixels)

    def _fill(self, values: Pixels, missing: NDArray[np.bool_]) -> Pixels:
        """Fill (W, C) of one row."""
        columns = np.arange(self.width)[:, None]
        left = np.maximum.accumulate(np.where(missing, -1, columns))
        right = np.minimum.accumulate(np.where(missing, self.width, columns)[::-1])[::-1]
        nearest = np.where(left < 0, right, left)
        found = np.take_along_axis(values, np.minimum(nearest, self.width - 1), axis=0)
        return np.where(nearest < self.width, found, self._first)

    def _find_first(self) -> NDArray[Any]:
        """Find the first value of each band; 0 where there is none."""
        first = np.zeros(self.num_bands, self.dtype)
        is_found = np.zeros(self.num_bands, bool)
        for start in range(0, self.height, LOOK):
            pixels = self._source.read(start, min(start + LOOK, self.height)).pixels
            is_there = ~find_missing(pixels, self.metadata)
            for band in np.flatnonzero(~is_found & is_there.any(axis=(0, 1))):
                first[band] = pixels[:, :, band][is_there[:, :, band]][0]
                is_found[band] = True
            if is_found.all():
                break
        return first


def _may_lack(source: Rows) -> bool:
    return source.dtype.kind == "f" or _no_data_of(source.metadata, source.dtype) is not None


def _no_data_of(metadata: Metadata, dtype: np.dtype[Any]) -> float | None:
    """Read the value by which a GeoTIFF says that there is no data; None where it says none that `dtype` holds."""
    said = dict(metadata.geo or ()).get(NO_DATA)
    try:
        value = float(str(said))
    except ValueError:
        return None
    return value if dtype.kind == "f" or value.is_integer() else None
