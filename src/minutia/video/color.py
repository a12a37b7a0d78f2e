"""Frames <-> RGB by the right matrix and range; orientation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.reformatter import Interpolation as Flag
from numpy.typing import NDArray

BT709: Final = 1
UNSPECIFIED: Final = 2
SMPTE170M: Final = 6
MATRICES: Final = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""Code of a matrix (ITU-T H.273) -> what FFmpeg's scaler calls it. Those it cannot compute with are left out."""

# The scaler's fast ways repeat chroma instead of interpolating it: three times the error on a gradient.
SCALING: Final = Flag.BICUBIC | Flag.FULL_CHR_H_INT | Flag.FULL_CHR_H_INP | Flag.ACCURATE_RND


@dataclass(frozen=True, slots=True)
class Color:
    """What the numbers of a film mean: codes of ITU-T H.273, as FFmpeg numbers them."""

    matrix: int
    """One of MATRICES."""
    range: int
    """1: 16 to 235; 2: 0 to 255."""
    primaries: int
    transfer: int


def color_of(frame: VideoFrame) -> Color:
    """Tell the colours of a frame; where it does not say its matrix, they are guessed from its size, as players do.

    The guess has to be written into the large film, whose own size would be guessed from otherwise.
    """
    guess = BT709 if frame.height >= 720 or frame.width >= 1280 else SMPTE170M
    matrix = frame.colorspace if frame.colorspace in MATRICES else guess
    holds_rgb = frame.format.is_rgb or frame.format.has_palette
    full = frame.color_range == ColorRange.JPEG and not holds_rgb
    return Color(matrix, int(ColorRange.JPEG if full else ColorRange.MPEG), frame.color_primaries, frame.color_trc)


@final
class Converter:
    """Frames to pixels and back. Holds scratch space, so that each thread needs its own."""

    def __init__(self, color: Color) -> None:
        self.color = color
        self.scaler = VideoReformatter()

    def to_rgb(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Convert to (height, width, 3) uint8; a frame of another size, as streams may change it, is scaled."""
        matrix = MATRICES[self.color.matrix]
        rgb = self.scaler.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=self.color.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=SCALING,
        )
        return np.asarray(rgb.to_ndarray(), np.uint8)

    def from_rgb(self, pixels: NDArray[np.uint8], pixel_format: str) -> VideoFrame:
        """Convert (H, W, 3) uint8 to a frame."""
        matrix = MATRICES[self.color.matrix]
        return self.scaler.reformat(
            VideoFrame.from_ndarray(pixels, "rgb24"),
            format=pixel_format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self.color.range,
            interpolation=SCALING,
        )


def lies_on_its_side(matrix: Sequence[int]) -> bool:
    """Tell whether a display matrix swaps rows and columns."""
    return abs(matrix[1]) > abs(matrix[0])


def turn_upright(pixels: NDArray[np.uint8], matrix: Sequence[int]) -> NDArray[np.uint8]:
    """Turn and mirror (H, W, 3) as a display matrix says.

    Args:
        matrix: a, b, u, c, d, v, x, y, w of AV_PKT_DATA_DISPLAYMATRIX: column p and row q are shown at column
            a p + c q and row b p + d q. It is taken as the nearest of the eight that turn and mirror by right angles.
    """
    across, down = matrix[0], matrix[4]
    if lies_on_its_side(matrix):
        pixels, across, down = pixels.swapaxes(0, 1), matrix[3], matrix[1]
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
