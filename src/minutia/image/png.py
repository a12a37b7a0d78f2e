"""Single pictures in PNG, 8 or 16 bits a channel: Pillow has no 16-bit colour."""

from __future__ import annotations

import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import putchunk

from minutia.image.pil import stacked
from minutia.types import Metadata, Picture

COMPRESSION = 1
"""zlib level; higher ones take several times as long for files a few percent smaller."""

_SIGNATURE_AND_HEADER = 8 + 25
"""Bytes before the chunks that may be added."""


def is_deep(image: Image.Image) -> bool:
    """Tell whether an opened PNG has several channels of 16 bits, which Pillow would halve."""
    return image.mode in {"LA", "RGB", "RGBA"} and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def read_deep(path: Path) -> NDArray[np.uint16]:
    """Read (H, W, 2 to 4) uint16, alpha last; as the file holds them, not turned."""
    planes: NDArray[np.uint16] = imagecodecs.png_decode(path.read_bytes())
    if planes.dtype != np.uint16 or planes.ndim != 3:
        raise ValueError("its header and its data differ")
    return planes


def write(picture: Picture, path: Path) -> None:
    """Write a picture with all that may stand beside its pixels."""
    planes = np.ascontiguousarray(stacked(picture))
    data = imagecodecs.png_encode(planes[:, :, 0] if planes.shape[2] == 1 else planes, level=COMPRESSION)
    with path.open("wb") as file:
        file.write(data[:_SIGNATURE_AND_HEADER])
        for name, body in _chunks(picture.metadata):
            putchunk(file, name, body)
        file.write(data[_SIGNATURE_AND_HEADER:])


def _chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Write metadata as chunks (PNG specification, section 11.3)."""
    chunks = []
    if metadata.icc is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi is not None:
        per_metre = [int(value / 0.0254 + 0.5).to_bytes(4, "big") for value in metadata.dpi]
        chunks.append((b"pHYs", b"".join(per_metre) + b"\x01"))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp is not None:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks
