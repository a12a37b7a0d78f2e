"""Prepare a pair for training: resized or cropped, with sides that are multiples of the scale."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minutia.datasets.disk import told
from minutia.datasets.sources import Source
from minutia.errors import DataError
from minutia.files import replacing
from minutia.image.color import full_range, spare_bits
from minutia.image.io import read_photo, write
from minutia.image.resize import downscale, modcrop, resize
from minutia.types import Picture, Pixels

HR, LR = "HR", "LR"
"""Folders of a prepared set, as `minutia evaluate` expects them."""

DEFAULT_SCALE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is made of each picture.

    Raises:
        DataError: values that cannot be met.
    """

    scale: int = DEFAULT_SCALE
    count: int | None = None
    """So many pictures, chosen at random; None takes all."""
    seed: int = 0
    resize: tuple[int, int] | None = None
    """Width and height to which high-resolution pictures are brought, whatever their shape, by bicubic."""
    crop: int | None = None
    """Side of the squares into which they are cut, edge to edge from the upper left; what is left over is dropped."""

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise DataError(f"--scale must be 1 or more, not {self.scale}.")
        if self.count is not None and self.count < 1:
            raise DataError(f"--count must be 1 or more, not {self.count}.")
        if self.resize is not None and self.crop is not None:
            raise DataError("--resize and --crop cannot be combined; leave out one of them.")
        for option, sides in (("--resize", self.resize or ()), ("--crop", () if self.crop is None else (self.crop,))):
            for side in sides:
                if side < self.scale or side % self.scale:
                    raise DataError(f"{option}: {side} is not a multiple of the scale {self.scale}.")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a low-resolution picture; its original's is `scale` times as large."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: Pixels, scale: int = 1) -> Pixels:
        """Cut (H, W, C) pixels that have `scale` times the size."""
        bottom, right = self.top + self.height, self.left + self.width
        return pixels[self.top * scale : bottom * scale, self.left * scale : right * scale]


def plan_boxes(height: int, width: int, settings: Settings) -> list[Box]:
    """Say which parts of a low-resolution picture are kept: all of it, or squares."""
    if settings.crop is None:
        return [Box(0, 0, height, width)] if height and width else []
    side = settings.crop // settings.scale
    return [
        Box(top, left, side, side)
        for top in range(0, height - side + 1, side)
        for left in range(0, width - side + 1, side)
    ]


@dataclass(frozen=True, slots=True)
class Piece:
    """A pair that is ready to be written."""

    name: str
    """Without suffix."""
    hr: Pixels
    """(H, W, C)"""
    lr: Pixels
    """(H / scale, W / scale, C)"""
    hr_file: Path | None = None
    """The file that has just these pixels, where there is one."""
    lr_file: Path | None = None


def cut(source: Source, settings: Settings) -> list[Piece]:
    """Read a picture and its low-resolution copy, and make of them what is wanted, with as many bits as they have.

    Raises:
        PictureError: one of them cannot be read.
        DataError: they do not fit each other, or are too small.
    """
    hr = read_photo(source.hr)
    if settings.resize is not None:
        hr = _in_bits_of(hr, resize(hr, settings.resize[1], settings.resize[0]))
    lr, is_whole = _low(source, hr, settings.scale)
    height, width = lr.shape[:2]
    boxes = plan_boxes(height, width, settings)
    if not boxes:
        wanted = f"--crop {settings.crop}" if settings.crop else f"the scale {settings.scale}"
        raise DataError(f"{source.hr} is smaller than {wanted}.")
    if settings.crop is not None:
        names = [f"{source.name}_{index:03d}" for index in range(len(boxes))]
        return [Piece(name, box.of(hr, settings.scale), box.of(lr)) for name, box in zip(names, boxes, strict=True)]
    (box,) = boxes
    kept = box.of(hr, settings.scale)
    whole = kept.shape == hr.shape and settings.resize is None
    return [Piece(source.name, kept, lr, source.hr if whole else None, source.lr if is_whole else None)]


def save(pixels: Pixels, source: Path | None, target: Path) -> Path:
    """Write (H, W, C) pixels as PNG, or copy the file that has just these.

    Args:
        target: lacks its suffix.

    Returns:
        The file.

    Raises:
        PictureError, DataError: it cannot be written.
    """
    if source is not None:
        return copy(source, target)
    path = target.with_name(f"{target.name}.png")
    write(Picture(pixels), path, overwrite=True)
    return path


def copy(source: Path, target: Path) -> Path:
    """Copy a file under another name, which lacks the suffix; give the new file.

    Raises:
        DataError: it cannot be written.
    """
    path = target.with_name(target.name + source.suffix)
    with told(path, "make room: the same command continues from there"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            shutil.copyfile(source, temporary)
    return path


def _low(source: Source, hr: Pixels, scale: int) -> tuple[Pixels, bool]:
    """Read or make the low-resolution copy, and tell whether it is the whole one that is given.

    A given one may be a pixel too large: MATLAB rounds up.
    """
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    if source.lr is None:
        small = modcrop(hr, scale)
        return _in_bits_of(hr, downscale(small, scale)) if small.size else small, False
    lr = read_photo(source.lr)
    if not (0 <= lr.shape[0] - height <= 1 and 0 <= lr.shape[1] - width <= 1):
        raise DataError(
            f"{source.lr} has {lr.shape[1]}x{lr.shape[0]} pixels, but 1/{scale} of {source.hr} is {width}x{height}."
        )
    return lr[:height, :width], lr.shape[:2] == (height, width)


def _in_bits_of(original: Pixels, made: Pixels) -> Pixels:
    """Clip what bicubic makes of a picture to the bits that it uses, so that training lifts both by the same ones."""
    top = full_range(original.dtype)[1] >> spare_bits(original)
    clipped: Pixels = np.minimum(made, top)
    return clipped
