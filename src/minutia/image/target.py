"""Output size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from minutia.errors import LargeEnough, PictureError

Size: TypeAlias = tuple[int, int]
"""Height and width."""

TargetKind: TypeAlias = Literal["scale", "width", "height", "long_side", "short_side", "megapixels", "fit"]


@dataclass(frozen=True, slots=True)
class Target:
    """Output size, given in one of several ways; the aspect ratio of a picture is always kept."""

    kind: TargetKind
    value: float = 0
    """Factor, pixels or megapixels; for `fit` the width of the box."""
    height: float = 0
    """For `fit` the height of the box."""
    step: int = 1
    """Sides become multiples of it, as video codecs require."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            PictureError: an unknown kind of size, or a box without a height.
        """
        if self.kind not in get_args(TargetKind):
            raise PictureError(f"Unknown target {self.kind!r}; known are {', '.join(get_args(TargetKind))}.")
        if self.kind == "fit" and not self.height > 0:
            raise PictureError("fit needs the width and the height of the box.")

    def size(self, height: int, width: int) -> Size:
        """Compute the size of the result for a picture of this size.

        Raises:
            LargeEnough: it would become smaller.
        """
        factor = self._factor(height, width)
        if not math.isfinite(factor) or factor < 1:
            raise LargeEnough(f"A picture of {width}x{height} would become smaller; Minutia does not downscale.")
        return _rounded(height * factor, self.step), _rounded(width * factor, self.step)

    def _factor(self, height: int, width: int) -> float:
        if self.kind == "scale":
            return self.value
        if self.kind == "width":
            return self.value / width
        if self.kind == "height":
            return self.value / height
        if self.kind == "long_side":
            return self.value / max(height, width)
        if self.kind == "short_side":
            return self.value / min(height, width)
        if self.kind == "megapixels":
            return math.sqrt(self.value * 1e6 / (height * width))
        return min(self.value / width, self.height / height)


def num_passes(height: int, width: int, size: Size, scale: int) -> int:
    """Count how often a model that enlarges `scale` times must be applied to reach `size`; at least once."""
    factor = max(size[0] / height, size[1] / width)
    passes = 1
    while scale**passes < factor:
        passes += 1
    return passes


def pass_sizes(before: Size, after: Size, scale: int) -> list[Size]:
    """List the sizes that enter the network, pass after pass.

    Before the last of several passes the picture is brought to what that pass needs to reach the size, no more.
    """
    passes = num_passes(*before, after, scale)
    sizes = [(before[0] * scale**index, before[1] * scale**index) for index in range(passes)]
    if passes > 1:
        sizes[-1] = (-(-after[0] // scale), -(-after[1] // scale))
    return sizes


def _rounded(side: float, step: int) -> int:
    """Take the nearest pixel, then the multiple below it: what has to fit into a box still does."""
    return step * max(1, math.floor(side + 0.5) // step)
