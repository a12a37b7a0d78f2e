"""Measure and show artefacts of a model: python benchmarks/artefacts.py [MODEL].

Writes docs/artefacts.md and a sheet of pictures in the public domain beside it, which scikit-image carries: a face,
fur, brick, leaves, stones, sky, letters and vessels, at their size and three times as large.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage import data

from minutia.image.color import luma, to_rgb
from minutia.image.resize import downscale, modcrop, upscale_bicubic
from minutia.image.sheet import Panel, draw_sheet
from minutia.metrics.checkerboard import checkerboard, checkerboard_of
from minutia.metrics.fidelity import score_y
from minutia.upscaler import Upscaler

DOCS = Path(__file__).parent.parent / "docs"
SCALE = 4
SIDE, DETAIL = 168, 56
BLOCK = 8
FLAT = 0.1
QUALITY = 85

Pixels = NDArray[np.uint8]

WORDS = """# Artefacts

Results of `{model}` on pictures that were downscaled by {scale} with bicubic, made by `python benchmarks/artefacts.py
{model}`.

![Bicubic, the model and the original, at their size and three times as large](artefacts.webp)

*Astronaut, by NASA; Chelsea the cat, by Stefan van der Walt; brick and gravel, from CC0 Textures; grass, by Linolafett;
rocket, by SpaceX; letters, from Wikipedia; retina, by Mikael Haeggstroem: in the public domain, in scikit-image.*

Columns, each over the whole picture:

- *PSNR-Y*: PSNR of luma, in dB.
- *checkerboard*: the pattern of {scale}x{scale} pixels in the error, in 1/255, in luma and (*in chroma*) in the
  differences red minus green and blue minus green, of which the larger is shown; grey pictures have none.
- *colour drift*: the change of the mean colour from that of the original, in 1/255.
- *flat regions*: the standard deviation of luma in blocks of {block}x{block} pixels, averaged over the flattest tenth
  of the original's blocks. A value above the original's means generated texture.

| picture | PSNR-Y: bicubic | PSNR-Y: model | checkerboard: bicubic | checkerboard: model | in chroma: bicubic \
| in chroma: model | colour drift: model | flat regions: original | flat regions: bicubic | flat regions: model |
|---|---|---|---|---|---|---|---|---|---|---|
"""


class Motif(NamedTuple):
    """A photograph, and the middle of what is shown of it."""

    name: str
    pixels: Pixels
    row: int
    column: int


def main() -> None:
    """Enlarge, measure, draw and write."""
    model = sys.argv[1] if len(sys.argv) > 1 else "minutia-x4"
    upscaler = Upscaler(model)
    rows, lines = [], []
    for motif in motifs():
        small = downscale(motif.pixels, SCALE)
        made = {"bicubic": upscale_bicubic(small, SCALE), model: upscaler.upscale(small), "original": motif.pixels}
        lines.append(describe(motif.name, made["bicubic"], made[model], motif.pixels))
        rows.append([
            Panel(cut(pixels, motif, side), [f"{motif.name}, {name}" if side == SIDE else f"{name}, 3:1"])
            for side in (SIDE, DETAIL)
            for name, pixels in made.items()
        ])  # fmt: skip
        print(lines[-1], flush=True)
    words = WORDS.format(model=model, scale=SCALE, block=BLOCK)
    (DOCS / "artefacts.md").write_text(words + "\n".join(lines) + "\n", encoding="utf-8")
    draw_sheet(rows).save(DOCS / "artefacts.webp", quality=QUALITY, method=6)


def motifs() -> list[Motif]:
    """List what is looked at."""
    places = {
        "face": (data.astronaut(), 100, 220),
        "fur": (data.chelsea(), 190, 230),
        "brick": (data.brick(), 256, 256),
        "grass": (data.grass(), 256, 256),
        "gravel": (data.gravel(), 256, 256),
        "sky": (data.rocket(), 120, 320),
        "letters": (data.text(), 84, 224),
        "vessels": (data.retina()[444:956, 244:756], 256, 256),
    }
    return [Motif(name, modcrop(np.atleast_3d(pixels), SCALE), *middle) for name, (pixels, *middle) in places.items()]


def describe(name: str, bicubic: Pixels, ours: Pixels, original: Pixels) -> str:
    """Write a row of the table."""
    psnr = [score_y(pixels, original, SCALE).psnr for pixels in (bicubic, ours)]
    errors = [pixels.astype(np.float64) - original for pixels in (bicubic, ours)]
    grids = [checkerboard(pixels, original, SCALE) for pixels in (bicubic, ours)]
    colours = [colour_grid(error) for error in errors]
    drift = np.abs(errors[1].mean(axis=(0, 1))).max()
    spreads = blocks(original)
    flat = spreads <= np.quantile(spreads, FLAT)
    found = [blocks(pixels)[flat].mean() for pixels in (original, bicubic, ours)]
    return (
        f"| {name} | {psnr[0]:.2f} | {psnr[1]:.2f} | {grids[0]:.2f} | {grids[1]:.2f} | {colours[0]} | "
        f"{colours[1]} | {drift:.2f} | {' | '.join(f'{each:.2f}' for each in found)} |"
    )


def colour_grid(error: NDArray[np.float64]) -> str:
    """Measure the grid in the colours of an (H, W, C) error, in which grey pictures have none."""
    if error.shape[2] == 1:
        return "-"
    return f"{max(checkerboard_of(error[:, :, band] - error[:, :, 1], SCALE) for band in (0, 2)):.2f}"


def blocks(pixels: Pixels) -> NDArray[np.float64]:
    """Measure the standard deviation of luma within each block."""
    y = luma(pixels)
    height, width = (side // BLOCK for side in y.shape)
    return y[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).std(axis=(1, 3))


def cut(pixels: Pixels, motif: Motif, side: int) -> Pixels:
    """Cut a square around the middle of a motif, moved inwards at the border."""
    top, left = (
        min(max(place - side // 2, 0), size - side)
        for place, size in zip((motif.row, motif.column), pixels.shape, strict=False)
    )
    return to_rgb(pixels[top : top + side, left : left + side])


if __name__ == "__main__":
    main()
