"""Take the mean of what several models made: python benchmarks/mean.py OUT FOLDER FOLDER [FOLDER ...].

The folders hold PNG files of the same names and sizes. The mean of good pictures is nearer to the original than each of
them, and so a better teacher (docs/distillation.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from minutia.image.color import to_uint8
from minutia.image.io import read_photo, write
from minutia.types import Picture


def main() -> None:
    """Write the mean of all pictures that the first folder has."""
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    out, *folders = map(Path, sys.argv[1:])
    for path in sorted(folders[0].glob("*.png")):
        pictures = [to_uint8(read_photo(folder / path.name)).astype(np.float64) for folder in folders]
        mean = sum(pictures) / len(pictures)
        write(Picture(np.rint(mean).astype(np.uint8)), out / path.name)


if __name__ == "__main__":
    main()
