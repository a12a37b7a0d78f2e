"""Super-resolution with generative adversarial networks.

from minutia import Upscaler
Upscaler().upscale("photo.png").save("large.png")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minutia.batch import Encoding, Options, Output, upscale_file
    from minutia.errors import MinutiaError
    from minutia.image.target import Target
    from minutia.types import Picture
    from minutia.upscaler import Upscaler
    from minutia.zoo.catalog import find_model, list_models

__all__ = [
    "Encoding",
    "MinutiaError",
    "Options",
    "Output",
    "Picture",
    "Target",
    "Upscaler",
    "__version__",
    "find_model",
    "list_models",
    "upscale_file",
]
__version__ = "0.1.0"

# Loaded when they are asked for: the command line should not wait for NumPy to show its help.
_HOMES = {
    "Encoding": "minutia.image.formats",
    "Output": "minutia.batch",
    "MinutiaError": "minutia.errors",
    "Options": "minutia.batch",
    "Picture": "minutia.types",
    "Target": "minutia.image.target",
    "Upscaler": "minutia.upscaler",
    "find_model": "minutia.zoo.catalog",
    "list_models": "minutia.zoo.catalog",
    "upscale_file": "minutia.batch",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
