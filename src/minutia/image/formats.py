"""The formats of picture files: what they are called, and what each can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minutia.errors import PictureError
from minutia.types import Compression, Picture, in_bands


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What a file of a format can hold, as it is written here."""

    name: str
    """As Pillow calls it."""
    grey: bool = True
    """One channel."""
    alpha: bool = True
    deep: frozenset[int] = frozenset()
    """Numbers of channels, alpha included, that it holds with 16 bits each."""
    beside: frozenset[str] = frozenset()
    """Metadata that it can hold: the names of the fields of `Metadata`."""
    bands: bool = False
    """Other channels than grey and RGB, and measurements."""
    frames: bool = False
    """Several pictures, with their timing."""
    pages: bool = False
    """Several pictures, of any sizes."""
    rows: bool = False
    """Written row by row, so that the picture need not fit into memory."""
    colours: int | None = None
    """Size of the palette; None where there is none."""
    max_side: int = 2**31 - 1
    suggestion: str = "png"
    """The format to take where a side is too long."""

    def keeps_all(self, *, moving: bool) -> bool:
        """Tell whether it holds several pictures: pages, or frames if they are `moving`."""
        return self.pages or (self.frames and moving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Settings of the output file."""

    quality: int = 95
    """Quality of JPEG, WebP and AVIF, 1 to 100; 100 is lossless in WebP."""

    compression: Compression = "deflate"
    """Compression of TIFF; both are lossless."""

    pyramid: bool = False
    """Whether a TIFF also holds the picture at 1/2, 1/4 and so on of its size, for viewers of large pictures."""

    def __post_init__(self) -> None:
        """Check the quality.

        Raises:
            PictureError: it is none.
        """
        if not 1 <= self.quality <= 100:
            raise PictureError(f"The quality must be between 1 and 100, not {self.quality}.")


USUAL_ENCODING = Encoding()

_ALL = frozenset({"icc", "exif", "xmp", "iptc", "dpi"})
_ANY = frozenset({1, 2, 3, 4})

PNG = Format(name="PNG", deep=_ANY, beside=_ALL - {"iptc"} | {"color_space"}, frames=True, rows=True, suggestion="tiff")
JPEG = Format(name="JPEG", alpha=False, beside=_ALL, max_side=65_535)
WEBP = Format(name="WEBP", grey=False, beside=_ALL - {"iptc"}, frames=True, max_side=16_383)
AVIF = Format(name="AVIF", grey=False, beside=_ALL - {"iptc"}, frames=True, max_side=65_535)
TIFF = Format(name="TIFF", deep=_ANY, beside=_ALL | {"geo"}, bands=True, pages=True, rows=True)
GIF = Format(name="GIF", grey=False, frames=True, colours=256, max_side=65_535)
JPEG2000 = Format(name="JPEG2000", deep=frozenset({1}))
BMP = Format(name="BMP", alpha=False, beside=frozenset({"dpi"}))
TGA = Format(name="TGA", max_side=65_535)
PNM = Format(name="PPM", alpha=False, deep=frozenset({1}))

WRITTEN: Mapping[str, Format] = {
    ".png": PNG,
    ".apng": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".avif": AVIF,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".gif": GIF,
    ".jp2": JPEG2000,
    ".bmp": BMP,
    ".tga": TGA,
    ".ppm": PNM,
    ".pgm": PNM,
}
"""Formats by suffix."""

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
"""Read with the extra `heif`."""

READ = (
    frozenset(WRITTEN)
    | HEIF_SUFFIXES
    | frozenset(
        {
            *(".jfif", ".jpe", ".mpo", ".avifs", ".jpx", ".j2k", ".j2c", ".jpc", ".dib", ".pbm", ".pnm", ".ico"),
            *(".cur", ".icns", ".pcx", ".psd", ".qoi", ".sgi", ".rgb", ".rgba", ".bw", ".ras", ".dds", ".xbm", ".xpm"),
        }
    )
)
"""Suffixes that are searched for in folders."""

CAMERA_RAW = frozenset(
    {
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2", ".rwl"),
        *(".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".mos", ".mef", ".mrw", ".erf", ".kdc", ".dcr", ".raw"),
    }
)
"""What sensors saw: to be developed before it is a picture. Most of them hold a small one, which nobody means."""

FILMS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
"""What `minutia video` is for."""

UNREAD = frozenset({".jxl", ".exr", ".hdr", ".svg", ".pdf", ".eps", ".dcm", ".nii", ".npy"})
"""Pictures, drawings and measurements of formats that are not read."""

FOREIGN = CAMERA_RAW | FILMS | UNREAD
"""Suffixes that are neither read nor written: who gives one does not mean a folder."""

LOSSY = frozenset({JPEG, WEBP, AVIF})
"""Those that `Encoding.quality` is for."""

DECODERS = (
    *("PNG", "JPEG", "GIF", "BMP", "PPM"),  # Which Pillow knows without looking for more.
    *("AVIF", "CUR", "DDS", "DIB", "HEIF", "ICNS", "ICO", "JPEG2000", "PCX", "PSD", "QOI", "SGI", "SUN", "TGA", "TIFF"),
    *("WEBP", "XBM", "XPM"),
)
"""What a file may turn out to be, whatever its suffix. Formats that are programs (EPS, WMF) are not among them."""

DEFAULT_SUFFIX = ".png"


def format_of(path: Path) -> Format:
    """Tell by the suffix how a file is to be written.

    Raises:
        PictureError: a format that is not written.
    """
    found = WRITTEN.get(path.suffix.lower())
    if found is None:
        raise PictureError(f"{path} cannot be written; known formats are {', '.join(WRITTEN)}.")
    return found


def suffix_for(source: Path, *, animated: bool = False) -> str:
    """Choose the suffix of an output: its source's where that can hold it, .png elsewhere."""
    found = WRITTEN.get(source.suffix.lower())
    if found is None or (found.colours is not None and not animated):
        return DEFAULT_SUFFIX
    return source.suffix


def require_room(form: Format, height: int, width: int, path: Path) -> None:
    """Check, before the work begins, that a format can hold a picture of this size.

    Raises:
        PictureError: a side is too long.
    """
    if max(height, width) > form.max_side:
        raise PictureError(
            f"{path} would have {width}x{height} pixels, more than {form.name} can hold ({form.max_side} per side); "
            f"add --format {form.suggestion}."
        )


def require_bands(form: Format, picture: Picture, path: Path) -> None:
    """Check, before the work begins, that a format can hold what a picture has beside grey and RGB.

    Raises:
        PictureError: it cannot.
    """
    if not (picture.is_photo or form.bands):
        bands = f"{in_bands(picture.num_bands)} of {picture.pixels.dtype}"
        raise PictureError(f"{path} would hold {bands}, which {form.name} cannot; add --format tiff.")
