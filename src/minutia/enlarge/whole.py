"""Enlarge a picture that memory holds: as many passes as it takes, transparency and colours kept in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minutia.enlarge.strips import Network, Strip, enlarge_strip, least_alpha
from minutia.image.color import as_held, denormalise, from_float, full_range, normalise, to_depth, to_float
from minutia.image.geo import enlarge_geo
from minutia.image.pil import stacked
from minutia.image.resize import resample
from minutia.image.target import Target, num_passes
from minutia.image.tiles import spans
from minutia.types import Normalisation, Picture, Pixels, Progress, ignore_progress


def enlarge(
    picture: Picture, network: Network, *, target: Target | None = None, progress: Progress = ignore_progress
) -> Picture:
    """Enlarge a picture with any engine; what travels beside the pixels travels on.

    Where one pass of the network does not give the size that is asked for, as many as are needed are made, and an
    antialiased resize follows; nothing is rounded to 8 bits between them.

    Args:
        target: how large it is to become; None is what one pass gives.

    Raises:
        PictureError: a picture of other bands than the network's, values that need a normalisation where there is
            none, or a target that is smaller than the picture.
    """
    network.require_kind(picture.num_bands, picture.pixels.dtype)
    normalisation = network.normalisation
    if normalisation is None:
        large = _enlarge(picture, network, target, progress)
    else:
        seen = _enlarge(_normalised(picture, normalisation), network, target, progress)
        large = _denormalised(seen, normalisation, picture.pixels.dtype)
    geo = enlarge_geo(picture.metadata.geo, large.height / picture.height, large.width / picture.width)
    return replace(large, metadata=replace(picture.metadata, geo=geo))


def _enlarge(picture: Picture, network: Network, target: Target | None, progress: Progress) -> Picture:
    """Enlarge what the network takes, in as many passes as the target asks for."""
    height, width, scale = picture.height, picture.width, network.engine.scale
    size = (height * scale, width * scale) if target is None else target.size(height, width)
    passes = num_passes(height, width, size, scale)
    if passes == 1 and size == (height * scale, width * scale):
        return _enlarge_once(picture, network, progress)
    large = _with_depth(picture, np.uint16)
    # Before the last of several passes the picture is brought to what that pass needs to reach the size, no more.
    sides = [(height * scale**index, width * scale**index) for index in range(passes)]
    if passes > 1:
        sides[-1] = (-(-size[0] // scale), -(-size[1] // scale))
    done, total = 0, sum(rows * columns for rows, columns in sides)
    for before in sides:
        large = _resize(large, before)

        def tell(now: int, _: int, done: int = done) -> None:
            progress(done + now, total)

        large = _enlarge_once(large, network, tell)
        done += before[0] * before[1]
    return _with_depth(_resize(large, size), picture.pixels.dtype)


def _enlarge_once(picture: Picture, network: Network, progress: Progress) -> Picture:
    """Enlarge tile by tile, straight into the values of the output.

    Colours are weighed by alpha before they go through the network, and freed of it afterwards: what cannot be seen
    leaves no fringe. Alpha goes through it too, as a grey picture, so that its edges are as sharp as those of the
    colours; where it is the same everywhere it is only spread.
    """
    pixels, alpha, scale = picture.pixels, picture.alpha, network.engine.scale
    height, width = picture.height, picture.width
    spread = alpha is not None and bool((alpha == alpha.flat[0]).all())
    planes = pixels if alpha is None or spread else stacked(picture)
    out: Pixels = np.empty((height * scale, width * scale, planes.shape[2]), pixels.dtype)
    side = network.side(height, width)
    columns = spans(width, side, network.reach)
    done = 0
    for rows in spans(height, side, network.reach):
        strip = Strip(planes[rows.start : rows.stop], rows, columns, is_weighed=planes is not pixels)
        large = out[rows.core_start * scale : rows.core_stop * scale]
        for num_pixels in enlarge_strip(strip, large, network):
            done += num_pixels
            progress(done, height * width)
    if alpha is not None and spread:
        return Picture(out, np.full(out.shape[:2], alpha.flat[0], alpha.dtype), picture.metadata)
    return _apart(out, picture)


def _resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Bring a picture of 16 bits or floats to `size` with an antialiased kernel, colours weighed by alpha."""
    if size == (picture.height, picture.width):
        return picture
    x = to_float(stacked(picture))[0]
    if picture.alpha is not None:
        x[:-1] *= x[-1:]
    y = resample(x, *size)
    if picture.alpha is not None:
        y[:-1] /= np.maximum(y[-1:], np.float32(least_alpha(picture.pixels.dtype)))
    return _apart(from_float(y, picture.pixels.dtype), picture)


def _apart(planes: Pixels, picture: Picture) -> Picture:
    """Take planes apart into colours, and alpha where the picture they were made of has one."""
    if picture.alpha is None:
        return replace(picture, pixels=planes)
    return replace(picture, pixels=planes[:, :, :-1], alpha=planes[:, :, -1])


def _normalised(picture: Picture, by: Normalisation) -> Picture:
    """Bring values to those that the network sees, as float32, and alpha to [0, 1]."""
    alpha = None if picture.alpha is None else to_float(picture.alpha[:, :, None])[0, 0]
    return replace(picture, pixels=normalise(picture.pixels, by), alpha=alpha)


def _denormalised(picture: Picture, by: Normalisation, dtype: np.dtype[Any]) -> Picture:
    """Bring values back to those of `dtype`, and alpha with them."""
    alpha = picture.alpha
    if alpha is not None:
        alpha = as_held(alpha.astype(np.float64) * full_range(dtype)[1], dtype)
    return replace(picture, pixels=denormalise(picture.pixels, by, dtype), alpha=alpha)


def _with_depth(picture: Picture, dtype: np.dtype[Any] | type[np.uint16]) -> Picture:
    """Bring integers to `dtype`; floats stay."""
    if picture.pixels.dtype.kind == "f":
        return picture
    alpha = None if picture.alpha is None else to_depth(picture.alpha, dtype)
    return replace(picture, pixels=to_depth(picture.pixels, dtype), alpha=alpha)
