"""Open untrusted picture files: within limits, and with a one-sentence error for whatever is wrong with them."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from minutia.errors import PictureError, needs_extra
from minutia.files import reason
from minutia.image.formats import CAMERA_RAW, DECODERS, FILMS, HEIF_SUFFIXES, UNREAD

pillow_lock = threading.RLock()
"""Pillow's limits are global variables: they are moved by one thread at a time."""
_BELOW_PILLOWS_LIMIT = 2**26

MAX_CHUNK = 2**26
"""Bytes of text, or of a profile, in a PNG; Pillow's own limit is less than profiles of printers have."""

DECODER_ERRORS = (
    *(SyntaxError, TypeError, ValueError, RuntimeError, EOFError, LookupError, ArithmeticError, MemoryError),
    *(AssertionError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What decoders raise on broken files beside OSError."""

DECODED_AT_ONCE = ("CUR", "ICNS", "ICO")
"""Formats that Pillow decodes while it opens a file: its own limit holds for them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on input files."""

    max_pixels: int = 2**30
    """Most pixels of a file, all frames or pages together that are read; more are refused before decoding."""

    allow_truncated: bool = False
    """Accept truncated files, and use the part that can be decoded."""


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Image.Image]:
    """Open a picture file without decoding it.

    Raises:
        PictureError: whatever goes wrong, then or inside the `with`, is said in one sentence.
        MissingExtra: a HEIC file, and its reader is not installed.
    """
    if path.suffix.lower() in HEIF_SUFFIXES:
        _learn_heif()
    with translated(path), _truncation(limits), _open(path, limits) as image:
        require_pixels(image.width, image.height, 1, path, limits)
        yield image


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in one sentence what goes wrong with a file.

    Raises:
        PictureError: whatever it is.
    """
    if path.suffix.lower() in CAMERA_RAW and path.exists():
        raise camera_raw(path)
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist.") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} {_unidentified(path)}.") from error
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {reason(error)}.") from error
    except DECODER_ERRORS as error:
        raise PictureError(f"{path} cannot be read: {_sentence(error)}.") from error


def _unidentified(path: Path) -> str:
    """Say what a file is whose content no decoder knows."""
    if path.suffix.lower() in FILMS:
        return "is a video; use minutia video"
    if path.suffix.lower() in UNREAD:
        return "has a format that cannot be read; convert it to TIFF or PNG first"
    return "is damaged or not a picture"


def camera_raw(path: Path) -> PictureError:
    """Say that a file is to be developed first."""
    return PictureError(f"{path} is a camera raw file; develop it first, preferably to a TIFF of 16 bits.")


def load(image: Image.Image, limits: Limits) -> None:
    """Decode. Pillow holds its limit against the strips of a compressed TIFF once more: large ones need it moved."""
    if image.width * image.height < _BELOW_PILLOWS_LIMIT:
        image.load()
    else:
        with _pillows_limit(limits.max_pixels):
            image.load()


def require_pixels(width: int, height: int, count: int, path: Path, limits: Limits) -> None:
    """Check that a file, or one page of it, has pixels, and not too many to be decoded.

    Raises:
        PictureError: it has none, or too many.
    """
    if not width * height:
        raise PictureError(f"{path} is damaged: it has no pixels.")
    if width * height * count > limits.max_pixels:
        frames = f" in {count} frames" if count > 1 else ""
        raise PictureError(
            f"{path} has {width}x{height} pixels{frames}, more than the limit of {limits.max_pixels:,}; "
            "raise it with --max-pixels."
        )


def _sentence(error: BaseException) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    return words or f"it is damaged ({type(error).__name__})"


def _open(path: Path, limits: Limits) -> Image.Image:
    known = [name for name in DECODERS if name != "HEIF" or "HEIF" in Image.OPEN]
    try:
        with _pillows_limit(None), _changed(PngImagePlugin, "MAX_TEXT_CHUNK", MAX_CHUNK):
            return Image.open(path, formats=[name for name in known if name not in DECODED_AT_ONCE])
    except UnidentifiedImageError:
        with _pillows_limit(limits.max_pixels):
            return Image.open(path, formats=DECODED_AT_ONCE)


@contextmanager
def _changed(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Give a global variable of Pillow another value for a while."""
    with pillow_lock:
        before = getattr(module, name)
        setattr(module, name, value)
        try:
            yield
        finally:
            setattr(module, name, before)


def _pillows_limit(pixels: int | None) -> AbstractContextManager[None]:
    return _changed(Image, "MAX_IMAGE_PIXELS", pixels)


def _truncation(limits: Limits) -> AbstractContextManager[None]:
    return _changed(ImageFile, "LOAD_TRUNCATED_IMAGES", True) if limits.allow_truncated else nullcontext()


def _learn_heif() -> None:
    """Teach Pillow to read HEIC."""
    with needs_extra("Reading HEIC", "heif"):
        import pi_heif
    pi_heif.register_heif_opener()
