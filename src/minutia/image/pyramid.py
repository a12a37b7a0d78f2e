"""Smaller versions of a picture whose rows come strip by strip: each half as large as the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from minutia.image.color import as_held
from minutia.image.regroup import regrouped
from minutia.image.target import Size
from minutia.types import Pixels

SMALLEST = 256
"""Side at which a pyramid ends."""

ROWS = 32
"""Rows that are kept and read together; even."""


def pyramid_sizes(size: Size) -> list[Size]:
    """List heights and widths, from the picture's own to the first that fits into a square of 256."""
    sizes = [size]
    while max(sizes[-1]) > SMALLEST:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def levels(
    strips: Iterator[Pixels], size: Size, num_planes: int, dtype: np.dtype[Any], folder: Path, *, has_alpha: bool
) -> Iterator[tuple[Size, Iterator[Pixels]]]:
    """Give the picture and its smaller versions one after another, each to be used up before the next.

    Args:
        strips: rows of the picture, (rows, width, planes).
        num_planes: with alpha, by which the other planes are weighed, and which is the last.
        folder: where a third of the picture is kept meanwhile, not compressed, in files without names.
    """
    sizes = pyramid_sizes(size)
    with ExitStack() as stack:
        for each, smaller in pairwise(sizes):
            file = stack.enter_context(TemporaryFile(dir=folder))
            yield each, _kept(strips, file, has_alpha=has_alpha)
            strips = _read(file, smaller, num_planes, dtype)
        yield sizes[-1], strips


def _kept(strips: Iterator[Pixels], file: IO[bytes], *, has_alpha: bool) -> Iterator[Pixels]:
    """Pass strips on, and keep them at half their size."""
    for rows in regrouped(strips, ROWS):
        # Before they are given on: a writer that has all it expects does not ask again.
        pairs = np.concatenate([rows, rows[-1:]]) if len(rows) % 2 else rows
        file.write(halve(pairs, has_alpha=has_alpha).tobytes())
        yield rows


def _read(file: IO[bytes], size: Size, num_planes: int, dtype: np.dtype[Any]) -> Iterator[Pixels]:
    height, width = size
    file.seek(0)
    for top in range(0, height, ROWS):
        shape = (min(ROWS, height - top), width, num_planes)
        yield np.frombuffer(file.read(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)


def halve(planes: Pixels, *, has_alpha: bool) -> Pixels:
    """Average squares of 2x2 of (H, W, C), H even; the last column stands for two where W is odd."""
    if planes.shape[1] % 2:
        planes = np.concatenate([planes, planes[:, -1:]], axis=1)
    x = planes.astype(np.float64)
    if not has_alpha:
        return as_held(_means(x), planes.dtype)
    alpha = x[:, :, -1:]
    mean = _means(alpha)
    colours = _means(x[:, :, :-1] * alpha) / np.where(mean > 0, mean, 1)
    colours = np.where(mean > 0, colours, _means(x[:, :, :-1]))
    return as_held(np.concatenate([colours, mean], axis=2), planes.dtype)


def _means(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
