"""Output size: which setting it is, which model is used for it, and how the output is named."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from minutia.errors import PictureError
from minutia.image.color import require_range
from minutia.image.formats import LOSSY, TIFF, USUAL_ENCODING, Encoding, format_of
from minutia.image.target import Target, TargetKind
from minutia.types import ValueRange
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import default_models, find_model

BOX = re.compile(r"(\d+)\s*[xX×]\s*(\d+)")


def read_target(given: Mapping[str, float | str | None]) -> Target | None:
    """Read the one setting of the output size that is given; None where there is none.

    Args:
        given: by kind (see `image.target.TargetKind`): numbers, and for `fit` text such as `3840x2160`.

    Raises:
        PictureError: several settings, an invalid box, or a size that no picture can have or that is smaller.
    """
    kinds = {cast(TargetKind, kind): value for kind, value in given.items() if value is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        names = " and ".join(f"--{kind.replace('_', '-')}" for kind in kinds)
        raise PictureError(
            f"{names} cannot be combined, since the aspect ratio is kept; --fit WIDTHxHEIGHT fits a picture into a box."
        )
    ((kind, value),) = kinds.items()
    if isinstance(value, str):
        box = BOX.fullmatch(value.strip())
        if box is None or not all(int(side) for side in box.groups()):
            raise PictureError(f"{value} is not a valid size; write width and height in pixels, as in --fit 3840x2160.")
        return Target(kind, int(box[1]), int(box[2]))
    if not math.isfinite(value) or value <= 0:
        raise PictureError(f"--{kind.replace('_', '-')} must be a positive number, not {value:g}.")
    if kind == "scale" and value < 1:
        raise PictureError(f"--scale must be at least 1, not {value:g}; Minutia does not downscale.")
    return Target(kind, value)


def read_range(given: str | None) -> ValueRange | None:
    """Read which values are 0 and 1: two numbers with a comma between them, or auto.

    Raises:
        PictureError: it is neither.
    """
    if given is None:
        return None
    if given == "auto":
        return "auto"
    try:
        low, high = map(float, given.split(","))
        require_range((low, high))
    except (ValueError, PictureError) as error:
        raise PictureError(
            f"--range {given} is not a valid range; write LOW,HIGH, as in --range 0,1, or auto."
        ) from error
    return low, high


def choose_model(model: str | None, target: Target | None) -> tuple[ModelCard, Target | None]:
    """Find the model for an output size; where one pass of it gives exactly that, no target is left.

    Args:
        model: a name or folder; None takes the default, and for a scale the smallest default that reaches it, or else
            the largest there is, which is then applied several times.

    Raises:
        ModelError: an unknown or damaged model.
    """
    if target is None or target.kind != "scale":
        return find_model(model), target
    if model is None:
        cards = default_models()
        card = next((card for card in cards if card.scale >= target.value), cards[-1])
    else:
        card = find_model(model)
    return card, None if target.value == card.scale else target


def unused_settings(encoding: Encoding, targets: Iterable[Path]) -> list[str]:
    """Say which settings have no effect on any of the files."""
    formats = {format_of(target) for target in targets}
    idle = []
    if encoding.quality != USUAL_ENCODING.quality and formats.isdisjoint(LOSSY):
        idle.append("--quality applies to JPEG, WebP and AVIF only and has no effect here.")
    if TIFF not in formats:
        changed = {"--compression": encoding.compression != USUAL_ENCODING.compression, "--pyramid": encoding.pyramid}
        idle += [f"{name} applies to TIFF only and has no effect here." for name, given in changed.items() if given]
    return idle


def mark(card: ModelCard, target: Target | None) -> str:
    """Say in a name how a picture was enlarged: `_x4`, `_x2.5`, `_w1920`, `_long2048`, `_12mp`, `_3840x2160`."""
    if target is None:
        return f"_x{card.scale}"
    value = f"{target.value:.10g}"
    if target.kind == "fit":
        return f"_{value}x{target.height:.10g}"
    if target.kind == "megapixels":
        return f"_{value}mp"
    before = {"scale": "x", "width": "w", "height": "h", "long_side": "long", "short_side": "short"}[target.kind]
    return f"_{before}{value}"
