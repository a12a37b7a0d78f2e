"""Take chroma from one model's results, luma from another's: python benchmarks/colours.py FIDELITY SHARP OUT.

FIDELITY and SHARP are folders of PNG files that two models made of the same pictures. Adversarial training leaves a
checkerboard pattern in chroma more easily than in luma, and the eye sees fine detail in luma alone; the targets in OUT
have no such pattern for a student to learn (docs/distillation.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minutia.image.color import luma, to_uint8
from minutia.image.io import read_photo, write
from minutia.types import Picture


def main() -> None:
    """Mix all pictures that both folders have."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    fidelity, sharp, out = map(Path, sys.argv[1:])
    for path in sorted(sharp.glob("*.png")):
        pictures = [to_uint8(read_photo(folder / path.name)) for folder in (fidelity, sharp)]
        write(Picture(mix(*pictures)), out / path.name)


def mix(fidelity: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give (H, W, 3) the luma of one picture and the differences of channels of another."""
    mixed = fidelity + (luma(sharp) - luma(fidelity))[:, :, None]
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
