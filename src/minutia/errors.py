"""The errors of Minutia that a user can meet. Each message is one sentence that says what to do next.

MinutiaError
├── PictureError          a picture cannot be read, written or accepted
│   ├── OutputExists      the output exists already
│   └── LargeEnough       a picture is larger than the requested size
├── ModelError            a model is unknown, incomplete, or not what its card says
├── EngineError           a device or runtime cannot run the network
│   └── OutOfMemory       too many pixels at once
├── MissingExtra          an optional part of Minutia is not installed
├── RecipeError           a training recipe has an unknown key or an impossible value
├── DataError             a folder of pictures cannot be used for the purpose
└── TrainingError         a run cannot continue (a loss that is not finite, a checkpoint of another network)

Errors of libraries are translated where they enter, and kept as the cause.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class MinutiaError(Exception):
    """Base of all errors meant for the user."""


class PictureError(MinutiaError):
    """A picture cannot be read, written or accepted."""


class OutputExists(PictureError):
    """The place to write to is taken."""


class LargeEnough(PictureError):
    """A picture is larger than it is to become."""


class ModelError(MinutiaError):
    """A model is unknown, incomplete, or not what its card says."""


class EngineError(MinutiaError):
    """A device or runtime cannot run the network."""


class OutOfMemory(EngineError):
    """A device has too little memory for so many pixels at once; fewer may do."""


class RecipeError(MinutiaError):
    """A training recipe has an unknown key or an impossible value."""


class DataError(MinutiaError):
    """A folder of pictures cannot serve for what was asked of it."""


class TrainingError(MinutiaError):
    """A training run cannot go on."""


class MissingExtra(MinutiaError):
    """An optional part of Minutia is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        """Name what was asked for (`purpose`) and the extra that brings it."""
        super().__init__(f"{purpose} needs an extra: pip install '.[{extra}]' in the clone of Minutia.")


@contextmanager
def needs_extra(purpose: str, extra: str) -> Iterator[None]:
    """Say which extra brings what is imported here; what is installed and broken speaks for itself.

    Raises:
        MissingExtra: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __package__:
            raise
        raise MissingExtra(purpose, extra) from error
