"""Measure how far around a tile a network really looks, where what it could look at is more than tiles can bear.

    python benchmarks/halo.py MODEL PICTURE

The middle of the picture is computed from windows that reach further and further around it, in fp32 by torch, and
compared with the same place of the whole picture. Differences are in steps of 8 bits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from minutia.image.color import to_float
from minutia.image.io import read_photo
from minutia.nets.weights import load_generator

CORE = 48
"""Side of the place that is compared, in input pixels."""

STEPS = (8, 10, 16, 32, 48, 64, 96, 128)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    spec, network = load_generator(options.model)
    x = torch.from_numpy(to_float(read_photo(options.picture)))
    top, left = ((side - CORE) // 2 for side in x.shape[2:])
    with torch.inference_mode():
        whole = network(x)
        print(f"{options.model}, halo {spec.halo()}\n\n| halo | largest difference | mean |\n|---|---|---|")
        for halo in (step for step in STEPS if step <= min(top, left)):
            window = x[:, :, top - halo : top + CORE + halo, left - halo : left + CORE + halo]
            inside = slice(halo * spec.scale, (halo + CORE) * spec.scale)
            rows, columns = (slice(edge * spec.scale, (edge + CORE) * spec.scale) for edge in (top, left))
            difference = (network(window)[:, :, inside, inside] - whole[:, :, rows, columns]).abs() * 255
            print(f"| {halo} | {difference.max():.3f} | {difference.mean():.4f} |")


if __name__ == "__main__":
    main()
