"""What tests of batches need: a model that is ready, and a folder of small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minutia.upscaler import Upscaler


@pytest.fixture
def upscaler(tiny_model: Path) -> Upscaler:
    """Its engine may be replaced."""
    return Upscaler(tiny_model, device="cpu", precision="fp32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.png, b.bmp and deep/c.jpg, each 5x6 pixels."""
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    for name in ("a.png", "b.bmp", "deep/c.jpg"):
        Image.fromarray(np.full((6, 5, 3), 90, np.uint8)).save(root / name)
    return root
