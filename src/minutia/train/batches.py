"""The batch of a step: crops, and their degraded counterparts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from minutia.image.color import from_float, to_float
from minutia.image.pairs import Pair
from minutia.train.config import Data, Recipe
from minutia.train.data import PictureBank
from minutia.train.degrade.dice import PLACE
from minutia.train.degrade.pipeline import MARGIN, Degradation, degrade, is_clean

ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Crops:
    """A batch."""

    lr: Tensor
    """(N, C, lr_crop, lr_crop), float32 in [0, 1]."""
    hr: Tensor
    """(N, C, lr_crop * scale, lr_crop * scale), float32 in [0, 1]."""
    words: list[list[str]]
    """What was done to each, step by step; nothing where the low-resolution pictures are as they were."""

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Both, `lr` first."""
        return self.lr, self.hr


def cut_margin(data: Data) -> int:
    """Low-resolution pixels by which crops are cut larger where they are then degraded."""
    return 0 if data.degradation is None else MARGIN


def batch_seed(recipe: Recipe, phase: str) -> int:
    """Seed of a phase's batches."""
    return 2 * recipe.seed + list(recipe.phases).index(phase)


def make_batch(
    bank: PictureBank,
    data: Data,
    num_crops: int,
    lr_crop: int,
    *,
    seed: int,
    step: int,
    own: slice = ALL,
    candidates: int = 1,
) -> Crops:
    """Cut the crops of a step, and degrade them where the recipe says so; all depends on seed and step alone.

    Args:
        own: which of the crops to make; they are what they are in the whole batch.
        candidates: places drawn for each crop, of which the one with the most detail is cut.
    """
    degradation = data.degradation
    cut = partial(bank.batch, num_crops, seed=seed, step=step, augment=data.augment, own=own, candidates=candidates)
    if degradation is None or is_clean(degradation, seed, step):
        lr, hr = cut(lr_crop)
        return Crops(lr, hr, [[] for _ in lr])
    _, whole = cut(lr_crop + MARGIN)
    degraded = degrade(whole, degradation, bank.scale, seed=seed, step=step, first=own.start or 0)
    top, left = np.random.default_rng((seed, step, PLACE)).integers(MARGIN + 1, size=2).tolist()
    lr = degraded.lr[:, :, top : top + lr_crop, left : left + lr_crop]
    rows, columns = (slice(start * bank.scale, (start + lr_crop) * bank.scale) for start in (top, left))
    lr, hr = (each.contiguous(memory_format=torch.channels_last) for each in (lr, whole[:, :, rows, columns]))
    return Crops(lr, hr, degraded.words)


def degrade_pair(pair: Pair, degradation: Degradation, scale: int, number: int) -> Pair:
    """Degrade a whole picture on which progress is measured, always in the same way; its number is its seed."""
    hr = torch.from_numpy(to_float(pair.hr))
    lr = degrade(hr, degradation, scale, seed=0, step=number).lr
    return Pair(pair.name, pair.hr, from_float(lr[0].numpy(), pair.hr.dtype))
