"""Enlarge a picture that memory holds: as many passes as it takes, transparency and colours kept in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minutia.enlarge.strips import Network, enlarge_strips, is_weighed, with_alpha
from minutia.enlarge.values import denormalised, find_spare_bits, lifted, lowered, normalised, resized, with_depth
from minutia.image.geo import enlarge_geo
from minutia.image.no_data import filled, put_back
from minutia.image.target import Target, pass_sizes
from minutia.image.windows import PictureRows
from minutia.types import Picture, Pixels, Progress, ignore_progress


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
    source = PictureRows(picture)
    without_gaps = filled(source)
    shown, normalisation = without_gaps.read(0, picture.height), network.seen(without_gaps)
    if normalisation is None:
        bits = find_spare_bits(without_gaps)
        large = lowered(_enlarge(lifted(shown, bits), network, target, progress), bits)
    else:
        seen = _enlarge(normalised(shown, normalisation), network, target, progress)
        large = denormalised(seen, normalisation, picture.pixels.dtype)
    put_back(large.pixels, 0, large.height, source)
    geo = enlarge_geo(picture.metadata.geo, large.height / picture.height, large.width / picture.width)
    return replace(large, metadata=replace(picture.metadata, geo=geo))


def _enlarge(picture: Picture, network: Network, target: Target | None, progress: Progress) -> Picture:
    """Enlarge what the network takes, in as many passes as the target asks for."""
    height, width, scale = picture.height, picture.width, network.engine.scale
    size = (height * scale, width * scale) if target is None else target.size(height, width)
    if size == (height * scale, width * scale):
        return _enlarge_once(picture, network, progress)
    large = with_depth(picture, np.uint16)
    sides = pass_sizes((height, width), size, scale)
    done, total = 0, sum(rows * columns for rows, columns in sides)
    for before in sides:
        large = resized(large, before)

        def tell(now: int, _: int, done: int = done) -> None:
            progress(done + now, total)

        large = _enlarge_once(large, network, tell)
        done += before[0] * before[1]
    return with_depth(resized(large, size), picture.pixels.dtype)


def _enlarge_once(picture: Picture, network: Network, progress: Progress) -> Picture:
    """Enlarge by one pass of the network."""
    height, width, scale = picture.height, picture.width, network.engine.scale
    source = PictureRows(picture)
    weighed = is_weighed(source)
    out: Pixels = np.empty((height * scale, width * scale, picture.num_bands + weighed), picture.pixels.dtype)
    for _ in enlarge_strips(source, network, network.side(height, width), progress, weighed=weighed, out=out):
        pass
    return with_alpha(out, picture, weighed=weighed)
