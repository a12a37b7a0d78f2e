"""Examine one picture and its low-resolution counterpart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from minutia.datasets.findings import Candidate, Finding, Kind
from minutia.datasets.measures import Luma, correlate, find_shift, has_jpeg_blocks, is_flat, perceptual_hash
from minutia.errors import PictureError
from minutia.image.color import lift, luma, spare_bits, to_uint8
from minutia.image.io import read
from minutia.image.no_data import require_values
from minutia.image.resize import downscale

LOSSLESS = frozenset({".bmp", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff"})
"""Formats that add no blocks of their own."""

USELESS: frozenset[Kind] = frozenset({"small", "flat"})
"""Of such pictures nothing more is asked."""

COMPARED = 384
"""Side of the middle of a low-resolution copy that is compared with its original."""
MIN_COMPARED = 16
"""Of smaller ones nothing can be said."""

SHOWN = (0.1, 99.9)
"""Percentiles of measurements that are seen as black and white."""
TINY = float(np.finfo(np.float32).tiny)

UNLIKE, UNRELATED = 0.3, 0.8
"""A copy shows something else where phases agree by less than the first and values correlate below the second."""
SURE = 0.5
"""A shift is believed where phases agree by this."""
DISPLACED = 0.15
"""Low-resolution pixels. Another convention of resizing displaces by 0.375 (x4) and is found; another kernel is not."""

Matter: TypeAlias = tuple[Kind, str]
"""What is wrong, and a few words more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has shown."""

    findings: list[Finding]
    hash: int | None = None
    """To find the picture again among others; None where it shows nothing."""


def examine(candidate: Candidate, *, paired: bool, scale: int) -> Seen:
    """Look at a candidate by itself.

    Args:
        paired: a low-resolution copy is expected.
        scale: how much smaller it is.
    """
    findings: list[Finding] = []

    def note(path: Path, matters: Iterable[Matter]) -> None:
        findings.extend(Finding(kind, candidate.name, path, detail) for kind, detail in matters)

    pixels: dict[Path, NDArray[np.uint8]] = {}
    for path, other, lacking in (
        (candidate.hr, candidate.lr, "low-resolution picture"),
        (candidate.lr, candidate.hr, "original"),
    ):
        if path is not None:
            if paired and other is None:
                note(path, [("partner", f"lacks its {lacking}")])
            try:
                pixels[path] = _read(path)
            except PictureError as error:
                note(path, [("unreadable", str(error).removeprefix(f"{path} ").rstrip("."))])
    if candidate.hr not in pixels:
        return Seen(findings)
    y = luma(pixels[candidate.hr])
    matters = _look(y, candidate.hr, scale)
    note(candidate.hr, matters)
    if any(kind in USELESS for kind, _ in matters):
        return Seen(findings)
    if candidate.lr in pixels:
        note(candidate.lr, _compare(pixels[candidate.hr], pixels[candidate.lr], scale))
    return Seen(findings, perceptual_hash(y))


def _read(path: Path) -> NDArray[np.uint8]:
    """Read what can be looked at, (H, W, 1 or 3) of 8 bits: of bands and measurements their mean, as grey."""
    picture = read(path)
    if picture.is_photo:
        return to_uint8(lift(picture.pixels, spare_bits(picture.pixels)))
    require_values(picture, path)
    mean = picture.pixels.mean(axis=2, keepdims=True, dtype=np.float64)
    low, high = np.percentile(mean, SHOWN)
    grey: NDArray[np.uint8] = np.clip(255 * (mean - low) / max(high - low, TINY), 0, 255).astype(np.uint8)
    return grey


def _look(y: Luma, path: Path, scale: int) -> list[Matter]:
    """Look at a picture alone, given as luma."""
    height, width = y.shape
    if min(height, width) < scale:
        return [("small", f"{width}x{height}")]
    matters: list[Matter] = []
    if height % scale or width % scale:
        matters.append(("sides", f"{width}x{height}"))
    if is_flat(y):
        matters.append(("flat", f"standard deviation {y.std():.1f} of 255"))
    elif path.suffix.lower() in LOSSLESS and has_jpeg_blocks(y):
        matters.append(("jpeg", "steps every 8 pixels"))
    return matters


def _compare(hr: NDArray[np.uint8], lr: NDArray[np.uint8], scale: int) -> list[Matter]:
    """Compare a picture, downscaled by bicubic, with its low-resolution counterpart."""
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    spare = int(hr.shape[0] % scale > 0), int(hr.shape[1] % scale > 0)  # MATLAB rounds up.
    if not (0 <= lr.shape[0] - height <= spare[0] and 0 <= lr.shape[1] - width <= spare[1]):
        return [("size", f"{lr.shape[1]}x{lr.shape[0]}, but 1/{scale} of the original is {width}x{height}")]
    small, copy = _middles(hr, lr, height, width, scale)
    if min(small.shape) < MIN_COMPARED or is_flat(small):
        return []
    if is_flat(copy):
        return [("different", "it is flat")]
    shift = find_shift(small, copy)
    if shift.likeness < UNLIKE and correlate(small, copy) < UNRELATED:
        return [("different", f"correlation {correlate(small, copy):.2f}")]
    if shift.likeness >= SURE and max(abs(shift.down), abs(shift.right)) > DISPLACED:
        return [
            (
                "displaced",
                f"{shift.right:+.2f} to the right, {shift.down:+.2f} down, in pixels of the low-resolution picture",
            )
        ]
    return []


def _middles(hr: NDArray[np.uint8], lr: NDArray[np.uint8], height: int, width: int, scale: int) -> tuple[Luma, Luma]:
    """Cut the middle out of a picture, downscaled, and out of its counterpart: two (H, W) of luma."""
    rows, columns = min(height, COMPARED), min(width, COMPARED)
    top, left = (height - rows) // 2, (width - columns) // 2
    large = hr[top * scale : (top + rows) * scale, left * scale : (left + columns) * scale]
    return luma(downscale(large, scale)), luma(lr[top : top + rows, left : left + columns])
