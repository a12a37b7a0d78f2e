"""Fit the model of natural pictures that NIQE compares with: python benchmarks/fit_niqe.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from minutia.image.color import to_uint8
from minutia.image.io import find_pictures, read
from minutia.metrics.niqe import BLOCK, PRISTINE, fit


def main() -> None:
    """Fit on all pictures of a folder and replace what comes with the package."""
    paths = find_pictures(Path(sys.argv[1]))
    pictures = (to_uint8(read(path).pixels) for path in paths)
    fit(pixels for pixels in pictures if min(pixels.shape[:2]) >= BLOCK).save(PRISTINE)
    print(f"{PRISTINE} is fitted on {len(paths)} pictures.")


if __name__ == "__main__":
    main()
