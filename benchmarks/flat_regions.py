"""Take flat regions from one model's results, the rest from another's: flat_regions.py FIDELITY SHARP OUT.

FIDELITY and SHARP are folders of PNG files that two models made of the same pictures. So OUT lacks the noise-like
texture that adversarial models generate on skin and in skies, and so does a student of it (docs/distillation.md). Flat
is where the picture in FIDELITY has hardly any texture.
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

FLAT = 1.0
"""Standard deviation of luma, of 255, in the window around a pixel at which it counts half as flat."""

SOFT = 4.0
"""Sigma of the blur, in pixels, that makes the change from one picture to the other gradual."""


def main() -> None:
    """Mix all pictures that both folders have."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    fidelity, sharp, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True)
    for path in sorted(fidelity.glob("*.png")):
        pictures = [np.asarray(Image.open(folder / path.name).convert("RGB")) for folder in (fidelity, sharp)]
        Image.fromarray(mix(*pictures)).save(out / path.name)


def mix(fidelity: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take (H, W, 3) in flat regions from the first picture, elsewhere from the second."""
    y = luma(fidelity)
    mean = uniform_filter(y, WINDOW)
    variance = np.maximum(uniform_filter(y * y, WINDOW) - mean * mean, 0)
    limit = FLAT**2
    share = gaussian_filter(limit / (limit + variance), SOFT)[:, :, None]
    mixed = share * fidelity + (1 - share) * sharp.astype(np.float64)
    return np.rint(mixed).astype(np.uint8)


if __name__ == "__main__":
    main()
