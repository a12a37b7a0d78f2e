"""What an output depends on beside its input."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypeAlias

from minutia import __version__
from minutia.batch.options import Making
from minutia.batch.wishes import mark
from minutia.types import Precision
from minutia.upscaler import Upscaler

Setting: TypeAlias = str | float | bool | None


def settings_of(upscaler: Upscaler, making: Making, precision: Precision = "auto") -> dict[str, Setting]:
    """Name all that an output depends on beside its input; not what only decides how fast it comes.

    Args:
        precision: as it was wished for: with auto, a batch may be resumed on another device.
    """
    return {
        "minutia": __version__,
        **upscaler.identity,
        "size": None if making.target is None else mark(upscaler.card, making.target).removeprefix("_"),
        "precision": precision,
        "strip": making.strip,
        **asdict(making.encoding),
    }
