"""Geographic position of a picture: the tags of GeoTIFF, and those of the result.

OGC GeoTIFF 1.1 (19-008r4), annex B: a place in the raster becomes one on the ground by tiepoints and the size of a
pixel, or by a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minutia.types import GeoTags

PIXEL_SCALE, TIEPOINTS, MATRIX, KEYS, DOUBLES, TEXTS = 33550, 33922, 34264, 34735, 34736, 34737
NO_DATA = 42113
"""In which GDAL says which value means that there is none."""

_TEXT, _SHORT, _DOUBLE = 2, 3, 12
TYPES = {
    **dict.fromkeys((PIXEL_SCALE, TIEPOINTS, MATRIX, DOUBLES), _DOUBLE),
    KEYS: _SHORT,
    TEXTS: _TEXT,
    NO_DATA: _TEXT,
}
"""The tags that travel, and their types (TIFF 6.0, section 2)."""

_RASTER_TYPE, _PIXEL_IS_POINT = 1025, 2


def take_geo(tags: Mapping[int, Any]) -> GeoTags | None:
    """Take what a TIFF says of its place from its tags; None where it says nothing."""
    found: list[tuple[int, tuple[float, ...] | str]] = []
    for tag, kind in TYPES.items():
        value = tags.get(tag)
        if isinstance(value, int | float):  # A single number stands by itself.
            value = (value,)
        if isinstance(value, str if kind == _TEXT else tuple):
            found.append((tag, value))
    return tuple(found) or None


def geo_entries(geo: GeoTags | None) -> list[tuple[int, int, int, Any, bool]]:
    """Write tags as tifffile takes them: code, type, count, value, and that they are this page's alone."""
    values = [(tag, value.encode() + b"\0" if isinstance(value, str) else value) for tag, value in geo or ()]
    return [(tag, TYPES[tag], len(value), value, True) for tag, value in values]


def enlarge_geo(geo: GeoTags | None, rows: float, columns: float) -> GeoTags | None:
    """Make the tags of a picture those of its enlargement, `rows` times as high and `columns` times as wide."""
    if geo is None:
        return None
    found: dict[int, Any] = dict(geo)
    # Places in the raster are counted from the corner of the first pixel, or from its middle, which moves.
    middle = 0.5 if _is_point(found.get(KEYS, ())) else 0.0
    size, ties, matrix = (found.get(tag, ()) for tag in (PIXEL_SCALE, TIEPOINTS, MATRIX))
    if len(size) == 3:
        found[PIXEL_SCALE] = (size[0] / columns, size[1] / rows, size[2])
    if TIEPOINTS in found:
        moved = list(ties)
        moved[0::6] = [(place + middle) * columns - middle for place in ties[0::6]]
        moved[1::6] = [(place + middle) * rows - middle for place in ties[1::6]]
        found[TIEPOINTS] = tuple(moved)
    if len(matrix) == 16:
        found[MATRIX] = _for_larger(matrix, rows, columns, middle)
    return tuple(found.items())


def _for_larger(matrix: tuple[float, ...], rows: float, columns: float, middle: float) -> tuple[float, ...]:
    """Let a matrix, 4 x 4 row by row, take places in the larger raster."""
    lines: list[float] = []
    for index in range(0, 16, 4):
        across, down, up, start = matrix[index : index + 4]
        start += across * (middle / columns - middle) + down * (middle / rows - middle)
        lines += [across / columns, down / rows, up, start]
    return tuple(lines)


def _is_point(keys: tuple[int, ...]) -> bool:
    """Tell whether places are those of the middles of pixels. A key is four numbers: its name, two, its value."""
    return any(keys[at] == _RASTER_TYPE and keys[at + 3] == _PIXEL_IS_POINT for at in range(0, len(keys) - 3, 4))
