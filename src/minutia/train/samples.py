"""What pictures look like at a validation: sheets to be looked at one by one, and small crops to be laid in a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minutia.files import replacing
from minutia.image.color import to_rgb, to_uint8
from minutia.image.pairs import Pair
from minutia.image.resize import upscale_bicubic
from minutia.image.sheet import Panel, draw_sheet
from minutia.train.bands import shown_bands
from minutia.train.config import Recipe
from minutia.train.validation import Shown, scoring
from minutia.types import Pixels

SHEET_SIDE = 320
"""Side of the part of a picture that a sheet shows."""

MIN_PANEL = 256
"""Width below which pictures are shown with larger pixels, so that the words above them have room."""

CROP_SIDE = 96
NUM_CROPS = 3
"""Pictures of which crops are kept."""

BICUBIC, ORIGINAL = "bicubic", "original"

COLUMNS = {"content": "SR", "adversarial": "GAN"}
"""What the network's column is called, by phase."""


def draw_samples(shown: Sequence[Shown], recipe: Recipe, phase: str, target: Path) -> None:
    """Draw LR, bicubic, the network's picture and HR of each picture side by side."""
    rows = [_row(one, recipe, COLUMNS[phase]) for one in shown]
    with replacing(target) as temporary:
        draw_sheet(rows, max_side=SHEET_SIDE).save(temporary, format="png")


def save_crops(shown: Sequence[Shown], recipe: Recipe, phase: str, step: int) -> None:
    """Keep the middle of the first pictures, beside those of bicubic and the original."""
    run, scale = recipe.folder, recipe.network.scale
    for index, one in enumerate(shown[:NUM_CROPS]):
        _save(_look(upscale_bicubic(one.pair.lr, scale), recipe), crop_path(run, BICUBIC, index))
        _save(_look(one.pair.hr, recipe), crop_path(run, ORIGINAL, index))
        _save(_look(one.sr, recipe), crop_path(run, moment(phase, step), index))


def crop_path(run: Path, which: str, index: int) -> Path:
    """Where a crop of picture `index` is kept: of bicubic, the original, or a moment of the run."""
    return run / "samples" / "crops" / f"{which}-{index}.png"


def moment(phase: str, step: int) -> str:
    """Name a moment of a run."""
    return f"{phase}-{step:07d}"


def _row(one: Shown, recipe: Recipe, column: str) -> list[Panel]:
    pair, bicubic = one.pair, upscale_bicubic(one.pair.lr, recipe.network.scale)
    zoom = -(-MIN_PANEL // pair.hr.shape[1])
    lr, large, sr, hr = (_look(each, recipe) for each in (pair.lr, bicubic, one.sr, pair.hr))
    return [
        Panel(lr, [f"LR {pair.name}"[:24], f"{pair.lr.shape[1]} x {pair.lr.shape[0]}"]),
        Panel(_zoomed(large, zoom), ["bicubic", _score(bicubic, pair, recipe)]),
        Panel(_zoomed(sr, zoom), [column, _score(one.sr, pair, recipe)]),
        Panel(_zoomed(hr, zoom), ["HR", f"{pair.hr.shape[1]} x {pair.hr.shape[0]}"]),
    ]


def _look(pixels: Pixels, recipe: Recipe) -> NDArray[np.uint8]:
    """Choose the bands that are shown: (H, W, 1 or 3)."""
    return to_uint8(pixels[:, :, list(shown_bands(recipe.samples.bands, pixels.shape[2]))])


def _zoomed(pixels: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _score(pixels: Pixels, pair: Pair, recipe: Recipe) -> str:
    score = scoring(recipe)(pixels, pair.hr, recipe.network.scale)
    return f"{score.psnr:.2f} dB, SSIM {score.ssim:.4f}"


def _save(pixels: NDArray[np.uint8], target: Path) -> None:
    height, width = pixels.shape[:2]
    top, left = max(0, (height - CROP_SIDE) // 2), max(0, (width - CROP_SIDE) // 2)
    crop = to_rgb(pixels[top : top + CROP_SIDE, left : left + CROP_SIDE])
    with replacing(target) as temporary:
        Image.fromarray(crop).save(temporary, format="png")
