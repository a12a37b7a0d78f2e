"""The pictures of a run: which are trained on, which are held out, and how much memory they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from minutia.errors import DataError
from minutia.image.io import read_shape, read_size
from minutia.image.pairs import Pair, PairFiles, find_pairs, paired_folders
from minutia.image.resize import upscale_bicubic
from minutia.image.tiff import Shape
from minutia.metrics.fidelity import SSIM_WINDOW
from minutia.train.batches import cut_margin, degrade_pair
from minutia.train.config import Data, Recipe
from minutia.train.data import PictureBank, load_pairs
from minutia.train.validation import mean_psnr, scoring
from minutia.types import Progress


@dataclass(frozen=True)
class Chosen:
    """Which files a run reads; nothing is decoded yet."""

    training: list[PairFiles]
    held_out: list[PairFiles]

    @cached_property
    def shapes(self) -> list[Shape]:
        """Those of the training pictures."""
        return [read_shape(files.hr) for files in self.training]

    def num_pixels(self, scale: int) -> int:
        """Count the pixels of the low-resolution copies of the training pictures."""
        return sum((shape.height // scale) * (shape.width // scale) for shape in self.shapes)

    def num_bytes(self, scale: int, channels: int, *, normalised: bool = False) -> int:
        """Count the memory that the training pictures take, decoded, with their low-resolution copies."""
        depth = 2 if normalised or any(shape.is_deep for shape in self.shapes) else 1
        return self.num_pixels(scale) * channels * (1 + scale**2) * depth


@dataclass(frozen=True, slots=True)
class Pictures:
    """The decoded pictures of a run."""

    bank: PictureBank
    validation: list[Pair]
    training: list[Pair]
    """Those of the bank that are looked at beside the validation pictures."""
    bicubic_psnr: float
    """Of the validation pictures, in dB: what a network has to be better than."""


def choose_pictures(recipe: Recipe) -> Chosen:
    """Find the training pictures, and those that are kept from training.

    Raises:
        DataError: pictures are missing, too few, too small to be scored, or do not pair.
    """
    data, wanted, scale = recipe.data, recipe.validation, recipe.network.scale
    _require_outside(recipe)
    files = find_training_pairs(data, scale)
    if wanted.hr is not None:
        if wanted.lr is None:
            _require_whole(wanted.hr, "--set validation.hr={} --set validation.lr={}")
        held_out = find_pairs(wanted.hr, wanted.lr, scale)
        _require_scorable(held_out, scale)
        return Chosen(files, held_out)
    if data.num_held_out == 0 or len(files) <= data.num_held_out:
        raise DataError(
            f"There are {len(files)} training pictures, too few to keep {data.num_held_out} for validation; "
            "give a folder in validation.hr or set data.num_held_out."
        )
    held_out = _spread_scorable(files, data.num_held_out, scale)
    if len(held_out) < data.num_held_out:
        raise DataError(
            f"{len(held_out)} of {len(files)} pictures have sides of {_least_side(scale)} pixels, which validation "
            "needs; name a folder of larger ones in validation.hr or set data.num_held_out."
        )
    kept = set(held_out)
    return Chosen([file for file in files if file not in kept], held_out)


def find_training_pairs(data: Data, scale: int) -> list[PairFiles]:
    """List the pictures of a recipe's folders, one folder after the other.

    Raises:
        DataError: as `find_pairs`, and where a folder holds the small copies too.
    """
    for hr in data.hr if data.lr is None else ():
        _require_whole(hr, "--hr {} --lr {}")
    copies = data.lr or (None,) * len(data.hr)
    return [files for hr, lr in zip(data.hr, copies, strict=True) for files in find_pairs(hr, lr, scale)]


def _require_whole(folder: Path, options: str) -> None:
    """Check that a folder is not one that holds HR and LR, whose small pictures would be taken for originals."""
    if folder.is_dir():
        hr, lr = paired_folders(folder)
        if hr is not None and lr is not None:
            raise DataError(f"{folder} holds HR and LR folders; name both: {options.format(hr, lr)}.")


def _require_outside(recipe: Recipe) -> None:
    """Check that what a run draws is not among the pictures that it reads when it goes on."""
    run = recipe.folder.resolve()
    for folder in (*recipe.data.hr, recipe.validation.hr):
        if folder is not None and run.is_relative_to(folder.resolve()):
            raise DataError(
                f"The run folder {recipe.folder} is inside {folder}, and its sample sheets would be read as pictures; "
                "choose another: --set run=FOLDER."
            )


def load_pictures(recipe: Recipe, chosen: Chosen, device: torch.device, progress: Progress) -> Pictures:
    """Decode the training pictures into a bank, and those on which progress is measured.

    Raises:
        DataError: pictures are broken or too small.
    """
    network = recipe.network
    by = recipe.normalisation
    validation = list(load_pairs(chosen.held_out, network.scale, network.channels, normalisation=by))
    looked_at = _spread_scorable(chosen.training, recipe.samples.num_training, network.scale)
    training = list(load_pairs(looked_at, network.scale, network.channels, normalisation=by))
    training = _degraded(training, recipe)
    if recipe.validation.lr is None:
        validation = _degraded(validation, recipe)
    pairs = load_pairs(chosen.training, network.scale, network.channels, progress, by)
    place = device if recipe.data.cache == "device" else torch.device("cpu")
    num_pixels = chosen.num_pixels(network.scale)
    bank = PictureBank(pairs, network.scale, device=device, place=place, num_pixels=num_pixels)
    for phase in recipe.phases.values():
        if not phase.is_empty:
            bank.check(phase.lr_crop, cut_margin(recipe.data))
    score = scoring(recipe)
    scores = [score(upscale_bicubic(pair.lr, network.scale), pair.hr, network.scale) for pair in validation]
    return Pictures(bank, validation, training, mean_psnr(scores))


def _degraded(pairs: list[Pair], recipe: Recipe) -> list[Pair]:
    """Degrade pictures as those that are trained on."""
    degradation = recipe.data.degradation
    if degradation is None:
        return pairs
    return [degrade_pair(pair, degradation, recipe.network.scale, number) for number, pair in enumerate(pairs)]


def _least_side(scale: int) -> int:
    """Tell which sides a picture needs to be scored, once it is cut to a multiple of the scale."""
    return -(-(SSIM_WINDOW + 2 * scale) // scale) * scale


def _require_scorable(held_out: Sequence[PairFiles], scale: int) -> None:
    for files in held_out:
        height, width = read_size(files.hr)
        if min(height, width) < _least_side(scale):
            raise DataError(
                f"{files.hr} has {width}x{height} pixels, and validation at x{scale} needs sides of "
                f"{_least_side(scale)}; remove it from the folder."
            )


def _spread_scorable(files: Sequence[PairFiles], count: int, scale: int) -> list[PairFiles]:
    """Take files from all over the folder, of pictures that can be scored; fewer where there are not so many."""
    least = _least_side(scale)
    found = spread(files, min(count, len(files)))
    if all(min(read_size(each.hr)) >= least for each in found):
        return found  # Without a look at all the others.
    large = [each for each in files if min(read_size(each.hr)) >= least]
    return spread(large, min(count, len(large)))


def spread(files: Sequence[PairFiles], count: int) -> list[PairFiles]:
    """Take files from all over the folder, which is often sorted by subject."""
    return [files[len(files) * index // count] for index in range(count)]
