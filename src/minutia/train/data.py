"""Pictures for training: decoded once, end to end in memory, cropped where they lie."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minutia.errors import DataError
from minutia.image.color import from_float, normalise, to_depth
from minutia.image.pairs import Pair, PairFiles, load_pair
from minutia.types import Normalisation, Pixels, Progress, ignore_progress

logger = logging.getLogger(__name__)


def load_pairs(
    files: Sequence[PairFiles],
    scale: int,
    channels: int,
    progress: Progress = ignore_progress,
    normalisation: Normalisation | None = None,
) -> list[Pair]:
    """Decode pictures on all processors, and make the low-resolution copies that are not files.

    Returns:
        Pairs of uint8 or uint16, whose full range is what the network sees as [0, 1].

    Raises:
        DataError: a picture that has other bands than the network, or measurements without a normalisation.
        PictureError: a file cannot be read.
    """
    pairs: list[Pair] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pair in pool.map(lambda file: _load(file, scale, channels, normalisation), files):
            pairs.append(pair)
            progress(len(pairs), len(files))
    return pairs


class PictureBank:
    """Decoded pictures, end to end in two flat tensors, from which batches are gathered by index.

    A batch depends on the seed and the step alone: nothing needs saving for a run to resume exactly, and a device
    that holds the bank cuts its crops itself.
    """

    def __init__(self, pairs: Sequence[Pair], scale: int, *, device: torch.device, place: torch.device) -> None:
        """Pack the pairs.

        Args:
            device: where batches are wanted.
            place: where the pictures lie and crops are cut.
        """
        self.scale = scale
        self.device = device
        self.lr = _pack([pair.lr for pair in pairs], place)
        self.hr = _pack([pair.hr for pair in pairs], place)
        self.sizes = torch.tensor([pair.lr.shape[:2] for pair in pairs])
        area = self.sizes.prod(dim=1)
        self.start = area.cumsum(0) - area

    def check(self, lr_crop: int) -> None:
        """Warn of pictures that are smaller than a crop, which are never drawn.

        Raises:
            DataError: no picture is as large as a crop.
        """
        num_small = int((self.sizes.min(dim=1).values < lr_crop).sum())
        if num_small == len(self.sizes):
            side = lr_crop * self.scale
            raise DataError(f"No picture is as large as a crop of {side}x{side} pixels; make lr_crop smaller.")
        if num_small:
            logger.warning("%d of %d pictures are smaller than a crop.", num_small, len(self.sizes))

    def batch(
        self,
        num_crops: int,
        lr_crop: int,
        *,
        seed: int,
        step: int,
        augment: bool,
        own: slice = slice(None),
        candidates: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Cut the crops of a step; every place in every picture is equally likely to be drawn.

        Args:
            own: which of the crops to cut; they are what they are in the whole batch.
            candidates: places drawn for each crop, of which the one with the most detail is cut.

        Returns:
            `lr` (N, C, lr_crop, lr_crop) and `hr` (N, C, lr_crop * scale, ...), float32 in [0, 1].
        """
        last_place = (self.sizes - lr_crop + 1).clamp(min=0).prod(dim=1).cumsum(0)
        random = np.random.default_rng((seed, step))
        places = torch.from_numpy(random.integers(int(last_place[-1]), size=(num_crops, candidates)))[own]
        turn = torch.from_numpy(random.integers(8 if augment else 1, size=num_crops))[own]
        if candidates > 1:
            flat = places.flatten()
            crops = _gather(self.lr, *self._find(flat, last_place, lr_crop), torch.zeros_like(flat), lr_crop)
            detail = _detail(_to_float(crops, crops.device)).view(places.shape)
            places = places.gather(1, detail.argmax(dim=1, keepdim=True).to(places.device))
        start, width, top, left = self._find(places[:, 0], last_place, lr_crop)
        s = self.scale
        lr = _gather(self.lr, start, width, top, left, turn, lr_crop)
        hr = _gather(self.hr, start * s**2, width * s, top * s, left * s, turn, lr_crop * s)
        return _to_float(lr, self.device), _to_float(hr, self.device)

    def _find(self, places: Tensor, last_place: Tensor, lr_crop: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Where crops lie, by number: the start and the width of the picture, and the top and the left in it."""
        picture = torch.searchsorted(last_place, places, right=True)
        places = last_place[picture] - 1 - places
        columns = self.sizes[picture, 1] - lr_crop + 1
        return self.start[picture], self.sizes[picture, 1], places // columns, places % columns


def _load(files: PairFiles, scale: int, channels: int, normalisation: Normalisation | None) -> Pair:
    pair = load_pair(files, scale, channels, deep=True)
    if normalisation is not None:
        return replace(pair, hr=_to_levels(pair.hr, normalisation), lr=_to_levels(pair.lr, normalisation))
    for path, pixels in ((files.hr, pair.hr), (files.lr, pair.lr)):
        if pixels.dtype.kind != "u":
            raise DataError(
                f"{path} holds values of {pixels.dtype}; say in data.normalisation which of them the network sees as 0 "
                "and 1, by low and high or by percentiles."
            )
    return pair


def _to_levels(pixels: Pixels, normalisation: Normalisation) -> NDArray[np.uint16]:
    """Normalise (H, W, C), clipped to [0, 1], in steps of 16 bits: half the memory of floats."""
    return from_float(normalise(pixels, normalisation).transpose(2, 0, 1), np.uint16)


def _gather(flat: Tensor, start: Tensor, width: Tensor, top: Tensor, left: Tensor, turn: Tensor, side: int) -> Tensor:
    """Cut squares out of pictures that lie end to end, each in one of eight orientations: (N, side, side, C)."""
    forth = torch.arange(side)
    rows = torch.where((turn & 1).bool()[:, None], forth.flip(0), forth) + top[:, None]
    columns = torch.where((turn & 2).bool()[:, None], forth.flip(0), forth) + left[:, None]
    rows = rows * width[:, None] + start[:, None]
    places = rows[:, :, None] + columns[:, None, :]
    transposed = (turn & 4).bool()[:, None, None]
    places = torch.where(transposed, places.transpose(1, 2), places)
    return flat[places.to(flat.device, non_blocking=True)]


def _detail(x_NCHW: Tensor) -> Tensor:
    """Mean square of the differences of neighbours, of each of (N, C, H, W): (N,)."""
    down, right = (x_NCHW.diff(dim=dim).square().mean(dim=(1, 2, 3)) for dim in (2, 3))
    return down + right


def _to_float(crops: Tensor, device: torch.device) -> Tensor:
    """Bring (N, H, W, C) integers to the device as (N, C, H, W) float32 in [0, 1], channels last in memory."""
    crops = crops.to(device, non_blocking=True).permute(0, 3, 1, 2)
    return crops.float() / 255 if crops.dtype == torch.uint8 else (crops.int() & 0xFFFF).float() / 65535


def _pack(pictures: list[Pixels], device: torch.device) -> Tensor:
    """Lay (H, W, C) pictures end to end: (pixels, C), uint8, or 16 bits where one of them has so many.

    Those are the bits of uint16 under the name of int16, which torch can index on every device.
    """
    depth = np.result_type(*{p.dtype for p in pictures})
    flat = np.concatenate([to_depth(p, depth).reshape(-1, p.shape[2]) for p in pictures])
    return torch.from_numpy(flat if depth == np.uint8 else flat.view(np.int16)).to(device)
