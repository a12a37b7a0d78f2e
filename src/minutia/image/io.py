"""Read and write picture files: upright, with alpha, metadata, depth, frames and pages; nothing half-written."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from minutia.errors import OutputExists, PictureError
from minutia.files import reason, replacing
from minutia.image import png, tiff, tiff_writer
from minutia.image.encoding import encode, plays_of
from minutia.image.fitting import fit_all
from minutia.image.formats import PNG, READ, USUAL_ENCODING, Encoding, format_of
from minutia.image.metadata import travelling
from minutia.image.opening import Limits, load, opened, pillow_lock, require_pixels, translated
from minutia.image.pil import SIDEWAYS, from_pil, unstacked, upright
from minutia.image.regroup import Strips
from minutia.image.tiff import Shape
from minutia.types import Frames, Picture, Pixels, in_bands

logger = logging.getLogger(__name__)

ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
PAGED = frozenset({"TIFF"})
NO_LIMITS = Limits()


def find_pictures(folder: Path, *, recursive: bool = True) -> list[Path]:
    """List the picture files of a folder, and of its sub-folders, by name; hidden ones are left out.

    Links to folders are followed, to each folder once: data sets are often put together so.

    Raises:
        PictureError: a folder cannot be searched.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for place, names, files in os.walk(folder, onerror=_refuse, followlinks=True):
        facts = Path(place).stat()
        if (facts.st_dev, facts.st_ino) in seen:
            names.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        names[:] = sorted(name for name in names if recursive and not name.startswith("."))
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in READ and path.is_file())


def _refuse(error: OSError) -> NoReturn:
    raise PictureError(f"{error.filename} cannot be searched: {reason(error)}.") from error


def read(path: Path, limits: Limits = NO_LIMITS) -> Picture:
    """Read a picture file; of an animation the first frame, of several pages the first, with a warning.

    Raises:
        PictureError: the file is missing, broken, too large, or of a kind that is not read.
        MissingExtra: a HEIC file, and its reader is not installed.
    """
    pictures = read_frames(path, limits, at_most=1).pictures
    return pictures[0]


def read_frames(path: Path, limits: Limits = NO_LIMITS, *, at_most: int | None = None) -> Frames:
    """Read all that a picture file holds.

    Args:
        at_most: read no more frames or pages than this, and warn where there are more.

    Raises:
        PictureError: the file is missing, broken, too large, or of a kind that is not read.
        MissingExtra: a HEIC file, and its reader is not installed.
    """
    if not limits.allow_truncated:
        return _read_frames(path, limits, at_most)
    with pillow_lock:  # Else a file that is to be read strictly would be read while another is not.
        try:
            return _read_frames(path, replace(limits, allow_truncated=False), at_most)
        except PictureError:
            frames = _read_frames(path, limits, at_most)
            logger.warning("%s is truncated; the readable part is used.", path)
            return frames


def _read_frames(path: Path, limits: Limits, at_most: int | None) -> Frames:
    with translated(path):
        shape = None if limits.allow_truncated else tiff.read_shape(path)
        if shape is not None:
            return Frames(tiff.read_pages(path, limits, _count(shape.count, at_most, path)))
    with opened(path, limits) as image:
        places = _places(image)
        count = _count(len(places), at_most, path)
        is_deep = png.is_deep(image) and not limits.allow_truncated
        if is_deep and len(places) > 1:
            logger.warning("%s: its frames of 16 bits are read with 8 bits.", path)
        color_space = png.read_color_space(path) if image.format == "PNG" else None
        pictures: list[Picture] = []
        durations = []
        for place in places[:count]:
            image.seek(place)
            require_pixels(image.width, image.height, count, path, limits)
            picture = _take_deep(image, path) if is_deep and len(places) == 1 else _take(image, path, limits)
            picture = replace(picture, metadata=replace(picture.metadata, color_space=color_space))
            if pictures and picture.metadata == pictures[-1].metadata:  # Which frames have once, and may be large.
                picture = replace(picture, metadata=pictures[-1].metadata)
            pictures.append(picture)
            durations.append(float(image.info.get("duration", 0)))
        if image.info.get("default_image") and count > 1:
            logger.warning("%s: the still fallback image of the animation cannot be kept.", path)
            del pictures[0], durations[0]
        if len(pictures) == 1 or image.format in PAGED:
            return Frames(tuple(pictures))
        return Frames(tuple(pictures), tuple(durations), plays_of(image))


def read_size(path: Path, limits: Limits = NO_LIMITS) -> tuple[int, int]:
    """Read height and width of a picture file, upright, without decoding it.

    Raises:
        PictureError: as `read`.
    """
    shape = read_shape(path, limits)
    return shape.height, shape.width


def read_shape(path: Path, limits: Limits = NO_LIMITS, *, is_exact: bool = True) -> Shape:
    """Read what a picture file holds without decoding it.

    Args:
        is_exact: find out how a PNG is to be turned, for which Pillow decodes it, should it not say so at its head.

    Raises:
        PictureError: as `read`.
    """
    with translated(path):
        shape = tiff.read_shape(path)
        if shape is not None:
            require_pixels(shape.width, shape.height, 1, path, limits)
            return shape
    with opened(path, limits) as image:
        places = _places(image)
        image.seek(places[0])
        num_values = len(image.getbands()) if image.mode != "P" else 4
        is_deep = image.mode.startswith("I") or (png.is_deep(image) and len(places) == 1)
        itemsize = 4 if image.mode == "F" else 1 + is_deep
        knows_turn = is_exact or image.format != "PNG" or "exif" in image.info
        sizes = [_upright_size(image) if knows_turn else (image.height, image.width)] * len(places)
        is_moving = image.format in ANIMATED and len(places) > 1
        for index, place in enumerate(places if image.format in PAGED else ()):  # Frames are all of one size.
            image.seek(place)
            sizes[index] = _upright_size(image)
        return Shape(tuple(sizes), num_values, itemsize, is_moving)


def read_photo(path: Path) -> Pixels:
    """Read (H, W, 1 or 3) pixels of 8 or 16 bits; alpha is left out.

    Raises:
        PictureError: as `read`, and where the file holds bands or measurements.
    """
    picture = read(path)
    if not picture.is_photo:
        kind = f"{in_bands(picture.num_bands)} of {picture.pixels.dtype}"
        raise PictureError(f"{path} has {kind}; only grey and RGB of 8 or 16 bits can be used here.")
    return picture.pixels


def is_animated(path: Path) -> bool:
    """Tell whether a file can be opened and holds an animation."""
    try:
        with opened(path, NO_LIMITS) as image:
            return image.format in ANIMATED and getattr(image, "n_frames", 1) > 1
    except PictureError:
        return False


def write(picture: Picture, path: Path, encoding: Encoding = USUAL_ENCODING, *, overwrite: bool = False) -> None:
    """Write one picture; see `write_frames`."""
    write_frames(Frames((picture,)), path, encoding, overwrite=overwrite)


def write_frames(frames: Frames, path: Path, encoding: Encoding = USUAL_ENCODING, *, overwrite: bool = False) -> None:
    """Write a file in the format of its suffix: under a temporary name first, so that no half of it is ever seen.

    What the format cannot hold is said in one warning.

    Raises:
        OutputExists: the file exists and `overwrite` is not set.
        PictureError: the format is not written or cannot hold the size or the bands, or the place cannot be written.
    """
    form = format_of(path)
    fitted = fit_all(frames, path, form)
    with _making(path, overwrite=overwrite) as temporary:
        if form.pages:
            tiff_writer.write(fitted.pictures, temporary, encoding)
        elif form is PNG and len(fitted.pictures) == 1:
            png.write(fitted.pictures[0], temporary)
        else:
            encode(fitted, temporary, form, encoding)


def write_rows(
    pages: Sequence[Strips], path: Path, encoding: Encoding = USUAL_ENCODING, *, overwrite: bool = False
) -> None:
    """Write pages whose rows come strip by strip, as TIFF, or the first of them as PNG; else as `write_frames`.

    Raises:
        OutputExists, PictureError: as `write_frames`; whatever is wrong with the rows as they are made.
    """
    form = format_of(path)
    assert form.rows, form.name
    fitted = fit_all(Frames(tuple(page.like for page in pages)), path, form).pictures
    with _making(path, overwrite=overwrite) as temporary:
        if form is PNG:
            png.write_rows(pages[0].rows, pages[0].size, fitted[0].metadata, temporary)
        else:
            held = [replace(page, like=like) for page, like in zip(pages, fitted, strict=True)]
            tiff_writer.write_rows(held, temporary, encoding)


@contextmanager
def _making(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary name for what becomes `path` if all goes well, and say what does not."""
    if not overwrite:
        require_free(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {reason(error)}.") from error
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
        raise PictureError(f"{path} cannot be written: {reason(error)}.") from error
    if taken:
        raise OutputExists(f"{path} exists; add --overwrite to replace it.")


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Tell height and width of the frame or page at which an opened file stands, turned as its EXIF asks."""
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation in SIDEWAYS and not isinstance(image, TiffImageFile):  # Whose size Pillow has exchanged itself.
        return image.width, image.height
    return image.height, image.width


def _places(image: Image.Image) -> Sequence[int]:
    """List the frames or pages of an opened file, without what only shows a page smaller, or masks it."""
    count: int = getattr(image, "n_frames", 1) if image.format in ANIMATED | PAGED else 1
    if count == 1 or not isinstance(image, TiffImageFile):
        return range(count)
    places = []
    for place in range(count):
        image.seek(place)
        if not image.tag_v2.get(ExifTags.Base.NewSubfileType, 0) & (tiff.REDUCED | tiff.MASK):
            places.append(place)
    return places or [0]


def _count(held: int, at_most: int | None, path: Path) -> int:
    """Settle how many pictures of a file are read, and warn where that is not all."""
    if at_most is None or held <= at_most:
        return held
    logger.warning("%s holds several pictures; only the first is used.", path)
    return at_most


def _take_deep(image: Image.Image, path: Path) -> Picture:
    """Decode an opened PNG of several channels of 16 bits."""
    image.load()  # PNG may tell its EXIF after the pixels.
    pixels, alpha = unstacked(png.read_deep(path))
    picture = Picture(pixels, alpha, travelling(image))
    return upright(picture, image.getexif().get(ExifTags.Base.Orientation, 1))


def _take(image: Image.Image, path: Path, limits: Limits) -> Picture:
    """Decode the frame at which an opened file stands."""
    load(image, limits)
    return from_pil(image, str(path))
