"""Pictures for training: decoded once, end to end in memory, cropped where they lie."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, final

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
) -> Iterator[Pair]:
    """Decode pictures on all processors, and make the low-resolution copies that are not files.

    Yields:
        Pairs of uint8 or uint16, whose full range is what the network sees as [0, 1].

    Raises:
        DataError: a picture that has other bands than the network, or measurements without a normalisation.
        PictureError: a file cannot be read.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # No name for what comes: whoever leaves the loop drops it, and with it what is not yet decoded.
        for done, pair in enumerate(pool.map(lambda file: _load(file, scale, channels, normalisation), files), start=1):
            yield pair
            progress(done, len(files))


class PictureBank:
    """Decoded pictures, end to end in two flat tensors, from which batches are gathered by index.

    A batch depends on the seed and the step alone: nothing needs saving for a run to resume exactly, and a device
    that holds the bank cuts its crops itself.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        scale: int,
        *,
        device: torch.device,
        place: torch.device,
        num_pixels: int | None = None,
    ) -> None:
        """Pack the pairs.

        Args:
            num_pixels: of all small pictures together. Where it is known, pairs are packed as they come, and no picture
                is in memory twice.
            device: where batches are wanted.
            place: where the pictures lie and crops are cut.
        """
        self.scale = scale
        self.device = device
        if num_pixels is None:
            pairs = list(pairs)
            num_pixels = sum(pair.lr.shape[0] * pair.lr.shape[1] for pair in pairs)
        lr, hr = _Row(num_pixels), _Row(num_pixels * scale**2)
        sizes = []
        for pair in pairs:
            sizes.append(pair.lr.shape[:2])
            lr.add(pair.lr)
            hr.add(pair.hr)
        self.lr, self.hr = (torch.from_numpy(row.bits).to(place) for row in (lr, hr))
        self.sizes = torch.tensor(sizes)
        area = self.sizes.prod(dim=1)
        self.start = area.cumsum(0) - area

    def check(self, lr_crop: int, margin: int = 0) -> None:
        """Warn of pictures that are smaller than a crop, which are never drawn.

        Args:
            margin: low-resolution pixels by which crops are cut larger, to be degraded.

        Raises:
            DataError: no picture is as large as a crop.
        """
        sides = self.sizes.min(dim=1).values
        num_small = int((sides < lr_crop + margin).sum())
        if num_small == len(self.sizes):
            side, most = (lr_crop + margin) * self.scale, int(sides.max()) - margin
            why = f", of which {margin * self.scale} are the margin for degradation" if margin else ""
            advice = f"set lr_crop to at most {most}" if most > 0 else "use larger pictures"
            raise DataError(f"No picture is as large as a crop of {side}x{side} pixels{why}; {advice}.")
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
        place = self.lr.device  # Where it is found which window has the most detail: nothing waits to be told.
        windows, turn = (_moved(each, place) for each in (self._find(places, last_place, lr_crop), turn))
        if candidates > 1:
            crops = _gather(self.lr, windows.flatten(1), lr_crop)
            best = _detail(_to_float(crops, place)).view(places.shape).argmax(dim=1, keepdim=True)
            windows = windows.take_along_dim(best[None], dim=2)
        windows = windows[:, :, 0]
        hr_windows = windows * self.scale
        hr_windows[0] *= self.scale
        lr = _gather(self.lr, windows, lr_crop, turn)
        hr = _gather(self.hr, hr_windows, lr_crop * self.scale, turn)
        return _to_float(lr, self.device), _to_float(hr, self.device)

    def _find(self, places: Tensor, last_place: Tensor, lr_crop: int) -> Tensor:
        """Find windows by number: the start and the width of the picture, and the top and the left in it, (4, ...)."""
        picture = torch.searchsorted(last_place, places, right=True)
        places = last_place[picture] - 1 - places
        columns = self.sizes[picture, 1] - lr_crop + 1
        return torch.stack([self.start[picture], self.sizes[picture, 1], places // columns, places % columns])


def _load(files: PairFiles, scale: int, channels: int, normalisation: Normalisation | None) -> Pair:
    pair = load_pair(files, scale, channels, deep=True, lifted=normalisation is None)
    if normalisation is not None:
        return replace(pair, hr=_to_levels(pair.hr, normalisation), lr=_to_levels(pair.lr, normalisation))
    for path, pixels in ((files.hr, pair.hr), (files.lr, pair.lr)):
        if pixels.dtype.kind != "u":
            raise DataError(
                f"{path} holds values of {pixels.dtype}; set data.normalisation: low and high, or percentiles, which "
                "become 0 and 1."
            )
    return pair


def _to_levels(pixels: Pixels, normalisation: Normalisation) -> NDArray[np.uint16]:
    """Normalise (H, W, C), clipped to [0, 1], in steps of 16 bits: half the memory of floats."""
    return from_float(normalise(pixels, normalisation).transpose(2, 0, 1), np.uint16)


def _gather(flat: Tensor, windows: Tensor, side: int, turn: Tensor | None = None) -> Tensor:
    """Cut squares out of pictures that lie end to end, each in one of eight orientations: (N, side, side, C).

    Args:
        windows: (4, N), as `PictureBank._find` has them.
        turn: (N,), three bits; without it squares are as they lie.
    """
    start, width, top, left = windows[:, :, None]
    forth = torch.arange(side, device=flat.device)
    rows = columns = forth[None]
    if turn is not None:
        rows = torch.where((turn & 1).bool()[:, None], forth.flip(0), forth)
        columns = torch.where((turn & 2).bool()[:, None], forth.flip(0), forth)
    rows, columns = (rows + top) * width + start, columns + left
    places = rows[:, :, None] + columns[:, None, :]
    if turn is not None:
        places = torch.where((turn & 4).bool()[:, None, None], places.transpose(1, 2), places)
    return flat[places]


def _detail(x_NCHW: Tensor) -> Tensor:
    """Mean square of the differences of neighbours, of each of (N, C, H, W): (N,)."""
    down, right = (x_NCHW.diff(dim=dim).square().mean(dim=(1, 2, 3)) for dim in (2, 3))
    return down + right


def _to_float(crops: Tensor, device: torch.device) -> Tensor:
    """Bring (N, H, W, C) integers to the device as (N, C, H, W) float32 in [0, 1], channels last in memory."""
    crops = _moved(crops, device).permute(0, 3, 1, 2)
    return crops.float() / 255 if crops.dtype == torch.uint8 else (crops.int() & 0xFFFF).float() / 65535


def _moved(x: Tensor, device: torch.device) -> Tensor:
    """Bring a tensor to a device. CUDA has read it when the call returns; MPS might read what is no longer there."""
    return x.to(device, non_blocking=device.type == "cuda")


@final
class _Row:
    """Pictures end to end: (pixels, C), uint8, or uint16 from the first on that has 16 bits."""

    def __init__(self, num_pixels: int) -> None:
        self.pixels: Pixels = np.empty((num_pixels, 0), np.uint8)
        self.num_taken = 0

    def add(self, picture: Pixels) -> None:
        """Lay (H, W, C) behind the others."""
        height, width, channels = picture.shape
        if not self.num_taken:
            self.pixels = np.empty((len(self.pixels), channels), picture.dtype)
        depth = np.result_type(self.pixels, picture)
        if self.pixels.dtype != depth:
            self.pixels = to_depth(self.pixels, depth)
        start, self.num_taken = self.num_taken, self.num_taken + height * width
        self.pixels[start : self.num_taken] = to_depth(picture, depth).reshape(-1, channels)

    @property
    def bits(self) -> NDArray[Any]:
        """The pixels; those of uint16 under the name of int16, which torch can index on every device."""
        return self.pixels if self.pixels.dtype == np.uint8 else self.pixels.view(np.int16)
