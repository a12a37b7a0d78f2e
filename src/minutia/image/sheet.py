"""Sheets on which pictures stand side by side, each under its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from minutia.image.color import to_rgb

MARGIN = 12
TEXT_SIZE = 18
LINE_HEIGHT = 24
PAPER = (250, 250, 248)
INK = (32, 32, 32)


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture, the lines above it, and those below."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) or (H, W, 1)"""
    caption: Sequence[str]
    below: Sequence[str] = ()


def draw_sheet(rows: Sequence[Sequence[Panel]], max_side: int = 0) -> Image.Image:
    """Draw rows of panels.

    Smaller panels of a row are brought to the largest one's size with their pixels left square, so that what the
    network was given is seen as it is.

    Args:
        max_side: panels larger than this are shown by the middle of the picture; 0 shows them whole.
    """
    drawn = [_draw_row(row, max_side) for row in rows]
    width = max(row.width for row in drawn)
    sheet = Image.new("RGB", (width, sum(row.height for row in drawn)), PAPER)
    top = 0
    for row in drawn:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def _draw_row(row: Sequence[Panel], max_side: int) -> Image.Image:
    height = max(panel.pixels.shape[0] for panel in row)
    width = max(panel.pixels.shape[1] for panel in row)
    box = _middle(height, width, max_side) if max_side else (0, 0, width, height)
    shown_width, shown_height = box[2] - box[0], box[3] - box[1]
    text_height = LINE_HEIGHT * max(len(panel.caption) for panel in row)
    step = shown_width + MARGIN
    below = LINE_HEIGHT * max(len(panel.below) for panel in row)
    canvas = Image.new("RGB", (MARGIN + step * len(row), shown_height + text_height + below + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(TEXT_SIZE)
    for index, panel in enumerate(row):
        left = MARGIN + index * step
        for top, lines in ((MARGIN, panel.caption), (MARGIN + text_height + shown_height, panel.below)):
            draw.multiline_text((left, top), "\n".join(lines), fill=INK, font=font, spacing=LINE_HEIGHT - TEXT_SIZE)
        picture = Image.fromarray(to_rgb(panel.pixels)).resize((width, height), Image.Resampling.NEAREST)
        canvas.paste(picture.crop(box), (left, MARGIN + text_height))
    return canvas


def _middle(height: int, width: int, side: int) -> tuple[int, int, int, int]:
    """Box (left, top, right, bottom) of the middle of a picture, at most `side` a side."""
    shown_width, shown_height = min(side, width), min(side, height)
    left, top = (width - shown_width) // 2, (height - shown_height) // 2
    return left, top, left + shown_width, top + shown_height
