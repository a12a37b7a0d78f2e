"""What memory a picture takes that memory does not hold. On Linux.

    python benchmarks/gigapixels.py --side 16384 --memory 1536M [--model NAME] [--folder FOLDER]

A square picture, the same photograph over and over, is written as a tiled TIFF and enlarged four times by
`minutia upscale --memory`; some photographs of the result are compared with one that was enlarged in memory. Printed
are seconds and the largest resident memory of the process. Without --model a small untrained network makes the
enlargement: strips, files and memory of pictures are those of any other. It needs 50 bytes of disk for every pixel of
the source.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from skimage import data

from minutia.bench.machine import processor
from minutia.export import export
from minutia.image.opening import Limits
from minutia.image.windows import opened_rows
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import save_weights
from minutia.upscaler import Upscaler

TILE = 256
SCALE = 4
MEASURED = """
import re, runpy
from pathlib import Path
try:
    runpy.run_module("minutia", run_name="__main__")
finally:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
"""A command that tells its largest resident memory at the end, in kilobytes; what its parent took is not in it."""


def main() -> None:
    """Make the picture, enlarge it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--memory", default="1536M")
    parser.add_argument("--model")
    parser.add_argument("--folder", type=Path, help="where there is room; by default the system's temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        source, target = folder / "source.tif", folder / "large.tif"
        tifffile.imwrite(
            source, tiles(given.side), shape=(given.side, given.side, 3), dtype=np.uint8, tile=(TILE, TILE),
            photometric="rgb",
        )  # fmt: skip
        words = [sys.executable, "-c", MEASURED, "upscale", str(source), "-o", str(target), "--memory", given.memory]
        model = given.model or small_model(folder)
        words += ["--compression", "none", "-m", model]
        began = time.perf_counter()
        told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds = time.perf_counter() - began
        peak = int(told.split()[-1]) / 1024
        with tifffile.TiffFile(target) as tiff:
            (page,) = tiff.pages
            assert page.shape == (given.side * SCALE, given.side * SCALE, 3), page.shape
            kind = "BigTIFF" if tiff.is_bigtiff else "TIFF"
        compare(target, model)
        print(
            f"{processor()}: {given.side}x{given.side} -> {given.side * SCALE}x{given.side * SCALE} ({kind}, "
            f"{target.stat().st_size / 2**30:.2f} GiB), --memory {given.memory}, "
            f"{given.model or 'a small untrained network'}: {seconds:.0f} s, "
            f"at most {peak:.0f} MiB resident"
        )


def tiles(side: int) -> Iterator[np.ndarray]:
    """Give the tiles of a picture that is the same photograph over and over."""
    photo = data.astronaut()[:TILE, :TILE]
    for _ in range((-(-side // TILE)) ** 2):
        yield photo


def compare(path: Path, model: str) -> None:
    """Check photographs in the middle and near the corners; what tiles round differently may differ by one."""
    photo, side = data.astronaut()[:TILE, :TILE], TILE * SCALE
    wanted = Upscaler(model).upscale(np.tile(photo, (3, 3, 1)))[side : 2 * side, side : 2 * side].astype(int)
    with opened_rows(path, Limits(max_pixels=2**63)) as (rows,):
        places = [side * count for count in (1, rows.height // side // 2, rows.height // side - 2)]
        for top in places:
            strip = rows.read(top, top + side).pixels
            for left in places:
                assert np.abs(strip[:, left : left + side] - wanted).max() <= 1, (top, left)


def small_model(folder: Path) -> str:
    """Export a network that has learnt nothing, and is quick."""
    spec = MinutiaNetSpec(num_blocks=1, num_features=8)
    weights = folder / "weights.safetensors"
    save_weights(weights, spec, spec.build().state_dict(), {})
    export(weights, folder / "small")
    return str(folder / "small")


if __name__ == "__main__":
    main()
