"""Minutia makes small pictures large and sharp.

from minutia import Upscaler
Upscaler().upscale("photo.png").save("large.png")
"""

from __future__ import annotations

from minutia.errors import MinutiaError
from minutia.types import Picture
from minutia.upscaler import Upscaler
from minutia.zoo.catalog import find_model, list_models

__all__ = ["MinutiaError", "Picture", "Upscaler", "__version__", "find_model", "list_models"]
__version__ = "0.1.0"
