"""A sheet of training pairs: crops of the pictures, and the low-resolution inputs made of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minutia.files import replacing
from minutia.image.color import from_float
from minutia.image.sheet import Panel, draw_sheet
from minutia.train.bands import shown_bands
from minutia.train.batches import batch_seed, cut_margin, make_batch
from minutia.train.config import Recipe
from minutia.train.data import PictureBank, load_pairs
from minutia.train.normalising import settle_normalisation
from minutia.train.pictures import find_training_pairs, spread
from minutia.types import ignore_progress

PAIRS_IN_ROW = 2
MIN_PANEL = 256
"""Width below which crops are shown with larger pixels, so that the words have room."""

CHARACTER = 9.5
"""Width of a character of the sheet's font, about, in pixels."""

MAX_PICTURES = 200
"""As many are decoded; a sheet shows fewer."""


def draw_preview(recipe: Recipe, target: Path, num_pairs: int) -> None:
    """Draw the first crop of each of the first steps of the content phase beside its low-resolution copy, as PNG.

    They are of as many pictures as are decoded for it, and so not those of a run, which has all.

    Raises:
        DataError: pictures are missing, broken or smaller than a crop.
    """
    network, data, content = recipe.network, recipe.data, recipe.content
    files = find_training_pairs(data, network.scale)
    files = spread(files, min(len(files), MAX_PICTURES))
    by = settle_normalisation(recipe, files, ignore_progress, resume=False).normalisation
    pairs = load_pairs(files, network.scale, network.channels, normalisation=by)
    bands = list(shown_bands(recipe.samples.bands, network.channels))
    as_it_is = "bicubic" if data.lr is None else "as in data.lr"
    cpu = torch.device("cpu")
    bank = PictureBank(pairs, network.scale, device=cpu, place=cpu)
    bank.check(content.lr_crop, cut_margin(data))
    panels: list[Panel] = []
    for step in range(num_pairs):
        seed = batch_seed(recipe, "content")
        crops = make_batch(bank, data, 1, content.lr_crop, seed=seed, step=step, candidates=content.candidates)
        panels += _pair(crops.hr[:, bands], crops.lr[:, bands], crops.words[0] or [as_it_is])
    width = 2 * PAIRS_IN_ROW
    rows = [panels[start : start + width] for start in range(0, len(panels), width)]
    with replacing(target) as temporary:
        draw_sheet(rows).save(temporary, format="png")


def _pair(hr: Tensor, lr: Tensor, words: list[str]) -> list[Panel]:
    pixels, small = _pixels(hr), _pixels(lr)
    zoom = -(-MIN_PANEL // pixels.shape[1])
    pixels = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    lines = textwrap.wrap(", ".join(words), int(2 * pixels.shape[1] / CHARACTER))
    return [
        Panel(pixels, [f"HR {hr.shape[3]} x {hr.shape[2]}"], [*lines, ""]),
        Panel(small, [f"LR {lr.shape[3]} x {lr.shape[2]}"]),
    ]


def _pixels(x: Tensor) -> NDArray[np.uint8]:
    return from_float(x[0].numpy(), np.uint8)
