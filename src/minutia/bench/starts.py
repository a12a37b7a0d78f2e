"""How long a person waits for a command that has little to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minutia.errors import MinutiaError
from minutia.image import io
from minutia.types import Picture
from minutia.zoo.card import ModelCard

SIDE = 64
"""Of the picture that is enlarged, in pixels: the network has next to nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, ready to be typed again and again."""

    title: str
    run: Callable[[], None]
    """From the start of the process to its end, when its file is written."""


def help_command() -> Command:
    """Prepare `minutia --help`."""
    return Command("minutia --help", lambda: _type(["--help"]))


def upscale_command(card: ModelCard, options: Sequence[str], folder: Path) -> Command:
    """Prepare `minutia upscale` for a picture of 64x64.

    Args:
        options: words after the command, as in ("--engine", "torch").
        folder: empty; what is read and written lies there.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, card.channels), dtype=np.uint8)
    suffix = ".png" if card.channels in {1, 3} else ".tif"
    small, large = folder / f"small{suffix}", folder / f"large{suffix}"
    io.write(Picture(pixels), small, overwrite=True)
    words = ["upscale", str(small), "-o", str(large), "--overwrite", "-m", str(card.model_path.parent), *options]
    title = " ".join(["minutia upscale", f"{SIDE}x{SIDE}{suffix}", "-m", card.name, *options])
    return Command(title, lambda: _type(words))


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
