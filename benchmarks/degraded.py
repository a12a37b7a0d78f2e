"""Make degraded copies of a test set, always the same ones, to judge models for real photographs by.

    python benchmarks/degraded.py photos/HR degraded [--scale 2] [--tables mixed]
    minutia evaluate minutia-x4 --data degraded/light --data degraded/medium --data degraded/heavy --niqe --vgg FILE

Three strengths: `light` is a phone's JPEG, `medium` went round the web, `heavy` is from an old camera; or other tables.
And `clean`, by MATLAB's bicubic. The number of a picture, by name, is the seed of what happens to it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from minutia.image.pairs import find_pairs, load_pair
from minutia.train.batches import degrade_pair
from minutia.train.degrade.pipeline import load_degradation

STRENGTHS = ("light", "medium", "heavy")


def main() -> None:
    """Write HR and LR folders, as PNG, for each strength and one scale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of originals")
    parser.add_argument("output", type=Path, help="folder to make")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--tables", nargs="+", default=STRENGTHS, metavar="NAME", help="instead of the three strengths")
    given = parser.parse_args()
    for number, files in enumerate(find_pairs(given.pictures, None, given.scale)):
        pair = load_pair(files, given.scale, channels=3)
        made = {name: degrade_pair(pair, load_degradation(name), given.scale, number) for name in given.tables}
        for name, one in {"clean": pair, **made}.items():
            for kind, pixels in (("HR", one.hr), ("LR", one.lr)):
                target = given.output / name / f"x{given.scale}" / kind / f"{one.name}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(target)


if __name__ == "__main__":
    main()
