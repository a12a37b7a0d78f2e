"""Take calm places from faithful pictures, the rest from sharp ones: python benchmarks/calm.py FAITHFUL SHARP OUT.

FAITHFUL and SHARP are folders of PNG files that two models made of the same pictures. What a model that learnt against
a discriminator invents where there is nothing, on skin and in skies, is left out; a student of OUT (docs/teacher.md)
has learnt when to be quiet. Calm is where the faithful picture has hardly any texture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter

from minutia.image.color import luma
from minutia.train.objectives import WINDOW

CALM = 1.0
"""Standard deviation of luma, of 255, in the window around a pixel at which it counts half as calm."""

SOFT = 4.0
"""Sigma of the blur, in pixels, that makes the change from one picture to the other gradual."""


def main() -> None:
    """Mix all pictures that both folders have."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    faithful, sharp, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True)
    for path in sorted(faithful.glob("*.png")):
        pictures = [np.asarray(Image.open(folder / path.name).convert("RGB")) for folder in (faithful, sharp)]
        Image.fromarray(mix(*pictures)).save(out / path.name)


def mix(faithful: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take (H, W, 3) as calm places have it in one picture, and the others in another."""
    y = luma(faithful)
    mean = uniform_filter(y, WINDOW)
    variance = np.maximum(uniform_filter(y * y, WINDOW) - mean * mean, 0)
    limit = CALM**2
    share = gaussian_filter(limit / (limit + variance), SOFT)[:, :, None]
    mixed = share * faithful + (1 - share) * sharp.astype(np.float64)
    return np.rint(mixed).astype(np.uint8)


if __name__ == "__main__":
    main()
