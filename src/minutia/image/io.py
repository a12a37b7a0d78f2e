"""Read and write picture files: upright, with alpha, profile, EXIF and resolution; nothing half-written."""

from __future__ import annotations

import errno
import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from minutia.errors import OutputExists, PictureError
from minutia.files import replacing
from minutia.image.color import to_uint8
from minutia.image.metadata import travelling_exif, usable_dpi
from minutia.types import Picture, Pixels

logger = logging.getLogger(__name__)

READABLE = frozenset(
    {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
WRITABLE = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
NO_ALPHA = frozenset({"JPEG"})
SIXTEEN_BIT = frozenset({"PNG", "TIFF"})
"""Formats in which Pillow writes 16 bit, for grey pictures."""

MAX_PIXELS = 2**30
"""Larger pictures are refused before they are decoded."""

PNG_COMPRESSION = 1
"""zlib level; higher ones take several times as long for files a few percent smaller."""

# Pillow's own, lower limit is a global variable: it is moved by one thread at a time.
_LIMIT = threading.Lock()
_BELOW_PILLOWS_LIMIT = 2**26

DECODER_ERRORS = (
    *(SyntaxError, TypeError, ValueError, RuntimeError, EOFError, struct.error),
    Image.DecompressionBombError,
)
"""What Pillow raises on broken files beside OSError."""


def find_pictures(folder: Path) -> list[Path]:
    """List the picture files of a folder and its sub-folders by name, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in READABLE
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def read(path: Path) -> Picture:
    """Read a picture file.

    Raises:
        PictureError: the file is missing, broken, too large, or of a kind that is not read.
    """
    with _opened(path) as image:
        if _is_reduced(image):
            logger.warning("%s holds 16 bits a colour; it is read with 8.", path)
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # MPO: a photo, and its preview
            logger.warning("%s holds several pictures; the first is taken.", path)
        _load(image)
        return from_pil(image, str(path))


def read_size(path: Path) -> tuple[int, int]:
    """Read height and width of a picture file, upright, without decoding it.

    Raises:
        PictureError: as `read`.
    """
    with _opened(path) as image:
        lies_on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (image.width, image.height) if lies_on_its_side else (image.height, image.width)


def write(picture: Picture, path: Path, *, quality: int = 95, overwrite: bool = False) -> None:
    """Write a picture in the format of the suffix: under a temporary name first, so that no half of it is ever seen.

    Args:
        quality: 1 to 100, for formats that lose; WebP of 100 is lossless.

    Raises:
        OutputExists: the file exists and `overwrite` is not set.
        PictureError: the format is not written, or the place cannot be.
    """
    format_name = WRITABLE.get(path.suffix.lower())
    if format_name is None:
        raise PictureError(f"{path} cannot be written; the formats are {', '.join(WRITABLE)}.")
    if not overwrite:
        require_free(path)
    image = to_pil(_fitted(picture, format_name, path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            image.save(temporary, format=format_name, **_options(picture, format_name, quality))
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {_reason(error)}.") from error
    except (ValueError, RuntimeError, struct.error) as error:
        raise PictureError(f"{path} cannot be written: {error}.") from error


def require_free(path: Path) -> None:
    """Check that nothing would be replaced at `path`.

    Raises:
        OutputExists: something would.
        PictureError: the place cannot be looked at: its name is too long, or its folder is closed.
    """
    try:
        taken = path.exists()
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {_reason(error)}.") from error
    if taken:
        raise OutputExists(f"{path} exists; add --overwrite to replace it.")


def from_pil(image: Image.Image, name: str = "The picture") -> Picture:
    """Take a Pillow image over, turned upright; grey stays grey, 16-bit grey stays 16-bit.

    Args:
        name: what errors call it.

    Raises:
        PictureError: a mode of more than 16 bits, or no pixels.
    """
    if image.mode in {"I", "F"}:
        raise PictureError(f"{name} has 32 bits a pixel; save it with 8 or 16.")
    if 0 in image.size:
        raise PictureError(f"{name} has no pixels.")
    icc = image.info.get("icc_profile")
    image.load()
    exif = travelling_exif(image)  # Before it is turned: a turned TIFF has lost it.
    image = ImageOps.exif_transpose(image)
    pixels, alpha = _split(image)
    if image.mode not in {"L", "LA", "RGB", "RGBA", "P", "PA"} and not image.mode.startswith("I;16"):
        icc = None  # The profile of a colour space that was converted away would now be wrong.
    return Picture(
        pixels,
        alpha,
        icc=icc,
        exif=exif,
        dpi=usable_dpi(image),
    )


def to_pil(picture: Picture) -> Image.Image:
    """Make a Pillow image; 16-bit colour and 16-bit alpha, which Pillow has not, become 8-bit."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype == np.uint16 and pixels.shape[2] == 1 and alpha is None:
        return _with_info(Image.fromarray(np.ascontiguousarray(pixels[:, :, 0])), picture)
    planes = to_uint8(pixels)
    if alpha is not None:
        planes = np.concatenate([planes, to_uint8(alpha[:, :, None])], axis=2)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[planes.shape[2]]
    image = Image.frombytes(mode, (picture.width, picture.height), np.ascontiguousarray(planes).tobytes())
    return _with_info(image, picture)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture file; whatever goes wrong with it is said in one sentence."""
    try:
        with _open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PictureError(f"{path} has {image.width}x{image.height} pixels, more than the limit of 2^30.")
            yield image
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist.") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is broken or no picture.") from error
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {_reason(error)}.") from error
    except DECODER_ERRORS as error:
        raise PictureError(f"{path} cannot be read: {str(error).rstrip('.')}.") from error


@contextmanager
def _pillows_limit(pixels: int | None) -> Iterator[None]:
    with _LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _open(path: Path) -> Image.Image:
    with _pillows_limit(None):
        return Image.open(path)


def _load(image: Image.Image) -> None:
    """Decode. Pillow holds its limit against the strips of a compressed TIFF once more: large ones need it moved."""
    if image.width * image.height < _BELOW_PILLOWS_LIMIT:
        image.load()
    else:
        with _pillows_limit(MAX_PIXELS):
            image.load()


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error)).lower().rstrip(".")


def _split(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Separate colours (H, W, 1 or 3) and alpha (H, W) of an image of any mode."""
    if image.mode.startswith("I;16"):
        return np.array(image, dtype=np.uint16)[:, :, None], None
    grey = image.mode in {"1", "L", "LA", "La"}
    transparent = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    mode = {(True, False): "L", (True, True): "LA", (False, False): "RGB"}.get((grey, transparent), "RGBA")
    planes: NDArray[np.uint8] = np.array(image.convert(mode))
    if planes.ndim == 2:
        return planes[:, :, None], None
    return (planes[:, :, :-1], planes[:, :, -1]) if transparent else (planes, None)


def _is_reduced(image: Image.Image) -> bool:
    """Tell whether Pillow will drop the lower byte of 16-bit colours."""
    layouts = [str(tile[3]) for tile in getattr(image, "tile", ())]
    return image.mode in {"LA", "RGB", "RGBA"} and any(f";16{order}" in each for each in layouts for order in "BLN")


def _fitted(picture: Picture, format_name: str, path: Path) -> Picture:
    """Give up, with a warning, what the format cannot hold."""
    pixels, alpha = picture.pixels, picture.alpha
    kept = format_name in SIXTEEN_BIT and pixels.shape[2] == 1 and alpha is None
    if pixels.dtype == np.uint16 and not kept:
        logger.warning("%s is written with 8 bits a colour, not 16.", path)
        pixels = to_uint8(pixels)
        alpha = None if alpha is None else to_uint8(alpha[:, :, None])[:, :, 0]
    if alpha is not None and format_name in NO_ALPHA:
        logger.warning("%s cannot be transparent in %s; it is laid on white.", path, format_name)
        share = alpha[:, :, None].astype(np.float32) / 255
        pixels = (pixels * share + 255 * (1 - share) + 0.5).astype(np.uint8)
        alpha = None
    return Picture(pixels, alpha, picture.icc, picture.exif, picture.dpi)


def _options(picture: Picture, format_name: str, quality: int) -> dict[str, Any]:
    """Say how Pillow is to save: what travels beside the pixels, and the format's settings."""
    options: dict[str, Any] = {"icc_profile": picture.icc}
    if picture.exif is not None:
        options["exif"] = picture.exif
    if picture.dpi is not None and format_name in {"PNG", "JPEG", "TIFF"}:
        options["dpi"] = picture.dpi
    settings: dict[str, dict[str, Any]] = {
        "PNG": {"compress_level": PNG_COMPRESSION},
        "JPEG": {"quality": quality, "subsampling": 0 if quality >= 90 else 2},
        "WEBP": {"quality": quality, "lossless": quality == 100},
        "AVIF": {"quality": quality},
        # Pillow's compressed TIFF cannot hold the blocks of camera and position.
        "TIFF": {"compression": None if picture.exif else "tiff_adobe_deflate"},
    }
    return options | settings[format_name]


def _with_info(image: Image.Image, picture: Picture) -> Image.Image:
    """Let profile, EXIF and resolution travel with a Pillow image."""
    beside = {"icc_profile": picture.icc, "exif": picture.exif, "dpi": picture.dpi}
    image.info.update({name: value for name, value in beside.items() if value is not None})
    return image
