"""The settings that an output depends on, apart from its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from minutia import __version__
from minutia.batch.arguments import mark
from minutia.batch.options import Output
from minutia.image.formats import LOSSY, TIFF, format_of
from minutia.types import Precision
from minutia.upscaler import Upscaler

Setting: TypeAlias = str | float | bool | None


def settings_of(upscaler: Upscaler, output: Output, precision: Precision = "auto") -> dict[str, Setting]:
    """Name all that an output depends on beside its input; not what only decides how fast it comes.

    Args:
        precision: as it was asked for: with auto, a batch may be resumed on another device.
    """
    return {
        "minutia": __version__,
        **upscaler.identity,
        "size": None if output.target is None else mark(upscaler.card, output.target).removeprefix("_"),
        "precision": precision,
        "strip": output.strip,
        **asdict(output.encoding),
    }


def settings_for(target: Path, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Leave out the settings that are for files of another format."""
    form = format_of(target)
    idle = {*(() if form in LOSSY else ("quality",)), *(() if form == TIFF else ("compression", "pyramid"))}
    return {name: value for name, value in settings.items() if name not in idle}
