"""Between Pillow's images and pictures: upright, colours and alpha apart, other colour spaces brought to sRGB."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from minutia.errors import PictureError
from minutia.image.color import to_uint8
from minutia.image.metadata import travelling
from minutia.types import Picture, Pixels

logger = logging.getLogger(__name__)

CONVERTED = frozenset({"CMYK", "LAB", "HSV", "YCbCr"})
"""Modes of colour spaces other than grey and RGB."""

SIDEWAYS = range(5, 9)
"""Orientations of pictures that lie on their side."""


def from_pil(image: Image.Image, name: str = "The picture") -> Picture:
    """Take a Pillow image over, turned upright; grey stays grey, 16-bit grey stays 16-bit.

    Args:
        name: what errors and warnings call it.

    Raises:
        PictureError: a mode of more than 16 bits, or no pixels.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        raise PictureError(f"{name} has 32 bits per pixel; save it with 8 or 16 bits per channel.")
    if 0 in image.size:
        raise PictureError(f"{name} has no pixels.")
    image.load()
    metadata = travelling(image)
    orientation = image.getexif().get(Base.Orientation, 1)
    if image.mode in CONVERTED:
        image = _to_srgb(image, metadata.icc, name)
        metadata = replace(metadata, icc=None)
    pixels, alpha = _split(image)
    return upright(Picture(pixels, alpha, metadata), orientation)


def to_pil(picture: Picture) -> Image.Image:
    """Make a Pillow image; 16-bit colour and 16-bit alpha, which Pillow has not, become 8-bit."""
    pixels, alpha, metadata = picture.pixels, picture.alpha, picture.metadata
    if pixels.dtype == np.uint16 and pixels.shape[2] == 1 and alpha is None:
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0]))
    else:
        planes = to_uint8(stacked(picture))
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[planes.shape[2]]
        image = Image.frombytes(mode, (picture.width, picture.height), np.ascontiguousarray(planes).tobytes())
    info = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp, "dpi": metadata.dpi}
    image.info.update({key: value for key, value in info.items() if value is not None})
    return image


def upright(picture: Picture, orientation: int) -> Picture:
    """Turn a picture as its EXIF orientation (1 to 8; whatever else stands there is 1) asks."""
    if orientation not in range(2, 9):
        return picture
    alpha = picture.alpha
    return replace(
        picture,
        metadata=replace(picture.metadata, geo=None),  # Which is that of the picture as it lies in the file.
        pixels=_turned(picture.pixels, orientation),
        alpha=None if alpha is None else _turned(alpha, orientation),
    )


def _turned(planes: Pixels, orientation: int) -> Pixels:
    """Turn (H, W) or (H, W, C), by the sides that row 0 and column 0 stand for."""
    turned = planes.swapaxes(0, 1) if orientation in SIDEWAYS else planes
    rows = -1 if orientation in {3, 4, 7, 8} else 1
    columns = -1 if orientation in {2, 3, 6, 7} else 1
    return np.ascontiguousarray(turned[::rows, ::columns])


def stacked(picture: Picture) -> Pixels:
    """Put colours and alpha together: (H, W, 1 to 4)."""
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[:, :, None]], axis=2)


def unstacked(planes: Pixels) -> tuple[Pixels, Pixels | None]:
    """Take (H, W, 1 to 4) apart into colours (H, W, 1 or 3) and alpha (H, W)."""
    if planes.shape[2] in {1, 3}:
        return planes, None
    return planes[:, :, :-1], planes[:, :, -1]


def _split(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Separate colours and alpha of an image of any mode."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        pixels = np.array(image, dtype=np.uint16)
        clear = image.info.get("transparency")
        return pixels[:, :, None], None if clear is None else np.where(pixels == clear, 0, 2**16 - 1).astype(np.uint16)
    grey = image.mode in {"1", "L", "LA", "La"}
    transparent = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    mode = {(True, False): "L", (True, True): "LA", (False, False): "RGB"}.get((grey, transparent), "RGBA")
    planes: NDArray[np.uint8] = np.atleast_3d(np.array(image.convert(mode)))
    return unstacked(planes)


def _to_srgb(image: Image.Image, icc: bytes | None, name: str) -> Image.Image:
    """Convert through the picture's own profile; without a usable one, as Pillow does by formula."""
    if icc is not None:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            logger.warning("%s: its colour profile is unusable; %s is converted to sRGB without it.", name, image.mode)
        else:
            assert converted is not None  # It is only where the conversion is in place.
            logger.warning("%s: %s is converted to sRGB through its profile.", name, image.mode)
            return converted
    else:
        logger.warning("%s: %s is converted to sRGB; it has no colour profile.", name, image.mode)
    return image.convert("RGB")
