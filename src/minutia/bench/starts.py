"""Commands as a person types them, from the start of the process to the file that is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minutia.errors import MinutiaError
from minutia.image import io
from minutia.image.resize import upscale_bicubic
from minutia.types import Picture
from minutia.zoo.card import ModelCard

START = 64
"""Side of a picture, in pixels, with which the network has next to nothing to do: what takes time is the start."""

WHOLE = 1000
"""Side of a picture of one megapixel, at which the network should be what takes time."""

GRAIN = 8
"""Pixels from one value of the picture to the next: it is soft, as photographs are, so that files of it are too."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, ready to be typed again and again."""

    title: str
    run: Callable[[], None]
    """From the start of the process to its end, when its file is written."""


def help_command() -> Command:
    """Prepare `minutia --help`."""
    return Command("minutia --help", lambda: _type(["--help"]))


def upscale_command(card: ModelCard, side: int, options: Sequence[str], folder: Path) -> Command:
    """Prepare `minutia upscale` for a picture of `side` x `side` pixels.

    Args:
        options: words after the command, as in ("--engine", "torch").
        folder: what is read and written lies there.
    """
    values = np.random.default_rng(0).integers(0, 256, (side // GRAIN, side // GRAIN, card.channels), dtype=np.uint8)
    suffix = ".png" if card.channels in {1, 3} else ".tif"
    small, large = folder / f"{side}{suffix}", folder / f"{side}-large{suffix}"
    io.write(Picture(upscale_bicubic(values, GRAIN)), small, overwrite=True)
    words = ["upscale", str(small), "-o", str(large), "--overwrite", "-m", str(card.model_path.parent.absolute())]
    title = " ".join(["minutia upscale", f"{side}x{side}{suffix}", "-m", card.name, *options])
    return Command(title, lambda: _type([*words, *options]))


def _type(words: Sequence[str]) -> None:
    """Run `minutia` with these words.

    Raises:
        MinutiaError: it fails; its own words are told.
    """
    command = [sys.executable, "-m", "minutia", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it said nothing."])[-1].removeprefix("Error: ")
        raise MinutiaError(f"`minutia {words[0]}` failed while it was measured: {said}")
