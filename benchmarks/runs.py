"""Put short runs of the recipes into the pages of docs/systems: python benchmarks/runs.py RUN_FOLDER...

Each page has them between two markers: the length of the phases, the metrics of their validations, the curves, and the
last sheet. All of it is read from the run folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from minutia.image.sheet import MARGIN, PAPER
from minutia.nets.weights import load_weights
from minutia.train.recipe import load_recipe
from minutia.train.rows import Row, read_rows

DOCS = Path(__file__).parent.parent / "docs" / "systems"
BEGIN, END = "<!-- python benchmarks/runs.py -->", "<!-- end -->"
ROWS = 2
"""Pictures of the sheet that are shown."""

WORDS = """## A short run

A test of the recipe (see [short runs](README.md#short-runs)), on {device}:
{phases}.
Bicubic has a PSNR of {bicubic:.2f} dB.

| phase | step | PSNR, dB | SSIM | perceptual | colour drift, 1/255 |
|---|---|---|---|---|---|
{table}

![Curves of the short run](runs/{name}-curves.webp)

![LR, bicubic, the network and HR at the end of it](runs/{name}-sheet.webp)
"""


def main() -> None:
    """Renew the page of each run."""
    for folder in map(Path, sys.argv[1:]):
        _renew(folder)


def _renew(folder: Path) -> None:
    recipe = load_recipe(folder / "recipe.toml")
    rows = read_rows(folder / "log.jsonl")
    validations = [row for row in rows if "psnr" in row]
    last = validations[-1]
    (DOCS / "runs").mkdir(exist_ok=True)
    _keep(folder / "curves.png", DOCS / "runs" / f"{recipe.name}-curves.webp", width=900)
    sheet = max((folder / "samples").glob("adversarial-*[0-9].png"), key=lambda path: path.stat().st_mtime)
    _keep(sheet, DOCS / "runs" / f"{recipe.name}-sheet.webp", width=1000, rows=min(ROWS, recipe.validation.num_samples))
    facts = load_weights(folder / "weights" / f"{last['phase']}-last.safetensors").training
    words = WORDS.format(
        phases=" and ".join(_phase(rows, name, recipe.phases[name].num_crops) for name in recipe.phases),
        device=facts["device"],
        bicubic=float(last["bicubic_psnr"]),
        table="\n".join(_line(row) for row in validations),
        name=recipe.name,
    )
    page = DOCS / f"{recipe.name}.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2] or "\n"
    page.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{words}{END}{after}", encoding="utf-8")


def _phase(rows: list[Row], name: str, batch_size: int) -> str:
    own = [row for row in rows if row["phase"] == name]
    speeds = [float(row["seconds_per_step"]) for row in own if "seconds_per_step" in row]
    seconds = sorted(speeds)[len(speeds) // 2]
    return f"{own[-1]['step']} {name} steps (batches of {batch_size}, {seconds:.1f} s per step)"


def _line(row: Row) -> str:
    perceptual = f"{float(row['perceptual']):.3f}" if "perceptual" in row else ""
    figures = f"{float(row['psnr']):.2f} | {float(row['ssim']):.4f} | {perceptual} | {float(row['colour_drift']):+.2f}"
    return f"| {row['phase']} | {row['step']} | {figures} |"


def _keep(source: Path, target: Path, width: int, rows: int | None = None) -> None:
    """Make a picture small enough for a page; of a sheet its first rows, all of which are of one height."""
    with Image.open(source) as image:
        shown = image if rows is None else image.crop((0, 0, image.width, _height(image, rows)))
        height = round(shown.height * width / shown.width)
        shown.convert("RGB").resize((width, height), Image.Resampling.LANCZOS).save(target, quality=80, method=6)


def _height(sheet: Image.Image, rows: int) -> int:
    """Find where so many rows end: between two rows there are two margins of bare paper, and nowhere else as much."""
    bare = (np.asarray(sheet.convert("RGB")) == PAPER).all(axis=(1, 2))
    ends = [y for y in range(MARGIN, sheet.height - MARGIN + 1) if bare[y - MARGIN : y + MARGIN].all()]
    between = [y for y, before in zip(ends, [0, *ends], strict=False) if y - before > 1]
    return [*between, sheet.height][min(rows - 1, len(between))]


if __name__ == "__main__":
    main()
