"""Find the normalisation of a run in its training pictures, once: a run that is resumed keeps its own."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, RecipeError
from minutia.image.pairs import PairFiles, decode
from minutia.train.config import Recipe
from minutia.train.recipe import load_recipe
from minutia.types import Normalisation, Pixels, Progress

NUM_SAMPLED = 2**22
"""Pixels, of all pictures together, that percentiles are taken of; fewer pictures than this give all they have."""


def settle_normalisation(recipe: Recipe, files: Sequence[PairFiles], progress: Progress, *, resume: bool) -> Recipe:
    """Give a recipe that asks for percentiles the numbers they are; leave others as they are.

    Raises:
        DataError: a picture has other bands than the network, or a band has one value only.
        PictureError: a file cannot be read.
    """
    table = recipe.data.normalisation
    if table is None or table.found is not None:
        return recipe
    assert table.percentiles is not None
    found = _kept(recipe) if resume else None
    found = found or find_percentiles(files, recipe.network.channels, table.percentiles, progress)
    settled = table.model_copy(update={"low": found.low, "high": found.high})
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"normalisation": settled})})


def find_percentiles(
    files: Sequence[PairFiles], channels: int, percentiles: tuple[float, float], progress: Progress
) -> Normalisation:
    """Take percentiles of each band over the originals; the same pixels are looked at every time.

    Raises:
        DataError: a picture has other bands than the network, or a band has one value only.
        PictureError: a file cannot be read.
    """
    wanted = max(1, NUM_SAMPLED // len(files))
    seen: list[NDArray[np.float64]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sample in pool.map(lambda file: _sample(decode(file.hr, channels, deep=True), wanted), files):
            seen.append(sample)
            progress(len(seen), len(files))
    low, high = np.percentile(np.concatenate(seen), percentiles, axis=0)
    for band in np.flatnonzero(low >= high):
        raise DataError(
            f"Band {band} of the training pictures is {low[band]:g} at both percentiles; "
            "write its numbers into data.normalisation.low and high."
        )
    return Normalisation(tuple(low.tolist()), tuple(high.tolist()))


def _sample(pixels: Pixels, wanted: int) -> NDArray[np.float64]:
    """Take about `wanted` pixels, evenly spread: (pixels, C)."""
    stride = max(1, math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / wanted)))
    return pixels[::stride, ::stride].reshape(-1, pixels.shape[2]).astype(np.float64)


def _kept(recipe: Recipe) -> Normalisation | None:
    """Read what the run folder's recipe found, where it asked for the same."""
    path = recipe.folder / "recipe.toml"
    try:
        before = load_recipe(path)
    except RecipeError:
        return None
    wanted, table = recipe.data.normalisation, before.data.normalisation
    is_same = before.network.channels == recipe.network.channels
    if table is None or wanted is None or table.percentiles != wanted.percentiles or not is_same:
        return None
    return table.found
