"""Places of a raster that hold no data: a network would make something of their rim, so they are put back."""

from __future__ import annotations

import numpy as np

from minutia.image.geo import NO_DATA
from minutia.image.windows import Rows
from minutia.types import Pixels


def no_data_of(source: Rows) -> int | None:
    """Tell the integer by which a GeoTIFF of integers says that there is no data; None where it has none."""
    said = dict(source.metadata.geo or ()).get(NO_DATA)
    try:
        value = float(str(said))
    except ValueError:
        return None
    return int(value) if source.dtype.kind in "iu" and value.is_integer() else None


def put_back(large: Pixels, top: int, height: int, source: Rows) -> None:
    """Put no data where the source has none in all its bands, into rows of its enlargement, in place.

    Args:
        large: (rows, width, bands), alpha last if there is any.
        top: the first of these rows, of `height` in all.
    """
    value = no_data_of(source)
    if value is None:
        return
    rows = np.arange(top, top + large.shape[0]) * source.height // height
    columns = np.arange(large.shape[1]) * source.width // large.shape[1]
    pixels = source.read(int(rows[0]), int(rows[-1]) + 1).pixels
    is_empty = (pixels == value).all(axis=2)
    large[is_empty[rows - rows[0]][:, columns], : source.num_bands] = value
